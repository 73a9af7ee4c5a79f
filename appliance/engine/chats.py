"""The conversations in memory: found or made, read, told of things, held still, and stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import trio

from appliance.conversation import Conversation
from appliance.engine.admission import Accepted
from appliance.engine.chat import Chat
from appliance.engine.services import Services
from appliance.events import ConversationDeleted, LogEvent
from appliance.store import conversations, posts

IDLE_WAIT_S = 5.0
"""An answer that asks its client for something is stored within a moment."""


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as somebody finds it who comes to read: its log's end, and whether a turn runs."""

    conversation: Conversation
    position: int
    running: bool


class Chats:
    """Those that somebody reads or in which something runs; the store has all the rest.

    Turns run in `nursery`, at most `turns_max` of the settings at a time.
    """

    def __init__(self, services: Services, nursery: trio.Nursery) -> None:
        self._services = services
        self._nursery = nursery
        self._slots = trio.CapacityLimiter(services.settings.turns_max)
        self._chats: dict[str, Chat] = {}
        self._grace = trio.CancelScope()

    def get(self, id: str) -> Chat | None:
        """The chat, if it is in memory."""
        return self._chats.get(id)

    def of(self, conversation: Conversation) -> Chat:
        """The chat of this conversation; pin it before the next checkpoint, or it may be forgotten."""
        chat = self._chats.get(conversation.id)
        if chat is None:
            chat = self._chats[conversation.id] = Chat(
                conversation.id,
                conversation.reserved_seq,
                self._services,
                self._slots,
                self._nursery,
                self._forget,
                tenant=conversation.tenant,
                on_change=partial(self._changed, conversation.tenant),
            )
        return chat

    # -- what is known of one ------------------------------------------------------------------------

    def resumed(self, conversation: Conversation) -> Resumed:
        """The conversation as it is now."""
        chat = self._chats.get(conversation.id)
        return Resumed(
            conversation=conversation,
            position=chat.log.position if chat else conversation.reserved_seq,
            running=chat is not None and chat.running,
        )

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

    def is_read(self, conversation_id: str) -> bool:
        """Does anybody read this conversation's log right now?"""
        chat = self._chats.get(conversation_id)
        return chat is not None and chat.log.readers > 0

    def is_running(self, conversation_id: str) -> bool:
        """Does a turn run or wait there?"""
        chat = self._chats.get(conversation_id)
        return chat is not None and chat.running

    async def wait_idle(self, conversation_id: str, within_s: float = IDLE_WAIT_S) -> None:
        """Wait until no turn runs there, but not for long."""
        chat = self._chats.get(conversation_id)
        if chat is not None:
            with trio.move_on_after(within_s):
                await chat.wait_idle()

    # -- what is known of all ------------------------------------------------------------------------

    @property
    def ids(self) -> frozenset[str]:
        """Of the conversations that are in memory."""
        return frozenset(self._chats)

    def presence(self, tenant: str) -> tuple[int, int]:
        """How many conversations of the tenant somebody takes part in right now, and how many turns run."""
        chats = [chat for chat in self._chats.values() if chat.tenant == tenant]
        return sum(chat.live for chat in chats), sum(chat.running for chat in chats)

    # -- what is done to them ------------------------------------------------------------------------

    async def tell(self, conversation_id: str, tenant: str, *events: LogEvent) -> None:
        """Append events that belong to no turn; whatever they tell of has been stored before."""
        store, now = self._services.store, self._services.clock()
        await store.write(posts.reserve, conversation_id)
        found = store.read_now(conversations.find_in_tenant, conversation_id, tenant, now)
        if found is None:
            return
        chat = self.of(found)
        with chat.pinned():
            for event in events:
                chat.log.append(event)
            await store.write(posts.place, conversation_id, chat.log.position)

    @asynccontextmanager
    async def held(self, conversation: Conversation) -> AsyncIterator[Chat]:
        """The chat in memory; no message is admitted within."""
        chat = self.of(conversation)
        with chat.pinned():
            async with chat.admission:
                yield chat

    @asynccontextmanager
    async def withholding(self, conversation: Conversation) -> AsyncIterator[None]:
        """Let somebody join within: in memory nothing is left that was found for one person alone.

        No message is admitted meanwhile, so that no turn begins between this and what is stored.
        """
        async with self.held(conversation) as chat:
            await self._services.settler.retry(self._services.store)
            chat.withhold()
            yield

    async def stop_turn_of(self, conversation_id: str, message_id: str) -> None:
        """Cancel the turn that answers this message, if it runs or waits."""
        chat = self._chats.get(conversation_id)
        if chat is not None:
            await chat.cancel("user", message_id)

    async def stop_deleted(self, conversation_ids: Sequence[str]) -> None:
        """Stop what runs in conversations that were deleted with their bot, and tell those who read them."""
        for id in conversation_ids:
            if (chat := self._chats.get(id)) is None:
                continue
            with chat.pinned():
                async with chat.admission:
                    await chat.cancel("deleted")
                    chat.log.append(ConversationDeleted())

    async def drain(self) -> None:
        """Let the running turns finish for the grace time, then cancel them."""
        self._grace.deadline = trio.current_time() + self._services.settings.shutdown_grace_s
        with self._grace:
            for chat in list(self._chats.values()):
                await chat.wait_idle()
        async with trio.open_nursery() as nursery:
            for chat in list(self._chats.values()):
                nursery.start_soon(chat.cancel, "shutdown")

    def hurry(self) -> None:
        """End the grace now."""
        self._grace.cancel()

    def _changed(self, tenant: str, id: str, has_more: bool) -> None:
        self._services.bulletin.note(id if has_more else "", tenant)

    def _forget(self, chat: Chat) -> None:
        if self._chats.get(chat.id) is chat:
            del self._chats[chat.id]
