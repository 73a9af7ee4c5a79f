"""One question and the events of its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from appliance.client.events import TERMINAL, ChatEvent, Usage, chat_error
from appliance.client.mailbox import Events

if TYPE_CHECKING:
    from appliance.client.chat import AIChat


class Answer:
    """One question's answer: iterate over it for its events, the last of type done or cancelled.

    Raises `ChatError` when the question is refused or the answer fails. `conversation_id` is known
    from the first event on and continues the conversation in a next `ask`; `text` and `usage` hold
    what came so far.
    """

    def __init__(
        self,
        chat: AIChat,
        chatbot: str,
        question: str,
        conversation_id: str | None,
        decision: tuple[str, bool] | None = None,
    ) -> None:
        self.conversation_id = conversation_id
        self.text = ""
        self.usage: Usage | None = None
        self._chat = chat
        self._chatbot = chatbot
        self._question = question
        self._decision = decision
        self._message_id = ""
        self._events: Events | None = None
        self._taken_up = False
        self._over = False
        self._cancelled = False

    @property
    def is_over(self) -> bool:
        """True when the answer came to its end, whichever."""
        return self._over

    @property
    def is_cancelled(self) -> bool:
        """True when `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop it; the iteration ends with what came so far."""
        if self._message_id and self.conversation_id and not self._over:
            self._cancelled = True
            self._chat.cancel(self.conversation_id)

    def confirm(self, change_id: str, approve: bool) -> Answer:
        """The answer to the user's word on a change that was proposed in this conversation.

        Nothing is sent before it is iterated over. With nothing to decide that raises `ChatError`, with the
        code CHANGE_DECIDED or CHANGE_NOT_FOUND.
        """
        return Answer(self._chat, self._chatbot, "", self.conversation_id, (change_id, approve))

    def __aiter__(self) -> AsyncIterator[ChatEvent]:
        return self

    async def __anext__(self) -> ChatEvent:
        if self._events is None:
            self._events = await self._send()
        while not self._over:
            event = await anext(self._events)
            if self._is_ours(event):
                return self._keep(event)
        raise StopAsyncIteration

    async def _send(self) -> Events:
        known = self._chat._conversations
        if self.conversation_id not in known:
            self.conversation_id = await self._chat.start_chat(
                self._chatbot, conversation_id=self.conversation_id
            )
        assert self.conversation_id is not None
        events = self._chat.events(self.conversation_id)
        # A server without numbered frames does not say which message it takes up.
        self._taken_up = known[self.conversation_id].seq is None
        self._message_id = self._post(self.conversation_id)
        return events

    def _post(self, conversation_id: str) -> str:
        if self._decision is None:
            return self._chat.send_message(conversation_id, self._question)
        return self._chat.confirm(conversation_id, *self._decision)

    def _is_ours(self, event: ChatEvent) -> bool:
        if event.type == "user_message":
            self._taken_up = event.client_message_id == self._message_id
        # A refusal has no place in the log, nor has the cancel of a message that still waited.
        refused = event.type == "error" and event.seq is None
        return self._taken_up or refused or (event.type == "cancelled" and not self._is_waiting())

    def _is_waiting(self) -> bool:
        conversation = self._chat._conversations.get(self.conversation_id or "")
        return conversation is not None and self._message_id in conversation.outbox

    def _keep(self, event: ChatEvent) -> ChatEvent:
        self.text += event.delta
        self.usage = event.usage or self.usage
        self._over = event.type in TERMINAL
        if event.type == "error":
            raise chat_error(event)
        return event
