"""One face's door.

From an HTTP request to its handler and back, with the face's own words for what is wrong.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import msgspec
import trio
from quart import Response, request
from quart.wrappers.response import ResponseBody
from quart_trio.wrappers.response import TrioFileBody
from werkzeug.exceptions import HTTPException

from appliance.engine.engine import Engine
from appliance.errors import (
    ApplianceError,
    InvalidInput,
    MessageTooLarge,
    MethodNotAllowed,
    RouteNotFound,
    TooManyRequests,
)
from appliance.identity import Caller, require_user
from appliance.protocols.base import Broadcast, Endpoint, Face, Stream
from appliance.server.auth import Authenticator, credentials_of
from appliance.server.broadcasts import BroadcastBody
from appliance.server.exchange import Lasting, close_at_end
from appliance.server.forms import read_form
from appliance.server.origins import check_own_page
from appliance.server.places import Places
from appliance.server.playing import check_playing
from appliance.server.routing import Router
from appliance.server.streams import StreamBody
from appliance.windows import Windows
from appliance.wire import Cookie, FormPart, Reply, Request

logger = logging.getLogger("appliance.server")

JSON = "application/json"
SSE = "text/event-stream"
WINDOW_S = 10.0
FORM_TIMEOUT_S = 300
"""A document of 50 MiB over a line of 1.5 Mbit/s; other bodies have a minute."""
FORM_EXTRA_BYTES = 65_536
"""What a form may have beside its file."""
FILE_BYTES_AT_ONCE = 262_144
PLACE_RETRY_S = 5.0
"""Nobody knows when one of the open connections will end."""


class Door:
    """Serves all endpoints of one face, below one of its mounts."""

    def __init__(
        self,
        face: Face,
        engine: Engine,
        authenticator: Authenticator,
        bodies: set[Lasting],
        places: Places,
    ) -> None:
        self.face = face
        self._engine = engine
        self._authenticator = authenticator
        self._bodies = bodies
        self._places = places
        self._router = Router(face.endpoints)
        self._windows = Windows(engine.services.settings.requests_per_10_s_max, WINDOW_S)

    async def answer(self, mount: str) -> Response:
        """Answer the request at hand, whatever is wrong with it."""
        stamp: dict[str, str] = dict(self.face.stamp())
        try:
            caller, problem, by_cookie = await self._caller()
            stamp |= self._count(caller)
            endpoint, path = self._find(mount)
            if problem and endpoint.access != "open":
                raise problem
            check_playing(endpoint, caller)
            if by_cookie:
                check_own_page(request.method, request.headers)
            response = await self._carry_out(endpoint, path, caller, mount)
        except ApplianceError as error:
            response = self._refusal(error, stamp)
            await self._drain()
        except HTTPException as error:
            response = self._refusal(_as_ours(error), stamp)
        except Exception as error:
            response = self._fault(error, stamp)
        response.headers.update(stamp)
        return response

    async def _carry_out(
        self, endpoint: Endpoint, path: dict[str, str], caller: Caller, mount: str
    ) -> Response:
        ask = Request(
            caller=caller,
            path=path,
            query={**request.args},
            headers={name.lower(): value for name, value in request.headers.items()},
            mount=mount,
            origin=self._origin(),
        )
        if endpoint.form:
            ask = msgspec.structs.replace(ask, form=await self._form(endpoint, ask))
        else:
            ask = msgspec.structs.replace(ask, body=await self._body())
        reply = await endpoint.handler(self._engine, ask)
        if not isinstance(reply, Reply):
            return await self._stream(reply)
        answer = plain(reply)
        for cookie in reply.cookies:
            _set_cookie(answer, cookie, secure=ask.origin.startswith("https:"))
        return answer

    async def _body(self) -> bytes:
        body = await request.get_data(True, False, False)
        bytes_max = self._engine.services.settings.body_bytes_max
        if len(body) > bytes_max:  # it was read to its end: some clients hang when they are answered earlier
            raise MessageTooLarge(f"The request body is over the limit of {bytes_max} bytes.")
        return body

    async def _drain(self) -> None:
        """Read what is left of a body, unless it is large: then the connection ends with the answer."""
        length = request.content_length
        if length is not None and length <= self._engine.services.settings.body_bytes_max:
            with suppress(HTTPException):
                await request.get_data(True, False, False)

    async def _form(self, endpoint: Endpoint, ask: Request) -> dict[str, FormPart]:
        """The parts of a form. Strangers are refused before it is read: they must not fill the memory."""
        bytes_max = self._engine.services.settings.document_bytes_max
        if endpoint.check is not None:
            bytes_max = min(bytes_max, endpoint.check(self._engine, ask))
            if (request.content_length or 0) > bytes_max + FORM_EXTRA_BYTES:
                raise MessageTooLarge(f"The file is over the limit of {bytes_max} bytes.")
        elif endpoint.access in ("user", "operator", "admin"):
            require_user(ask.caller)
        request.body_timeout = FORM_TIMEOUT_S
        body = await request.get_data(False, False, False)
        return await trio.to_thread.run_sync(
            read_form, body, request.headers.get("Content-Type", ""), bytes_max
        )

    async def _stream(self, stream: Stream | Broadcast) -> Response:
        content_type = stream.content_type if isinstance(stream, Stream) else SSE
        if request.method == "HEAD":
            return Response(b"", status=200, content_type=content_type, headers=stream.headers)
        limit = self._engine.services.settings.sockets_per_principal_max
        place = self._places.place()
        if not place.take(stream.caller.bucket, limit):
            raise TooManyRequests(
                f"Too many connections: at most {limit} for one user, key or address.",
                retry_after_s=PLACE_RETRY_S,
            )
        body = (
            await StreamBody.open(stream, self._engine, self._bodies, place)
            if isinstance(stream, Stream)
            else BroadcastBody(stream, self._engine, self._bodies, place)
        )
        close_at_end(request, body)
        response = Response(body, status=200, content_type=content_type)
        response.timeout = None  # the default cuts answers off in mid-body after a minute
        response.headers.update(stream.headers)
        return response

    # -- who asks, for what ---------------------------------------------------------------------------

    async def _caller(self) -> tuple[Caller, ApplianceError | None, bool]:
        """Who asks, or a stranger and what is wrong with what they showed; and whether a cookie tells it."""
        credentials = credentials_of(
            request.headers, request.args, request.remote_addr or "", cookie=self.face.cookie
        )
        stranger = self._authenticator.stranger(credentials)
        if not self.face.identifies:
            return stranger, None, False
        try:
            return await self._authenticator.identify(credentials), None, credentials.by_cookie
        except ApplianceError as error:
            return stranger, error, credentials.by_cookie

    def _origin(self) -> str:
        credentials = credentials_of(request.headers, {}, request.remote_addr or "")
        proto = request.headers.get("X-Forwarded-Proto", "")
        return self._authenticator.origin(credentials, request.scheme, request.headers.get("Host", ""), proto)

    def _find(self, mount: str) -> tuple[Endpoint, dict[str, str]]:
        raw: bytes = request.scope.get("raw_path") or request.path.encode()
        path = raw.decode("latin-1").partition("?")[0].removeprefix(mount)
        method = "GET" if request.method == "HEAD" else request.method
        found = self._router.find(method, path)
        if found.endpoint is not None:
            return found.endpoint, found.path
        if found.methods:
            raise MethodNotAllowed(
                f"{request.method} is not for this path; use {' or '.join(found.methods)}.",
                allow=list(found.methods),
            )
        raise RouteNotFound("There is no such endpoint.")

    def _count(self, caller: Caller) -> dict[str, str]:
        """Headers that tell how many requests are left; raises `TooManyRequests`."""
        if not self.face.requests_per_10_s or not self._engine.services.settings.requests_per_10_s_max:
            return {}
        now = trio.current_time()
        window = self._windows.of(f"{caller.tenant} {caller.key_id or caller.principal} {caller.network}")
        wait_s = window.take(now)
        resets_at = time.time() + (wait_s or window.resets_in_s(now))
        told = {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.left(now)),
            "X-RateLimit-Reset": str(int(resets_at * 1000)),
        }
        if wait_s:
            raise _Throttled(told, wait_s)
        return told

    # -- what is wrong --------------------------------------------------------------------------------

    def _refusal(self, error: ApplianceError, stamp: dict[str, str]) -> Response:
        if isinstance(error, _Throttled):
            stamp |= error.told
        response = plain(self.face.refuse(error))
        if response.status_code >= 500:
            logger.error("%s %s was refused: %s", request.method, request.path, error.text)
        if allowed := error.details.get("allow"):
            response.headers["Allow"] = ", ".join(allowed)
        return response

    def _fault(self, error: Exception, stamp: dict[str, str]) -> Response:
        """A fault of ours is told by an id that stands in the log."""
        id = stamp.get("x-request-id") or str(uuid.uuid4())
        logger.error("request %s failed", id, exc_info=error)
        text = f"Something went wrong here (request {id})."
        return plain(self.face.refuse(ApplianceError(text, request_id=id)))


class _Throttled(TooManyRequests):
    def __init__(self, told: dict[str, str], retry_after_s: float) -> None:
        super().__init__("Too many requests, please try again later", retry_after_s=retry_after_s)
        self.told = told


def plain(reply: Reply) -> Response:
    """A whole answer; a file is read from the disk while it is sent."""
    body: bytes | ResponseBody
    if reply.body is None:
        body = b""
    elif isinstance(reply.body, Path):
        body = TrioFileBody(reply.body, buffer_size=FILE_BYTES_AT_ONCE)
    elif isinstance(reply.body, bytes):
        body = reply.body
    elif isinstance(reply.body, str) and reply.content_type != JSON:
        body = reply.body.encode()
    else:
        body = msgspec.json.encode(reply.body)
    answer = Response(body, status=reply.status, content_type=reply.content_type)
    if isinstance(body, TrioFileBody):
        answer.content_length = body.size
        answer.timeout = None  # the default cuts answers off in mid-body after a minute
    if reply.body is None:  # clients that see a JSON type read JSON, and there is none
        del answer.headers["Content-Type"]
    if reply.file_name:
        answer.headers["Content-Disposition"] = _attachment(reply.file_name)
        answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers.update(reply.headers)
    return answer


def _set_cookie(answer: Response, cookie: Cookie, *, secure: bool) -> None:
    answer.set_cookie(
        cookie.name,
        cookie.value,
        max_age=cookie.max_age_s,
        path=cookie.path,
        secure=secure,
        httponly=True,
        samesite=cookie.same_site,
    )


def _attachment(name: str) -> str:
    """RFC 6266: a plain name for all, and the whole one for those who can read it."""
    plain_name = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)
    whole = "" if plain_name == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f'attachment; filename="{plain_name}"{whole}'


def _as_ours(error: HTTPException) -> ApplianceError:
    if error.code == 413:
        return MessageTooLarge("The request body is too large.")
    return InvalidInput(error.description or error.name)
