"""The head of a request, judged before any application code runs: pure functions over what h11 has parsed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

import h11

from appliance.server.limits import ServerLimits

Refusal = tuple[int, str]
"""HTTP status and one sentence for the client."""
RETRY_AFTER_S = 2
"""What a client that meets a stopping or full server is told to wait."""


def plain_headers(status: int, body: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of an answer that the server gives by itself; it is the last one on its connection."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if status == 426:
        headers.append((b"sec-websocket-version", b"13"))
    return headers


def error_body(status: int, text: str) -> bytes:
    """What went wrong, in the form that all errors have: a sentence and a code."""
    code = HTTPStatus(status).phrase.upper().replace(" ", "_").replace("-", "_")
    return json.dumps({"error": text.strip(), "code": code}).encode()


def wants_websocket(request: h11.Request) -> bool:
    """Whether the client asks to turn this connection into a WebSocket."""
    values = dict(request.headers)
    tokens = [token.strip() for token in values.get(b"connection", b"").lower().split(b",")]
    upgrade = values.get(b"upgrade", b"").strip().lower()
    return request.method == b"GET" and b"upgrade" in tokens and upgrade == b"websocket"


def refusal(request: h11.Request, limits: ServerLimits, upgrade: bool) -> Refusal | None:
    """Why this request is not served, or None; h11 has already checked its form."""
    values = dict(request.headers)
    length = int(values.get(b"content-length", b"0"))
    if request.http_version not in {b"1.0", b"1.1"}:
        return 505, "Only HTTP/1.1 is spoken here.\n"
    if origin_form(request) is None:
        return 400, "The request target must be a path that starts with a slash.\n"
    bytes_max = limits.bytes_max(request.method.decode("ascii").upper(), origin_form(request) or b"")
    if length > bytes_max:
        return too_large(bytes_max)
    return _upgrade_refusal(request, values) if upgrade else None


def _upgrade_refusal(request: h11.Request, values: dict[bytes, bytes]) -> Refusal | None:
    handshake = [
        value
        for name, value in request.headers
        if name.startswith(b"sec-websocket-") or name in {b"connection", b"upgrade"}
    ]
    if request.http_version != b"1.1" or b"sec-websocket-key" not in values:
        return 400, "A WebSocket needs HTTP/1.1 and a Sec-WebSocket-Key.\n"
    if not all(value.isascii() for value in handshake):
        return 400, "The headers of a WebSocket handshake must be ASCII.\n"
    if b"transfer-encoding" in values or values.get(b"content-length", b"0") != b"0":
        return 400, "A WebSocket handshake has no body.\n"
    if values.get(b"sec-websocket-version") != b"13":
        return 426, "Only version 13 of the WebSocket protocol is spoken here.\n"
    return None


def too_large(bytes_max: int) -> Refusal:
    """The refusal of a request body over the limit."""
    return 413, f"The request body is over the limit of {bytes_max} bytes.\n"


def too_many_uploads() -> Refusal:
    """The refusal of a large request body while as many as may be are being read."""
    return 503, "Too many large files are being uploaded; try again in a moment.\n"


def origin_form(request: h11.Request) -> bytes | None:
    """The target as path and query; None for CONNECT and everything else that names no path."""
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return target
    if target.lower().startswith((b"http://", b"https://")):  # RFC 9112 3.2.2: must be accepted
        return b"/" + target.partition(b"://")[2].partition(b"/")[2]
    return None


def passed_headers(request: h11.Request, upgrade: bool) -> list[tuple[bytes, bytes]]:
    """All headers, less the offer of extensions: none is accepted, so deflate bombs have no way in."""
    headers: Iterable[tuple[bytes, bytes]] = request.headers
    return [(name, value) for name, value in headers if not (upgrade and name == b"sec-websocket-extensions")]
