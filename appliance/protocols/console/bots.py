"""The bots: state, settings, differences, tests."""

from __future__ import annotations

import html
from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.botoverrides import HOUR_S, BotOverrides
from appliance.bottests import BotTest
from appliance.engine import bot_writing, console_bots, console_tests
from appliance.engine.bot_entries import Entry
from appliance.engine.console_bots import Kind, bots_of
from appliance.engine.console_tests import TestResult
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.protocols.fluxbase.shapes_bots import Toggle, UpdateChatbot
from appliance.wire import Reply, Request

PATH = "/admin/api/bots"


class BotItem(msgspec.Struct, frozen=True, kw_only=True):
    """A bot in the list; `errors` and `warnings` are lines about its file as it is now."""

    id: str
    name: str
    namespace: str
    title: str
    enabled: bool
    source: str
    model: str
    provider: str
    version: int
    errors: list[str]
    warnings: list[str]
    messages_today: int
    tokens_today: int


class BotItems(msgspec.Struct, frozen=True, kw_only=True):
    """All bots, also disabled ones and those whose file is bad."""

    items: list[BotItem]
    total: int
    next: str | None = None


class BotLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of each user; 0 is no limit."""

    rate_limit_per_minute: int
    daily_request_limit: int
    daily_token_budget: int
    max_conversation_turns: int
    max_tokens: int
    conversation_ttl_hours: float


class BotBase(msgspec.Struct, frozen=True, kw_only=True):
    """A knowledge base that the bot answers from."""

    id: str
    name: str
    enabled: bool


class BotDetails(BotItem, frozen=True, kw_only=True):
    """All about a bot. `settings` are in effect; `overrides` those of them that were chosen here.

    `instead` is what the bot's file or code says of those. `has_file`: there is a file, served or not.
    """

    description: str
    settings: dict[str, Any]
    overrides: dict[str, Any]
    instead: dict[str, Any]
    limits: BotLimits
    code: str
    prompt: str
    tables: list[str]
    knowledge_bases: list[BotBase]
    has_file: bool
    embed: str
    created_at: float
    updated_at: float


class DiffLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    kind: Kind
    text: str


class BotDiff(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What is served against what it was made from."""

    lines: list[DiffLine]
    from_: str
    to: str


class NewBot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot to be made; `code` is what its file would say."""

    name: str
    code: str
    namespace: str = ""


class BotCode(msgspec.Struct, frozen=True, kw_only=True):
    """New code; with `before`, what it was made of, nobody else's change is written over."""

    code: str
    before: str | None = None


class TestBody(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what its answer must be like; lists may be single texts, too."""

    __test__ = False

    ask: str
    cites: list[str] | str = []
    says: list[str] | str = []
    not_says: list[str] | str = []
    tables: list[str] | str = []
    refuses: bool = False
    rows: int | None = None


class TestsBody(msgspec.Struct, frozen=True, kw_only=True):
    """The tests to be kept in place of those that were made here before."""

    __test__ = False

    items: list[TestBody]


class TestItem(msgspec.Struct, frozen=True, kw_only=True):
    """A test; those of the `source` file are changed in its tests.yaml only, and have no id."""

    __test__ = False

    id: str | None
    source: str
    ask: str
    cites: list[str]
    says: list[str]
    not_says: list[str]
    tables: list[str]
    refuses: bool
    rows: int | None


class TestItems(msgspec.Struct, frozen=True, kw_only=True):
    """All tests of a bot; `errors` are what is wrong with its tests.yaml."""

    __test__ = False

    items: list[TestItem]
    total: int
    next: str | None = None
    errors: list[str]


class TestRun(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all tests."""

    __test__ = False

    results: list[TestResult]
    passed: int
    failed: int


@admin
async def list_bots(engine: Engine, request: Request) -> Reply:
    """`GET /bots`."""
    used = await console_bots.used_today(engine, request.caller.tenant)
    items = [BotItem(**_item(engine, entry, used)) for entry in bots_of(engine).all()]
    return Reply(body=BotItems(items=items, total=len(items)))


@admin
async def get_bot(engine: Engine, request: Request) -> Reply:
    """`GET /bots/<id>`."""
    return await _details(engine, request, bots_of(engine).get(request.path["id"]))


@admin
async def create_bot(engine: Engine, request: Request) -> Reply:
    """`POST /bots`: 201; bad code 400, a name that is taken 409."""
    asked = request.json(NewBot)
    entry = await bot_writing.create(
        bots_of(engine), engine.services.library, (asked.namespace, asked.name), asked.code, request.caller
    )
    reply = await _details(engine, request, entry)
    return msgspec.structs.replace(reply, status=201)


@admin
async def write_code(engine: Engine, request: Request) -> Reply:
    """`PUT /bots/<id>/code`: served from the next question on, also in place of a file."""
    asked = request.json(BotCode)
    entry = await bot_writing.rewrite(
        bots_of(engine),
        engine.services.library,
        request.path["id"],
        asked.code,
        asked.before,
        request.caller,
    )
    return await _details(engine, request, entry)


@admin
async def take_file(engine: Engine, request: Request) -> Reply:
    """`DELETE /bots/<id>/code`: what the file says is served again; 404 where there is no file."""
    entry = await bot_writing.back_to_file(
        bots_of(engine), engine.services.library, request.path["id"], request.caller
    )
    return await _details(engine, request, entry)


@admin
async def delete_bot(engine: Engine, request: Request) -> Reply:
    """`DELETE /bots/<id>`, with the conversations that people had with it."""
    await bots_of(engine).delete(request.path["id"], request.caller, engine.chats.stop_deleted)
    return Reply(body=None, status=204)


@admin
async def update_bot(engine: Engine, request: Request) -> Reply:
    """`PATCH /bots/<id>`: what is given goes before what the bot's file or code says, from now on."""
    asked = msgspec.structs.asdict(request.json(UpdateChatbot))
    entry = await bots_of(engine).update(request.path["id"], BotOverrides(**asked), request.caller)
    return await _details(engine, request, entry)


@admin
async def take_back(engine: Engine, request: Request) -> Reply:
    """`DELETE /bots/<id>/overrides/<setting>`: what the file or code says counts again; 404 when it does."""
    names = [request.path["setting"]]
    entry = await bots_of(engine).take_back(request.path["id"], names, request.caller)
    return await _details(engine, request, entry)


@admin
async def take_all_back(engine: Engine, request: Request) -> Reply:
    """`DELETE /bots/<id>/overrides`: the same for everything that was chosen here, be it nothing."""
    entry = await bots_of(engine).take_back(request.path["id"], None, request.caller)
    return await _details(engine, request, entry)


@admin
async def toggle_bot(engine: Engine, request: Request) -> Reply:
    """`POST /bots/<id>/toggle`."""
    choice = BotOverrides(enabled=request.json(Toggle).enabled)
    entry = await bots_of(engine).update(request.path["id"], choice, request.caller, action="bot.toggle")
    return await _details(engine, request, entry)


@admin
async def get_diff(engine: Engine, request: Request) -> Reply:
    """`GET /bots/<id>/diff`."""
    bots = bots_of(engine)
    found = await console_bots.compare(bots, bots.get(request.path["id"]))
    lines = [DiffLine(kind=line.kind, text=line.text) for line in found.lines]
    return Reply(body=BotDiff(lines=lines, from_=found.from_, to=found.to))


@admin
async def get_tests(engine: Engine, request: Request) -> Reply:
    """`GET /bots/<id>/tests`: those of the file first."""
    entry = bots_of(engine).get(request.path["id"])
    return Reply(body=_tests(await console_tests.tests_of(engine, entry)))


@admin
async def put_tests(engine: Engine, request: Request) -> Reply:
    """`PUT /bots/<id>/tests`: in place of those that were made here; those of the file stay."""
    entry = bots_of(engine).get(request.path["id"])
    tests = [_test(one) for one in request.json(TestsBody).items]
    return Reply(body=_tests(await console_tests.replace_tests(engine, entry, tests, request.caller)))


@admin
async def run_tests(engine: Engine, request: Request) -> Reply:
    """`POST /bots/<id>/tests/run`: asks everything, which may take a while and costs tokens."""
    entry = bots_of(engine).get(request.path["id"])
    results = await console_tests.run_tests(engine, entry, request.caller)
    passed = sum(one.passed for one in results)
    return Reply(body=TestRun(results=results, passed=passed, failed=len(results) - passed))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_bots,
        summary="All bots, also disabled ones and those whose file is bad",
        answers={200: BotItems},
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>",
        handler=get_bot,
        summary="One bot with its code, its settings in effect and the tag for pages",
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=create_bot,
        summary="Make a bot of what its file would say",
        body=NewBot,
        answers={201: BotDetails},
        errors=(400, 409),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>/code",
        handler=write_code,
        summary="Write the code of a bot anew, in place of what its file says",
        body=BotCode,
        answers={200: BotDetails},
        errors=(400, 404, 409),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>/code",
        handler=take_file,
        summary="Serve what the bot's file says again",
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>",
        handler=delete_bot,
        summary="Delete a bot with all conversations with it",
        answers={204: None},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PATCH",
        path=f"{PATH}/<id>",
        handler=update_bot,
        summary="Choose settings of a bot, which go before what its file or code says",
        body=UpdateChatbot,
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>/overrides",
        handler=take_all_back,
        summary="Let all settings be as the bot's file or code says",
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>/overrides/<setting>",
        handler=take_back,
        summary="Let one setting be as the bot's file or code says",
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<id>/toggle",
        handler=toggle_bot,
        summary="Enable or disable a bot",
        body=Toggle,
        answers={200: BotDetails},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>/diff",
        handler=get_diff,
        summary="What is served against what it was made from, line by line",
        answers={200: BotDiff},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>/tests",
        handler=get_tests,
        summary="The tests of a bot: of its tests.yaml, and those made here",
        answers={200: TestItems},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>/tests",
        handler=put_tests,
        summary="Replace the tests of a bot that were made here",
        body=TestsBody,
        answers={200: TestItems},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<id>/tests/run",
        handler=run_tests,
        summary="Ask all questions of a bot's tests and judge the answers",
        answers={200: TestRun},
        errors=(400, 404, 409, 429),
        access="admin",
    ),
)


def _bot_of(entry: Entry) -> Bot:
    """The bot; of a file that has never been good what there would be, and disabled."""
    return entry.bot or Bot(name=entry.name, namespace=entry.namespace, enabled=False)


def _item(engine: Engine, entry: Entry, used: dict[tuple[str, str], tuple[int, int]]) -> dict[str, Any]:
    bot = _bot_of(entry)
    provider, model, problem = console_bots.answered_by(engine, bot)
    messages, tokens = used.get(entry.key, (0, 0))
    return {
        "id": entry.id,
        "name": entry.name,
        "namespace": entry.namespace,
        "title": bot.title or entry.name,
        "enabled": bot.enabled,
        "source": entry.source,
        "model": model,
        "provider": provider,
        "version": bot.version,
        "errors": entry.errors,
        "warnings": [*entry.warnings, *([problem] if problem else [])],
        "messages_today": messages,
        "tokens_today": tokens,
    }


async def _details(engine: Engine, request: Request, entry: Entry) -> Reply:
    bots, bot = bots_of(engine), _bot_of(entry)
    chosen = bots.choices(entry.key).overrides
    used = await console_bots.used_today(engine, request.caller.tenant)
    linked = await console_bots.bases_of(engine, entry.key)
    details = BotDetails(
        **_item(engine, entry, used),
        description=bot.description,
        settings=_settings(bot),
        overrides=chosen.given,
        instead=chosen.instead(bots.catalogue.underneath(entry.key) or bot),
        limits=_limits(bot),
        code=await bots.code(entry),
        prompt=bot.prompt,
        tables=await console_bots.tables_of(engine, bot, request.caller),
        knowledge_bases=[BotBase(id=one.id, name=one.name, enabled=one.enabled) for one in linked],
        has_file=entry.key in bots.catalogue.files(),
        embed=embed_line(bot, request.origin),
        created_at=entry.created_at,
        updated_at=entry.updated_at,
    )
    return Reply(body=details)


def _settings(bot: Bot) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(bot)
    return {name: value for name, value in values.items() if name != "prompt"}


def _limits(bot: Bot) -> BotLimits:
    return BotLimits(
        rate_limit_per_minute=bot.rate_limit_per_minute,
        daily_request_limit=bot.daily_request_limit,
        daily_token_budget=bot.daily_token_budget,
        max_conversation_turns=bot.max_turns,
        max_tokens=bot.max_tokens,
        conversation_ttl_hours=bot.conversation_ttl_s / HOUR_S,
    )


def embed_line(bot: Bot, origin: str) -> str:
    """The tag that shows the bot on any page."""
    namespace = "" if bot.namespace == "default" else f' data-namespace="{html.escape(bot.namespace)}"'
    address = html.escape(f"{origin}/widget.js")
    return f'<script src="{address}" data-bot="{html.escape(bot.name)}"{namespace} defer></script>'


def _test(body: TestBody) -> BotTest:
    return BotTest(
        ask=body.ask,
        cites=_texts(body.cites),
        says=_texts(body.says),
        not_says=_texts(body.not_says),
        tables=_texts(body.tables),
        refuses=body.refuses,
        rows=body.rows,
    )


def _texts(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value


def _tests(found: console_tests.BotTests) -> TestItems:
    of_file = [TestItem(id=None, source="file", **_values(test)) for test in found.of_file]
    kept = [TestItem(id=one.id, source="console", **_values(one.test)) for one in found.kept]
    items = [*of_file, *kept]
    return TestItems(items=items, total=len(items), errors=found.problems)


def _values(test: BotTest) -> dict[str, Any]:
    return msgspec.structs.asdict(test)
