"""One streamed model call over HTTP, whatever the wire: retries, idle clock, errors, prompt closing.

What the bytes mean is a `Decoder`'s business. A call is sent again only while nothing of an answer's body
was read: once the model began, a second attempt would be a second answer.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import msgspec
import trio

from appliance.errors import (
    InvalidInput,
    ProviderBroken,
    ProviderError,
    ProviderUnavailable,
)
from appliance.providers import failures, trust
from appliance.providers.base import ModelEvent
from appliance.providers.failures import Upstream

RETRY_AFTER_S_MAX = 30.0
"""A provider that asks for more is not waited for: a person is sitting there."""

_BACKOFF_S_MAX = 8.0
_ERROR_BYTES_MAX = 64 * 1024
_KEEPALIVE_FACTOR = 10
"""Comments prove that a connection lives, not that a model does: good for so many idle time-outs."""
_DRAIN_S = 0.1
"""Wait for the last bytes after the answer, so that the connection can be used again."""
_READS_PER_CHECKPOINT = 16
"""A read of what has come already lets nobody else run; after so many, others get a turn."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for what, and how often to try."""

    idle_timeout_s: float = 60.0
    connect_timeout_s: float = 10.0
    retries: int = 2
    backoff_s: float = 0.5


def _keep(body: dict[str, Any], complaint: str) -> dict[str, Any] | None:
    return None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One POST. `adapt(body, complaint)` may give a body without the field that a 400 complains of."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    media_types: tuple[str, ...]
    adapt: Callable[[dict[str, Any], str], dict[str, Any] | None] = _keep


class Decoder(Protocol):
    """The bytes of one answer in, model events out; any cut of the bytes tells the same. Pure."""

    finished: bool
    """Nothing more is expected, be it for a good reason or a bad one: call `close`."""
    messages: int
    """Whole messages of the wire so far, keep-alives not counted."""

    def feed(self, data: bytes) -> list[ModelEvent]:
        """Events that `data` completes. Never raises: what came before a fault still counts."""
        ...

    def close(self) -> list[ModelEvent]:
        """The last events of a whole answer; else raises the `ProviderError` that says what was wrong."""
        ...


def new_client(*, trust_env: bool = True) -> httpx.AsyncClient:
    """The client that all providers share.

    The number of connections is not limited here: running turns are. Idle ones are kept for a minute, so
    that a person who reads before asking again does not wait for a new handshake.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60)
    verify = trust.context(trust_env=trust_env)
    return httpx.AsyncClient(limits=limits, trust_env=trust_env, http2=False, verify=verify)


def checked_url(text: str, setting: str) -> httpx.URL:
    """`text` as an http(s) address to append paths to; `InvalidInput` names `setting`."""
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL("")
    is_address = url.scheme in ("http", "https") and url.host and "%" not in url.host
    if not is_address or (url.port or 1) > 65_535 or url.query or url.fragment:
        raise InvalidInput(f"{setting} must be an address like https://host/v1")
    return url


def checked_key(text: str, setting: str) -> str:
    """`text` if it can travel in a header; `InvalidInput` names `setting`."""
    if not all("!" <= character <= "~" for character in text):
        raise InvalidInput(f"{setting} has blanks or characters that no key has; copy it again")
    return text


@asynccontextmanager
async def stream(
    client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call, decoder: Decoder
) -> AsyncGenerator[AsyncIterator[ModelEvent]]:
    """Make `call` and give what `decoder` reads; leaving the block closes the connection at once.

    Raises `ProviderError`, here and while it is read, without the key in its text.
    """
    try:
        response, chunks, first = await _answer(client, upstream, patience, call)
    except httpx.HTTPError as error:
        raise _cut(upstream, patience, error) from None
    except ProviderError as error:
        failures.redact(upstream, error)
        raise
    events = _Events(upstream, patience, decoder, chunks, first)
    try:
        yield events
    finally:
        await _leave(response, chunks, _DRAIN_S if events.whole else 0.0)


class _Events(AsyncIterator[ModelEvent]):
    """What a decoder reads in the body of an answer, of which `first` has come already.

    No generator, which would have to be closed, and no task: each of its events would pass a channel.
    """

    def __init__(
        self,
        upstream: Upstream,
        patience: Patience,
        decoder: Decoder,
        chunks: AsyncGenerator[bytes],
        first: bytes,
    ) -> None:
        self._upstream = upstream
        self._patience = patience
        self._decoder = decoder
        self._chunks = chunks
        self._first = first
        self._clock = _IdleClock(upstream, patience.idle_timeout_s)
        self._ready: deque[ModelEvent] = deque()
        self._ended = False
        self._reads = 0
        self.whole = False
        """The answer has come to its proper end."""

    async def __anext__(self) -> ModelEvent:
        try:
            while not (self._ready or self._ended):
                await self._take()
        except httpx.HTTPError as error:
            raise _cut(self._upstream, self._patience, error) from None
        except ProviderError as error:
            failures.redact(self._upstream, error)
            raise
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.popleft()

    async def _take(self) -> None:
        """The events of the next bytes, if they complete any; at the end, the last ones."""
        data, self._first = self._first, b""
        if not (data or self._decoder.finished):
            data = await self._more()
        if data:
            self._ready.extend(self._decoder.feed(data))
            self._clock.heard(data, self._decoder.messages)
        else:
            self._ended = True
            self._ready.extend(self._decoder.close())
            self.whole = True

    async def _more(self) -> bytes:
        """The next bytes of the body; none at its end."""
        self._reads += 1
        if self._reads % _READS_PER_CHECKPOINT == 0:
            await trio.lowlevel.checkpoint()
        return await anext(self._chunks, b"")


class _IdleClock:
    """Ends a stream that drips: bytes come, but no whole line; or lines, but never a message."""

    def __init__(self, upstream: Upstream, idle_timeout_s: float) -> None:
        self._upstream = upstream
        self._idle_s = idle_timeout_s
        self._messages = 0
        self._line_at = self._message_at = trio.current_time()

    def heard(self, data: bytes, messages: int) -> None:
        now = trio.current_time()
        if messages > self._messages:
            self._messages = messages
            self._line_at = self._message_at = now
        elif b"\n" in data or b"\r" in data:
            self._line_at = now
        if now - self._line_at > self._idle_s:
            raise _silent(self._upstream, self._idle_s, "nothing whole")
        if now - self._message_at > self._idle_s * _KEEPALIVE_FACTOR:
            raise _silent(self._upstream, self._idle_s * _KEEPALIVE_FACTOR, "only keep-alives")


class _Body(httpx.AsyncByteStream):
    """A request's body as one piece.

    httpx has a generator for it, which a cancel in the middle of sending leaves open until it is collected.
    """

    def __init__(self, content: bytes) -> None:
        self._pieces = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(iter(self._pieces))


class _Pieces(AsyncIterator[bytes]):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


class _Refused(Exception):
    """One attempt failed. `wait_s` None: do not try again; 0: the provider names no time."""

    def __init__(self, error: ProviderError, *, wait_s: float | None, complaint: str = "") -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s
        self.complaint = complaint


_Answer = tuple[httpx.Response, AsyncGenerator[bytes], bytes]
"""A good head, the rest of the body, and the first bytes of it."""


async def _answer(client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call) -> _Answer:
    """Attempt after attempt until one is answered or patience ends."""
    attempt = 0
    while True:
        try:
            return await _attempt(client, upstream, patience, call)
        except _Refused as refusal:
            leaner = call.adapt(call.body, refusal.complaint) if refusal.complaint else None
            if leaner is not None:
                call = msgspec.structs.replace(call, body=leaner)
                continue
            if refusal.wait_s is None or attempt >= patience.retries:
                raise refusal.error from None
            backoff_s = min(patience.backoff_s * 2**attempt, _BACKOFF_S_MAX)
            # Spread out, so that turns which failed together do not come back together.
            backoff_s *= random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
            attempt += 1
            await trio.sleep(max(refusal.wait_s, backoff_s))


async def _attempt(client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call) -> _Answer:
    try:
        response = await _head(client, upstream, patience, call)
        chunks = response.aiter_raw()
        assert isinstance(chunks, AsyncGenerator)
        try:
            if response.status_code != 200:
                body = await _start_of(chunks, patience.connect_timeout_s)
                raise _refusal(upstream, response, body)
            first = await anext(chunks, b"")
            _check_type(upstream, response.headers, call.media_types, first)
        except BaseException:
            await _leave(response, chunks, 0)
            raise
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise _Refused(_unreachable(upstream, patience, error), wait_s=0) from None
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise _Refused(_no_answer(upstream, error), wait_s=0) from None
    return response, chunks, first


async def _head(
    client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call
) -> httpx.Response:
    idle_s, connect_s = patience.idle_timeout_s, patience.connect_timeout_s
    request = client.build_request(
        "POST",
        call.url,
        # Compressing a stream of tokens costs both sides work and delays each one.
        headers={"Accept-Encoding": "identity", "Content-Type": "application/json", **call.headers},
        content=msgspec.json.encode(call.body),
        timeout=httpx.Timeout(idle_s, connect=connect_s, pool=None),
    )
    # httpx times each read; the scope also ends a head that comes byte by byte.
    with trio.move_on_after(idle_s + connect_s):
        request.stream = _Body(request.content)
        return await client.send(request, stream=True)
    raise _silent(upstream, idle_s + connect_s, "no answer")


async def _start_of(chunks: AsyncGenerator[bytes], timeout_s: float) -> bytes:
    """As much of an error's body as is worth reading."""
    body = b""
    with trio.move_on_after(timeout_s), suppress(httpx.HTTPError):
        while len(body) < _ERROR_BYTES_MAX and (data := await anext(chunks, b"")):
            body += data
    return body


async def _leave(response: httpx.Response, chunks: AsyncGenerator[bytes], grace_s: float) -> None:
    """Close the connection, or give it back if the rest of the body comes within `grace_s`.

    httpx reads through five nested generators. A read that is cancelled unwinds them in order; merely
    dropping them would leave that to the garbage collector.
    """
    with trio.CancelScope(shield=True):
        with trio.move_on_after(grace_s), suppress(httpx.HTTPError, httpx.StreamError):
            while await anext(chunks, b""):
                pass
        await response.aclose()


# -- what went wrong, in words ---------------------------------------------------------------------


def _refusal(upstream: Upstream, response: httpx.Response, body: bytes) -> _Refused:
    status, text = response.status_code, failures.error_text(body)
    error = failures.from_status(upstream, status, text)
    if status in (400, 422):
        return _Refused(error, wait_s=None, complaint=text)
    wait_s: float | None = None
    if failures.is_worth_waiting(status, body.decode("utf-8", "replace")):
        wait_s = failures.retry_after_s(response.headers, datetime.now(UTC)) or 0.0
        if wait_s > RETRY_AFTER_S_MAX:
            error = ProviderUnavailable(
                f"{error.text} It asks to wait {wait_s:.0f} s.", upstream_status=status
            )
            wait_s = None
    return _Refused(error, wait_s=wait_s)


def _check_type(
    upstream: Upstream, headers: httpx.Headers, media_types: tuple[str, ...], first: bytes
) -> None:
    """Refuse what is labelled as no stream of ours; a missing label is left to the decoder."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and media_type not in media_types:
        raise failures.garbage(upstream, f"{media_type} instead of a stream", first)
    if headers.get("content-encoding", "identity") != "identity":
        raise failures.garbage(upstream, "a compressed answer although asked not to", first)


def _silent(upstream: Upstream, seconds: float, what: str = "nothing") -> ProviderBroken:
    return ProviderBroken(
        f"{upstream.label} sent {what} for {seconds:g} s. If the model is merely slow, "
        "raise APPLIANCE_PROVIDER_IDLE_TIMEOUT_S."
    )


def _unreachable(upstream: Upstream, patience: Patience, error: httpx.TransportError) -> ProviderUnavailable:
    why = str(error) or f"no connection within {patience.connect_timeout_s:g} s"
    return ProviderUnavailable(
        f"{upstream.label} cannot be reached: {why}. Check {upstream.address_setting} and that it is running."
    )


def _no_answer(upstream: Upstream, error: httpx.TransportError) -> ProviderError:
    """The connection ended, or spoke no HTTP, before any of the answer came."""
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return ProviderBroken(f"{upstream.label} does not speak HTTP as expected: {error}.")
    return ProviderUnavailable(f"{upstream.label} closed the connection without an answer.")


def _cut(upstream: Upstream, patience: Patience, error: httpx.HTTPError) -> ProviderBroken:
    """The connection failed while the answer was being read."""
    if isinstance(error, httpx.TimeoutException):
        return _silent(upstream, patience.idle_timeout_s)
    why = str(error) or "the connection was reset"
    return ProviderBroken(f"{upstream.label} broke off its answer: {why}.")
