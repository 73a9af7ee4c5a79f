"""Questions that the documents did not answer: put aside, or answered with a document and a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import apsw
import msgspec

from appliance.bot import Bot
from appliance.bottests import ENTRY_CHARS_MAX, BotTest
from appliance.engine import console_tests, witness
from appliance.engine.engine import Engine
from appliance.engine.knowledge import bases, documents, links
from appliance.engine.knowledge.library import Library
from appliance.errors import BotNotFound, Forbidden, InvalidInput, NotFound
from appliance.gapgroups import GapGroup, Status, grouped
from appliance.identity import Caller
from appliance.knowledge import BaseDraft, Document, KnowledgeBase, LinkDraft
from appliance.store.knowledge import bases as stored_bases
from appliance.store.knowledge import gaps as stored


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an answer: the document, and the test, None when there was none to be made."""

    document: Document
    base_id: str
    test_id: str | None


async def listed(
    engine: Engine, tenant: str, status: Status | None, *, offset: int, limit: int
) -> tuple[list[GapGroup], int]:
    """A page of the groups of that status, the most often asked first, and how many there are."""
    groups = grouped(await engine.services.store.read(stored.every, tenant))
    wanted = [group for group in groups if status is None or group.status == status]
    return wanted[offset : offset + limit], len(wanted)


async def set_status(engine: Engine, caller: Caller, id: str, status: Status) -> GapGroup:
    """Put all questions of the group aside, or open them again; raises `NotFound`."""
    group = await _group(engine, caller.tenant, id)
    await _mark(engine, caller.tenant, group, status)
    await witness.did(engine.services, caller, f"gap.{_VERBS[status]}", f"gap:{group.id}", _told(group))
    return await _group(engine, caller.tenant, id)


_VERBS: dict[Status, str] = {"open": "reopen", "answered": "close", "dismissed": "dismiss"}


async def answer(
    engine: Engine,
    caller: Caller,
    id: str,
    *,
    title: str,
    content: str,
    base_id: str,
    add_test: bool,
) -> Answered:
    """Add the answer as a document of the bot, with a test that it is cited, and close the question.

    Without a base it goes into one of the bot's own, which is made when there is none. Operators write only
    where the bot looks already. Raises `NotFound`, `BotNotFound` for a bot that is gone, `Forbidden`,
    `InvalidInput`, `QuotaReached`.
    """
    group = await _group(engine, caller.tenant, id)
    if not content.strip():
        raise InvalidInput("The answer is empty: write what the documents lack in `content`.")
    question = group.gaps[0].question
    # Operators answer questions, too, and what they write must get into the bot's documents.
    writer = msgspec.structs.replace(caller, role="admin")
    library = _library(engine)
    bot = _bot(engine, group)
    if not caller.is_admin:
        base_id = await _permitted(library, caller, bot, base_id)
    base = await _base(library, writer, bot, base_id)
    heading = title.strip() or question
    document = await documents.add_text(
        library,
        writer,
        base,
        content=f"# {heading}\n\n{content.strip()}\n",
        title=heading,
        mime_type="text/markdown",
        tags=["answered-question"],
    )
    test_id = await _add_test(engine, caller, bot, question, document.title) if add_test else None
    await _mark(engine, caller.tenant, group, "answered", document.id)
    details = {**_told(group), "document_id": document.id, "knowledge_base_id": base}
    await witness.did(engine.services, caller, "gap.answer", f"gap:{group.id}", details)
    return Answered(document=document, base_id=base, test_id=test_id)


async def _add_test(engine: Engine, caller: Caller, bot: Bot, question: str, title: str) -> str | None:
    test = BotTest(ask=question, cites=[title[:ENTRY_CHARS_MAX]])
    return await console_tests.add_test(engine, bot.key, test, caller)


async def _permitted(library: Library, caller: Caller, bot: Bot, wanted: str) -> str:
    """The base that an operator writes into, empty for the bot's own, which is still to be made.

    What a bot answers from is for admins to say. Raises `Forbidden`, also for a base that there is not.
    """
    linked = await links.of_bot(library, *bot.key)
    ids = [one.base_id for one in sorted(linked, key=lambda one: not one.enabled)]
    if wanted and wanted not in ids:
        raise Forbidden(f"{bot.name} does not answer from that knowledge base; only an admin can let it.")
    if not ids and await library.store.read(stored_bases.by_name, caller.tenant, *bot.key) is not None:
        raise Forbidden(
            f"{bot.name} does not answer from the knowledge base of its name; only an admin can let it."
        )
    return wanted or (ids[0] if ids else "")


async def _base(library: Library, caller: Caller, bot: Bot, wanted: str) -> str:
    """The id of the base that gets the document: linked with the bot, and made when there is none."""
    linked = await links.of_bot(library, *bot.key)
    if wanted:
        base, _ = await bases.get(library, caller, wanted, "editor")
        if all(one.base_id != base.id for one in linked):
            await links.link(library, caller, bot, base.id, LinkDraft())
        return base.id
    for one in linked:
        if one.enabled:
            return one.base_id
    own = await _own_base(library, caller, bot)
    await links.link(library, caller, bot, own.id, LinkDraft())
    return own.id


async def _own_base(library: Library, caller: Caller, bot: Bot) -> KnowledgeBase:
    known = await library.store.read(stored_bases.by_name, caller.tenant, *bot.key)
    if known is not None:
        return known
    text = f"Answers for {bot.name}, written by the team."
    draft = BaseDraft(name=bot.name, namespace=bot.namespace, description=text)
    return await bases.create(library, caller, draft)


async def _mark(engine: Engine, tenant: str, group: GapGroup, status: Status, document_id: str = "") -> None:
    state: Literal["open", "closed"] = "open" if status == "open" else "closed"
    outcome = "" if status == "open" else status

    def write(db: apsw.Connection) -> None:
        for gap in group.gaps:
            stored.set_status(db, tenant, gap.id, state, outcome, document_id)

    await engine.services.store.write(write)


async def _group(engine: Engine, tenant: str, id: str) -> GapGroup:
    groups: Sequence[GapGroup] = grouped(await engine.services.store.read(stored.every, tenant))
    for group in groups:
        if any(gap.id == id for gap in group.gaps):
            return group
    raise NotFound("There is no such question.")


def _told(group: GapGroup) -> dict[str, object]:
    first = group.gaps[0]
    return {"bot": [first.namespace, first.bot], "question": first.question, "questions": len(group.gaps)}


def _bot(engine: Engine, group: GapGroup) -> Bot:
    first = group.gaps[0]
    bot = engine.catalogue.get(first.namespace, first.bot)
    if bot is None:
        raise BotNotFound(f"The bot {first.bot!r} is not there any more, so nobody would read the answer.")
    return bot


def _library(engine: Engine) -> Library:
    library = engine.services.library
    assert library is not None, "the server makes it"
    return library
