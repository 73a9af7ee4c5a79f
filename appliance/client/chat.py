"""`AIChat`: the surface, and what becomes of each frame."""

from __future__ import annotations

import logging
import types
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import trio

from appliance.client.answer import Answer
from appliance.client.conversation import Conversation
from appliance.client.events import (
    MESSAGE_CHARS_MAX,
    Change,
    ChatError,
    ChatEvent,
    ConnectError,
    Source,
    Usage,
    chat_error,
    too_long,
)
from appliance.client.link import CLOSE_TIMEOUT_S, Link
from appliance.client.mailbox import Events
from appliance.client.opening import with_token

log = logging.getLogger(__name__)

OnContent: TypeAlias = Callable[[str, str], object]
OnProgress: TypeAlias = Callable[[str, str, str], object]
OnQueryResult: TypeAlias = Callable[[str, str, int, list[dict[str, Any]], str], object]
OnSources: TypeAlias = Callable[[list[Source], str], object]
OnChange: TypeAlias = Callable[[Change, str, str], object]
OnMessage: TypeAlias = Callable[[str, str, str], object]
OnHandoff: TypeAlias = Callable[[str, str, str], object]
OnDone: TypeAlias = Callable[[Usage | None, str], object]
OnError: TypeAlias = Callable[[str, str | None, str | None], object]
OnEvent: TypeAlias = Callable[[ChatEvent], object]


class AIChat:
    """A chat connection; enter it to connect, leave it to hang up.

    The callbacks run on the event loop between two frames; one that raises is logged and skipped.
    Without `async with`, pass a `nursery` for the connection to live in and await `connect()`.
    """

    def __init__(
        self,
        ws_url: str,
        token: str | None = None,
        *,
        on_content: OnContent | None = None,
        on_progress: OnProgress | None = None,
        on_query_result: OnQueryResult | None = None,
        on_sources: OnSources | None = None,
        on_change: OnChange | None = None,
        on_message: OnMessage | None = None,
        on_handoff: OnHandoff | None = None,
        on_done: OnDone | None = None,
        on_error: OnError | None = None,
        on_event: OnEvent | None = None,
        reconnect_attempts: int = 3,
        reconnect_delay_s: float = 1.0,
        nursery: trio.Nursery | None = None,
    ) -> None:
        self.ws_url = ws_url
        self.token = token
        self.on_content = on_content
        self.on_progress = on_progress
        self.on_query_result = on_query_result
        self.on_sources = on_sources
        self.on_change = on_change
        self.on_message = on_message
        self.on_handoff = on_handoff
        self.on_done = on_done
        self.on_error = on_error
        self.on_event = on_event
        self.reconnect_attempts = reconnect_attempts
        self.reconnect_delay_s = reconnect_delay_s
        self._nursery = nursery
        self._own_nursery: Any = None
        self._link: Link | None = None
        self._starts: deque[Request] = deque()
        self._resumes: list[Request] = []
        self._conversations: dict[str, Conversation] = {}
        self._readers: weakref.WeakSet[Events] = weakref.WeakSet()

    async def __aenter__(self) -> AIChat:
        self._own_nursery = trio.open_nursery()
        self._nursery = await self._own_nursery.__aenter__()
        try:
            await self.connect()
        except BaseException:
            await self._leave_nursery()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        link = self._link
        self.disconnect()
        if link is not None and value is None:
            with trio.move_on_after(CLOSE_TIMEOUT_S):
                await link.over.wait()
        await self._leave_nursery()

    async def _leave_nursery(self) -> None:
        # The body's own exception is not shown to the nursery, so that it leaves as it is and not
        # wrapped in a group; our task never raises.
        assert self._nursery is not None
        self._nursery.cancel_scope.cancel()
        await self._own_nursery.__aexit__(None, None, None)
        self._nursery = self._own_nursery = None

    # -- the surface ---------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the connection; raises `ConnectError`. Connected already: nothing happens."""
        if self.is_connected():
            return
        if self._nursery is None:
            raise RuntimeError("use `async with AIChat(...)`, or pass nursery= before connect()")
        if self._link is not None:
            self._link.stop()
        url = with_token(self.ws_url, self.token)
        link = self._link = Link(self, url, self.reconnect_attempts, self.reconnect_delay_s)
        await self._nursery.start(link.run)

    async def start_chat(
        self,
        chatbot: str,
        namespace: str | None = None,
        conversation_id: str | None = None,
        impersonate_user_id: str | None = None,
    ) -> str:
        """Open a conversation, or resume one; returns its id. Raises `ChatError` when refused.

        A conversation that cannot be resumed gives a new id. Several calls may wait at once.
        """
        frame = {"type": "start_chat", "chatbot": chatbot, "namespace": namespace or "default"}
        if conversation_id:
            frame["conversation_id"] = conversation_id
        if impersonate_user_id:
            frame["impersonate_user_id"] = impersonate_user_id
        link = self._live_link()
        request = Request(frame)
        self._starts.append(request)
        link.send(frame)
        started = await request.answer()
        assert started.conversation_id is not None
        return started.conversation_id

    async def resume(self, conversation_id: str, after: int = 0) -> ChatEvent:
        """Read a conversation from behind position `after` (0: its whole history).

        Returns the `resumed` event (`seq` is the end, `running` tells of an answer under way); the
        frames follow through the callbacks. Raises `ChatError` NO_SESSION for an unknown one.
        """
        link = self._live_link()
        conversation = self._conversation(conversation_id)
        conversation.rewind(after)
        request = Request(conversation.resume_frame())
        self._resumes.append(request)
        link.send(request.frame)
        return await request.answer()

    def send_message(
        self,
        conversation_id: str,
        content: str,
        message_id: str | None = None,
        files: Sequence[str] = (),
    ) -> str:
        """Send a message and return its id; while reconnecting it waits for the connection.

        `files` are the ids of what was uploaded for it. The same `message_id` twice is one message and one
        answer, also over reconnects. Raises
        `ChatError` INVALID_MESSAGE for more than `MESSAGE_CHARS_MAX` characters.
        """
        link = self._live_link()
        if len(content) > MESSAGE_CHARS_MAX:
            raise too_long()
        message_id = message_id or str(uuid.uuid4())
        more = {"files": [*files]} if files else {}
        link.send(self._conversation(conversation_id).post("message", message_id, content=content, **more))
        return message_id

    def retry(self, conversation_id: str, message_id: str, content: str | None = None) -> None:
        """Have a message of the user answered anew, with other words if there is `content`.

        `message_id` is the server's id of it or the client's. What followed it is deleted, which
        `message_deleted` events tell, then comes a turn like any other. It is sent once: when the connection
        is lost meanwhile, look at what came and ask again.
        """
        if content is not None and len(content) > MESSAGE_CHARS_MAX:
            raise too_long()
        frame = {"type": "retry", "conversation_id": conversation_id, "message_id": message_id}
        self._live_link().send(frame if content is None else {**frame, "content": content})

    def talk_to_person(self, conversation_id: str, wanted: bool = True) -> None:
        """Ask for a person of the team, or do so no more; `handoff` events tell what becomes of it."""
        self._live_link().send({"type": "handoff", "conversation_id": conversation_id, "wanted": wanted})

    def confirm(
        self, conversation_id: str, change_id: str, approve: bool, message_id: str | None = None
    ) -> str:
        """Carry out a proposed change, or decline it; returns the id of the message that says so.

        It is a message of the user with an answer of its own: while reconnecting it waits for the connection,
        and the same `message_id` twice is one decision. What became of the change comes as an event with the
        same change id; an `error` event CHANGE_DECIDED or CHANGE_NOT_FOUND refuses it.
        """
        link = self._live_link()
        message_id = message_id or str(uuid.uuid4())
        conversation = self._conversation(conversation_id)
        link.send(conversation.post("confirm", message_id, change_id=change_id, approve=approve))
        return message_id

    def cancel(self, conversation_id: str) -> None:
        """Stop the running answer and drop queued messages; a `cancelled` event confirms it."""
        link = self._live_link()
        conversation = self._conversation(conversation_id)
        conversation.cancelling = True
        conversation.outbox.clear()
        link.send(conversation.cancel_frame())

    def disconnect(self) -> None:
        """Hang up and do not reconnect; iterators end, a waiting `start_chat` raises."""
        if self._link is not None:
            self._link.stop()

    def is_connected(self) -> bool:
        """True while the WebSocket is open; False also while reconnecting."""
        return self._link is not None and self._link.is_open

    def get_accumulated_content(self, conversation_id: str) -> str:
        """The answer's text so far, since the newest message of the conversation."""
        conversation = self._conversations.get(conversation_id)
        return conversation.text if conversation else ""

    def events(self, conversation_id: str | None = None) -> Events:
        """Everything that happens from now on, of one conversation or of all.

        Iteration ends at `disconnect()` and raises `ConnectError` when the connection is lost for good.
        """
        self._live_link()
        reader = Events(conversation_id)
        self._readers.add(reader)
        return reader

    def ask(self, chatbot: str, text: str, *, conversation_id: str | None = None) -> Answer:
        """Ask one question and iterate over the events of its answer; see `Answer`."""
        return Answer(self, chatbot, text, conversation_id)

    # -- what the link calls -------------------------------------------------------------------------

    def backlog(self) -> Iterator[dict[str, Any]]:
        """Frames that a fresh connection has to carry first, in order."""
        yield from (request.frame for request in self._starts)
        for conversation in self._conversations.values():
            yield from conversation.backlog()

    def received(self, raw: str | bytes) -> None:
        """Decode a frame and act on it; one that is not of this protocol is logged and ignored."""
        try:
            frame = msgspec.json.decode(raw, type=dict[str, Any])
            known = {name: value for name, value in frame.items() if value is not None}
            if known.get("type") == "sources":
                known["sources"] = known.pop("data", [])
            event = msgspec.convert(known, ChatEvent)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("ignored a frame that is not of this protocol: %s", error)
            return
        self._take(event)

    def _take(self, event: ChatEvent) -> None:
        """Settle what waits for `event`, drop what was seen before, tell everybody the rest."""
        if event.type == "chat_started":
            self._started(event)
        elif event.type == "resumed" or event.code == "NO_SESSION":
            self._resumed(event)
        elif event.type == "error" and event.conversation_id is None and self._starts:
            self._starts.popleft().fail(chat_error(event))
        conversation = self._conversations.get(event.conversation_id or "")
        unseen = conversation.take(event) if conversation else event
        if unseen is not None:
            self.tell(unseen)

    def _started(self, event: ChatEvent) -> None:
        conversation = self._conversation(event.conversation_id or "")
        if event.seq is not None:
            # From here on the server also tells which messages it took (`user_message`).
            conversation.seq = event.seq if conversation.seq is None else conversation.seq
            if self._link is not None:
                self._link.send(conversation.resume_frame())
        if self._starts:
            self._starts.popleft().succeed(event)

    def _resumed(self, event: ChatEvent) -> None:
        waiting = [
            request for request in self._resumes if request.frame["conversation_id"] == event.conversation_id
        ]
        for request in waiting:
            self._resumes.remove(request)
            request.succeed(event) if event.type == "resumed" else request.fail(chat_error(event))
        if event.code == "NO_SESSION":
            self._conversations.pop(event.conversation_id or "", None)

    def tell(self, event: ChatEvent) -> None:
        """Call the callbacks of `event` and put it before all iterators."""
        where = event.conversation_id or ""
        match event.type:
            case "content" if event.delta:
                _call(self.on_content, event.delta, where)
            case "progress":
                _call(self.on_progress, event.step, event.message, where)
            case "query_result":
                _call(
                    self.on_query_result,
                    *(event.query, event.summary, event.row_count, event.data, where),
                )
            case "message":
                self._tell_message(event, where)
            case "handoff":
                _call(self.on_handoff, event.state, event.name, where)
            case "sources":
                _call(self.on_sources, event.sources, where)
            case "done":
                _call(self.on_done, event.usage, where)
            case "error":
                _call(self.on_error, event.error, event.code or None, event.conversation_id)
        if event.change is not None:
            _call(self.on_change, event.change, event.summary, where)
        _call(self.on_event, event)
        for reader in list(self._readers):
            reader.put(event)

    def _tell_message(self, event: ChatEvent, where: str) -> None:
        """A person's words; who listens for no person has them as an answer."""
        if self.on_message is None and self.on_event is None:
            _call(self.on_content, event.content, where)
            _call(self.on_done, Usage(), where)
        else:
            _call(self.on_message, event.name, event.content, where)

    def frame_refused(self) -> None:
        """The server closed because a frame was over its limit: the longest message is given up.

        Sent again it would end the next connection too.
        """
        unsent = [
            (len(msgspec.json.encode(frame)), conversation.id, message_id)
            for conversation in self._conversations.values()
            for message_id, frame in conversation.outbox.items()
        ]
        if not unsent:
            return
        _, where, message_id = max(reversed(unsent), key=lambda sent: sent[0])
        refusal = too_long()
        self._take(
            ChatEvent(
                type="error",
                conversation_id=where,
                client_message_id=message_id,
                code=refusal.code,
                error=refusal.text,
            )
        )

    def ended(self, error: ConnectError | None) -> None:
        """The link is gone for good; `error` is None after `disconnect()`."""
        refusal = error or ConnectError("disconnected before the answer came")
        for request in (*self._starts, *self._resumes):
            request.fail(refusal)
        self._starts.clear()
        self._resumes.clear()
        if error is not None:
            _call(self.on_error, error.text, error.code, None)
        for reader in list(self._readers):
            reader.close(error)

    def _conversation(self, conversation_id: str) -> Conversation:
        return self._conversations.setdefault(conversation_id, Conversation(conversation_id))

    def _live_link(self) -> Link:
        if self._link is None or self._link.is_over:
            raise ConnectError("not connected: await connect() first")
        return self._link


class Request:
    """A frame that waits for its answer; a waiter that was cancelled leaves its place in the queue."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self.frame = frame
        self._result: ChatEvent | ChatError | None = None
        self._settled = trio.Event()

    async def answer(self) -> ChatEvent:
        """The event that answers it; raises the `ChatError` that refuses it."""
        await self._settled.wait()
        if isinstance(self._result, ChatError):
            raise self._result
        assert self._result is not None
        return self._result

    def succeed(self, event: ChatEvent) -> None:
        """Let `answer` return `event`."""
        self._result = event
        self._settled.set()

    def fail(self, error: ChatError) -> None:
        """Let `answer` raise `error`."""
        self._result = error
        self._settled.set()


def _call(callback: Callable[..., object] | None, *arguments: object) -> None:
    if callback is None:
        return
    try:
        callback(*arguments)
    except Exception:
        # A fault in one callback must not end the connection for the others.
        log.exception("a callback of AIChat raised")
