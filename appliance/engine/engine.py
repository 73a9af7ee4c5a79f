"""The public face of the chat core: open, send, cancel, read. Knows callers and bots, no wire and no HTTP.

Turns run in the engine's nursery, so a lost connection does not end them. All state that must survive is in
the store; chats in memory come and go.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from appliance.bot import Bot
from appliance.conversation import Conversation, External
from appliance.engine import admission, witness
from appliance.engine.admission import Accepted
from appliance.engine.catalogue import Catalogue
from appliance.engine.chat import Reader
from appliance.engine.chats import Chats, Resumed
from appliance.engine.log import Wakeup
from appliance.engine.services import Services
from appliance.engine.strangers import Strangers
from appliance.engine.tidying import keep_tidy
from appliance.errors import (
    BotNotFound,
    ConversationNotFound,
    Forbidden,
    ShuttingDown,
    StoreError,
    UserNotFound,
)
from appliance.events import (
    TERMINAL_EVENTS,
    CancelTurn,
    ConversationDeleted,
    LogEvent,
    Resume,
    StartChat,
)
from appliance.identity import Caller
from appliance.messages import Message
from appliance.sqlguard import policy_for
from appliance.store import conversations, handoff, message_rows, settling, users

logger = logging.getLogger("appliance.engine")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation ready for messages; `caller` is who it acts for (the target, when impersonating)."""

    conversation_id: str
    bot: Bot
    caller: Caller
    position: int
    resumed: bool


class Reading(Resumed, frozen=True, kw_only=True):
    """A conversation as somebody finds it who comes to read, with a reader of its log."""

    reader: Reader


class Engine:
    """Make one with `Engine.open`; it runs until the block is left."""

    def __init__(self, services: Services, catalogue: Catalogue, nursery: trio.Nursery) -> None:
        self.services = services
        self.catalogue = catalogue
        self.strangers = Strangers(services.settings, services.clock)
        self.chats = Chats(services, nursery)
        self._nursery = nursery
        self._closing = False
        self._warmed_up = False

    @classmethod
    @asynccontextmanager
    async def open(cls, services: Services, catalogue: Catalogue) -> AsyncIterator[Engine]:
        """Close what a crash left open, then serve. On leaving, running turns are stored as partial."""
        interrupted = await services.store.write(settling.recover, services.clock())
        await services.store.write(handoff.recover)
        if interrupted:
            logger.warning("%d unfinished answers of the last run were closed as interrupted", interrupted)
        async with trio.open_nursery() as nursery:
            engine = cls(services, catalogue, nursery)
            nursery.start_soon(keep_tidy, services, engine.chats)
            try:
                yield engine
            finally:
                nursery.cancel_scope.cancel()

    async def drain(self) -> None:
        """Take no new turns and let the running ones finish for the grace time, then cancel them."""
        self._closing = True
        await self.chats.drain()

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
        position = self.chats.resumed(found).position
        return Opened(conversation_id=found.id, bot=bot, caller=caller, position=position, resumed=True)

    def bot_of(self, conversation: Conversation, caller: Caller) -> Bot:
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

    async def cancel(self, command: CancelTurn, caller: Caller) -> bool:
        """Stop what runs and what waits; returns when that is stored.

        True when the log tells of a cancelled turn, False when there was nothing to cancel any more.

        A foreign or unknown conversation is answered like one in which nothing runs.
        """
        if self.find(command.conversation_id, caller) is None:
            return False
        chat = self.chats.get(command.conversation_id)
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
        chat = self.chats.of(conversation)
        with chat.pinned():
            leaves = caller.owner if caller.owner != conversation.owner else ""
            after = min(command.after, chat.log.position)
            reader = await chat.open_reader(after, wakeup, leaves=leaves, watches=watches)
        return Reading(
            conversation=conversation, reader=reader, position=chat.log.position, running=chat.running
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
        found = self.services.store.read_now(message_rows.find_answer, conversation_id, accepted.turn_id)
        if found is None:
            raise ConversationNotFound("The answer was deleted meanwhile.")
        return found

    async def delete(self, conversation_id: str, caller: Caller) -> None:
        """Hide the conversation for good and stop what runs in it; raises `ConversationNotFound`."""
        chat = self.chats.of(self.own(conversation_id, caller))
        now = self.services.clock()
        with chat.pinned():
            async with chat.admission:  # a message that is just being admitted is cancelled with the rest
                if not await self.services.store.write(conversations.delete, conversation_id, caller, now):
                    raise ConversationNotFound("There is no such conversation.")
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


def _ends(event: LogEvent, turn_id: str) -> bool:
    return isinstance(event, TERMINAL_EVENTS) and event.turn_id == turn_id
