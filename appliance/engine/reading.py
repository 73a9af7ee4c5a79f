"""What callers read of their own conversations: lists, messages, results, changes that wait for them."""

from __future__ import annotations

from appliance.changes import to_change
from appliance.conversation import Conversation, Listed
from appliance.engine.engine import Engine
from appliance.errors import NotFound
from appliance.identity import Caller
from appliance.messages import Change, Message, QueryOutcome
from appliance.store import conversations, message_rows, posts, proposals, results


async def own_conversations(
    engine: Engine, caller: Caller, *, bot: str | None, namespace: str | None, limit: int, offset: int
) -> tuple[list[Listed], int]:
    """One page of the caller's kept conversations, newest first, and how many there are in all."""
    return await engine.services.store.read(
        conversations.list_own,
        caller,
        engine.services.clock(),
        bot=bot,
        namespace=namespace,
        limit=limit,
        offset=offset,
    )


async def conversation(engine: Engine, id: str, caller: Caller) -> tuple[Conversation, list[Message]]:
    """One of the caller's conversations with its messages; raises `ConversationNotFound`."""
    found = engine.own(id, caller)
    return found, await engine.services.store.read(message_rows.messages, id)


async def messages(
    engine: Engine, conversation_id: str, caller: Caller, *, before: int | None, limit: int
) -> tuple[list[Message], int]:
    """A page of messages that people see, backward from `before` (a `Message.position`), oldest first.

    The other figure is how many there are in all. Raises `ConversationNotFound`.
    """
    engine.own(conversation_id, caller)
    return await engine.services.store.read(posts.page, conversation_id, before=before, limit=limit)


async def result(engine: Engine, id: str, caller: Caller) -> QueryOutcome:
    """All rows of a query's result in one of the caller's conversations; raises `NotFound`."""
    found = await engine.services.store.read(results.find, id, caller, engine.services.clock())
    if found is None:
        raise NotFound("There is no such result.")
    return found


async def open_changes(engine: Engine, conversation_id: str, caller: Caller) -> list[Change]:
    """The changes that wait for the user's word in this conversation, oldest first."""
    engine.own(conversation_id, caller)
    waiting = await engine.services.store.read(proposals.open_in, conversation_id, engine.services.clock())
    return [
        to_change(one.plan, id=one.id, status="proposed", expires_at=one.expires_at)
        for one in waiting
        if one.owner == caller.owner
    ]
