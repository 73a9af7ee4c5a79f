"""What people do to messages and conversations outside turns: value, pause, look up, delete."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.engine.engine import Engine
from appliance.errors import ConversationNotFound, Forbidden, InvalidInput, MessageNotFound
from appliance.events import MessageDeleted
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import conversations, posts

TITLE_CHARS_MAX = 200


class NotAnAnswer(InvalidInput):
    """Only what the bot wrote can be valued."""

    code = "not_an_answer"


async def feedback(
    engine: Engine,
    conversation_id: str,
    caller: Caller,
    message_id: str,
    value: Literal["positive", "negative"] | None,
) -> Message:
    """Value an answer, or take that back (None); returns the answer as it is now.

    Raises `ConversationNotFound`, `MessageNotFound`, `NotAnAnswer`.
    """
    engine.own(conversation_id, caller)
    store = engine.services.store
    found: Message | None = await store.read(posts.find_by, conversation_id, message_id)
    if found is None or found.id != message_id:
        raise MessageNotFound("There is no such message in this conversation.")
    if found.role != "assistant":
        raise NotAnAnswer("Only answers can be valued, and this message is a person's.")
    await store.write(posts.set_feedback, conversation_id, message_id, value)
    engine.services.bulletin.note(conversation_id, caller.tenant)
    return msgspec.structs.replace(found, feedback=value)


async def pause(engine: Engine, conversation_id: str, caller: Caller, paused: bool) -> None:
    """Keep the bot from answering in this conversation, or let it answer again.

    Raises `ConversationNotFound`.
    """
    engine.own(conversation_id, caller)
    now = engine.services.clock()
    await engine.services.store.write(conversations.set_paused, conversation_id, paused, now)


async def find_in(engine: Engine, conversation_id: str, caller: Caller, ref: str) -> Message | None:
    """A message of this conversation, by its id or by what its client calls it.

    Raises `ConversationNotFound`.
    """
    engine.own(conversation_id, caller)
    return await engine.services.store.read(posts.find_by, conversation_id, ref)


async def find_message(engine: Engine, message_id: str, tenant: str) -> Message | None:
    """A message of the tenant's live conversations; who may see it is the asker's to check."""
    now = engine.services.clock()
    return await engine.services.store.read(posts.find_message, message_id, tenant, now)


async def delete_message(engine: Engine, conversation_id: str, caller: Caller, message_id: str) -> None:
    """Delete one's own message, and stop its answer if that runs or waits; what was answered stays.

    Raises `ConversationNotFound`, `MessageNotFound`, `Forbidden` for somebody else's.
    """
    conversation = engine.own(conversation_id, caller)
    store = engine.services.store
    found: Message | None = await store.read(posts.find_by, conversation_id, message_id)
    if found is None or found.id != message_id:
        raise MessageNotFound("There is no such message in this conversation.")
    if found.role != "user" or (found.author or conversation.owner) != caller.owner:
        raise Forbidden("Only who wrote a message may delete it.")
    await engine.chats.stop_turn_of(conversation_id, message_id)
    if not await store.write(posts.delete_message, conversation_id, message_id):
        raise MessageNotFound("There is no such message in this conversation.")
    await engine.chats.tell(
        conversation_id, caller.tenant, MessageDeleted(message_id=message_id, author=found.author)
    )


async def rename(engine: Engine, id: str, caller: Caller, title: str) -> None:
    """Give it a title that stays; raises `InvalidInput`, `ConversationNotFound`."""
    title = " ".join(title.split())
    if not 0 < len(title) <= TITLE_CHARS_MAX:
        raise InvalidInput(f"A title has 1 to {TITLE_CHARS_MAX} characters.")
    if not title.isprintable():
        raise InvalidInput("A title has no control characters.")
    now = engine.services.clock()
    if not await engine.services.store.write(conversations.rename, id, caller, title, now):
        raise ConversationNotFound("There is no such conversation.")
