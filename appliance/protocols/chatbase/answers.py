"""Chat and retry (3.3, 3.4): a message in, an answer out, in one piece or as a stream.

Protocols do not know each other, with this one exception, which the specification asks for (1.1, 6): chat
also takes the body of an AI SDK client, and hands it over as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET

from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine import intake, reading
from appliance.engine.admission import Accepted
from appliance.engine.engine import Engine
from appliance.errors import AuthRequired, Forbidden
from appliance.events import CarryOn, Retry, SendMessage
from appliance.identity import Caller
from appliance.messages import Message
from appliance.protocols.aisdk import answers as ai_sdk
from appliance.protocols.aisdk import body as ai_sdk_body
from appliance.protocols.aisdk import face as ai_sdk_face
from appliance.protocols.base import Stream
from appliance.protocols.chatbase import shapes, told
from appliance.protocols.chatbase.agents import agent_in
from appliance.protocols.chatbase.conversations import conversation_in
from appliance.protocols.chatbase.requests import (
    ChatBody,
    RetryBody,
    checked_user_id,
    is_ai_sdk_body,
    read_body,
    signed_in,
    wants_lines,
)
from appliance.protocols.chatbase.words import (
    AnswerFailed,
    BadField,
    NothingToRetry,
    NotOngoing,
    OtherAgent,
    RetriedMessageNotFound,
)
from appliance.protocols.chunks import ChunkCodec, empty_stream, stream
from appliance.protocols.message_ids import message_id, stored_id
from appliance.wire import Reply, Request

T = TypeVar("T")


async def chat(engine: Engine, request: Request) -> Reply | Stream:
    """`POST /agents/{a}/chat` (3.3)."""
    caller, bot = signed_in(request), agent_in(engine, request)
    if is_ai_sdk_body(request):
        page = read_body(request, ai_sdk_body.ChatBody)
        return await _permitted(ai_sdk.answer(engine, page, bot, caller))
    ask = read_body(request, ChatBody)
    if ask.message is UNSET:
        conversation, acting, accepted = await _carry_on(engine, bot, caller, ask)
    else:
        conversation, acting, accepted = await _say(engine, bot, caller, ask, ask.message)
    return await _answer(engine, request, conversation, acting, accepted, streamed=ask.stream)


async def retry(engine: Engine, request: Request) -> Reply | Stream:
    """`POST /agents/{a}/conversations/{c}/retry`: the message before the target is answered anew (3.4)."""
    caller, bot = signed_in(request), agent_in(engine, request)
    ask = read_body(request, RetryBody)
    conversation, acting = conversation_in(engine, request, caller, bot)
    _, messages = await reading.conversation(engine, conversation.id, acting)
    question = question_of(messages, stored_id(ask.message_id))
    _check_ongoing(conversation)
    command = Retry(conversation_id=conversation.id, message_id=question.id, runs_tools=True)
    accepted = await _permitted(intake.retry(engine, command, acting))
    return await _answer(engine, request, conversation, acting, accepted, streamed=ask.stream)


async def resume(engine: Engine, request: Request) -> Reply | Stream:
    """`GET /agents/{a}/chat/{id}/stream`: where the AI SDK resumes what it posted to `/agents/{a}/chat`."""
    signed_in(request)
    return await ai_sdk_face.resume(engine, _as_page(request))


async def stop(engine: Engine, request: Request) -> Reply:
    """`POST /agents/{a}/chat/{id}/stop`: the same for its stop."""
    signed_in(request)
    return await ai_sdk_face.stop(engine, _as_page(request))


def _as_page(request: Request) -> Request:
    path = {"bot": request.path["agent"], "id": request.path["chat"]}
    return msgspec.structs.replace(request, path=path)


def question_of(messages: Sequence[Message], target_id: str) -> Message:
    """The nearest message of a user's before the target; what follows it goes, so the target does, too (3.4).

    Raises `RetriedMessageNotFound`, `NothingToRetry`.
    """
    at = next((number for number, message in enumerate(messages) if message.id == target_id), None)
    if at is None:
        raise RetriedMessageNotFound("Message not found in conversation.")
    for message in reversed(messages[:at]):
        if message.role == "user":
            return message
    raise NothingToRetry("No message of the user stands before this one, so nothing can be answered anew.")


# -- taking up what was said -----------------------------------------------------------------------


async def _say(
    engine: Engine, bot: Bot, caller: Caller, ask: ChatBody, message: str
) -> tuple[Conversation, Caller, Accepted]:
    """Send a message, to a new conversation if none is named; a refused message leaves no new one behind."""
    if not message.strip():
        raise BadField("message", "message must not be blank.")
    if ask.conversation_id is not UNSET:
        conversation, acting = _named(engine, bot, caller, ask.conversation_id)
        if conversation.handoff == "joined":
            raise NotOngoing("A person has taken over this conversation, so it is not open to messages here.")
        return conversation, acting, await _send(engine, conversation, acting, message)
    acting = _on_behalf(caller, ask)
    conversation = await _permitted(engine.open_conversation(bot, acting, source="chatbase"))
    return conversation, acting, await _send(engine, conversation, acting, message, opens=True)


async def _send(
    engine: Engine, conversation: Conversation, acting: Caller, message: str, *, opens: bool = False
) -> Accepted:
    command = SendMessage(conversation_id=conversation.id, content=message, runs_tools=True, opens=opens)
    return await _permitted(intake.send(engine, command, acting))


async def _carry_on(
    engine: Engine, bot: Bot, caller: Caller, ask: ChatBody
) -> tuple[Conversation, Caller, Accepted]:
    """Go on with what the client's tools have given, in the conversation that asked for it."""
    if ask.conversation_id is UNSET:
        raise BadField("message", "message is required, unless a conversationId goes on after a tool result.")
    conversation, acting = _named(engine, bot, caller, ask.conversation_id)
    _check_ongoing(conversation)
    accepted = await _permitted(intake.carry_on(engine, CarryOn(conversation_id=conversation.id), acting))
    return conversation, acting, accepted


def _named(engine: Engine, bot: Bot, caller: Caller, id: str) -> tuple[Conversation, Caller]:
    """The conversation of the body; raises `ConversationNotFound`, `OtherAgent`."""
    conversation, acting = engine.reach(id, caller)
    if (conversation.namespace, conversation.bot) != bot.key:
        raise OtherAgent("This conversation is another agent's.")
    return conversation, acting


def _on_behalf(caller: Caller, ask: ChatBody) -> Caller:
    """Who begins a conversation: the key's holder vouches for the `userId`; nobody else can name a user."""
    if ask.user_id is UNSET:
        return caller
    user_id = checked_user_id(ask.user_id)
    if caller.is_workspace:
        return caller.as_owner(f"user:{user_id}")
    if caller.user_id != user_id:
        raise Forbidden("Only a workspace's API key may name a userId. Leave it out.")
    return caller


def _check_ongoing(conversation: Conversation) -> None:
    """Nothing is answered while the bot is kept silent; a message would only be stored."""
    if conversation.paused:
        raise NotOngoing("The conversation is paused, so nothing is answered in it.")


async def _permitted(step: Awaitable[T]) -> T:
    """Somebody with a key is signed in: what needs a user is then forbidden to them."""
    try:
        return await step
    except AuthRequired as error:
        raise Forbidden(f"{error.text} Send a userId with an API key, or use a user's token.") from error


# -- telling the answer ----------------------------------------------------------------------------


async def _answer(
    engine: Engine,
    request: Request,
    conversation: Conversation,
    acting: Caller,
    accepted: Accepted,
    *,
    streamed: bool,
) -> Reply | Stream:
    turn = told.Turn(
        conversation_id=conversation.id,
        user_message_id=message_id(accepted.message_id),
        user_id=conversation.user_id,
        answer_id=message_id(accepted.answer_id or str(uuid.uuid4())),
        credits=engine.services.settings.credits,
    )
    lines = wants_lines(request)
    if not accepted.turn_id:
        return _silence(turn, streamed=streamed, lines=lines)
    if not streamed:
        return _whole(turn, await engine.answer(conversation.id, acting, accepted))
    codec = ChunkCodec(
        accepted.turn_id,
        start_id=turn.answer_id,
        started=turn.started(),
        finished=turn.finished,
        lines=lines,
        extras=False,
    )
    return stream(codec, conversation.id, acting, accepted.after)


def _silence(turn: told.Turn, *, streamed: bool, lines: bool) -> Reply:
    """The answer of a paused conversation: no parts, no cost (3.3)."""
    metadata = turn.metadata("stop", None, whole=False)
    if not streamed:
        return Reply(
            body=shapes.AnswerBody(data=shapes.Answer(id=turn.answer_id, parts=[], metadata=metadata))
        )
    finished = turn.finish_metadata(metadata)
    return empty_stream(start_id=turn.answer_id, started=turn.started(), finished=finished, lines=lines)


def _whole(turn: told.Turn, answer: Message) -> Reply:
    """A finished answer, or as much as there was when somebody stopped it; raises `AnswerFailed` (2)."""
    if answer.status not in ("done", "cancelled"):
        raise AnswerFailed(answer.error_text or "The answer broke off. Ask again.")
    metadata = turn.metadata(told.reason_of_stored(answer), answer.usage, whole=answer.status == "done")
    body = shapes.Answer(id=turn.answer_id, parts=told.parts(answer.parts), metadata=metadata)
    return Reply(body=shapes.AnswerBody(data=body))
