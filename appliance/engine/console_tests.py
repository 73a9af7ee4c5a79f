"""Tests of bots: those of `tests.yaml` and those of the console; asking them, and judging the answers.

Each question has a conversation and a user of its own, who have no history, no limits used up and no
documents; both are gone afterwards, and questions without an answer are no knowledge gaps.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import trio

from appliance.bot import Bot
from appliance.botfiles.folder import BOT_FILES, KNOWLEDGE
from appliance.botfiles.tests_file import NAME, read_tests_beside
from appliance.bottests import TEST_USER, TESTS_MAX, Answer, BotTest, Document, checked, judged
from appliance.citations import MARKER
from appliance.engine import intake, witness
from appliance.engine.bot_entries import Entry
from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, Busy, Conflict, InvalidInput
from appliance.events import SendMessage
from appliance.identity import Caller
from appliance.messages import Message, QueryOutcome, ToolResultPart
from appliance.store import bot_tests as stored
from appliance.store.bot_tests import KeptTest
from appliance.store.knowledge import links
from appliance.store.usage import Bucket

AT_ONCE = 2
ANSWER_S = 120.0
READING_S = 180.0
"""How long documents that are still being read are waited for."""
LINKING_S = 10.0
"""How long the folder of documents beside a bot may take to be noticed."""
LOOK_EVERY_S = 0.05

_running: set[tuple[int, str]] = set()
"""Runs of this process: (engine, id of a bot)."""


class BotTests(msgspec.Struct, frozen=True, kw_only=True):
    """The tests of a bot: of its file, whose mistakes are lines of `problems`, and of the console."""

    of_file: list[BotTest]
    kept: list[KeptTest]
    problems: list[str]


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one test; `problems` are sentences, `answer` what the bot said."""

    __test__ = False

    question: str
    passed: bool
    problems: list[str]
    answer: str
    took_ms: float


async def tests_of(engine: Engine, entry: Entry) -> BotTests:
    """All tests of a bot."""
    kept = await engine.services.store.read(stored.of_bot, entry.key)
    if entry.path is None or entry.path.name not in BOT_FILES:
        return BotTests(of_file=[], kept=kept, problems=[])
    of_file, findings = await trio.to_thread.run_sync(read_tests_beside, entry.path)
    where = entry.path.parent / NAME
    problems = [f"{where}:{one.line}: {one.severity}: {one.message}" for one in findings]
    return BotTests(of_file=of_file, kept=kept, problems=problems)


async def replace_tests(engine: Engine, entry: Entry, tests: Sequence[BotTest], caller: Caller) -> BotTests:
    """Keep these in place of those of the console; raises `InvalidInput`."""
    if len(tests) > TESTS_MAX:
        raise InvalidInput(f"There are {len(tests)} tests; {TESTS_MAX} are the most for one bot.")
    kept = [KeptTest(id=str(uuid.uuid4()), test=checked(test)) for test in tests]
    services = engine.services
    await services.store.write(stored.replace, entry.key, kept, caller.principal, services.clock())
    await witness.did(services, caller, "bot.tests", entry.id, {"bot": list(entry.key), "tests": len(kept)})
    return await tests_of(engine, entry)


async def add_test(engine: Engine, key: tuple[str, str], test: BotTest, caller: Caller) -> str | None:
    """Keep one more and return its id; None when there are as many as there may be. Raises `InvalidInput`."""
    services = engine.services
    if len(await services.store.read(stored.of_bot, key)) >= TESTS_MAX:
        return None
    kept = KeptTest(id=str(uuid.uuid4()), test=checked(test))
    await services.store.write(stored.add, key, kept, caller.principal, services.clock())
    return kept.id


async def run_tests(engine: Engine, entry: Entry, caller: Caller) -> list[TestResult]:
    """Ask everything and judge the answers, in the order of the tests, those of the file first.

    Raises `InvalidInput` for a bad file of tests, `Conflict` for a bot that answers nobody now, `Busy` while
    its tests run already.
    """
    tests = await tests_of(engine, entry)
    if tests.problems:
        raise InvalidInput(f"The tests cannot be read: {'; '.join(tests.problems)}")
    if entry.bot is None or not entry.bot.enabled:
        raise Conflict("The bot is disabled or its file has errors, so there is nothing to test.")
    run = (id(engine), entry.id)
    if run in _running:
        raise Busy("The tests of this bot are running already. Wait until they are done.")
    _running.add(run)
    try:
        await _documents_read(engine, entry)
        results = await _all(engine, entry.bot, [*tests.of_file, *(one.test for one in tests.kept)])
    finally:
        _running.discard(run)
    failed = sum(not one.passed for one in results)
    told = {"bot": list(entry.key), "passed": len(results) - failed, "failed": failed}
    await witness.did(engine.services, caller, "bot.test", entry.id, told)
    return results


async def _all(engine: Engine, bot: Bot, tests: Sequence[BotTest]) -> list[TestResult]:
    results: dict[int, TestResult] = {}
    slots = trio.CapacityLimiter(AT_ONCE)

    async def one(number: int, test: BotTest) -> None:
        async with slots:
            results[number] = await _ask(engine, bot, test)

    async with trio.open_nursery() as nursery:
        for number, test in enumerate(tests):
            nursery.start_soon(one, number, test)
    return [results[number] for number in sorted(results)]


async def _ask(engine: Engine, bot: Bot, test: BotTest) -> TestResult:
    caller = Caller(
        user_id=f"{TEST_USER}{uuid.uuid4()}",
        role=bot.require_roles[0] if bot.require_roles else "authenticated",
    )
    began, answer, opened = trio.current_time(), Answer(text="", error="It took too long."), ""
    try:
        with trio.move_on_after(ANSWER_S):
            conversation = await engine.open_conversation(bot, caller, source="tests", kept=False)
            opened = conversation.id
            accepted = await intake.send(
                engine, SendMessage(conversation_id=opened, content=test.ask), caller
            )
            message = await engine.answer(opened, caller, accepted)
            answer = await _facts(engine, message)
    except ApplianceError as error:
        answer = Answer(text="", error=error.text)
    finally:
        if opened:
            with trio.CancelScope(shield=True):
                await _forget(engine, opened, bot, caller)
    problems = judged(test, answer)
    return TestResult(
        question=test.ask,
        passed=not problems,
        problems=problems,
        answer=answer.text,
        took_ms=round((trio.current_time() - began) * 1000, 1),
    )


async def _facts(engine: Engine, message: Message) -> Answer:
    numbers = {int(one) for marker in MARKER.findall(message.text) for one in re.findall(r"\d+", marker)}
    ids = [source.document_id for source in message.sources if source.number in numbers]
    found = await engine.services.store.read(stored.documents, ids)
    queries = [
        part.result.query
        for part in message.parts
        if isinstance(part, ToolResultPart) and part.result.query is not None
    ]
    good = [query for query in queries if query.error is None]
    return Answer(
        text=message.text,
        error=message.error_text or message.error_code if message.status != "done" else "",
        cited=[Document(title=title, file_name=name, path=path) for title, name, path in found],
        tables=sorted({table for query in good for table in query.tables}),
        rows=_rows(good),
    )


def _rows(good: Sequence[QueryOutcome]) -> int | None:
    return good[-1].row_count if good else None


async def _forget(engine: Engine, conversation_id: str, bot: Bot, caller: Caller) -> None:
    bucket = Bucket(tenant=caller.tenant, namespace=bot.namespace, bot=bot.name, principal=caller.principal)
    try:
        await engine.delete(conversation_id, caller)
        await engine.services.store.write(stored.forget, conversation_id, bucket)
    except ApplianceError:
        return  # it is of a bot test, and expires like every other that is not kept


async def _documents_read(engine: Engine, entry: Entry) -> None:
    """Wait until the bot's documents can be found, but not for ever."""
    store = engine.services.store

    async def is_linked() -> bool:
        return bool(await store.read(links.of_bot, *entry.key))

    async def is_read() -> bool:
        return not await store.read(stored.unread, entry.key)

    folder = entry.path.parent / KNOWLEDGE if entry.path and entry.path.name in BOT_FILES else None
    if folder is not None and await trio.Path(folder).is_dir():
        await _until(is_linked, LINKING_S)
    await _until(is_read, READING_S)


async def _until(holds: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Look now and then: other processes may do the work, so nobody here can tell when it is done."""
    with trio.move_on_after(within_s):
        while not await holds():  # noqa: ASYNC110
            await trio.sleep(LOOK_EVERY_S)
