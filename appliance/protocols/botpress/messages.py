"""Messages: said, read, listed, deleted (7, 7.1, 9). Each with words in it is a turn of its own."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from appliance.conversation import Conversation
from appliance.engine import intake, posts, shared
from appliance.errors import Conflict, Forbidden, MessageNotFound
from appliance.events import SendMessage
from appliance.messages import Message
from appliance.protocols import client_json
from appliance.protocols.botpress import old, pages, payloads, rooms, shapes, telling
from appliance.protocols.botpress.bodies import body
from appliance.protocols.botpress.visits import Visit, check_id
from appliance.wire import Reply, Request


class _Said(NamedTuple):
    message: Message
    conversation: Conversation


async def create(visit: Visit, request: Request) -> Reply:
    """Say something; the answer comes later, as a message of the bot's."""
    asked = body(request, shapes.NewMessage)
    conversation = rooms.member(visit, asked.conversation_id)
    return await _send(visit, conversation, asked)


async def get_or_create(visit: Visit, request: Request) -> Reply:
    """0.2.x: the message of that foreign id, said once however often it is sent."""
    asked = body(request, shapes.NewMessage)
    conversation = rooms.member(visit, asked.conversation_id)
    fid = asked.fid or ""
    check_id(fid)
    found = await shared.called(visit.engine, visit.caller, visit.bot.key, fid)
    if found is None:
        return await _send(visit, conversation, asked, fid)
    if found.conversation_id != conversation.id:
        raise Conflict("There is a message of that id in another conversation.")
    if found.author != visit.caller.owner:
        raise Conflict("Somebody else has a message of that id in this conversation.")
    return _one(visit, _Said(found, conversation))


async def get(visit: Visit, request: Request) -> Reply:
    """One message with its real author."""
    return _one(visit, await _find(visit, request.path["id"]))


async def listed(visit: Visit, request: Request) -> Reply:
    """What was said, newest first; answers that are still being written or have no words are left out."""
    found = rooms.member(visit, request.path["id"])
    room, of = rooms.room(visit, found), f"messages {found.id}"
    shown: list[tuple[tuple[float, int], shapes.Message]] = []
    before = pages.after(request, of, pages.POSITION)
    while len(shown) <= pages.PAGE:
        page = await shared.messages(visit.engine, found, before=before, limit=pages.PAGE + 1)
        places = [(one.created_at, one.position) for one in page]
        told = zip(places, (telling.message(one, room) for one in page), strict=True)
        shown += [(place, message) for place, message in told if message]
        if len(page) <= pages.PAGE:
            break
        before = places[-1]
    seen = shown[: pages.PAGE]
    return Reply(
        body=shapes.Messages(
            messages=[message for _, message in seen],
            meta=pages.meta(of, shown, seen[-1][0] if seen else None),
        )
    )


async def rename(visit: Visit, request: Request) -> Reply:
    """0.2.x: give one's own message another foreign id."""
    asked = body(request, shapes.NewName)
    found = await _own(visit, request.path["id"])
    if asked.fid and asked.fid != found.message.client_id:
        check_id(asked.fid)
        taken = await shared.called(visit.engine, visit.caller, visit.bot.key, asked.fid)
        if taken or not await shared.call_message(visit.engine, found.message, asked.fid):
            raise Conflict("There is a message of that id already.")
        found = await _find(visit, found.message.id)
    return _one(visit, found)


async def delete(visit: Visit, request: Request) -> Reply:
    """One's own message; an answer to it that is being written stops."""
    found = await _own(visit, request.path["id"])
    await posts.delete_message(visit.engine, found.conversation.id, visit.caller, found.message.id)
    return Reply(body=shapes.Nothing())


async def _send(
    visit: Visit, conversation: Conversation, asked: shapes.NewMessage, fid: str | None = None
) -> Reply:
    payload = old.newer(asked.payload) if visit.old else asked.payload
    kept, read = payloads.checked(payload)
    metadata = client_json.metadata({} if asked.metadata is UNSET else asked.metadata)
    command = SendMessage(
        conversation_id=conversation.id,
        content=read.content,
        client_id=fid,
        payload=kept,
        metadata=metadata,
        answered=read.answered and not (visit.old and old.is_custom(kept)),
        polled=True,
    )
    accepted = await intake.send(visit.engine, command, visit.caller)
    if accepted.duplicate:
        return _one(visit, await _find(visit, accepted.message_id))
    message = telling.said(
        rooms.room(visit, conversation),
        id=accepted.message_id,
        author=visit.caller.owner,
        at=accepted.at,
        content=read.content,
        payload=kept,
        metadata=metadata,
        client_id=fid or "",
    )
    return Reply(body=shapes.OneMessage(message=message))


async def _find(visit: Visit, id: str) -> _Said:
    """A message that the caller may see; raises `MessageNotFound` and `Forbidden`."""
    missing = MessageNotFound("There is no such message.")
    found = await posts.find_message(visit.engine, id, visit.caller.tenant)
    if found is None and visit.old:
        found = await shared.called(visit.engine, visit.caller, visit.bot.key, id)
    if found is None:
        raise missing
    return _Said(found, rooms.around(visit, found.conversation_id, missing))


async def _own(visit: Visit, id: str) -> _Said:
    found = await _find(visit, id)
    if found.message.role != "user" or found.message.author != visit.caller.owner:
        raise Forbidden("This message is somebody else's.")
    return found


def _one(visit: Visit, said: _Said) -> Reply:
    message = telling.message(said.message, rooms.room(visit, said.conversation))
    if message is None:  # an answer that has not ended
        raise MessageNotFound("There is no such message.")
    return Reply(body=shapes.OneMessage(message=message))
