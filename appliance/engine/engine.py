"""The public face of the chat core: open, send, cancel, read. Knows callers and bots, no wire and no HTTP.

Turns run in the engine's nursery, so a lost connection does not end them. All state that must survive is in
the store; chats in memory come and go.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from appliance import limits
from appliance.bot import Bot
from appliance.changes import summary_of, to_change
from appliance.conversation import Conversation, Listed
from appliance.engine.catalogue import Catalogue
from appliance.engine.chat import Chat, Reader
from appliance.engine.log import Wakeup
from appliance.engine.services import Services
from appliance.engine.turn import Decision, Question
from appliance.errors import (
    AuthRequired,
    BotNotFound,
    Busy,
    Conflict,
    ConversationNotFound,
    Forbidden,
    InvalidInput,
    NotFound,
    ShuttingDown,
    StoreError,
    UserNotFound,
)
from appliance.events import CancelTurn, Decide, Resume, SendMessage, StartChat
from appliance.identity import Caller
from appliance.messages import Change, Message, QueryOutcome, estimate_tokens, title_of
from appliance.sqlguard import policy_for
from appliance.store import audit, conversations, proposals, results, turns, usage, users

TIDY_UP_EVERY_S = 60.0
TITLE_CHARS_MAX = 200
CONTENT_CHARS_MAX = 100_000
CLIENT_ID_CHARS_MAX = 200

logger = logging.getLogger("appliance.engine")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation ready for messages; `caller` is who it acts for (the target, when impersonating)."""

    conversation_id: str
    bot: Bot
    caller: Caller
    position: int
    resumed: bool


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message. Its turn's events are those behind position `after`.

    `duplicate` means that the same client id was stored before; nothing new will run.
    """

    message_id: str
    turn_id: str
    after: int
    duplicate: bool


class Engine:
    """Make one with `Engine.open`; it runs until the block is left."""

    def __init__(self, services: Services, catalogue: Catalogue, nursery: trio.Nursery) -> None:
        self.services = services
        self.catalogue = catalogue
        self._nursery = nursery
        self._chats: dict[str, Chat] = {}
        self._slots = trio.CapacityLimiter(services.settings.turns_max)
        self._closing = False
        self._warmed_up = False
        self._grace = trio.CancelScope()

    @classmethod
    @asynccontextmanager
    async def open(cls, services: Services, catalogue: Catalogue) -> AsyncIterator[Engine]:
        """Close what a crash left open, then serve. On leaving, running turns are stored as partial."""
        interrupted = await services.store.write(turns.recover, services.clock())
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

        Raises `BotNotFound`, `AuthRequired`, `Forbidden`, `UserNotFound`, `ShuttingDown`.
        """
        bot = self.catalogue.get(command.namespace, command.bot)
        if bot is None or not bot.enabled:
            raise BotNotFound(f"There is no bot {command.bot!r} in namespace {command.namespace!r}.")
        if command.impersonate_user_id:
            caller = await self._impersonate(command.impersonate_user_id, caller, bot)
        elif caller.impersonated_by:  # a token that was issued for this
            await self._audit_impersonation(caller, bot)
        check_access(bot, caller)
        self._warm_up(bot, caller)
        found = self._find(command.conversation_id, caller) if command.conversation_id else None
        if found is None or (found.namespace, found.bot) != bot.key:
            return await self._create(bot, caller)
        chat = self._chats.get(found.id)
        position = chat.log.position if chat else found.reserved_seq
        return Opened(conversation_id=found.id, bot=bot, caller=caller, position=position, resumed=True)

    async def send(self, command: SendMessage, caller: Caller) -> Accepted:
        """Admit a message: checked against all limits, stored durably, queued; returns before it runs.

        Raises `InvalidInput`, `ConversationNotFound`, `BotNotFound`, `LimitReached`, `Busy`, `StoreError`.
        """
        conversation = self._own(command.conversation_id, caller)
        _check_message(command)
        return await self._take_up(conversation, caller, command.content, command.client_id)

    async def decide(self, command: Decide, caller: Caller) -> Accepted:
        """The user's word on a proposed change, as a message of theirs; its turn carries the change out.

        Raises what `send` does but `LimitReached` (the turn before it was limited), `NotFound` for a change
        that is not one of this conversation's, `Conflict` when it is decided already.
        """
        conversation = self._own(command.conversation_id, caller)
        proposal = self.services.store.read_now(
            proposals.find, command.change_id, tenant=caller.tenant, owner=caller.owner
        )
        if proposal is None or proposal.conversation_id != conversation.id:
            raise NotFound("There is no such change.")
        content = f"{'Confirmed' if command.approve else 'Declined'}: {summary_of(proposal.plan)}"
        decision = Decision(proposal=proposal, approve=command.approve)
        return await self._take_up(conversation, caller, content, command.client_id, decision)

    async def _take_up(
        self,
        conversation: Conversation,
        caller: Caller,
        content: str,
        client_id: str | None,
        decision: Decision | None = None,
    ) -> Accepted:
        if self._closing:
            raise ShuttingDown("The server is restarting. Send the message again in a moment.")
        bot = self.catalogue.get(conversation.namespace, conversation.bot)
        if bot is None or not bot.enabled:
            raise BotNotFound(f"The bot {conversation.bot!r} of this conversation is not there any more.")
        check_access(bot, caller)
        question = self._question(conversation.id, content, client_id, caller, bot, decision)
        chat = self._chat(conversation)
        with chat.pinned():
            async with chat.admission:
                if decision:
                    self._check_decision(chat, question, decision)
                return await self._admit(chat, question)

    def _check_decision(self, chat: Chat, question: Question, decision: Decision) -> None:
        """A change is decided once; the same decision sent again is the same message."""
        known = self._known(question)
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
        if self._find(command.conversation_id, caller) is None:
            return False
        chat = self._chats.get(command.conversation_id)
        return chat is not None and await chat.cancel("user")

    async def read(self, command: Resume, caller: Caller, wakeup: Wakeup) -> tuple[Reader, int, bool]:
        """A reader of the log behind `after`, the log's present end, and whether a turn runs.

        Raises `ConversationNotFound`.
        """
        conversation = self._own(command.conversation_id, caller)
        chat = self._chat(conversation)
        with chat.pinned():
            reader = await chat.open_reader(min(command.after, chat.log.position), wakeup)
        return reader, chat.log.position, chat.running

    # -- the caller's conversations --------------------------------------------------------------------

    async def conversations(
        self, caller: Caller, *, bot: str | None, namespace: str | None, limit: int, offset: int
    ) -> tuple[list[Listed], int]:
        """One page of the caller's kept conversations, newest first, and how many there are in all."""
        return await self.services.store.read(
            conversations.list_own,
            caller,
            self.services.clock(),
            bot=bot,
            namespace=namespace,
            limit=limit,
            offset=offset,
        )

    async def conversation(self, id: str, caller: Caller) -> tuple[Conversation, list[Message]]:
        """One of the caller's conversations with its messages; raises `ConversationNotFound`."""
        found = self._own(id, caller)
        return found, await self.services.store.read(turns.messages, id)

    async def result(self, id: str, caller: Caller) -> QueryOutcome:
        """All rows of a query's result in one of the caller's conversations; raises `NotFound`."""
        found = await self.services.store.read(results.find, id, caller, self.services.clock())
        if found is None:
            raise NotFound("There is no such result.")
        return found

    async def open_changes(self, conversation_id: str, caller: Caller) -> list[Change]:
        """The changes that wait for the user's word in this conversation, oldest first."""
        self._own(conversation_id, caller)
        waiting = await self.services.store.read(proposals.open_in, conversation_id, self.services.clock())
        return [
            to_change(one.plan, id=one.id, status="proposed", expires_at=one.expires_at) for one in waiting
        ]

    async def rename(self, id: str, caller: Caller, title: str) -> None:
        """Give it a title that stays; raises `InvalidInput`, `ConversationNotFound`."""
        title = " ".join(title.split())
        if not 0 < len(title) <= TITLE_CHARS_MAX:
            raise InvalidInput(f"A title has 1 to {TITLE_CHARS_MAX} characters.")
        now = self.services.clock()
        if not await self.services.store.write(conversations.rename, id, caller, title, now):
            raise ConversationNotFound("There is no such conversation.")

    async def delete(self, conversation_id: str, caller: Caller) -> None:
        """Hide the conversation for good and stop what runs in it; raises `ConversationNotFound`."""
        chat = self._chat(self._own(conversation_id, caller))
        now = self.services.clock()
        with chat.pinned():
            async with chat.admission:  # a message that is just being admitted is cancelled with the rest
                if not await self.services.store.write(conversations.delete, conversation_id, caller, now):
                    raise ConversationNotFound("There is no such conversation.")
                await chat.cancel("deleted")

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
        await self._audit_impersonation(target, bot)
        return target

    async def _audit_impersonation(self, target: Caller, bot: Bot) -> None:
        await self.services.store.write(
            audit.record,
            at=self.services.clock(),
            tenant=target.tenant,
            actor=target.impersonated_by,
            action="chat.impersonate",
            target=f"user:{target.user_id}",
            details={"bot": bot.name, "namespace": bot.namespace, "ip": target.ip},
        )

    async def _create(self, bot: Bot, caller: Caller) -> Opened:
        if self._closing:
            raise ShuttingDown("The server is restarting. Try again in a moment.")
        id, now = str(uuid.uuid4()), self.services.clock()
        ttl_s = self._ttl_s(bot)
        await self.services.store.write(
            conversations.create,
            id=id,
            caller=caller,
            namespace=bot.namespace,
            bot=bot.name,
            persist=bot.persist_conversations,
            expires_at=now + ttl_s if ttl_s else None,
            now=now,
        )
        return Opened(conversation_id=id, bot=bot, caller=caller, position=0, resumed=False)

    def _find(self, id: str, caller: Caller) -> Conversation | None:
        return self.services.store.read_now(conversations.find, id, caller, self.services.clock())

    def _own(self, id: str, caller: Caller) -> Conversation:
        found = self._find(id, caller)
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
            )
        return chat

    def _forget(self, chat: Chat) -> None:
        if self._chats.get(chat.id) is chat:
            del self._chats[chat.id]

    async def _admit(self, chat: Chat, question: Question) -> Accepted:
        if chat.running and chat.waiting >= self.services.settings.queue_max and not self._is_known(question):
            raise Busy(f"{chat.waiting} messages already wait in this conversation. Send it again later.")
        admitted = await self.services.store.write(turns.admit, self._admission(question))
        after = chat.log.position
        if not admitted.duplicate:
            chat.enqueue(question)
        elif (began := chat.log.beginning_of(admitted.turn_id)) is not None:
            after = began
        elif admitted.first_seq:
            after = admitted.first_seq - 1
        return Accepted(
            message_id=admitted.message_id,
            turn_id=admitted.turn_id,
            after=after,
            duplicate=admitted.duplicate,
        )

    def _ttl_s(self, bot: Bot) -> float:
        """Seconds that a conversation outlives its last message; bots that keep nothing have their own."""
        if bot.persist_conversations:
            return bot.conversation_ttl_s
        idle_s = self.services.settings.idle_conversation_s
        return min(idle_s, bot.conversation_ttl_s) if bot.conversation_ttl_s else idle_s

    def _is_known(self, question: Question) -> bool:
        return self._known(question) is not None

    def _known(self, question: Question) -> turns.Admitted | None:
        known = (question.conversation_id, question.client_id)
        return self.services.store.read_now(turns.find_known, *known) if question.client_id else None

    def _question(
        self,
        conversation_id: str,
        content: str,
        client_id: str | None,
        caller: Caller,
        bot: Bot,
        decision: Decision | None,
    ) -> Question:
        return Question(
            turn_id=str(uuid.uuid4()),
            message_id=str(uuid.uuid4()),
            answer_id=str(uuid.uuid4()),
            conversation_id=conversation_id,
            content=content,
            client_id=client_id or "",
            caller=caller,
            bot=bot,
            bucket=usage.Bucket(
                tenant=caller.tenant, namespace=bot.namespace, bot=bot.name, principal=caller.principal
            ),
            ttl_s=self._ttl_s(bot),
            decision=decision,
        )

    def _admission(self, question: Question) -> turns.Admission:
        bot = question.bot
        return turns.Admission(
            turn_id=question.turn_id,
            message_id=question.message_id,
            answer_id=question.answer_id,
            conversation_id=question.conversation_id,
            caller=question.caller,
            bucket=question.bucket,
            policy=limits.policy_of(
                bot, limited=not question.caller.is_unlimited and question.decision is None
            ),
            content=question.content,
            client_id=question.client_id or None,
            title=title_of(question.content),
            reserved_tokens=estimate_tokens(question.content + bot.prompt) + bot.max_tokens,
            ttl_s=question.ttl_s,
            now=self.services.clock(),
        )

    async def _tidy_up(self) -> None:
        while True:
            now, busy = self.services.clock(), frozenset(self._chats)
            try:
                await self.services.store.write(conversations.purge, now, busy=busy)
                await self.services.store.write(proposals.expire, now)
                await self.services.settler.retry(self.services.store)
            except StoreError as error:
                logger.error("the database could not be tidied up: %s", error.text)
            await trio.sleep(TIDY_UP_EVERY_S)


def check_access(bot: Bot, caller: Caller) -> None:
    """May this caller talk to this bot? Raises `AuthRequired` or `Forbidden`."""
    if not caller.is_user and not bot.allow_unauthenticated:
        raise AuthRequired(f"The bot {bot.name!r} needs a signed-in user.")
    if bot.require_roles and caller.role.lower() not in bot.require_roles:
        raise Forbidden(f"The bot {bot.name!r} needs one of these roles: {', '.join(bot.require_roles)}.")


def _check_message(command: SendMessage) -> None:
    if not command.content.strip():
        raise InvalidInput("The message is empty; send some text in `content`.")
    if len(command.content) > CONTENT_CHARS_MAX:
        raise InvalidInput(
            f"The message has {len(command.content)} characters; at most {CONTENT_CHARS_MAX} are allowed."
        )
    if command.client_id and len(command.client_id) > CLIENT_ID_CHARS_MAX:
        raise InvalidInput(f"`message_id` may have at most {CLIENT_ID_CHARS_MAX} characters.")
