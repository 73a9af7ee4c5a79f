"""What the console tells of a bot beside its settings: who answers for it, and what people changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import trio

from appliance.bot import Bot
from appliance.engine.bot_entries import Entry
from appliance.engine.bots import Bots
from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, ProviderError
from appliance.identity import Caller
from appliance.sqlguard import policy_for
from appliance.store import hours
from appliance.store.bots import Key
from appliance.store.knowledge import links

DAY_S = 86_400
LINES_MAX = 5_000
"""More than that nobody reads, and comparing takes long."""

Kind: TypeAlias = Literal["same", "added", "removed"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a comparison."""

    kind: Kind
    text: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """From what there was to what is served; `from_` and `to` are words for both."""

    lines: list[Line]
    from_: str
    to: str


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """A knowledge base that a bot answers from."""

    id: str
    name: str
    enabled: bool


def bots_of(engine: Engine) -> Bots:
    """The bots as administrators see them."""
    bots = engine.services.bots
    assert bots is not None, "the server makes them"
    return bots


def bot_title(engine: Engine, namespace: str, name: str) -> str:
    """What people call the bot of that name; the name where it has no title, or is gone."""
    entry = engine.catalogue.entry((namespace, name))
    return (entry.bot.title if entry and entry.bot else "") or name


def named(engine: Engine, words: str) -> str:
    """The name of the bot that people mean: one that is called so, or else has that title."""
    entries = engine.catalogue.all()
    if any(entry.name == words for entry in entries):
        return words
    titled = (one for one in entries if one.bot and one.bot.title.casefold() == words.casefold())
    return next((entry.name for entry in titled), words) if words else words


async def used_today(engine: Engine, tenant: str) -> dict[Key, tuple[int, int]]:
    """Answers and tokens of each bot since midnight, UTC."""
    midnight = engine.services.clock() // DAY_S * DAY_S
    return await engine.services.store.read(hours.by_bot, tenant, midnight)


def answered_by(engine: Engine, bot: Bot) -> tuple[str, str, str]:
    """Name of the provider, name of the model, and why there is none."""
    try:
        provider = engine.services.choose_provider(bot)
    except ProviderError as error:
        return "", bot.model or "", error.text
    _, name = engine.services.name_provider(provider)
    return name, bot.model or provider.default_model, ""


async def tables_of(engine: Engine, bot: Bot, caller: Caller) -> list[str]:
    """The tables that the bot may read, as far as they are there; none when that cannot be found out."""
    policy = policy_for(bot, caller, engine.services.settings, engine.services.data())
    try:
        known = await engine.services.schema(bot, policy)
    except ApplianceError:
        return []
    found = [(table.schema, table.name) for table in known.schema.tables]
    return [name if schema == "public" else f"{schema}.{name}" for schema, name in found]


async def bases_of(engine: Engine, key: Key) -> list[Linked]:
    """The knowledge bases that a bot answers from."""
    found = await engine.services.store.read(links.of_bot, *key)
    return [Linked(id=one.base_id, name=one.base_name, enabled=one.enabled) for one in found]


async def compare(bots: Bots, entry: Entry) -> Comparison:
    """The code that is served against what it was made from, and what operators chose against the code."""
    before, after, from_, to = await _codes(bots, entry)
    chosen = _settings(bots, entry)
    if chosen:
        to = f"{to}, with what was chosen here"
    code = await trio.to_thread.run_sync(_compared, before.splitlines(), after.splitlines())
    return Comparison(lines=[*code, *chosen], from_=from_, to=to)


async def _codes(bots: Bots, entry: Entry) -> tuple[str, str, str, str]:
    """Both texts and what they are."""
    code, stored = await bots.code(entry), entry.stored
    if stored is None:
        return code, code, "the bot's file", "as it is served"
    if stored.original_code is not None:
        return stored.original_code, code, "the code as it was written", "the code as it was sent"
    file = bots.catalogue.files().get(entry.key)
    if file is None:
        return code, code, "the code as it was sent", "as it is served"
    return await bots.code(file), code, "the bot's file", "the code that was sent instead"


def _settings(bots: Bots, entry: Entry) -> list[Line]:
    """What operators chose, each setting as it would be without them and as it is."""
    given = bots.choices(entry.key).overrides.given
    if not given:
        return []
    under = bots.catalogue.underneath(entry.key)
    before = _described(under) if under is not None else {}
    after = _described(entry.bot) if entry.bot is not None else {}
    lines = [Line(kind="same", text=""), Line(kind="same", text="# Settings that were chosen here")]
    for name in after:
        if before.get(name) == after[name]:
            continue
        if name in before:
            lines.append(Line(kind="removed", text=f"{name}: {before[name]}"))
        lines.append(Line(kind="added", text=f"{name}: {after[name]}"))
    return lines


def _described(bot: Bot) -> Mapping[str, str]:
    values: dict[str, Any] = msgspec.to_builtins(bot)
    left_out = ("prompt", "version")
    return {
        name.replace("_", "-"): msgspec.json.encode(value).decode()
        for name, value in values.items()
        if name not in left_out
    }


def _compared(before: Sequence[str], after: Sequence[str]) -> list[Line]:
    if before == after or len(before) + len(after) > LINES_MAX:
        return [Line(kind="same", text=text) for text in after[:LINES_MAX]]
    lines: list[Line] = []
    for operation, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if operation == "equal":
            lines += [Line(kind="same", text=text) for text in after[c:d]]
            continue
        lines += [Line(kind="removed", text=text) for text in before[a:b]]
        lines += [Line(kind="added", text=text) for text in after[c:d]]
    return lines
