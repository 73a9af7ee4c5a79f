"""The Quart application: routes, pages, headers and errors. What a request means is decided elsewhere."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from quart import Response, request, send_from_directory
from quart.routing import QuartRule
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.routing import PathConverter

from appliance.engine import choosing
from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, MessageTooLarge
from appliance.protocols import registry
from appliance.protocols.base import Face
from appliance.protocols.fluxbase import face as fluxbase
from appliance.server import openapi
from appliance.server.auth import Authenticator
from appliance.server.console_page import console_page
from appliance.server.door import Door, plain
from appliance.server.entrance import Entrance
from appliance.server.event_sockets import EventSockets
from appliance.server.exchange import Exchange, Lasting
from appliance.server.places import Places
from appliance.server.sockets import Sockets
from appliance.server.static_files import StaticFiles
from appliance.store import health
from appliance.wire import Reply

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
CORS_AGE_S = 600

FACES = registry.faces()
SOCKETS = registry.sockets()


class Faces:
    """All routes of one server over one engine."""

    def __init__(self, engine: Engine, authenticator: Authenticator, static: Path) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._static = static
        self._files = StaticFiles(static)
        self._faces = registry.faces()
        self._bodies: set[Lasting] = set()
        self._places = Places()
        entrance = Entrance(engine, authenticator)
        self._sockets = Sockets(registry.sockets(), engine, entrance, self._places)
        self._event_sockets = EventSockets(registry.sockets(), engine, entrance, self._places)
        self._document: bytes | None = None
        self.draining = False

    def app(self) -> QuartTrio:
        """The application, ready to be served."""
        app = QuartTrio("appliance", static_folder=None)
        app.asgi_http_class = Exchange
        app.url_rule_class = _Rule
        app.config["RESPONSE_TIMEOUT"] = None  # the default cuts answers off in mid-body after a minute
        app.url_map.converters["anything"] = _Anything
        app.url_map.merge_slashes = False  # an SDK made with a trailing slash asks for //ai/ws
        for face in self._faces:
            door = Door(face, self._engine, self._authenticator, self._bodies, self._places)
            for mount in face.mounts:
                for prefix in face.prefixes:
                    _hang(app, door, mount, prefix)
        self._sockets.hang(app)
        self._event_sockets.hang(app)
        app.add_url_rule("/", "home", self._home)
        app.add_url_rule("/chat/<bot>", "chat", self._chat_page)
        app.add_url_rule("/admin", "admin", self._console, strict_slashes=False)
        app.add_url_rule("/admin/<path:place>", "admin_place", self._console)
        app.add_url_rule("/widget.js", "widget", self._widget)
        app.add_url_rule("/static/<path:name>", "static", self._static_file)
        app.add_url_rule("/healthz", "healthz", self._healthz)
        app.add_url_rule("/readyz", "readyz", self._readyz)
        app.add_url_rule("/openapi.json", "openapi", self._openapi)
        app.add_url_rule("/docs", "docs", self._docs)
        app.before_request(_preflight)
        app.after_request(self._finish)
        app.register_error_handler(Exception, _failed)
        return app

    def end_sessions(self) -> None:
        """Let every socket send what it has and close, as the server stops."""
        self._sockets.end()
        self._event_sockets.end()
        for body in self._bodies:
            body.stop()

    # -- endpoints -----------------------------------------------------------------------------------

    async def _healthz(self) -> Response:
        return plain(Reply(body={"status": "ok"}))

    async def _readyz(self) -> Response:
        """Ready means: the database answers and we are not about to stop."""
        if self.draining:
            return plain(Reply(status=503, body={"status": "stopping"}))
        await self._engine.services.store.read(health.check)
        return plain(Reply(body={"status": "ready"}))

    async def _openapi(self) -> Response:
        """What all faces can be asked; made when it is first wanted, and then kept."""
        if self._document is None:
            self._document = openapi.document(self._faces)
        answer = Response(self._document, content_type="application/json")
        _revalidate(answer)
        await answer.add_etag()
        whole: Response = await answer.make_conditional(request)
        return whole

    # -- pages ---------------------------------------------------------------------------------------

    async def _home(self) -> Response:
        return await self._own_page("chat/home.html")

    async def _chat_page(self, bot: str) -> Response:
        answer = await self._page("chat/chat.html")
        origins = self._origins_of(bot)
        # A page that may not show the bot must not show it in a frame either.
        return _framed_by(answer, ["'self'", *origins]) if origins else answer

    def _origins_of(self, name: str) -> list[str]:
        """The origins whose pages may show this bot; none means all."""
        try:
            return choosing.find_bot(self._engine, name).allowed_origins
        except ApplianceError:
            return []

    async def _docs(self) -> Response:
        return await self._own_page("docs/docs.html")

    async def _console(self, place: str = "") -> Response:
        return await console_page(self._static)

    async def _own_page(self, name: str) -> Response:
        """One that no other page may put into a frame."""
        return _framed_by(await self._page(name), ["'self'"])

    async def _page(self, name: str) -> Response:
        answer: Response = await send_from_directory(self._static, name)
        answer.headers.update(PAGE_HEADERS)
        _revalidate(answer)
        return answer

    async def _widget(self) -> Response:
        return await self._files.answer("widget.js")

    async def _static_file(self, name: str) -> Response:
        return await self._files.answer(name)

    # -- all requests --------------------------------------------------------------------------------

    async def _finish(self, response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin and "Access-Control-Allow-Origin" not in response.headers and self._origin_allowed(origin):
            face = self._face_at(request.path)
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = CORS_METHODS
            response.headers["Access-Control-Allow-Headers"] = face.cors_headers
            response.headers["Access-Control-Max-Age"] = str(CORS_AGE_S)
            response.headers["Vary"] = "Origin"
            if face.cors_exposed:
                response.headers["Access-Control-Expose-Headers"] = face.cors_exposed
            if face.cors_credentials:
                response.headers["Access-Control-Allow-Credentials"] = "true"
        return response

    def _face_at(self, path: str) -> Face:
        """The face whose path it is; for pages and the like, the first one."""
        for face in self._faces:
            if any(path.startswith(mount + prefix) for mount in face.mounts for prefix in face.prefixes):
                return face
        return self._faces[0]

    def _origin_allowed(self, origin: str) -> bool:
        allowed = [one.strip() for one in self._engine.services.settings.allowed_origins.split(",")]
        return "*" in allowed or origin in allowed


async def _preflight() -> Response | None:
    """A browser asks what it may do, for any path and before it shows a credential."""
    return Response(b"", status=204) if request.method == "OPTIONS" else None


def _framed_by(answer: Response, origins: list[str]) -> Response:
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors {' '.join(origins)}"
    return answer


def _revalidate(answer: Response) -> None:
    """Browsers ask by ETag each time, so that an upgrade is seen at once and by all files together."""
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers.pop("Expires", None)


class _Rule(QuartRule):
    """Compiles what builds its address when one is asked for: never, and it was half of making an app."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = super()._compile_builder

        def build(rule: Self, **values: Any) -> tuple[str, str]:
            built: tuple[str, str] = compiled(append_unknown).__get__(rule, None)(**values)
            return built

        return build


class _Anything(PathConverter):
    """A rest of a path, also one with line breaks or that begins with a slash: the door decides, not we."""

    regex = r"[\s\S]+?"
    part_isolating = False  # it spans slashes


def _hang(app: QuartTrio, door: Door, mount: str, prefix: str) -> None:
    """Let the door answer at `prefix` and below."""

    async def answer(**path: str) -> Response:
        return await door.answer(mount)

    for path in (mount + prefix, f"{mount}{prefix}/", f"{mount}{prefix}/<anything:rest>"):
        name = f"{door.face.name} {path}"
        # For every method: of those that it has no endpoint for, a face tells so in its own words.
        app.url_map.add(app.url_rule_class(path, methods=None, endpoint=name))
        app.view_functions[name] = answer


def _refusal(error: ApplianceError) -> Response:
    reply = fluxbase.refuse(error)
    if reply.status >= 500:
        logger.error("a request was refused: %s", error.text)
    return plain(reply)


async def _failed(error: Exception) -> Response:
    """Every error as the JSON of Fluxbase's 0.3; a fault of ours is told by an id that stands in the log."""
    if isinstance(error, ApplianceError):
        return _refusal(error)
    if isinstance(error, HTTPException) and error.code == 413:
        return _refusal(MessageTooLarge("The request body is too large."))
    if isinstance(error, HTTPException) and error.code:
        code = "NOT_FOUND" if error.code == 404 else error.name.upper().replace(" ", "_")
        return plain(Reply(status=error.code, body={"error": error.description or error.name, "code": code}))
    request_id = str(uuid.uuid4())
    logger.error("request %s failed", request_id, exc_info=error)
    text = f"Something went wrong here (request {request_id})."
    return plain(Reply(status=500, body={"error": text, "code": "INTERNAL_ERROR", "request_id": request_id}))
