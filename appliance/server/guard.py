"""The guarded protocol half of a connection: Hypercorn's HTTP/1.1 and WebSocket, fit to face strangers.

The only module that touches private names of Hypercorn (pinned to one minor version in pyproject.toml) and
of Quart. What it changes, each because a bare server was ended, frozen or filled by it:

- HTTP/2 does not exist here, neither by prior knowledge nor by `Upgrade: h2c`;
- a request that cannot be served is refused with a status before any application code runs;
- request bodies are cut at `body_bytes_max` (uploads at `upload_bytes_max`, and only a few large ones at a
  time), WebSocket messages at `message_bytes_max` (fragments in sum),
  as soon as a frame announces too much; permessage-deflate is never negotiated;
- bytes that arrive before the 101 wait for it; a protocol error is answered with its close code;
- a send to a client that has gone is a checkpoint, so that a loop of sends sees its cancellation;
- an application that is cut off by a stopping server says so: 503, or close code 1001.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, cast

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed
from hypercorn.protocol.events import (
    Body,
    Data,
    EndBody,
    Event,
    Request,
    Response,
    StreamClosed,
)
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent
from quart import Quart
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Message, Ping
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from appliance.server.heads import (
    Refusal,
    error_body,
    origin_form,
    passed_headers,
    plain_headers,
    refusal,
    too_large,
    too_many_uploads,
    wants_websocket,
)
from appliance.server.limits import ServerLimits
from appliance.server.places import Places

INBOX_MESSAGES = 10
"""Messages that wait between the socket and the application; then reading stops (TCP back-pressure)."""


class GuardConfig(Config):
    """Hypercorn's configuration with our limits beside it, since its classes hand `config` around."""

    include_server_header = False

    def __init__(self, limits: ServerLimits) -> None:
        self.limits = limits
        self.uploads = Places()
        self.accesslog = None
        self.errorlog = None  # what it would log is logged, or raised, by our own classes
        self.websocket_ping_interval = None  # it never misses a pong: our own heartbeat does
        self.h11_max_incomplete_size = limits.head_bytes_max
        # Counted in characters by Hypercorn; never reached, because MessageLimit counts bytes first.
        self.websocket_max_message_size = limits.message_bytes_max


def _limits(config: Config) -> ServerLimits:
    assert isinstance(config, GuardConfig)
    return config.limits


class Http1(H11Protocol):
    """HTTP/1.1 of one connection, and the door to its WebSocket; speaks nothing else."""

    @property
    def idle(self) -> bool:
        """Whether no request is being served: between two requests, or before the first."""
        return self.stream is None

    @property
    def websocket(self) -> WebSocketStream | None:
        """The connection's WebSocket, once it is open and until it closes."""
        stream = self.stream
        return stream if isinstance(stream, WebSocketStream) and stream.open else None

    async def _check_protocol(self, event: h11.Request) -> None:
        """Nothing to switch to: `Upgrade: h2c` is ignored as RFC 9110 7.8 allows, the rest is refused."""

    async def _create_stream(self, request: h11.Request) -> None:
        upgrade = wants_websocket(request)
        refused = refusal(request, _limits(self.config), upgrade)
        if refused is not None:
            await self._refuse(request, *refused)
            return
        stream_class = WebSocketStream if upgrade else HttpStream
        self.stream = stream_class(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        if upgrade:
            self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=passed_headers(request, upgrade),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=origin_form(request) or b"/",
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def _refuse(self, request: h11.Request, status: int, text: str) -> None:
        """Answer without the application and close: what follows on this connection is not read."""
        body = error_body(status, text)
        await self._send_h11_event(
            h11.Response(
                status_code=status,
                headers=list(chain(plain_headers(status, body), self.config.response_headers("h11"))),
            )
        )
        if request.method != b"HEAD":
            await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())
        await self.send(Closed())


class HttpStream(HTTPStream):
    """One request and its response."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        assert isinstance(self.config, GuardConfig)
        self._place = self.config.uploads.place()
        self._body_bytes = 0
        self._bytes_max = 0
        self._is_large = False

    async def handle(self, event: Event) -> None:
        """Take what the client sent; a body over the limit ends the request with 413."""
        if isinstance(event, Request):
            self._bytes_max = _limits(self.config).bytes_max(event.method, event.raw_path)
        elif isinstance(event, Body) and not self.closed:
            self._body_bytes += len(event.data)
            refused = self._too_much()
            if refused is not None:
                await self._answer(*refused)
                return
        await super().handle(event)

    def _too_much(self) -> Refusal | None:
        """Large bodies are in memory until the application is done with them, so they need a place."""
        limits = _limits(self.config)
        if self._body_bytes > self._bytes_max:
            return too_large(self._bytes_max)
        if self._body_bytes > limits.body_bytes_max and not self._is_large:
            self._is_large = self._place.take("large", limits.uploads_max)
            return None if self._is_large else too_many_uploads()
        return None

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Send what the application says; always lets other tasks run when the client has gone."""
        if message is None:  # it has ended, in whatever way
            self._place.leave()
        if self.closed:
            await trio.lowlevel.checkpoint()
        elif message is None and self.context.terminated.is_set():
            await self._answer(503, "The server is stopping; try again in a moment.\n")
        else:
            await super().app_send(message)

    async def _answer(self, status: int, text: str) -> None:
        """Respond in the application's place, if it has not begun to, and end the stream."""
        body = error_body(status, text)
        if self.state is ASGIHTTPState.REQUEST:
            self.state = ASGIHTTPState.CLOSED
            await self.send(Response(STREAM_ID, plain_headers(status, body), status))
            if self.scope["method"] != "HEAD":
                await self.send(Body(STREAM_ID, body))
            await self.send(EndBody(STREAM_ID))
        await self.send(StreamClosed(STREAM_ID))


class WebSocketStream(WSStream):
    """One WebSocket, from its handshake to its close."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._accepted = trio.Event()

    @property
    def open(self) -> bool:
        """Whether frames may be sent."""
        accepted = self._accepted.is_set() and not self.closed
        return accepted and self.connection.state is ConnectionState.OPEN

    def ping(self) -> bytes:
        """Bytes of a ping frame; only while `open`."""
        return self.connection.send(Ping())

    async def handle(self, event: Event) -> None:
        """Take what the client sent; early frames wait here until the application has accepted."""
        if isinstance(event, Data):
            # Hypercorn answers 400 inside a handshake that may then still succeed, which ends the process.
            # Waiting is kinder to eager clients; a refused handshake cancels the reader that waits here.
            await self._accepted.wait()
        await super().handle(event)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Send what the application says; always lets other tasks run when the client has gone."""
        if self.closed:
            await trio.lowlevel.checkpoint()
        elif message is None and self.open and self.context.terminated.is_set():
            await self._close(CloseReason.GOING_AWAY, "the server is stopping")
        else:
            await super().app_send(message)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.state = ASGIWebsocketState.CONNECTED
        status, headers, _ = self.handshake.accept(message.get("subprotocol"), message.get("headers", []))
        limit = MessageLimit(_limits(self.config).message_bytes_max)
        self.connection = Connection(ConnectionType.SERVER, [limit])
        await self.send(Response(STREAM_ID, headers, status))
        self._accepted.set()

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, Message):
                await self._take(event)
            elif isinstance(event, Ping):
                await self._send_wsproto_event(event.response())
            elif isinstance(event, CloseConnection):
                await self._answer_close(event)
                return

    async def _take(self, event: Message[Any]) -> None:
        self.buffer.extend(event)
        if not event.message_finished:
            return
        message = self.buffer.to_message()
        if message["bytes"] == b"":
            # Quart reads `bytes or text`: without this an empty binary message would arrive as None.
            message["text"] = b""
        self.buffer.clear()
        assert self.app_put is not None
        await self.app_put(message)

    async def _answer_close(self, event: CloseConnection) -> None:
        """The peer closes, or wsproto found a fault: the peer hears the code in both cases."""
        if self.connection.state is ConnectionState.OPEN:
            too_big = event.code == CloseReason.MESSAGE_TOO_BIG
            limit = _limits(self.config).message_bytes_max
            await self._close(event.code, f"over {limit} bytes" if too_big else event.reason)
            return
        await self._send_wsproto_event(event.response())  # does nothing when both sides have closed
        await self.send(StreamClosed(STREAM_ID))

    async def _close(self, code: int, reason: str | None) -> None:
        await self._send_wsproto_event(CloseConnection(code=code, reason=reason))
        await self.send(StreamClosed(STREAM_ID))


class MessageLimit(Extension):
    """Refuses a message by what its frame headers announce, before its bytes are read.

    Not a real extension: it is never offered, it only sits where wsproto lets one look at each header.
    """

    name = "message-limit"

    def __init__(self, message_bytes_max: int) -> None:
        self._bytes_max = message_bytes_max
        self._held = 0  # bytes of the unfinished message, over all its fragments
        self._control = False

    def enabled(self) -> bool:
        """Take part in this connection."""
        return True

    def offer(self) -> bool:
        """Stay out of the handshake."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Called again for the same frame when its header came in pieces, so it only looks."""
        self._control = opcode.iscontrol()
        if not self._control and self._held + payload_length > self._bytes_max:
            return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Count what has really come; a ping between two fragments does not count."""
        if not self._control:
            self._held += len(data)
        return data

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> None:
        """Start over after the last fragment."""
        if fin and not self._control:
            self._held = 0


def even_out_websockets(app: Quart) -> None:
    """Make WebSockets of `app` behave the same on every supported pair of Quart and quart-trio.

    quart-trio 0.12 keeps at most 10 inbound messages and cancels a handler whose client leaves. 0.13 made
    the queue endless, so that a client could fill the memory, and first raises `ClientDisconnectedError`
    from `receive`, which is logged with a traceback for every closed tab. There, both are put back.
    """
    dynamic: Any = app
    websocket_class: Any = app.websocket_class
    if not hasattr(websocket_class, "buffer_class"):
        return
    base: Any = websocket_class.buffer_class

    def build(buffer: Any) -> None:
        base.__init__(buffer)
        queue = buffer._queue
        queue._send, queue._receive = trio.open_memory_channel[Any](INBOX_MESSAGES)

    def wait_for_the_cancel(buffer: Any) -> None:
        """The connection cancels the handler right after this call."""

    bounded: Any = type("BoundedBuffer", (base,), {"__init__": build, "disconnect": wait_for_the_cancel})
    dynamic.websocket_class = type("BoundedWebsocket", (websocket_class,), {"buffer_class": bounded})
