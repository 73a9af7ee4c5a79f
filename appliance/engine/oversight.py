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
from appliance.store import console_conversations, turns, widget_files
from appliance.store import handoff as stored_handoff
from appliance.store.console_conversations import Seen as Seen
from appliance.store.console_conversations import Wanted as Wanted
from appliance.store.handoff import Note
from appliance.store.widget_files import AttachedFile


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with all that was said and done in it; `comments` by the ids of the answers.

    `files` are those that are attached to it, by their ids.
    """

    seen: Seen
    messages: list[Message]
    notes: list[Note]
    comments: dict[str, str]
    files: dict[str, AttachedFile]


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
    seen, store = await one(engine, id, caller), engine.services.store
    await witness.access(engine.services, action, id, caller)
    messages = await store.read(turns.messages, id)
    return Whole(
        seen=seen,
        messages=messages if caller.is_admin else [_without_private(message) for message in messages],
        notes=await store.read(stored_handoff.notes, id),
        comments=await store.read(console_conversations.comments, id),
        files={file.id: file for file in await store.read(widget_files.listed, id)},
    )


def counts(engine: Engine, tenant: str) -> Counts:
    """As things are now."""
    services = engine.services
    waiting, joined = services.store.read_now(stored_handoff.counts, tenant, services.clock())
    live, running = engine.presence(tenant)
    return Counts(live=live, waiting=waiting, joined=joined, running=running)


def watch(engine: Engine, tenant: str, wakeup: Wakeup) -> BulletinReader:
    """Learn from now on which conversations of the tenant change."""
    return engine.services.bulletin.open(tenant, wakeup)


async def delete(engine: Engine, id: str, caller: Caller) -> None:
    """Delete somebody's conversation for good and stop what runs in it; raises `ConversationNotFound`."""
    services = engine.services
    found = handoff.find(engine, id, caller)
    async with engine.held(found):
        deleted = await services.store.write(
            console_conversations.delete, id, caller.tenant, services.clock()
        )
    if not deleted:
        raise ConversationNotFound("There is no such conversation.")
    await engine.stop_deleted([id])
    services.bulletin.note(id, caller.tenant)
    details = {"owner": found.owner, "bot": f"{found.namespace}/{found.bot}"}
    await witness.did(services, caller, "conversation.delete", f"conversation:{id}", details)


def _without_private(message: Message) -> Message:
    return msgspec.structs.replace(message, parts=[withholding.part(part) for part in message.parts])
