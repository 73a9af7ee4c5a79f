"""What a posted chat asks for, by its last message, and the stream that answers it (6.2).

The server's own history is the truth: of the page's messages only the last one is read, and where it was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine import client_tools, intake, posts, reading
from appliance.engine.admission import Accepted
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.events import CarryOn, OperatorMessage, Retry, SendMessage
from appliance.identity import Caller
from appliance.messages import Message, ToolResultPart, Usage
from appliance.protocols.aisdk import unheard
from appliance.protocols.aisdk.body import ChatBody, Said, UiMessage, check_chat_id, outputs_in, said_in
from appliance.protocols.aisdk.chats import SOURCE, reach, reach_or_open
from appliance.protocols.aisdk.people import OperatorCodec, said_meanwhile
from appliance.protocols.base import Stream
from appliance.protocols.chunk_frames import HEADERS, SSE_TYPE
from appliance.protocols.chunks import ChunkCodec, Ended, empty_stream, finish_reason, stream
from appliance.protocols.credits import credits_of
from appliance.protocols.message_ids import message_id, stored_id
from appliance.wire import Reply

RECENT = 20
"""Messages at the end of a chat among which the newest one of the user is: an answer may go on ten times."""


class Chat(msgspec.Struct, frozen=True):
    """A conversation, and as whom it goes on."""

    conversation: Conversation
    caller: Caller

    @property
    def id(self) -> str:
        """The conversation's own id."""
        return self.conversation.id


async def answer(engine: Engine, body: ChatBody, bot: Bot, caller: Caller) -> Reply | Stream:
    """Do what the last message asks for and stream the answer.

    Raises `InvalidInput`, `AuthRequired`, `Forbidden`, `LimitReached`, `Busy`, `ShuttingDown`, `StoreError`.
    """
    check_chat_id(body.id)
    if body.last.role == "user":
        said = said_in(body.last)  # before there is a new conversation: a refusal changes nothing
        chat = Chat(*await reach_or_open(engine, bot, caller, body.id))
        accepted = await _take_up(engine, chat, body, said)
        if accepted.turn_id:
            return told(engine, chat, accepted)
        missed = await unheard.before(engine, chat.id, chat.caller, accepted.message_id, body.messages)
        return told(engine, chat, accepted, missed=missed)
    found = reach(engine, bot, caller, body.id)
    if found is None or body.last.role == "system":
        raise InvalidInput("There is nothing to answer: the last message has to be the user's.")
    chat = Chat(*found)
    if body.trigger == "regenerate-message":
        return told(engine, chat, await _anew(engine, chat, await _asked_before(engine, chat, body)))
    return told(engine, chat, await _carry_on(engine, chat, body.last), start_id=body.last.id)


async def told_again(engine: Engine, chat: Chat, running: Accepted) -> Reply | Stream:
    """All of the message that is being made, from its first chunk (6.3).

    An answer that goes on after tools of the page's is told with those before it: the page begins anew.
    """
    newest, _ = await reading.messages(engine, chat.id, chat.caller, before=None, limit=RECENT)
    at = next((n for n, message in enumerate(newest) if message.id == running.message_id), None)
    if at is None:
        return told(engine, chat, running)
    behind = takewhile(lambda message: message.role == "assistant", newest[at + 1 :])
    earlier = [message for message in behind if message.turn_id != running.turn_id]
    if not earlier:
        return told(engine, chat, running)
    all_of_it = msgspec.structs.replace(running, after=max(0, newest[at].first_seq - 1))
    turns = [message.turn_id for message in earlier]
    return told(engine, chat, all_of_it, start_id=message_id(earlier[0].id), earlier=turns)


def told(
    engine: Engine,
    chat: Chat,
    accepted: Accepted,
    *,
    start_id: str = "",
    earlier: Sequence[str] = (),
    missed: Sequence[OperatorMessage] = (),
) -> Reply | Stream:
    """The stream of one turn from its beginning, in the page's message `start_id` or in a new one.

    Without a turn, what a person of the team says next, behind what the page has `missed`.
    """
    started: dict[str, Any] = {
        "conversationId": chat.id,
        "messageId": message_id(accepted.answer_id),
        "userMessageId": message_id(accepted.message_id),
        "userId": chat.conversation.user_id,
    }
    unit = engine.services.settings.credits
    if not accepted.turn_id:  # nobody answers in a paused conversation
        del started["messageId"]
        finished = {**started, "finishReason": "stop", "usage": _usage(Usage(), unit, whole=False)}
        found = engine.own(chat.id, chat.caller)
        if found.handoff == "joined":
            name = found.operator_name
            waits = OperatorCodec(name=name, started=started, finished=finished, unheard=missed)
            return _by_person(chat, waits, accepted.after)
        return empty_stream(start_id=None, started=started, finished=finished)

    def metadata(event: Ended) -> Mapping[str, Any]:
        usage = _usage(event.usage, unit, whole=finish_reason(event) != "error")
        return {**started, "finishReason": finish_reason(event), "usage": usage}

    start_id = start_id or message_id(accepted.answer_id)
    codec = ChunkCodec(
        accepted.turn_id, start_id=start_id, started=started, finished=metadata, earlier=earlier
    )
    return stream(codec, chat.id, chat.caller, accepted.after)


async def told_by_person(engine: Engine, chat: Chat, seen: str) -> Reply | Stream | None:
    """What a person has said since the message that the page calls `seen`, else what they say next.

    None where there is neither.
    """
    found = engine.own(chat.id, chat.caller)
    about = {"conversationId": chat.id, "userId": found.user_id}
    missed = await unheard.since(engine, chat.id, chat.caller, seen) if seen else []
    if missed:
        return said_meanwhile(missed, about)
    if found.handoff != "joined":
        return None
    finished = {**about, "finishReason": "stop"}
    codec = OperatorCodec(name=found.operator_name, started=about, finished=finished)
    # Where the log was before the search: what is said meanwhile is behind it.
    return _by_person(chat, codec, found.last_seq)


def _by_person(chat: Chat, codec: OperatorCodec, after: int) -> Stream:
    return Stream(
        codec=codec,
        conversation_id=chat.id,
        caller=chat.caller,
        after=after,
        content_type=SSE_TYPE,
        headers=HEADERS,
    )


# -- the user's word ----------------------------------------------------------------------------------


async def _take_up(engine: Engine, chat: Chat, body: ChatBody, said: Said) -> Accepted:
    """A new message is sent; one that is known is answered anew, as it is or as it was changed."""
    known = await _find(engine, chat, body.last.id)
    if known is not None and known.role != "user":
        raise InvalidInput(
            "The last message is the user's and has the id of an answer; give it one of its own."
        )
    newest, _ = await reading.messages(engine, chat.id, chat.caller, before=None, limit=RECENT)
    if body.trigger == "regenerate-message":
        known = known or _same(newest, said)
    elif known and known.client_id and known.content == said.content and _is_newest(known, newest):
        again = SendMessage(conversation_id=chat.id, content=said.content, client_id=known.client_id)
        # Known by its id: told again, and not asked again.
        return await intake.send(engine, again, chat.caller)
    if known is None:
        return await _send(engine, chat, body.last.id, said)
    return await _anew(engine, chat, known, None if body.trigger == "regenerate-message" else said)


async def _send(engine: Engine, chat: Chat, client_id: str, said: Said) -> Accepted:
    message = SendMessage(
        conversation_id=chat.id,
        content=said.content,
        client_id=client_id,
        payload=said.payload,
        runs_tools=True,
        replaces=True,
        opens=chat.conversation.source == SOURCE and not chat.conversation.turn_count,
    )
    return await intake.send(engine, message, chat.caller)


async def _anew(engine: Engine, chat: Chat, known: Message, said: Said | None = None) -> Accepted:
    """Answer a message anew, as it stands or with other words."""
    retry = Retry(
        conversation_id=chat.id,
        message_id=known.id,
        content=said.content if said else None,
        payload=said.payload if said else None,
        runs_tools=True,
    )
    return await intake.retry(engine, retry, chat.caller)


async def _find(engine: Engine, chat: Chat, id: str) -> Message | None:
    """A message by what the page calls it: an id of the page's own, or one that a stream or a list told."""
    found = await posts.find_in(engine, chat.id, chat.caller, id)
    return found or await posts.find_in(engine, chat.id, chat.caller, stored_id(id))


def _same(newest: list[Message], said: Said) -> Message | None:
    """The user's newest message, if it says the same: a page that was filled anew has other ids for it."""
    last = next((message for message in reversed(newest) if message.role == "user"), None)
    return last if last and last.content == said.content else None


def _is_newest(known: Message, newest: list[Message]) -> bool:
    return not any(message.role == "user" and message.position > known.position for message in newest)


async def _asked_before(engine: Engine, chat: Chat, body: ChatBody) -> Message:
    """The user's message before the answer that is to be made anew; raises `InvalidInput`."""
    answer_id = body.message_id or body.last.id
    known = await _find(engine, chat, answer_id)
    before = known.position if known else None
    newest, _ = await reading.messages(engine, chat.id, chat.caller, before=before, limit=RECENT)
    for message in reversed(newest):
        if message.role == "user":
            return message
    raise InvalidInput("There is no message of the user that could be answered anew.")


# -- the page's tools ---------------------------------------------------------------------------------


async def _carry_on(engine: Engine, chat: Chat, last: UiMessage) -> Accepted:
    """Take the outputs of the calls that wait for some, and go on."""
    outputs = outputs_in(last)
    # The page may be faster than the storing of the answer that asked it.
    await engine.chats.wait_idle(chat.id)
    waiting = await client_tools.pending(engine, chat.id, chat.caller)
    if not waiting and (again := await _gone_on(engine, chat, frozenset(outputs))):
        return again
    for call in waiting:
        if output := outputs.get(call.id):
            await client_tools.give(engine, chat.id, chat.caller, call.id, output.text, ok=output.ok)
    return await intake.carry_on(engine, CarryOn(conversation_id=chat.id), chat.caller)


async def _gone_on(engine: Engine, chat: Chat, call_ids: frozenset[str]) -> Accepted | None:
    """The answer that went on with these outputs already: the same request came twice."""
    newest, _ = await reading.messages(engine, chat.id, chat.caller, before=None, limit=RECENT)
    last = newest[-1] if newest else None
    if last is None or not last.continues:
        return None
    taken = {part.result.call_id for part in last.parts if isinstance(part, ToolResultPart)}
    asked = next((message for message in reversed(newest) if message.role == "user"), None)
    if not taken & call_ids or (asked and asked.turn_id == last.turn_id):
        return None
    return Accepted(
        message_id=asked.id if asked else "",
        turn_id=last.turn_id,
        after=max(0, last.first_seq - 2),
        duplicate=True,
        answer_id=last.id,
        at=last.created_at,
    )


def _usage(usage: Usage, unit: str, *, whole: bool) -> dict[str, Any]:
    return {
        "credits": credits_of(usage, unit, whole=whole),
        "promptTokens": usage.prompt_tokens,
        "completionTokens": usage.completion_tokens,
        "totalTokens": usage.total_tokens,
    }
