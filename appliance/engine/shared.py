"""Conversations as people who share them know them: by a foreign id or ours, with what a messenger shows.

Nothing here checks rights: who may see what is the asker's to check, by `engine.people.is_in`.
"""

from __future__ import annotations

import msgspec

from appliance.conversation import Conversation, External
from appliance.engine.engine import Engine
from appliance.engine.log import Wakeup
from appliance.events import Resume
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import conversations, foreign_ids, tenants, told

NOW = 2**62
"""A position behind every log's end."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader begins: it reads from behind `after` and has been told all up to `told`.

    The two differ while a turn runs: its text so far was told to nobody as a message, and is needed for it.
    """

    after: int
    told: int


def tenant_exists(engine: Engine, name: str) -> bool:
    """Is there a tenant of that name?"""
    return engine.services.store.read_now(tenants.tenant_exists, name)


def find(engine: Engine, tenant: str, external: External) -> Conversation | None:
    """A live conversation of the tenant by its maker's own id, else by our id: the two are one name space."""
    store, now = engine.services.store, engine.services.clock()
    found = store.read_now(conversations.find_external, tenant, external, now)
    return found or store.read_now(conversations.find_in_tenant, external.id, tenant, now)


def by_id(engine: Engine, tenant: str, id: str) -> Conversation | None:
    """A live conversation of the tenant by our id alone."""
    return engine.services.store.read_now(conversations.find_in_tenant, id, tenant, engine.services.clock())


async def messages(
    engine: Engine, conversation: Conversation, *, before: tuple[float, int] | None, limit: int
) -> list[Message]:
    """What people said and answers that have ended, newest first, before the time and position of one."""
    return await engine.services.store.read(told.page, conversation.id, before=before, limit=limit)


async def now(engine: Engine, conversation: Conversation, caller: Caller) -> Place:
    """The place of somebody who begins to listen now; raises `ConversationNotFound`."""
    ask = Resume(conversation_id=conversation.id, after=NOW)
    reading = await engine.read(ask, caller, Wakeup())
    running = engine.chats.running_turn(conversation.id)
    reading.reader.close()
    return Place(after=running.after if running else reading.position, told=reading.position)


# -- names that clients give later ---------------------------------------------------------------------


async def call(engine: Engine, conversation: Conversation, external: External) -> bool:
    """Give a conversation another foreign id; False when that is taken."""
    services = engine.services
    return await services.store.write(foreign_ids.set_external, conversation.id, external, services.clock())


async def called(engine: Engine, caller: Caller, bot: tuple[str, str], client_id: str) -> Message | None:
    """The message that a client calls so, in the caller's conversations with the bot (namespace, name)."""
    services = engine.services
    return await services.store.read(
        foreign_ids.by_client_id,
        client_id,
        tenant=caller.tenant,
        owner=caller.owner,
        bot=bot,
        now=services.clock(),
    )


async def call_message(engine: Engine, message: Message, client_id: str) -> bool:
    """Give a message another client's id; False when another one of its conversation has it."""
    return await engine.services.store.write(foreign_ids.set_client_id, message.id, client_id)
