"""An MCP server at an address: the SDK's transport over a client that bounds what comes back."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage

from appliance.tools.mcp_rendered import Rendered

BODY_BYTES_MAX = 10_000_000
_TIMEOUT = httpx2.Timeout(30.0, connect=10.0, read=300.0)
"""Reading may take long: a stream for what the server wants to tell stays open between calls."""


class Answers:
    """Looks at each answer before its body is read; keeps the last bad status for people."""

    def __init__(self) -> None:
        self.bad_status: int | None = None

    async def check(self, response: httpx2.Response) -> None:
        """Bound the body; an unasked-for compression could hide any size."""
        # The stream for messages outside of calls is optional: 405 says that there is none.
        if response.status_code >= 400 and response.request.method == "POST":
            self.bad_status = response.status_code
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise httpx2.DecodingError("a compressed answer although asked not to", request=response.request)
        is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        # Of a stream of events each one is bounded.
        response.stream = _Bounded(response.stream, math.inf if is_stream else BODY_BYTES_MAX)


class _Bounded(httpx2.AsyncByteStream):
    """A body up to a size. No generator, which a cancel would leave open until it is collected."""

    def __init__(self, stream: httpx2.AsyncByteStream, bytes_max: float) -> None:
        self._stream = stream
        self._chunks = aiter(stream)
        self._left = bytes_max

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._left -= len(chunk)
        if self._left < 0:
            raise httpx2.StreamError(f"an answer of more than {BODY_BYTES_MAX // 1_000_000} MB")
        return chunk

    async def aclose(self) -> None:
        if isinstance(self._chunks, AsyncGenerator):
            await self._chunks.aclose()
        await self._stream.aclose()


@asynccontextmanager
async def address(
    server: Rendered, answers: Answers
) -> AsyncGenerator[tuple[ReadStream[SessionMessage | Exception], WriteStream[SessionMessage]]]:
    """Talk to the address of `server` while the block runs; raises groups of `httpx2.HTTPError`.

    TLS is verified. A redirect is followed within the same origin only.
    """
    headers = {"accept-encoding": "identity", "user-agent": "chat-appliance", **server.headers}
    hooks = {"response": [answers.check]}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT, event_hooks=hooks) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=BODY_BYTES_MAX) as streams,
    ):
        yield streams
