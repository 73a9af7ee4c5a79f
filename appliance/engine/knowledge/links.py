"""Which bots answer from which knowledge bases: as administrators say, and as the bots' files do (Fluxbase
6.6).

Bots are shared by all tenants, so only operators link them, and only to bases of the default tenant. A link
that a file made and an operator changed is the operator's from then on; one that an operator took away stays
away until the file names the base no more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apsw
import msgspec

from appliance.bot import Bot
from appliance.engine.knowledge import access, checking
from appliance.engine.knowledge.bases import find_for_bot, witness
from appliance.engine.knowledge.library import Library
from appliance.errors import InvalidInput, NotFound
from appliance.identity import Caller, require_operator
from appliance.knowledge import KnowledgeBase, Link, LinkDraft
from appliance.metadata_filter import is_too_large
from appliance.store.knowledge import bases as stored_bases
from appliance.store.knowledge import links as stored

CHUNKS_MAX = 50
PRIORITY_MAX = 1_000_000
WEIGHT_MAX = 100.0

NO_LINK = "This bot does not answer from that knowledge base."

_IDS = uuid.UUID("8f4dc2ba-2f0e-5a55-9f6a-0d7a4a6be2a1")
"""Of links: made of what they link, so that one that is made again is known again."""
_LEVELS = ("full", "filtered", "tiered")


async def of_bot(library: Library, namespace: str, bot: str) -> list[Link]:
    """Those of a bot, by priority; asks for no rights."""
    return await library.store.read(stored.of_bot, namespace, bot)


async def of_base(library: Library, caller: Caller, base_id: str) -> list[Link]:
    """Those to a base, by bot; for who may edit it, as bots need not be for everybody.

    Raises `AuthRequired`, `NotFound`, `Forbidden`.
    """

    def read(db: apsw.Connection) -> list[Link]:
        base, _ = access.open_base(db, caller, base_id, "editor")
        return stored.of_base(db, base.number)

    return await library.store.read(read)


async def link(library: Library, caller: Caller, bot: Bot, base_id: str, draft: LinkDraft) -> Link:
    """Let a bot answer from a base; twice changes it.

    Raises `AuthRequired`, `Forbidden`, `NotFound`, `InvalidInput`.
    """
    require_operator(caller)

    def write(db: apsw.Connection) -> Link:
        base, _ = access.open_base(db, caller, base_id, "owner")
        known, removed = stored.get(db, *bot.key, base.number) or (None, False)
        before = known if known is not None and not removed else _fresh(bot, base, library.clock())
        return _put(library, db, caller, base, before, draft, "knowledge.link")

    return await library.store.write(write)


async def update(
    library: Library, caller: Caller, namespace: str, bot: str, base_id: str, draft: LinkDraft
) -> Link:
    """Change a link; one that a bot's file made is the operator's from now on. Raises as `link`."""
    require_operator(caller)

    def write(db: apsw.Connection) -> Link:
        base, before = _open(db, caller, namespace, bot, base_id)
        return _put(library, db, caller, base, before, draft, "knowledge.link")

    return await library.store.write(write)


async def unlink(library: Library, caller: Caller, namespace: str, bot: str, base_id: str) -> None:
    """Let a bot answer from a base no more, whatever its file says; raises as `link`."""
    require_operator(caller)

    def write(db: apsw.Connection) -> None:
        base, before = _open(db, caller, namespace, bot, base_id)
        # As a removed one of the file: it goes when the file does not name the base, now or later.
        gone = msgspec.structs.replace(before, origin="annotation", updated_at=library.clock())
        stored.put(db, base.number, gone, removed=True)
        witness(library, db, caller, "knowledge.unlink", base, bot=bot, bot_namespace=namespace)

    await library.store.write(write)


async def follow_annotations(library: Library, bots: Sequence[Bot]) -> list[str]:
    """Make the links that these bots' files want, remove those that no file wants any more; returns warnings.

    `bots` are all that are served. Twice does nothing the second time, and nothing is written when all is as
    it is to be. Links of administrators and folders stay as they are. A base that is missing is linked at the
    call after it was made.
    """
    warnings = [f"{bot.namespace}/{bot.name}: {text}" for bot in bots for text in missing(library, bot)]
    wanted: dict[tuple[str, str, str], Link] = {}
    for bot in bots:
        for name in dict.fromkeys(bot.knowledge_bases):
            base = find_for_bot(library, bot, name)
            if base is not None:
                wanted.setdefault((*bot.key, base.id), _wanted(bot, base, library.clock()))

    if any(_changes(await library.store.read(stored.every), wanted)):
        await library.store.write(_follow, wanted)
    return warnings


def missing(library: Library, bot: Bot) -> list[str]:
    """For people: the knowledge bases that the bot's file names and nobody has made yet."""
    names = dict.fromkeys(bot.knowledge_bases)
    return [_missing(bot, name) for name in names if find_for_bot(library, bot, name) is None]


def _follow(db: apsw.Connection, wanted: Mapping[tuple[str, str, str], Link]) -> None:
    for change in list(_changes(stored.every(db), wanted)):
        base = stored_bases.by_id(db, change.base_id)
        if (change.namespace, change.bot, change.base_id) not in wanted:
            stored.remove(db, change.namespace, change.bot, change.base_id)
        elif base is not None:
            stored.put(db, base.number, change)


def _changes(
    known: Sequence[tuple[Link, bool]], wanted: Mapping[tuple[str, str, str], Link]
) -> Iterator[Link]:
    """Links to be stored as they are, and such as are to go because nobody wants them."""
    there = {(link.namespace, link.bot, link.base_id): (link, removed) for link, removed in known}
    for key, link in wanted.items():
        before, removed = there.get(key, (None, False))
        if before is None:
            yield link
        elif before.origin == "annotation" and not removed and _says(before) != _says(link):
            yield msgspec.structs.replace(
                before,
                max_chunks=link.max_chunks,
                similarity_threshold=link.similarity_threshold,
                updated_at=link.updated_at,
            )
    yield from (link for key, (link, _) in there.items() if link.origin == "annotation" and key not in wanted)


def _says(link: Link) -> tuple[int, float | None]:
    return link.max_chunks, link.similarity_threshold


def _missing(bot: Bot, name: str) -> str:
    shown = checking.one_line(name, 100)
    return (
        f"there is no knowledge base {shown!r} in {bot.namespace!r} or "
        "in the namespace 'default'; the bot answers from it as soon as it is made."
    )


def _wanted(bot: Bot, base: KnowledgeBase, now: float) -> Link:
    return msgspec.structs.replace(
        _fresh(bot, base, now),
        max_chunks=min(max(bot.rag_max_chunks, 1), CHUNKS_MAX),
        similarity_threshold=bot.rag_similarity_threshold,
        origin="annotation",
    )


def folder_link(bot: Bot, base: KnowledgeBase, now: float) -> Link:
    """The link of a bot to the base of the folder beside its file."""
    return msgspec.structs.replace(_wanted(bot, base, now), origin="folder")


def _fresh(bot: Bot, base: KnowledgeBase, now: float) -> Link:
    return Link(
        id=str(uuid.uuid5(_IDS, "\0".join((*bot.key, base.id)))),
        base_id=base.id,
        base_name=base.name,
        namespace=bot.namespace,
        bot=bot.name,
        created_at=now,
        updated_at=now,
    )


def _open(
    db: apsw.Connection, caller: Caller, namespace: str, bot: str, base_id: str
) -> tuple[KnowledgeBase, Link]:
    base, _ = access.open_base(db, caller, base_id, "owner")
    link, removed = stored.get(db, namespace, bot, base.number) or (None, False)
    if link is None or removed:
        raise NotFound(NO_LINK)
    return base, link


def _put(
    library: Library,
    db: apsw.Connection,
    caller: Caller,
    base: KnowledgeBase,
    before: Link,
    draft: LinkDraft,
    action: str,
) -> Link:
    after = _drafted(before, draft)
    after = msgspec.structs.replace(after, origin="api", updated_at=library.clock())
    stored.put(db, base.number, after)
    witness(library, db, caller, action, base, bot=after.bot, bot_namespace=after.namespace)
    return after


def _drafted(link: Link, draft: LinkDraft) -> Link:
    """The link as it is to be; raises `InvalidInput`."""
    given = {name: value for name, value in msgspec.structs.asdict(draft).items() if value is not None}
    for name, least, most in (
        ("context_weight", 0.0, WEIGHT_MAX),
        ("priority", -PRIORITY_MAX, PRIORITY_MAX),
        ("max_chunks", 1, CHUNKS_MAX),
        ("similarity_threshold", 0.0, 1.0),
    ):
        if name in given:
            checking.between(given[name], least, most, name)
    if "intent_keywords" in given:
        given["intent_keywords"] = checking.tags(given["intent_keywords"], "intent_keywords")
    if "metadata" in given:
        given["metadata"] = checking.json_object(given["metadata"], "metadata")
    if "filter_expression" in given:
        given["filter_expression"] = _expression(given["filter_expression"])
    after = msgspec.structs.replace(link, **given)
    if after.access_level not in _LEVELS:
        raise InvalidInput(f"access_level must be one of {', '.join(_LEVELS)}.")
    if after.access_level == "filtered" and not after.filter_expression:
        raise InvalidInput('access_level filtered needs a filter_expression, such as {"team": "sales"}.')
    return after


def _expression(value: Mapping[str, Any]) -> dict[str, Any]:
    found = checking.json_object(value, "filter_expression")
    if any(not key or isinstance(one, dict | list) for key, one in found.items()) or len(found) > 32:
        raise InvalidInput("filter_expression must be an object of at most 32 keys with plain values.")
    if any(map(is_too_large, found.values())):
        raise InvalidInput("filter_expression has a number that is too large to be compared.")
    return found
