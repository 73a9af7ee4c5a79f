"""From a message to its turn: built, checked, admitted by the store, told to everybody, queued."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from appliance import limits, pageorigins
from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine.attached import check_attached
from appliance.engine.chat import Chat
from appliance.engine.question import Question
from appliance.engine.services import Services
from appliance.errors import AuthRequired, Busy, Forbidden, InvalidInput, OriginNotAllowed
from appliance.events import MessageDeleted, MessagePosted, SendMessage
from appliance.identity import Caller
from appliance.messages import estimate_tokens, title_of
from appliance.store import client_tools, message_rows, posts, retries, turns, usage

CONTENT_CHARS_MAX = 100_000
CLIENT_ID_CHARS_MAX = 200


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message. Its turn's events are behind position `after`, where there may be others, too.

    `answer_id` is what the answer will be stored as; without a turn there is none, and `turn_id` is empty.
    `at` is when the message was stored, in Unix seconds. `duplicate` means that the same client id was stored
    before; nothing new will run.
    """

    message_id: str
    turn_id: str
    after: int
    duplicate: bool
    answer_id: str = ""
    at: float = 0.0


def question_of(
    services: Services,
    conversation: Conversation,
    caller: Caller,
    bot: Bot,
    *,
    message_id: str = "",
    **fields: Any,
) -> Question:
    """A message of this caller's that asks to be admitted; `fields` are further ones of `Question`."""
    return Question(
        turn_id=str(uuid.uuid4()),
        message_id=message_id or str(uuid.uuid4()),
        answer_id=str(uuid.uuid4()),
        conversation_id=conversation.id,
        caller=caller,
        bot=bot,
        bucket=usage.Bucket(
            tenant=caller.tenant, namespace=bot.namespace, bot=bot.name, principal=caller.counted_as
        ),
        ttl_s=ttl_s(services, bot, kept=conversation.persist),
        at=services.clock(),
        **fields,
    )


def ttl_s(services: Services, bot: Bot, *, kept: bool) -> float:
    """Seconds that a conversation outlives its last message; bots that keep nothing have their own."""
    if bot.persist_conversations:
        return bot.conversation_ttl_s
    if kept:
        return services.settings.kept_conversation_s
    idle_s = services.settings.idle_conversation_s
    return min(idle_s, bot.conversation_ttl_s) if bot.conversation_ttl_s else idle_s


async def admit(services: Services, chat: Chat, question: Question) -> Accepted:
    """Check it against all limits, store it, tell everybody, queue its turn; `chat.admission` must be held.

    Raises `Busy`, `LimitReached`, `ConversationNotFound`, `StoreError`.
    """
    if chat.running and chat.waiting >= services.settings.queue_max and not known(services, question):
        raise Busy(f"{chat.waiting} messages already wait in this conversation. Send it again later.")
    admitted = await services.store.write(turns.admit, _admission(services, question))
    after = chat.log.position
    if not admitted.duplicate:
        accepted = _accepted(chat, question)
        if question.outputs is None:
            chat.log.append(_posted(question, turn_id=question.turn_id, paused=False))
        chat.enqueue(question)
        return accepted
    if not admitted.turn_id:  # nobody answered it, and nobody will
        return msgspec.structs.replace(
            _accepted(chat, question),
            message_id=admitted.message_id,
            turn_id="",
            answer_id="",
            duplicate=True,
        )
    if (began := chat.log.beginning_of(admitted.turn_id)) is not None:
        after = began
    elif admitted.first_seq:
        after = admitted.first_seq - 1
    answer = services.store.read_now(message_rows.find_answer, chat.id, admitted.turn_id)
    return Accepted(
        message_id=admitted.message_id,
        turn_id=admitted.turn_id,
        after=after,
        duplicate=True,
        answer_id=answer.id if answer else "",
        at=answer.created_at if answer else 0.0,
    )


def check_limits(services: Services, conversation: Conversation, question: Question) -> None:
    """Would it be admitted as things are? Raises `LimitReached`; the admission itself decides."""
    asked = _admission(services, question)
    services.store.read_now(turns.check_limits, asked, conversation.turn_count)


async def admit_again(services: Services, chat: Chat, question: Question) -> Accepted:
    """Take up a message that is stored already; what followed it is deleted, and everybody told so.

    Raises what `admit` does, and `MessageNotFound`.
    """
    removed = await services.store.write(retries.admit_again, _admission(services, question))
    accepted = _accepted(chat, question)
    for one in removed:
        chat.log.append(MessageDeleted(message_id=one.id, author=one.author))
    chat.enqueue(question)
    return accepted


async def post(services: Services, chat: Chat, question: Question, *, paused: bool) -> Accepted:
    """Store and tell a message that the bot does not answer."""
    store = services.store
    admitted = await store.write(posts.post, _admission(services, question), paused=paused)
    accepted = _accepted(chat, question)
    if admitted.duplicate:
        first = store.read_now(posts.find_by, question.conversation_id, admitted.message_id)
        at = first.created_at if first else question.at
        return msgspec.structs.replace(
            accepted, message_id=admitted.message_id, turn_id="", answer_id="", duplicate=True, at=at
        )
    seq = chat.log.append(_posted(question, turn_id="", paused=paused))
    await store.write(posts.place, question.conversation_id, seq, question.message_id)
    return msgspec.structs.replace(accepted, turn_id="", answer_id="")


def _accepted(chat: Chat, question: Question) -> Accepted:
    return Accepted(
        message_id=question.message_id,
        turn_id=question.turn_id,
        after=chat.log.position,
        duplicate=False,
        answer_id=question.answer_id,
        at=question.at,
    )


def with_outputs(services: Services, question: Question) -> Question:
    """The same with the outputs that have come of tools which the last answer asked the client to run."""
    asked = services.store.read_now(client_tools.asked, question.conversation_id)
    return msgspec.structs.replace(question, brought=asked.outputs) if asked else question


def known(services: Services, question: Question) -> turns.Admitted | None:
    """The message that came with the same client id before, if there is one."""
    if not question.client_id:
        return None
    return services.store.read_now(turns.find_known, question.conversation_id, question.client_id)


def _admission(services: Services, question: Question) -> turns.Admission:
    bot, network = question.bot, question.caller.network_counted_as
    policy = limits.policy_of(bot, limited=not question.caller.is_unlimited and question.decision is None)
    return turns.Admission(
        turn_id=question.turn_id,
        message_id=question.message_id,
        answer_id=question.answer_id,
        conversation_id=question.conversation_id,
        caller=question.caller,
        bucket=question.bucket,
        policy=policy,
        network=msgspec.structs.replace(question.bucket, principal=network) if network else None,
        network_policy=limits.widened(policy, services.settings.network_limit_factor),
        content=question.content,
        client_id=question.client_id or None,
        payload=question.payload,
        metadata=question.metadata,
        continues=question.outputs is not None,
        title=title_of(question.content),
        reserved_tokens=estimate_tokens(question.content + bot.prompt) + bot.max_tokens,
        ttl_s=question.ttl_s,
        now=question.at,
    )


def _posted(question: Question, *, turn_id: str, paused: bool) -> MessagePosted:
    return MessagePosted(
        message_id=question.message_id,
        turn_id=turn_id,
        content=question.content,
        author=question.caller.owner,
        at=question.at,
        client_id=question.client_id,
        payload=question.payload,
        metadata=question.metadata,
        paused=paused,
    )


def check_page(bot: Bot, caller: Caller) -> None:
    """May the page that asks show this bot? Raises `OriginNotAllowed`; our own pages and programs may."""
    if caller.origin and bot.allowed_origins and not pageorigins.allows(bot.allowed_origins, caller.origin):
        raise OriginNotAllowed(
            f"Pages from {caller.origin[:100]} may not show the bot {bot.name!r}: its allowed-origins do not "
            "name them."
        )


def check_access(bot: Bot, caller: Caller) -> None:
    """May this caller talk to this bot? Raises `AuthRequired` or `Forbidden`.

    A tenant's own server is nobody's user, but it has shown that it may speak for its tenant.
    """
    check_page(bot, caller)
    is_somebody = caller.is_user or caller.role == "tenant_service"
    if not is_somebody and bot.identity == "required":
        raise AuthRequired(
            f"The bot {bot.name!r} is for visitors whom the page vouches for: it has to show who they are."
        )
    if not is_somebody and not bot.allow_unauthenticated:
        raise AuthRequired(f"The bot {bot.name!r} needs a signed-in user.")
    if bot.require_roles and caller.role.lower() not in bot.require_roles:
        raise Forbidden(f"The bot {bot.name!r} needs one of these roles: {', '.join(bot.require_roles)}.")


def check_message(command: SendMessage) -> None:
    """Is it within bounds? Raises `InvalidInput`."""
    if command.answered and not command.content.strip():
        raise InvalidInput("The message is empty; send some text in `content`.")
    check_size(command.content, command.payload, command.metadata)
    if command.client_id and len(command.client_id) > CLIENT_ID_CHARS_MAX:
        raise InvalidInput(f"`message_id` may have at most {CLIENT_ID_CHARS_MAX} characters.")


def check_size(content: str, *attached: dict[str, Any] | None) -> None:
    """Are the words of a message and what comes along within bounds? Raises `InvalidInput`."""
    if len(content) > CONTENT_CHARS_MAX:
        raise InvalidInput(
            f"The message has {len(content)} characters; at most {CONTENT_CHARS_MAX} are allowed."
        )
    check_attached(*attached)
