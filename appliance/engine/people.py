"""Who takes part in conversations: profiles, participants, and events of people's own making.

Each change is stored first and told to the conversation's readers afterwards.
"""

from __future__ import annotations

import uuid
from typing import Any

import apsw

from appliance import limits
from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine.attached import check_attached
from appliance.engine.engine import Engine
from appliance.errors import UserNotFound
from appliance.events import EventPosted, PersonJoined, PersonLeft
from appliance.identity import Caller
from appliance.store import custom_events, guests, message_rows, people, usage
from appliance.store.custom_events import CustomEvent as CustomEvent
from appliance.store.people import Details as Details
from appliance.store.people import Participant as Participant
from appliance.store.people import Person as Person


def new_guest_id() -> str:
    """An id that nobody can have chosen."""
    return f"user_{uuid.uuid4().hex}"


def is_made(id: str) -> bool:
    """Has it the form of `new_guest_id`? Nobody may choose such a one: it may come free again."""
    return guests.MADE.fullmatch(f"guest:{id}") is not None


def find(engine: Engine, tenant: str, owner: str) -> Person | None:
    """The person; `owner` is as `Caller.owner`."""
    return engine.services.store.read_now(people.find, tenant, owner)


async def create(engine: Engine, caller: Caller, details: Details) -> Person:
    """The caller as a new person; of many at once one wins.

    Raises `Conflict` when the id is taken, `TooManyRequests` for strangers who make many.
    """
    engine.strangers.check_user(caller)
    services = engine.services
    return await services.store.write(people.create, caller.tenant, caller.owner, details, services.clock())


async def get_or_create(engine: Engine, caller: Caller, details: Details) -> Person:
    """The caller as a person, with what is given applied."""
    services = engine.services
    now = services.clock()
    return await services.store.write(people.get_or_create, caller.tenant, caller.owner, details, now)


async def update(engine: Engine, caller: Caller, details: Details) -> Person:
    """Change what the caller tells of themselves; raises `UserNotFound`."""
    services = engine.services
    now = services.clock()
    updated = await services.store.write(people.update, caller.tenant, caller.owner, details, now)
    if updated is None:
        raise UserNotFound("There is no such user any more.")
    return updated


async def delete(engine: Engine, caller: Caller) -> None:
    """Forget the caller, who takes part in nothing from now on; raises `UserNotFound`. Messages stay."""
    services = engine.services
    left = await services.store.write(people.delete, caller.tenant, caller.owner, services.clock())
    if left is None:
        raise UserNotFound("There is no such user any more.")
    for id in left:
        if engine.chats.is_read(id):
            await engine.chats.tell(id, caller.tenant, PersonLeft(person=caller.owner))


# -- who takes part ------------------------------------------------------------------------------------


def is_in(engine: Engine, conversation: Conversation, owner: str) -> bool:
    """Is it theirs, or do they take part?"""
    if conversation.owner == owner:
        return True
    return engine.services.store.read_now(people.takes_part, conversation.id, owner)


async def check_known(engine: Engine, tenant: str, owners: list[str]) -> None:
    """Raises `UserNotFound` for the first who is nobody here."""
    nobody: str | None = await engine.services.store.read(people.missing, tenant, owners)
    if nobody:
        raise UserNotFound("There is no such user.")


async def bring(engine: Engine, conversation: Conversation, owners: list[str]) -> None:
    """Let people take part in a conversation that is new, so that nobody has to be told."""
    services = engine.services
    await services.store.write(people.join, conversation.id, owners, services.clock())


async def add(engine: Engine, conversation: Conversation, owner: str) -> None:
    """Let a person take part and tell the others, unless they did already.

    What was found in somebody's own documents so far is no longer shown (see `withholding`).
    """
    services = engine.services
    if is_in(engine, conversation, owner):
        return

    def write(db: apsw.Connection) -> bool:
        joined = people.join(db, conversation.id, [owner], services.clock())
        if joined:
            message_rows.withhold(db, conversation.id)
        return joined

    async with engine.chats.withholding(conversation):
        joined = await services.store.write(write)
    if joined:
        await engine.chats.tell(conversation.id, conversation.tenant, PersonJoined(person=owner))


async def remove(engine: Engine, conversation: Conversation, owner: str) -> None:
    """Take the person's rights, then end their streams and tell the others; raises `UserNotFound`."""
    if not await engine.services.store.write(people.leave, conversation.id, owner):
        raise UserNotFound("There is no such participant.")
    await engine.chats.tell(conversation.id, conversation.tenant, PersonLeft(person=owner))


async def participants(
    engine: Engine,
    conversation: Conversation,
    *,
    only: str | None = None,
    after: tuple[float, str] | None = None,
    limit: int,
) -> list[Participant]:
    """A page of people, the owner first; `after` are `joined_at` and owner string of the last one seen."""
    return await engine.services.store.read(
        people.participants, conversation.id, only=only, after=after, limit=limit
    )


# -- events of their own making ------------------------------------------------------------------------


async def post_event(
    engine: Engine, bot: Bot, conversation: Conversation, caller: Caller, payload: dict[str, Any]
) -> CustomEvent:
    """Keep an event in a conversation with `bot` and tell it to all who read.

    Raises `MessageTooLarge`, `LimitReached`.
    """
    check_attached(payload)
    services = engine.services
    event = CustomEvent(
        id=str(uuid.uuid4()),
        conversation_id=conversation.id,
        author=caller.owner,
        payload=payload,
        created_at=services.clock(),
    )
    bucket = usage.Bucket(
        tenant=caller.tenant, namespace=bot.namespace, bot=bot.name, principal=caller.principal
    )
    policy = limits.policy_of(bot, limited=not caller.is_unlimited)
    await services.store.write(custom_events.add, event, bucket, policy)
    told = EventPosted(event_id=event.id, author=event.author, payload=payload, at=event.created_at)
    await engine.chats.tell(conversation.id, conversation.tenant, told)
    return event


async def find_event(engine: Engine, id: str, tenant: str) -> CustomEvent | None:
    """An event in the tenant's live conversations; who may read it is the asker's to check."""
    services = engine.services
    return await services.store.read(custom_events.find, id, tenant, services.clock())
