"""The Quart application: routes, pages, headers and errors. What a request means is decided elsewhere."""

from __future__ import annotations

import logging
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import trio
from quart import Response, request, send_from_directory, websocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, Busy, MessageTooLarge
from appliance.identity import Caller
from appliance.protocols.fluxbase import rest
from appliance.protocols.fluxbase.chat import ChatCodec
from appliance.protocols.fluxbase.words import status_and_code
from appliance.server.auth import Authenticator, credentials_of
from appliance.server.session import Session
from appliance.server.tokens import make_visitor_token
from appliance.store import health
from appliance.wire import Reply, Request

logger = logging.getLogger("appliance.server")

PAGE_HEADERS = {
    # Everything a page needs is ours: no inline script, no third host. Sockets are same-origin too.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
CORS_HEADERS = (
    "Authorization, Content-Type, Accept, apikey, X-Client-Key, X-Service-Key, X-FB-Tenant, "
    "X-Request-ID, X-Impersonation-Token, x-client-app"
)
JSON = "application/json"


class Faces:
    """All routes of one server over one engine."""

    def __init__(self, engine: Engine, authenticator: Authenticator, secret: str, static: Path) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._secret = secret
        self._static = static
        self._sessions: dict[str, set[Session]] = {}
        self.draining = False

    def app(self) -> QuartTrio:
        """The application, ready to be served."""
        app = QuartTrio("appliance", static_folder=None)
        app.config["RESPONSE_TIMEOUT"] = None  # the default cuts answers off in mid-body after a minute
        app.url_map.merge_slashes = False  # an SDK made with a trailing slash asks for //ai/ws
        for method, path, handler in rest.ROUTES:
            app.add_url_rule(path, f"{method} {path}", self._endpoint(handler), methods=[method])
        app.add_url_rule("/api/v1/ai/visitor", "visitor", self._visitor, methods=["POST"])
        for path in ("/ai/ws", "//ai/ws"):
            app.add_url_rule(path, f"upgrade {path}", self._upgrade_needed, methods=["GET"])
            app.add_websocket(path, f"socket {path}", self._chat_socket)
        app.add_url_rule("/", "home", self._home)
        app.add_url_rule("/chat/<bot>", "chat", self._chat_page)
        app.add_url_rule("/static/<path:name>", "static", self._static_file)
        app.add_url_rule("/healthz", "healthz", self._healthz)
        app.add_url_rule("/readyz", "readyz", self._readyz)
        app.before_request(_preflight)
        app.after_request(self._finish)
        app.register_error_handler(Exception, _failed)
        return app

    def end_sessions(self) -> None:
        """Let every socket send what it has and close, as the server stops."""
        for sessions in self._sessions.values():
            for session in sessions:
                session.end()

    # -- endpoints -----------------------------------------------------------------------------------

    def _endpoint(self, handler: rest.Handler) -> Any:
        async def endpoint(**path: str) -> Response:
            ask = Request(
                caller=await self._caller(request),
                path=path,
                query={**request.args},
                body=await request.get_data(True, False, False),
            )
            return _json(await handler(self._engine, ask))

        return endpoint

    async def _visitor(self) -> Response:
        caller = await self._caller(request)
        token = make_visitor_token(self._secret, now=time.time(), tenant=caller.tenant)
        return _json(Reply(body={"token": token}))

    async def _healthz(self) -> Response:
        return _json(Reply(body={"status": "ok"}))

    async def _readyz(self) -> Response:
        """Ready means: the database answers and we are not about to stop."""
        if self.draining:
            return _json(Reply(status=503, body={"status": "stopping"}))
        await self._engine.services.store.read(health.check)
        return _json(Reply(body={"status": "ready"}))

    async def _upgrade_needed(self) -> Response:
        answer = _json(Reply(status=426, body={"error": "This is a WebSocket.", "code": "UPGRADE_REQUIRED"}))
        answer.headers["Upgrade"] = "websocket"
        return answer

    # -- pages ---------------------------------------------------------------------------------------

    async def _home(self) -> Response:
        return await self._page("chat/home.html")

    async def _chat_page(self, bot: str) -> Response:
        return await self._page("chat/chat.html")

    async def _page(self, name: str) -> Response:
        answer: Response = await send_from_directory(self._static, name)
        answer.headers.update(PAGE_HEADERS)
        _revalidate(answer)
        return answer

    async def _static_file(self, name: str) -> Response:
        answer: Response = await send_from_directory(self._static, name)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        _revalidate(answer)
        return answer

    # -- the chat socket -----------------------------------------------------------------------------

    async def _chat_socket(self) -> Response | None:
        """Refuse a bad credential at the upgrade: an SDK that is accepted first reconnects for ever."""
        try:
            caller = await self._caller(websocket)
            self._check_room(caller)
        except ApplianceError as error:
            return _refusal(error)
        await websocket.accept()
        session = Session(self._engine, ChatCodec(), caller)
        mine = self._sessions.setdefault(caller.principal, set())
        mine.add(session)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write, session, nursery.cancel_scope)
                await self._read(session)
                nursery.cancel_scope.cancel()
        finally:
            session.close()
            mine.discard(session)
            if not mine:
                self._sessions.pop(caller.principal, None)
        return None

    async def _read(self, session: Session) -> None:
        while True:
            frame = await websocket.receive()
            if isinstance(frame, str):
                await session.handle(frame)
            else:
                await session.handle_binary(frame)

    def _check_room(self, caller: Caller) -> None:
        limit = self._engine.services.settings.sockets_per_principal_max
        if limit and len(self._sessions.get(caller.principal, ())) >= limit:
            raise Busy(f"Too many connections: at most {limit} for one user, key or address.")

    # -- all requests --------------------------------------------------------------------------------

    async def _caller(self, asked: Any) -> Caller:
        peer_ip = asked.remote_addr or ""
        return await self._authenticator.identify(credentials_of(asked.headers, asked.args, peer_ip))

    async def _finish(self, response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin and self._origin_allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = CORS_METHODS
            response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            response.headers["Vary"] = "Origin"
        return response

    def _origin_allowed(self, origin: str) -> bool:
        allowed = [one.strip() for one in self._engine.services.settings.allowed_origins.split(",")]
        return "*" in allowed or origin in allowed


async def _preflight() -> Response | None:
    """A browser asks what it may do, for any path and before it shows a credential."""
    return Response(b"", status=204) if request.method == "OPTIONS" else None


async def _write(session: Session, connection: trio.CancelScope) -> None:
    """Send what waits, as long as there is something to say; the end of it closes the connection."""
    while frames := await session.frames():
        for frame in frames:
            await websocket.send(frame)
            await trio.lowlevel.checkpoint()  # a send to a client that has gone may not have one
    await websocket.close(1001, "The server is stopping.")
    connection.cancel()


def _revalidate(answer: Response) -> None:
    """Browsers ask by ETag each time, so that an upgrade is seen at once and by all files together."""
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers.pop("Expires", None)


def _json(reply: Reply) -> Response:
    is_text = isinstance(reply.body, str) and reply.content_type != JSON
    body = reply.body.encode() if is_text else msgspec.json.encode(reply.body)
    answer = Response(body, status=reply.status, content_type=reply.content_type)
    if reply.file_name:
        answer.headers["Content-Disposition"] = f'attachment; filename="{reply.file_name}"'
        answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _refusal(error: ApplianceError) -> Response:
    status, code = status_and_code(error)
    if status >= 500:
        logger.error("a request was refused: %s", error.text)
    body: dict[str, Any] = {"error": error.public_text, "code": code}
    return _json(Reply(status=status, body=body | ({"details": error.details} if error.details else {})))


async def _failed(error: Exception) -> Response:
    """Every error as the JSON of Fluxbase's 0.3; a fault of ours is told by an id that stands in the log."""
    if isinstance(error, ApplianceError):
        return _refusal(error)
    if isinstance(error, HTTPException) and error.code == 413:
        return _refusal(MessageTooLarge("The request body is too large."))
    if isinstance(error, HTTPException) and error.code:
        code = "NOT_FOUND" if error.code == 404 else error.name.upper().replace(" ", "_")
        return _json(Reply(status=error.code, body={"error": error.description or error.name, "code": code}))
    request_id = str(uuid.uuid4())
    logger.error("request %s failed", request_id, exc_info=error)
    text = f"Something went wrong here (request {request_id})."
    return _json(Reply(status=500, body={"error": text, "code": "INTERNAL_ERROR", "request_id": request_id}))
