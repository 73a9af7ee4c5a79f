"""A person in the bot's place: asked for by the visitor or the bot, joins, writes, leaves.

Whoever joins silences the bot at once: an answer that runs is cut off there, what it had is kept, and
messages that wait stay unanswered. A machine that goes on under a person's greeting would confuse more than a
sentence that breaks off. When the person leaves, the bot goes on and has read all that was said.
"""

from __future__ import annotations

import uuid

import msgspec

from appliance.conversation import Conversation
from appliance.engine import admission, replay, witness
from appliance.engine.chat import Chat
from appliance.engine.engine import Engine
from appliance.errors import ConversationNotFound, Forbidden, InvalidInput
from appliance.events import AskForPerson
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import conversations, handoff, posts
from appliance.store.handoff import Ask as Ask
from appliance.store.handoff import Note as Note
from appliance.store.handoff import Operator as Operator

CONTENT_CHARS_MAX = 20_000
NAME = "Support"
"""What visitors read of somebody who came in with a key, which has no name."""


def operator_of(caller: Caller) -> Operator:
    """As whom this caller of the console writes."""
    account = caller.admin_name or caller.principal
    return Operator(account, caller.display_name or caller.admin_name or caller.user_id or NAME)


def find(engine: Engine, id: str, caller: Caller) -> Conversation:
    """A live conversation of the caller's tenant, whoever's it is; raises `ConversationNotFound`."""
    services = engine.services
    found = services.store.read_now(conversations.find_in_tenant, id, caller.tenant, services.clock())
    if found is None:
        raise ConversationNotFound("There is no such conversation.")
    return found


async def join(engine: Engine, id: str, caller: Caller, *, force: bool = False) -> Conversation:
    """Answer in the bot's place from now on; by `force` also in another person's.

    Raises `ConversationNotFound`, and `Conflict` when another person is there.
    """
    operator = operator_of(caller)
    async with engine.chats.held(find(engine, id, caller)) as chat:
        ask = _ask(engine, id, caller)
        note = await engine.services.store.write(handoff.join, ask, operator, force=force)
        if note is not None:
            await chat.cancel("handoff")
            await _tell(engine, chat, note)
    if note is not None:
        await _witness(engine, "conversation.join", id, caller, forced=force)
    return find(engine, id, caller)


async def leave(engine: Engine, id: str, caller: Caller, *, force: bool = False) -> Conversation:
    """Give the conversation back to the bot; by `force` also for another person.

    Raises `ConversationNotFound`, and `Conflict` unless that person is there.
    """
    operator = operator_of(caller)
    async with engine.chats.held(find(engine, id, caller)) as chat:
        ask = _ask(engine, id, caller)
        note = await engine.services.store.write(handoff.leave, ask, operator, force=force)
        await _tell(engine, chat, note)
    await _witness(engine, "conversation.leave", id, caller, forced=force)
    return find(engine, id, caller)


async def resolve(engine: Engine, id: str, caller: Caller) -> Conversation:
    """Nobody needs to come any more, or the matter is settled: the bot answers alone.

    Raises `ConversationNotFound`, and `Conflict` when another person is there.
    """
    async with engine.chats.held(find(engine, id, caller)) as chat:
        ask = _ask(engine, id, caller)
        note = await engine.services.store.write(handoff.resolve, ask, operator_of(caller))
        if note is not None:
            await _tell(engine, chat, note)
    if note is not None:
        await _witness(engine, "conversation.resolve", id, caller)
    return find(engine, id, caller)


async def say(
    engine: Engine, id: str, caller: Caller, content: str, *, client_id: str | None = None
) -> tuple[Message, bool]:
    """Write in a conversation that one has joined, and whether that is new.

    The same `client_id` twice is one message. Raises `InvalidInput`, `ConversationNotFound`, and `Conflict`
    when one has not joined.
    """
    _check(content, client_id)
    store, conversation = engine.services.store, find(engine, id, caller)
    async with engine.chats.held(conversation) as chat:
        ask = _ask(engine, id, caller)
        said = await store.write(
            handoff.say,
            ask,
            operator_of(caller),
            content,
            client_id=client_id,
            expires_at=_expires_at(engine, conversation, ask.now),
        )
        is_new = said.id == ask.note_id
        if is_new:
            seq = chat.log.append(replay.by_operator(said))
            await store.write(posts.place, id, seq, said.id)
            said = msgspec.structs.replace(said, status="done", first_seq=seq, last_seq=seq)
    if is_new:
        await _witness(engine, "conversation.write", id, caller)
    return said, is_new


async def ask(engine: Engine, command: AskForPerson, caller: Caller) -> None:
    """The visitor would like to talk to a person, or would not any more; what is so already stays.

    Raises `ConversationNotFound`, and `Forbidden` where the bot offers no people.
    """
    conversation = engine.own(command.conversation_id, caller)
    bot = engine.catalogue.get(conversation.namespace, conversation.bot)
    if command.wanted and (bot is None or not bot.handoff):
        raise Forbidden("There are no people to talk to here; this bot answers alone.")
    async with engine.chats.held(conversation) as chat:
        asked = _ask(engine, conversation.id, caller)
        store = engine.services.store
        note = await (
            store.write(handoff.call, asked) if command.wanted else store.write(handoff.call_off, asked)
        )
        if note is not None:
            await _tell(engine, chat, note)


async def _tell(engine: Engine, chat: Chat, note: Note) -> None:
    await engine.services.store.write(handoff.place, note, chat.log.append(replay.changed(note)))


def _ask(engine: Engine, id: str, caller: Caller) -> Ask:
    return Ask(
        conversation_id=id, tenant=caller.tenant, note_id=str(uuid.uuid4()), now=engine.services.clock()
    )


def _expires_at(engine: Engine, conversation: Conversation, now: float) -> float | None:
    """Moved by the person's words as by anybody's; without its bot it stays as it was."""
    bot = engine.catalogue.get(conversation.namespace, conversation.bot)
    if bot is None:
        return conversation.expires_at
    ttl_s = admission.ttl_s(engine.services, bot, kept=conversation.persist)
    return now + ttl_s if ttl_s else None


def _check(content: str, client_id: str | None) -> None:
    if not content.strip():
        raise InvalidInput("The message is empty; send some text in `content`.")
    if len(content) > CONTENT_CHARS_MAX:
        raise InvalidInput(
            f"The message has {len(content)} characters; at most {CONTENT_CHARS_MAX} are allowed."
        )
    if client_id is not None and not 0 < len(client_id) <= admission.CLIENT_ID_CHARS_MAX:
        raise InvalidInput(f"`client_id` must have 1 to {admission.CLIENT_ID_CHARS_MAX} characters.")


async def _witness(engine: Engine, action: str, id: str, caller: Caller, *, forced: bool = False) -> None:
    details = {"forced": True} if forced else {}
    await witness.did(engine.services, caller, action, f"conversation:{id}", details)
