"""The public face of the chat core: open, send, cancel, read. Knows callers and bots, no wire and no HTTP.

Turns run in the engine's nursery, so a lost connection does not end them. All state that must survive is in
the store; chats in memory come and go.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import trio

from appliance.bot import Bot
from appliance.changes import summary_of
from appliance.conversation import Conversation, External
from appliance.engine import admission, witness
from appliance.engine.admission import Accepted
from appliance.engine.catalogue import Catalogue
from appliance.engine.chat import Chat, Reader
from appliance.engine.log import Wakeup
from appliance.engine.services import Services
from appliance.engine.strangers import Strangers
from appliance.engine.turn import Decision, Question
from appliance.errors import (
    ApplianceError,
    BotNotFound,
    Busy,
    Conflict,
    ConversationNotFound,
    Forbidden,
    InvalidInput,
    MessageNotFound,
    NotFound,
    ShuttingDown,
    StoreError,
    UserNotFound,
)
from appliance.events import (
    TERMINAL_EVENTS,
    CancelTurn,
    CarryOn,
    ConversationDeleted,
    Decide,
    Extra,
    LogEvent,
    Resume,
    Retry,
    SendMessage,
    StartChat,
)
from appliance.identity import Caller
from appliance.messages import Message
from appliance.sqlguard import policy_for
from appliance.store import (
    client_tools,
    conversations,
    guests,
    handoff,
    posts,
    proposals,
    traces,
    turns,
    users,
)
from appliance.store.knowledge import retrievals

TIDY_UP_EVERY_S = 60.0
GUESTS_EVERY_S = 3600.0
"""Guests may be many, and it is no matter when one of them is forgotten."""
RETRIEVALS_KEPT_S = 30 * 86_400.0
IDLE_WAIT_S = 5.0
"""An answer that asks its client for something is stored within a moment."""

logger = logging.getLogger("appliance.engine")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation ready for messages; `caller` is who it acts for (the target, when impersonating)."""

    conversation_id: str
    bot: Bot
    caller: Caller
    position: int
    resumed: bool


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as somebody finds it who comes to read: its log's end, and whether a turn runs."""

    conversation: Conversation
    position: int
    running: bool


class Reading(Resumed, frozen=True, kw_only=True):
    """The same with a reader of the log."""

    reader: Reader


class Engine:
    """Make one with `Engine.open`; it runs until the block is left."""

    def __init__(self, services: Services, catalogue: Catalogue, nursery: trio.Nursery) -> None:
        self.services = services
        self.catalogue = catalogue
        self.strangers = Strangers(services.settings, services.clock)
        self._nursery = nursery
        self._chats: dict[str, Chat] = {}
        self._slots = trio.CapacityLimiter(services.settings.turns_max)
        self.bulletin = services.bulletin
        self._closing = False
        self._warmed_up = False
        self._grace = trio.CancelScope()

    @classmethod
    @asynccontextmanager
    async def open(cls, services: Services, catalogue: Catalogue) -> AsyncIterator[Engine]:
        """Close what a crash left open, then serve. On leaving, running turns are stored as partial."""
        interrupted = await services.store.write(turns.recover, services.clock())
        await services.store.write(handoff.recover)
        if interrupted:
            logger.warning("%d unfinished answers of the last run were closed as interrupted", interrupted)
        async with trio.open_nursery() as nursery:
            engine = cls(services, catalogue, nursery)
            nursery.start_soon(engine._tidy_up)
            try:
                yield engine
            finally:
                nursery.cancel_scope.cancel()

    async def drain(self) -> None:
        """Take no new turns and let the running ones finish for the grace time, then cancel them."""
        self._closing = True
        self._grace.deadline = trio.current_time() + self.services.settings.shutdown_grace_s
        with self._grace:
            for chat in list(self._chats.values()):
                await chat.wait_idle()
        async with trio.open_nursery() as nursery:
            for chat in list(self._chats.values()):
                nursery.start_soon(chat.cancel, "shutdown")

    def hurry(self) -> None:
        """End the grace now."""
        self._grace.cancel()

    # -- commands ------------------------------------------------------------------------------------

    async def start_chat(self, command: StartChat, caller: Caller) -> Opened:
        """Open a new conversation, or resume the caller's own; a foreign or stale id gives a new one.

        Raises `BotNotFound`, `AuthRequired`, `Forbidden`, `UserNotFound`, `TooManyRequests`, `ShuttingDown`.
        """
        bot = self.catalogue.get(command.namespace, command.bot)
        if bot is None or not bot.enabled:
            raise BotNotFound(f"There is no bot {command.bot!r} in namespace {command.namespace!r}.")
        if command.impersonate_user_id:
            caller = await self._impersonate(command.impersonate_user_id, caller, bot)
        elif caller.impersonated_by:  # a token that was issued for this
            await witness.impersonation(self.services, caller, bot)
        admission.check_access(bot, caller)
        self._warm_up(bot, caller)
        found = self.find(command.conversation_id, caller) if command.conversation_id else None
        if found is None or (found.namespace, found.bot) != bot.key:
            made = await self.open_conversation(
                bot, caller, source="fluxbase", kept=bot.persist_conversations
            )
            return Opened(conversation_id=made.id, bot=bot, caller=caller, position=0, resumed=False)
        chat = self._chats.get(found.id)
        position = chat.log.position if chat else found.reserved_seq
        return Opened(conversation_id=found.id, bot=bot, caller=caller, position=position, resumed=True)

    async def send(self, command: SendMessage, caller: Caller) -> Accepted:
        """Admit a message: checked against all limits, stored durably, queued; returns before it runs.

        Raises `InvalidInput`, `ConversationNotFound`, `BotNotFound`, `LimitReached`, `Busy`, `StoreError`.
        """
        try:
            return await self._take_in(command, caller)
        except ApplianceError:
            if command.opens:
                await self.services.store.write(conversations.discard, command.conversation_id)
            raise

    async def _take_in(self, command: SendMessage, caller: Caller) -> Accepted:
        conversation = self.own(command.conversation_id, caller)
        admission.check_message(command)
        bot = self._bot_of(conversation, caller)
        question = admission.question_of(
            self.services,
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
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                if command.replaces and not admission.known(self.services, question):
                    await chat.cancel("user")
                paused = self.own(conversation.id, caller).paused  # somebody may have joined meanwhile
                if paused or not command.answered:
                    return await admission.post(self.services, chat, question, paused=paused)
                question = admission.with_outputs(self.services, question)
                return await admission.admit(self.services, chat, question)

    async def retry(self, command: Retry, caller: Caller) -> Accepted:
        """Delete what follows a message of the user's and answer it anew; what runs is stopped before.

        Raises what `send` does, `MessageNotFound`, `Forbidden` for somebody else's message, `Conflict` when
        the conversation is paused.
        """
        conversation = self.own(command.conversation_id, caller)
        _check_not_paused(conversation)
        admission.check_size(command.content or "", command.payload)
        bot = self._bot_of(conversation, caller)
        store = self.services.store
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                _check_not_paused(self.own(conversation.id, caller))
                known = store.read_now(posts.find_by, conversation.id, command.message_id)
                if known is None or known.role != "user":
                    raise MessageNotFound("There is no such message of the user in this conversation.")
                if (known.author or conversation.owner) != caller.owner:
                    raise Forbidden("Only who wrote a message may change it or have it answered anew.")
                question = admission.question_of(
                    self.services,
                    conversation,
                    caller,
                    bot,
                    content=known.content if command.content is None else command.content,
                    client_id=known.client_id,
                    payload=known.payload if command.content is None else command.payload,
                    runs_tools=command.runs_tools,
                    message_id=known.id,
                )
                admission.check_limits(self.services, conversation, question)  # before anything is stopped
                await chat.cancel("user")
                return await admission.admit_again(self.services, chat, question)

    async def carry_on(self, command: CarryOn, caller: Caller) -> Accepted:
        """Go on with what the client made of the tools that the last answer asked for.

        Raises what `send` does; `InvalidInput` when nothing was asked for or an output is still missing,
        `Conflict` when the conversation is paused.
        """
        conversation = self.own(command.conversation_id, caller)
        _check_not_paused(conversation)
        bot = self._bot_of(conversation, caller)
        chat = self._chat(conversation)
        with chat.pinned():
            await self.wait_idle(conversation.id)  # not while the admission is held: others wait for that
            async with chat.admission:
                _check_not_paused(self.own(conversation.id, caller))
                if chat.running:
                    raise Busy("An answer is being made in this conversation. Try again when it is done.")
                asked = self.services.store.read_now(client_tools.asked, conversation.id)
                if asked is None:
                    raise InvalidInput("No tool call waits for an output here. Send a message.")
                if asked.pending:
                    names = ", ".join(f"{call.name} ({call.id})" for call in asked.pending)
                    raise InvalidInput(f"These tool calls still wait for their outputs: {names}.")
                question = admission.question_of(
                    self.services,
                    conversation,
                    caller,
                    bot,
                    content="",
                    client_id="",
                    runs_tools=True,
                    message_id=asked.message_id,
                    outputs=asked.outputs,
                )
                return await admission.admit(self.services, chat, question)

    async def decide(self, command: Decide, caller: Caller) -> Accepted:
        """The user's word on a proposed change, as a message of theirs; its turn carries the change out.

        Raises what `send` does but `LimitReached` (the turn before it was limited), `NotFound` for a change
        that is not one of this conversation's, `Conflict` when it is decided already.
        """
        conversation = self.own(command.conversation_id, caller)
        proposal = self.services.store.read_now(
            proposals.find, command.change_id, tenant=caller.tenant, owner=caller.owner
        )
        if proposal is None or proposal.conversation_id != conversation.id:
            raise NotFound("There is no such change.")
        content = f"{'Confirmed' if command.approve else 'Declined'}: {summary_of(proposal.plan)}"
        decision = Decision(proposal=proposal, approve=command.approve)
        bot = self._bot_of(conversation, caller)
        question = admission.question_of(
            self.services,
            conversation,
            caller,
            bot,
            content=content,
            client_id=command.client_id or "",
            decision=decision,
        )
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                _check_not_taken_over(self.own(conversation.id, caller))
                self._check_decision(chat, question, decision)
                return await admission.admit(self.services, chat, question)

    def _bot_of(self, conversation: Conversation, caller: Caller) -> Bot:
        """The bot that this caller may go on talking to.

        Raises `ShuttingDown`, `BotNotFound`, `AuthRequired`.
        """
        if self._closing:
            raise ShuttingDown("The server is restarting. Send the message again in a moment.")
        bot = self.catalogue.get(conversation.namespace, conversation.bot)
        if bot is None or not bot.enabled:
            raise BotNotFound(f"The bot {conversation.bot!r} of this conversation is not there any more.")
        admission.check_access(bot, caller)
        return bot

    def _check_decision(self, chat: Chat, question: Question, decision: Decision) -> None:
        """A change is decided once; the same decision sent again is the same message."""
        known = admission.known(self.services, question)
        if known and known.content != question.content:
            raise Conflict("This message id was used for another message. Send the decision with its own.")
        if known:
            return
        if decision.proposal.status != "proposed":
            raise Conflict(f"This change was {decision.proposal.status} already.")
        if chat.decides(decision.proposal.id):
            raise Conflict("This change is being decided already.")

    async def cancel(self, command: CancelTurn, caller: Caller) -> bool:
        """Stop what runs and what waits; returns when that is stored.

        True when the log tells of a cancelled turn, False when there was nothing to cancel any more.

        A foreign or unknown conversation is answered like one in which nothing runs.
        """
        if self.find(command.conversation_id, caller) is None:
            return False
        chat = self._chats.get(command.conversation_id)
        return chat is not None and await chat.cancel("user")

    async def read(self, command: Resume, caller: Caller, wakeup: Wakeup) -> Reading:
        """A reader of the log behind `after`, and the conversation as it is now.

        Admins and operators may read along in every conversation of their tenant, which is written down.
        Raises `ConversationNotFound`.
        """
        conversation = self.find(command.conversation_id, caller)
        watches = conversation is None and caller.is_operator
        if watches and self._in_tenant(command.conversation_id, caller):
            await witness.access(self.services, "conversation.watch", command.conversation_id, caller)
            conversation = self._in_tenant(command.conversation_id, caller)  # as it is after that write
        if conversation is None:
            raise ConversationNotFound("There is no such conversation.")
        if (bot := self.catalogue.get(conversation.namespace, conversation.bot)) is not None:
            admission.check_page(bot, caller)
        chat = self._chat(conversation)
        with chat.pinned():
            leaves = caller.owner if caller.owner != conversation.owner else ""
            after = min(command.after, chat.log.position)
            reader = await chat.open_reader(after, wakeup, leaves=leaves, watches=watches)
        return Reading(
            conversation=conversation, reader=reader, position=chat.log.position, running=chat.running
        )

    def resumed(self, conversation: Conversation) -> Resumed:
        """The conversation as it is now."""
        chat = self._chats.get(conversation.id)
        return Resumed(
            conversation=conversation,
            position=chat.log.position if chat else conversation.reserved_seq,
            running=chat is not None and chat.running,
        )

    # -- what wires share --------------------------------------------------------------------------------

    async def open_conversation(
        self,
        bot: Bot,
        caller: Caller,
        *,
        source: str,
        external: External | None = None,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        kept: bool = True,
    ) -> Conversation:
        """A new conversation of this caller's; `external` is its maker's own id for it.

        Raises `AuthRequired`, `Forbidden`, `ShuttingDown`, `TooManyRequests` for strangers who make many, and
        `Conflict` when that id is taken.
        """
        if self._closing:
            raise ShuttingDown("The server is restarting. Try again in a moment.")
        admission.check_access(bot, caller)
        self.strangers.check_conversation(caller)
        if caller.impersonated_by and source != "fluxbase":  # there it is told at the start of a chat
            await witness.impersonation(self.services, caller, bot)
        id, now = str(uuid.uuid4()), self.services.clock()
        ttl_s = admission.ttl_s(self.services, bot, kept=kept)
        await self.services.store.write(
            conversations.create,
            id=id,
            caller=caller,
            namespace=bot.namespace,
            bot=bot.name,
            persist=kept,
            expires_at=now + ttl_s if ttl_s else None,
            now=now,
            source=source,
            external=external,
            title=title,
            metadata=metadata,
        )
        return self.own(id, caller)

    def reach(self, id: str, caller: Caller) -> tuple[Conversation, Caller]:
        """A conversation that this caller may go on with, and as whom; raises `ConversationNotFound`.

        A user has their own and those that they take part in. A workspace acts in the owners' names, which is
        written down of admins; what belongs to a role belongs to those who have it.
        """
        found = self.find(id, caller)
        acting = caller
        if found is None and caller.is_workspace:
            found = self._in_tenant(id, caller)
            acting = caller.as_owner(found.owner) if found else caller
        if found is None or (acting is not caller and found.owner.startswith("role:")):
            raise ConversationNotFound("There is no such conversation.")
        if acting is not caller and caller.is_admin:
            self._nursery.start_soon(witness.access, self.services, "conversation.act", id, caller)
        return found, acting

    def reach_external(self, external: External, caller: Caller) -> tuple[Conversation, Caller] | None:
        """The same by its maker's own id for it; None when there is none, or none for this caller."""
        now = self.services.clock()
        found = self.services.store.read_now(conversations.find_external, caller.tenant, external, now)
        if found is None:
            return None
        try:
            return self.reach(found.id, caller)
        except ConversationNotFound:
            return None

    async def answer(self, conversation_id: str, caller: Caller, accepted: Accepted) -> Message:
        """Wait for the end of that message's turn and give the stored answer.

        Raises `ConversationNotFound`.
        """
        wakeup = Wakeup()
        ask = Resume(conversation_id=conversation_id, after=accepted.after)
        reader = (await self.read(ask, caller, wakeup)).reader
        try:
            while not any(_ends(entry.event, accepted.turn_id) for entry in reader.take()):
                await wakeup.wait()
        finally:
            reader.close()
        found = self.services.store.read_now(turns.find_answer, accepted.turn_id)
        if found is None:
            raise ConversationNotFound("The answer was deleted meanwhile.")
        return found

    def running_turn(self, conversation_id: str) -> Accepted | None:
        """The turn that runs in this conversation now, if one does; its events begin behind `after`."""
        chat = self._chats.get(conversation_id)
        question = chat.current if chat else None
        began = chat.log.beginning_of(question.turn_id) if chat and question else None
        if question is None or began is None:
            return None
        return Accepted(
            message_id=question.message_id,
            turn_id=question.turn_id,
            after=began,
            duplicate=False,
            answer_id=question.answer_id,
            at=question.at,
        )

    async def stop_turn_of(self, conversation_id: str, message_id: str) -> None:
        """Cancel the turn that answers this message, if it runs or waits."""
        chat = self._chats.get(conversation_id)
        if chat is not None:
            await chat.cancel("user", message_id)

    async def wait_idle(self, conversation_id: str, within_s: float = IDLE_WAIT_S) -> None:
        """Wait until no turn runs there, but not for long."""
        chat = self._chats.get(conversation_id)
        if chat is not None:
            with trio.move_on_after(within_s):
                await chat.wait_idle()

    def is_read(self, conversation_id: str) -> bool:
        """Does anybody read this conversation's log right now?"""
        chat = self._chats.get(conversation_id)
        return chat is not None and chat.log.readers > 0

    async def tell(self, conversation_id: str, tenant: str, *events: LogEvent) -> None:
        """Append events that belong to no turn; whatever they tell of has been stored before."""
        store, now = self.services.store, self.services.clock()
        await store.write(posts.reserve, conversation_id)
        found = store.read_now(conversations.find_in_tenant, conversation_id, tenant, now)
        if found is None:
            return
        chat = self._chat(found)
        with chat.pinned():
            for event in events:
                chat.log.append(event)
            await store.write(posts.place, conversation_id, chat.log.position)

    @asynccontextmanager
    async def withholding(self, conversation: Conversation) -> AsyncIterator[None]:
        """Let somebody join within: in memory nothing is left that was found for one person alone.

        No message is admitted meanwhile, so that no turn begins between this and what is stored.
        """
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                await self.services.settler.retry(self.services.store)
                chat.withhold()
                yield

    @asynccontextmanager
    async def held(self, conversation: Conversation) -> AsyncIterator[Chat]:
        """The chat in memory; no message is admitted within."""
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                yield chat

    def presence(self, tenant: str) -> tuple[int, int]:
        """How many conversations of the tenant somebody takes part in right now, and how many turns run."""
        chats = [chat for chat in self._chats.values() if chat.tenant == tenant]
        return sum(chat.live for chat in chats), sum(chat.running for chat in chats)

    def is_running(self, conversation_id: str) -> bool:
        """Does a turn run or wait there?"""
        chat = self._chats.get(conversation_id)
        return chat is not None and chat.running

    async def delete(self, conversation_id: str, caller: Caller) -> None:
        """Hide the conversation for good and stop what runs in it; raises `ConversationNotFound`."""
        chat = self._chat(self.own(conversation_id, caller))
        now = self.services.clock()
        with chat.pinned():
            async with chat.admission:  # a message that is just being admitted is cancelled with the rest
                if not await self.services.store.write(conversations.delete, conversation_id, caller, now):
                    raise ConversationNotFound("There is no such conversation.")
                await chat.cancel("deleted")
                chat.log.append(ConversationDeleted())

    async def stop_deleted(self, conversation_ids: Sequence[str]) -> None:
        """Stop what runs in conversations that were deleted with their bot, and tell those who read them."""
        for id in conversation_ids:
            if (chat := self._chats.get(id)) is None:
                continue
            with chat.pinned():
                async with chat.admission:
                    await chat.cancel("deleted")
                    chat.log.append(ConversationDeleted())

    # -- inner ---------------------------------------------------------------------------------------

    def _warm_up(self, bot: Bot, caller: Caller) -> None:
        """Once, while the first person still types: start a SQL worker and let it read the schema."""
        if not self._warmed_up:
            self._warmed_up = True
            self._nursery.start_soon(self._read_schema, bot, caller)

    async def _read_schema(self, bot: Bot, caller: Caller) -> None:
        try:
            policy = policy_for(bot, caller, self.services.settings, self.services.data())
            await self.services.schema(bot, policy)
        except StoreError as error:
            logger.warning("the schema could not be read: %s", error.text)

    async def _impersonate(self, user_id: str, caller: Caller, bot: Bot) -> Caller:
        if not caller.is_admin:
            raise Forbidden("Only administrators may act for another user.")
        if not self.services.store.read_now(users.user_exists, caller.tenant, user_id):
            raise UserNotFound(f"There is no user {user_id!r}.")
        target = caller.impersonate(user_id)
        await witness.impersonation(self.services, target, bot)
        return target

    def find(self, id: str, caller: Caller) -> Conversation | None:
        """A live conversation of the caller's, or one that they take part in."""
        return self.services.store.read_now(conversations.find, id, caller, self.services.clock())

    def _in_tenant(self, id: str, caller: Caller) -> Conversation | None:
        now = self.services.clock()
        return self.services.store.read_now(conversations.find_in_tenant, id, caller.tenant, now)

    def own(self, id: str, caller: Caller) -> Conversation:
        """The same; raises `ConversationNotFound`."""
        found = self.find(id, caller)
        if found is None:
            raise ConversationNotFound("There is no such conversation.")
        return found

    def _chat(self, conversation: Conversation) -> Chat:
        """The chat in memory; pin it before the next checkpoint, or it may be forgotten."""
        chat = self._chats.get(conversation.id)
        if chat is None:
            chat = self._chats[conversation.id] = Chat(
                conversation.id,
                conversation.reserved_seq,
                self.services,
                self._slots,
                self._nursery,
                self._forget,
                tenant=conversation.tenant,
                on_change=partial(self._changed, conversation.tenant),
            )
        return chat

    def _changed(self, tenant: str, id: str, has_more: bool) -> None:
        self.bulletin.note(id if has_more else "", tenant)

    def _forget(self, chat: Chat) -> None:
        if self._chats.get(chat.id) is chat:
            del self._chats[chat.id]

    async def _forget_traces(self, now: float) -> None:
        """Some at a time: the writer serves chats, too."""
        before = now - self.services.settings.trace_days * 86_400.0
        while await self.services.store.write(traces.forget, before):
            pass

    async def _tidy_up(self) -> None:
        guests_at = 0.0
        while True:
            now, busy = self.services.clock(), frozenset(self._chats)
            try:
                await self.services.store.write(conversations.purge, now, busy=busy)
                await self.services.store.write(proposals.expire, now)
                if now >= guests_at:
                    await self.services.store.write(guests.purge, now, busy=busy)
                    await self.services.store.write(retrievals.forget, now - RETRIEVALS_KEPT_S)
                    await self._forget_traces(now)
                    guests_at = now + GUESTS_EVERY_S
                await self.services.settler.retry(self.services.store)
            except StoreError as error:
                logger.error("the database could not be tidied up: %s", error.text)
            await trio.sleep(TIDY_UP_EVERY_S)


def _check_not_paused(conversation: Conversation) -> None:
    if conversation.paused:
        raise Conflict("A person has taken over this conversation, and the bot does not answer.")


def _check_not_taken_over(conversation: Conversation) -> None:
    """A decision makes the bot speak, which it does not while a person is there; one can wait."""
    if conversation.handoff == "joined":
        raise Conflict("A person has taken over this conversation. Decide when they have left.")


def _ends(event: LogEvent, turn_id: str) -> bool:
    return isinstance(event, TERMINAL_EVENTS) and event.turn_id == turn_id
