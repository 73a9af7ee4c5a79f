"""One GET to a judged target: look its name up, judge the addresses, connect to one, read with bounds.

The connection goes to the very address that was judged, so that a name which changes its mind is not asked
twice; TLS and the `Host` header still speak of the name. Each request has a connection of its own, without
proxies, cookies, redirects or compression.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import msgspec
import trio

from appliance.urlguard import Target, allowed_addresses

BODY_BYTES_MAX = 1024 * 1024
DEADLINE_S = 10.0
"""For the whole request: name, connection, head and body."""

_CONNECT_S = 3.0
"""One address that does not answer must leave time for the next."""
_ADDRESSES_MAX = 4
_LOOKUPS_MAX = 16
"""Threads that may wait for name servers: an own pool, so that slow ones hold up this tool alone."""
_ERROR_BYTES_MAX = 16 * 1024
_LOOPBACK = {"localhost": ["127.0.0.1", "::1"]}
"""Never looked up: whoever writes the name server's answers does not say what the own machine is."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name; raises `OSError` when there are none."""
Judge = Callable[[Target, Sequence[str]], Sequence[str]]
"""The addresses that may be connected to; raises `UrlRefused`."""


class FetchFailed(Exception):
    """No answer that could be used; the text says why, without a word of the server. `status` where known."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it came. For a status outside 2xx the body is only its beginning.

    `etag` and `last_modified` are what the server says of this version, empty where it says nothing.
    """

    status: int
    content_type: str
    location: str
    body: bytes
    etag: str = ""
    last_modified: str = ""

    @property
    def is_good(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300


class SystemResolver:
    """Asks the operating system; a lookup that is given up ends by itself in its thread."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(_LOOKUPS_MAX)

    async def __call__(self, host: str, port: int) -> list[str]:
        """Addresses in the system's order of preference."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await trio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=self._limiter)
        return [str(address[0]) for *_, address in found]


class Fetcher:
    """What sends the requests of all callers; keeps nothing between them but the trusted certificates.

    `resolve` and `judge` answer for names; `tls` replaces the usual certificate authorities (those of
    `SSL_CERT_FILE` where that is set). A body of more than `body_bytes_max` is refused.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        judge: Judge = allowed_addresses,
        tls: ssl.SSLContext | None = None,
        deadline_s: float = DEADLINE_S,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._resolve = resolve or SystemResolver()
        self._judge = judge
        self._tls = tls
        self._deadline_s = deadline_s
        self._body_bytes_max = body_bytes_max

    async def fetch(self, target: Target, headers: Mapping[str, str]) -> Fetched:
        """Ask; raises `UrlRefused` for a name that leads inside and `FetchFailed` for all that goes wrong."""
        with trio.move_on_after(self._deadline_s):
            try:
                return await self._ask_addresses(target, headers, await self._addresses(target))
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise _failure(target, error) from None
        raise FetchFailed(f"{target.host} took longer than {self._deadline_s:g} s and was given up.")

    async def _addresses(self, target: Target) -> Sequence[str]:
        if target.local:
            return _LOOPBACK.get(target.host, [target.host])
        if target.is_address:
            return self._judge(target, [target.host])
        try:
            found = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise FetchFailed(f"The name {target.host} has no address; check how it is written.")
        return self._judge(target, found)

    async def _ask_addresses(
        self, target: Target, headers: Mapping[str, str], addresses: Sequence[str]
    ) -> Fetched:
        """The first address that takes the connection answers."""
        *others, last = addresses[:_ADDRESSES_MAX]
        for address in others:
            try:
                return await self._ask(target, headers, address, _CONNECT_S)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if _certificate_fault(error):
                    raise
        return await self._ask(target, headers, last, None)

    async def _ask(
        self, target: Target, headers: Mapping[str, str], address: str, connect_s: float | None
    ) -> Fetched:
        tls = await self._trusted()
        request, connection = _request(target, headers, address, connect_s), _Connection()
        request.extensions["trace"] = connection.note
        # A transport, not a client: it follows no redirect, keeps no cookie, reads no environment.
        async with (
            connection,
            httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=_ONE) as transport,
        ):
            response = await transport.handle_async_request(request)
            chunks = response.aiter_raw()
            assert isinstance(chunks, AsyncGenerator)
            try:
                return await _read(target, response, chunks, self._body_bytes_max)
            finally:
                await _leave(response, chunks)

    async def _trusted(self) -> ssl.SSLContext:
        if self._tls is None:  # some 60 ms of work, which a server without this tool need not spend
            self._tls = await trio.to_thread.run_sync(httpx.create_ssl_context)
        return self._tls


_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=0)


class _Connection:
    """Closes the socket at the end: httpcore forgets it when a TLS handshake is cancelled."""

    def __init__(self) -> None:
        self._streams: list[Any] = []

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step."""
        if event == "connection.connect_tcp.complete":
            self._streams.append(info["return_value"])

    async def __aenter__(self) -> None:
        """Nothing is open yet."""

    async def __aexit__(self, *exc: object) -> None:
        with trio.CancelScope(shield=True):
            for stream in self._streams:
                await stream.aclose()


class _NoBody(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """httpx' own empty body is a generator, which a cancel would leave open."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def _request(
    target: Target, headers: Mapping[str, str], address: str, connect_s: float | None
) -> httpx.Request:
    host = f"[{address}]" if ":" in address else address
    return httpx.Request(
        "GET",
        f"{target.scheme}://{host}:{target.port}/",
        headers=[("Host", target.host_header), *headers.items()],
        extensions={
            "sni_hostname": target.host,
            "target": target.path.encode("ascii"),  # as it was judged, not as httpx would write it
            "timeout": {"connect": connect_s},
        },
        stream=_NoBody(),
    )


async def _read(
    target: Target, response: httpx.Response, chunks: AsyncGenerator[bytes], bytes_max: int
) -> Fetched:
    status = response.status_code
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    body = b""
    if 200 <= status < 300:
        if encoding not in ("", "identity"):
            raise FetchFailed(f"{target.host} sent a compressed answer, which was not asked for.", status)
        body = await _whole(target, response, chunks, bytes_max)
    elif encoding in ("", "identity"):
        body = await _beginning(chunks)
    return Fetched(
        status=status,
        content_type=response.headers.get("content-type", ""),
        location=response.headers.get("location", ""),
        body=body,
        etag=response.headers.get("etag", ""),
        last_modified=response.headers.get("last-modified", ""),
    )


async def _whole(
    target: Target, response: httpx.Response, chunks: AsyncGenerator[bytes], bytes_max: int
) -> bytes:
    """The body, counted by what the head announces and again by what comes."""
    too_large = FetchFailed(
        f"The answer of {target.host} is larger than {bytes_max // 1024} KiB; ask for less.",
        response.status_code,
    )
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 12 or int(announced) > bytes_max):
        raise too_large
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > bytes_max:
            raise too_large
    return bytes(body)


async def _beginning(chunks: AsyncGenerator[bytes]) -> bytes:
    """As much of an error's body as may be told."""
    body = b""
    with suppress(httpx.HTTPError):
        while len(body) < _ERROR_BYTES_MAX and (chunk := await anext(chunks, b"")):
            body += chunk
    return body


async def _leave(response: httpx.Response, chunks: AsyncGenerator[bytes]) -> None:
    """Close the connection; a cancelled read unwinds the generators of httpx in order, dropping does not."""
    with trio.CancelScope(shield=True):
        with trio.move_on_after(0), suppress(httpx.HTTPError, httpx.StreamError):
            while await anext(chunks, b""):
                pass
        await response.aclose()


def _failure(target: Target, error: Exception) -> FetchFailed:
    """In our own words: what httpx says quotes the server."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        if fault := _certificate_fault(error):
            return FetchFailed(f"{target.host} shows no certificate that can be trusted: {fault}.")
        kind = "TLS connection" if target.scheme == "https" else "connection"
        return FetchFailed(f"{target.host} took no {kind} on port {target.port}.")
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError):
        return FetchFailed(f"The answer of {target.host} broke off or is no HTTP.")
    return FetchFailed(f"{target.host} could not be asked ({type(error).__name__}).")


def _certificate_fault(error: BaseException | None) -> str:
    """What TLS found wrong with the certificate, empty for any other failure."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.rstrip(".")
        error = error.__cause__ or error.__context__
    return ""
