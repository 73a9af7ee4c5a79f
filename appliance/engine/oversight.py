"""What people of the console see of all conversations: lists, one whole, what changes; all witnessed."""

from __future__ import annotations

import msgspec

from appliance import withholding
from appliance.engine import handoff, witness
from appliance.engine.bulletin import BulletinReader
from appliance.engine.engine import Engine
from appliance.engine.log import Wakeup
from appliance.errors import ConversationNotFound
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import console_conversations, message_rows, widget_files
from appliance.store import handoff as stored_handoff
from appliance.store.console_conversations import Seen as Seen
from appliance.store.console_conversations import Wanted as Wanted
from appliance.store.handoff import Note
from appliance.store.widget_files import AttachedFile

UNFINISHED = ("queued", "running")
READINGS_MAX = 5
"""Of one that changes while it is read; then the last one counts, without what came meanwhile."""


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with all that was said and done in it; `comments` by the ids of the answers.

    `files` are those that are attached to it, by their ids. `seq` is the position in its log up to which all
    is told here: a reader goes on there, and gets an answer that is being written from its beginning.
    """

    seen: Seen
    messages: list[Message]
    notes: list[Note]
    comments: dict[str, str]
    files: dict[str, AttachedFile]
    seq: int


class _Mark(msgspec.Struct, frozen=True):
    """Where a log stands: behind everything that is stored, or before the turn that runs."""

    seq: int
    answer_id: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many conversations somebody takes part in right now, wait for a person, have one; running turns."""

    live: int
    waiting: int
    joined: int
    running: int


async def conversations(
    engine: Engine, wanted: Wanted, *, after: tuple[float, str] | None, limit: int
) -> tuple[list[Seen], int]:
    """A page, the last spoken in first, and how many there are in all."""
    services = engine.services
    return await services.store.read(
        console_conversations.page, wanted, services.clock(), after=after, limit=limit
    )


async def some(engine: Engine, tenant: str, ids: list[str]) -> list[Seen]:
    """The live ones among these."""
    services = engine.services
    return await services.store.read(console_conversations.some, tenant, ids, services.clock())


async def one(engine: Engine, id: str, caller: Caller) -> Seen:
    """One conversation; raises `ConversationNotFound`."""
    found = await some(engine, caller.tenant, [id])
    if not found:
        raise ConversationNotFound("There is no such conversation.")
    return found[0]


async def whole(engine: Engine, id: str, caller: Caller, *, action: str = "conversation.read") -> Whole:
    """All of it, which is written down as `action`; raises `ConversationNotFound`.

    Operators see no passages of a person's own documents, as others who join a conversation do not.
    """
    seen = await one(engine, id, caller)
    await witness.access(engine.services, action, id, caller)
    mark, left = _mark(engine, seen), READINGS_MAX
    while True:
        found = await _read(engine, seen, mark)
        before, mark, left = mark, _mark(engine, seen), left - 1
        if mark == before:
            break
        if not left:  # something was said during each reading
            found = _until(before, found)
            break
        seen = await one(engine, id, caller)
    return found if caller.is_admin else _without_private(found)


async def _read(engine: Engine, seen: Seen, mark: _Mark) -> Whole:
    """The conversation as it is stored: all events are before they are told, but for those of an answer."""
    id, store = seen.conversation.id, engine.services.store
    messages = await store.read(message_rows.messages, id)
    whole = [one.last_seq for one in messages if one.id == mark.answer_id and one.status not in UNFINISHED]
    return Whole(
        seen=seen,
        messages=messages,
        notes=await store.read(stored_handoff.notes, id),
        comments=await store.read(console_conversations.comments, id),
        files={file.id: file for file in await store.read(widget_files.listed, id)},
        seq=max(mark.seq, *whole) if whole else mark.seq,
    )


def _until(mark: _Mark, whole: Whole) -> Whole:
    """Without what came after the mark: the log tells it from there on."""
    turns = {one.turn_id for one in whole.messages if one.id == mark.answer_id}
    kept = [
        one
        for one in whole.messages
        if one.turn_id in turns
        or (one.first_seq <= whole.seq and (one.first_seq or one.status not in UNFINISHED))
    ]
    return msgspec.structs.replace(whole, messages=kept)


def _mark(engine: Engine, seen: Seen) -> _Mark:
    turn = engine.chats.running_turn(seen.conversation.id)
    if turn is not None:
        return _Mark(turn.after, turn.answer_id)
    return _Mark(engine.chats.resumed(seen.conversation).position, "")


def counts(engine: Engine, tenant: str) -> Counts:
    """As things are now."""
    services = engine.services
    waiting, joined = services.store.read_now(stored_handoff.counts, tenant, services.clock())
    live, running = engine.chats.presence(tenant)
    return Counts(live=live, waiting=waiting, joined=joined, running=running)


def watch(engine: Engine, tenant: str, wakeup: Wakeup) -> BulletinReader:
    """Learn from now on which conversations of the tenant change."""
    return engine.services.bulletin.open(tenant, wakeup)


async def delete(engine: Engine, id: str, caller: Caller) -> None:
    """Delete somebody's conversation for good and stop what runs in it; raises `ConversationNotFound`."""
    services = engine.services
    found = handoff.find(engine, id, caller)
    async with engine.chats.held(found):
        deleted = await services.store.write(
            console_conversations.delete, id, caller.tenant, services.clock()
        )
    if not deleted:
        raise ConversationNotFound("There is no such conversation.")
    await engine.chats.stop_deleted([id])
    services.bulletin.note(id, caller.tenant)
    details = {"owner": found.owner, "bot": f"{found.namespace}/{found.bot}"}
    await witness.did(services, caller, "conversation.delete", f"conversation:{id}", details)


def _without_private(whole: Whole) -> Whole:
    shown = [
        msgspec.structs.replace(message, parts=[withholding.part(part) for part in message.parts])
        for message in whole.messages
    ]
    return msgspec.structs.replace(whole, messages=shown)
