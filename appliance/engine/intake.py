"""What people say to a bot, on its way in: sent, answered anew, gone on with, or decided."""

from __future__ import annotations

from appliance.changes import summary_of
from appliance.conversation import Conversation
from appliance.engine import admission
from appliance.engine.admission import Accepted
from appliance.engine.chat import Chat
from appliance.engine.engine import Engine
from appliance.engine.question import Decision, Question
from appliance.errors import (
    ApplianceError,
    Busy,
    Conflict,
    Forbidden,
    InvalidInput,
    MessageNotFound,
    NotFound,
)
from appliance.events import CarryOn, Decide, Extra, Retry, SendMessage
from appliance.identity import Caller
from appliance.store import client_tools, conversations, posts, proposals


async def send(engine: Engine, command: SendMessage, caller: Caller) -> Accepted:
    """Admit a message: checked against all limits, stored durably, queued; returns before it runs.

    Raises `InvalidInput`, `ConversationNotFound`, `BotNotFound`, `LimitReached`, `Busy`, `StoreError`.
    """
    try:
        return await _take_in(engine, command, caller)
    except ApplianceError:
        if command.opens:
            await engine.services.store.write(conversations.discard, command.conversation_id)
        raise


async def _take_in(engine: Engine, command: SendMessage, caller: Caller) -> Accepted:
    conversation = engine.own(command.conversation_id, caller)
    admission.check_message(command)
    bot = engine.bot_of(conversation, caller)
    question = admission.question_of(
        engine.services,
        conversation,
        caller,
        bot,
        content=command.content,
        client_id=command.client_id or "",
        payload=command.payload,
        metadata=command.metadata,
        extra=command.extra or Extra(),
        runs_tools=command.runs_tools,
        polled=command.polled,
    )
    async with engine.chats.held(conversation) as chat:
        if command.replaces and not admission.known(engine.services, question):
            await chat.cancel("user")
        paused = engine.own(conversation.id, caller).paused  # somebody may have joined meanwhile
        if paused or not command.answered:
            return await admission.post(engine.services, chat, question, paused=paused)
        question = admission.with_outputs(engine.services, question)
        return await admission.admit(engine.services, chat, question)


async def retry(engine: Engine, command: Retry, caller: Caller) -> Accepted:
    """Delete what follows a message of the user's and answer it anew; what runs is stopped before.

    Raises what `send` does, `MessageNotFound`, `Forbidden` for somebody else's message, `Conflict` when
    the conversation is paused.
    """
    conversation = engine.own(command.conversation_id, caller)
    _check_not_paused(conversation)
    admission.check_size(command.content or "", command.payload)
    bot = engine.bot_of(conversation, caller)
    store = engine.services.store
    async with engine.chats.held(conversation) as chat:
        _check_not_paused(engine.own(conversation.id, caller))
        known = store.read_now(posts.find_by, conversation.id, command.message_id)
        if known is None or known.role != "user":
            raise MessageNotFound("There is no such message of the user in this conversation.")
        if (known.author or conversation.owner) != caller.owner:
            raise Forbidden("Only who wrote a message may change it or have it answered anew.")
        question = admission.question_of(
            engine.services,
            conversation,
            caller,
            bot,
            content=known.content if command.content is None else command.content,
            client_id=known.client_id,
            payload=known.payload if command.content is None else command.payload,
            runs_tools=command.runs_tools,
            message_id=known.id,
        )
        admission.check_limits(engine.services, conversation, question)  # before anything is stopped
        await chat.cancel("user")
        return await admission.admit_again(engine.services, chat, question)


async def carry_on(engine: Engine, command: CarryOn, caller: Caller) -> Accepted:
    """Go on with what the client made of the tools that the last answer asked for.

    Raises what `send` does; `InvalidInput` when nothing was asked for or an output is still missing,
    `Conflict` when the conversation is paused.
    """
    conversation = engine.own(command.conversation_id, caller)
    _check_not_paused(conversation)
    bot = engine.bot_of(conversation, caller)
    await engine.chats.wait_idle(conversation.id)  # not while the admission is held: others wait for that
    conversation = engine.own(conversation.id, caller)  # its log has grown meanwhile
    async with engine.chats.held(conversation) as chat:
        _check_not_paused(engine.own(conversation.id, caller))
        if chat.running:
            raise Busy("An answer is being made in this conversation. Try again when it is done.")
        asked = engine.services.store.read_now(client_tools.asked, conversation.id)
        if asked is None:
            raise InvalidInput("No tool call waits for an output here. Send a message.")
        if asked.pending:
            names = ", ".join(f"{call.name} ({call.id})" for call in asked.pending)
            raise InvalidInput(f"These tool calls still wait for their outputs: {names}.")
        question = admission.question_of(
            engine.services,
            conversation,
            caller,
            bot,
            content="",
            client_id="",
            runs_tools=True,
            message_id=asked.message_id,
            outputs=asked.outputs,
        )
        return await admission.admit(engine.services, chat, question)


async def decide(engine: Engine, command: Decide, caller: Caller) -> Accepted:
    """The user's word on a proposed change, as a message of theirs; its turn carries the change out.

    Raises what `send` does but `LimitReached` (the turn before it was limited), `NotFound` for a change
    that is not one of this conversation's, `Conflict` when it is decided already.
    """
    conversation = engine.own(command.conversation_id, caller)
    proposal = engine.services.store.read_now(
        proposals.find, command.change_id, tenant=caller.tenant, owner=caller.owner
    )
    if proposal is None or proposal.conversation_id != conversation.id:
        raise NotFound("There is no such change.")
    content = f"{'Confirmed' if command.approve else 'Declined'}: {summary_of(proposal.plan)}"
    decision = Decision(proposal=proposal, approve=command.approve)
    bot = engine.bot_of(conversation, caller)
    question = admission.question_of(
        engine.services,
        conversation,
        caller,
        bot,
        content=content,
        client_id=command.client_id or "",
        decision=decision,
    )
    async with engine.chats.held(conversation) as chat:
        _check_not_taken_over(engine.own(conversation.id, caller))
        _check_decision(engine, chat, question, decision)
        return await admission.admit(engine.services, chat, question)


def _check_decision(engine: Engine, chat: Chat, question: Question, decision: Decision) -> None:
    """A change is decided once; the same decision sent again is the same message."""
    known = admission.known(engine.services, question)
    if known and known.content != question.content:
        raise Conflict("This message id was used for another message. Send the decision with its own.")
    if known:
        return
    if decision.proposal.status != "proposed":
        raise Conflict(f"This change was {decision.proposal.status} already.")
    if chat.decides(decision.proposal.id):
        raise Conflict("This change is being decided already.")


def _check_not_paused(conversation: Conversation) -> None:
    if conversation.paused:
        raise Conflict("A person has taken over this conversation, and the bot does not answer.")


def _check_not_taken_over(conversation: Conversation) -> None:
    """A decision makes the bot speak, which it does not while a person is there; one can wait."""
    if conversation.handoff == "joined":
        raise Conflict("A person has taken over this conversation. Decide when they have left.")
