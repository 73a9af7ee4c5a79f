"""From a URL to an open WebSocket, and from a failure to a sentence that says what went wrong."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import msgspec
import trio
import trio_websocket

from appliance.client.events import ConnectError

CONNECT_TIMEOUT_S = 10.0
"""For the TCP and TLS connection, and again for the WebSocket handshake."""

FRAME_BYTES_MAX = 16 * 2**20
"""Largest frame that is read: a full result of the server's cap (1 MB) is far below."""

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"


def with_token(url: str, token: str | None) -> str:
    """`url` with `?token=`, the way a browser's WebSocket has to send it."""
    if not token:
        return url
    return f"{url}{'&' if '?' in url else '?'}token={quote(token, safe='')}"


async def stream(url: str) -> Stream:
    """A TCP or TLS connection to the host of a ws: or wss: URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError("a WebSocket URL looks like ws://host:8080/ai/ws or wss://host/ai/ws")
    with trio.fail_after(CONNECT_TIMEOUT_S):
        if parts.scheme == "ws":
            return await trio.open_tcp_stream(parts.hostname, parts.port or 80)
        context = ssl.create_default_context()
        return await trio.open_ssl_over_tcp_stream(
            parts.hostname, parts.port or 443, https_compatible=True, ssl_context=context
        )


async def handshake(nursery: trio.Nursery, stream: Stream, url: str) -> trio_websocket.WebSocketConnection:
    """An open WebSocket over `stream`; its reader task lives in `nursery`."""
    parts = urlsplit(url)
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    with trio.fail_after(CONNECT_TIMEOUT_S), trio.CancelScope() as unanswered:
        socket = await trio_websocket.wrap_client_stream(
            nursery,
            _Watched(stream, on_end=unanswered.cancel),  # type: ignore[arg-type]  # any Stream does
            host,
            resource,
            max_message_size=FRAME_BYTES_MAX,
            receive_buffer_size=64 * 2**10,
        )
    if unanswered.cancelled_caught:
        raise EOFError("it closed the connection instead of answering")
    return socket


class _Watched(trio.abc.Stream):
    """A stream that tells its end: trio-websocket waits on for a handshake that cannot come."""

    def __init__(self, stream: Stream, *, on_end: Callable[[], object]) -> None:
        self._stream = stream
        self._on_end = on_end

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data: bytes | bytearray = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            if not data:
                self._on_end()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def refusal(url: str, error: Exception) -> ConnectError:
    """What to tell a person about a connection that never opened."""
    place = _without_token(url)
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    match cause:
        case trio_websocket.ConnectionRejected():
            status = int(cause.status_code)
            reason = _reason(cause.body) or f"HTTP status {status}"
            return ConnectError(f"{place} refused the connection: {reason}", status=status)
        case trio.TooSlowError():
            return ConnectError(f"{place} did not answer in time")
        case _:
            return ConnectError(f"cannot reach {place}: {_innermost(cause)}")


def _innermost(error: BaseException) -> str:
    """Trio tells each address it tried as a cause; the first is the one to read."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return _innermost(error.exceptions[0])
    text = error.strerror if isinstance(error, OSError) else str(error)
    return text or type(error).__name__


def _reason(body: bytes | None) -> str:
    try:
        return str(msgspec.json.decode(body or b"{}", type=dict[str, Any]).get("error", ""))
    except msgspec.DecodeError:
        return ""


def _without_token(url: str) -> str:
    """A token must not end up in an error text, which may be logged."""
    parts = urlsplit(url)
    rest = [pair for pair in parse_qsl(parts.query) if pair[0] != "token"]
    query = "&".join(f"{name}={value}" for name, value in rest)
    return urlunsplit(parts._replace(query=query))
