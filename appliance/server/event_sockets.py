"""What a WebSocket carries, over plain HTTP: for networks that let no WebSocket through.

A stream of server-sent events brings the frames of the server; its first event tells under which id the
client posts its own, one request each. Whoever knows that id may write, so it cannot be guessed and lives as
long as the stream.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import msgspec
import trio
from quart import Response, request
from quart.wrappers.response import ResponseBody
from quart_trio import QuartTrio

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, MessageTooLarge, NotFound
from appliance.protocols.sockets import Farewell, SocketFace
from appliance.server.door import plain
from appliance.server.entrance import Entrance
from appliance.server.exchange import close_at_end
from appliance.server.places import Place, Places
from appliance.server.session import Session
from appliance.sse import comment, encode
from appliance.wire import Reply

logger = logging.getLogger("appliance.server")

HEARTBEAT_S = 15.0
"""Proxies end an answer in which nothing comes for a minute, some for half of that."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventSockets:
    """All such connections of one server."""

    def __init__(
        self, faces: Sequence[SocketFace], engine: Engine, entrance: Entrance, places: Places
    ) -> None:
        self._faces = [face for face in faces if face.events_path]
        self._engine = engine
        self._entrance = entrance
        self._places = places
        self._open: dict[str, _Body] = {}

    def hang(self, app: QuartTrio) -> None:
        """Answer at the paths of all faces that have one."""
        for face in self._faces:
            path = face.events_path
            app.add_url_rule(path, f"events {path}", self._listen(face), methods=["GET"])
            app.add_url_rule(f"{path}/<id>", f"say {path}", self._say(face), methods=["POST"])

    def end(self) -> None:
        """Let each send what it has and close, as the server stops."""
        for body in self._open.values():
            body.session.end()

    def _listen(self, face: SocketFace) -> Callable[[], Awaitable[Response]]:
        async def listen() -> Response:
            place = self._places.place()
            try:
                session = await self._entrance.enter(face, place, request)
            except ApplianceError as error:
                place.leave()
                return _refusal(face, error, self._engine.services.clock())
            except BaseException:
                place.leave()
                raise
            id = secrets.token_urlsafe(32)
            body = self._open[id] = _Body(id, session, place, self._open)
            close_at_end(request, body)
            answer = Response(body, content_type="text/event-stream", headers=HEADERS)
            answer.timeout = None  # the default cuts answers off in mid-body after a minute
            return answer

        return listen

    def _say(self, face: SocketFace) -> Callable[[str], Awaitable[Response]]:
        async def say(id: str) -> Response:
            try:
                await self._take(id)
            except ApplianceError as error:
                return _refusal(face, error, self._engine.services.clock())
            return Response(b"", status=204)

        return say

    async def _take(self, id: str) -> None:
        """Hand one frame over, in the order of the requests."""
        frame = await request.get_data(True, False, False)
        if (body := self._open.get(id)) is None:
            raise NotFound("This connection has ended. Open another one.")
        bytes_max = self._engine.services.settings.message_bytes_max
        if len(frame) > bytes_max:
            raise MessageTooLarge(f"The frame is over the limit of {bytes_max} bytes.")
        async with body.order:
            await body.session.handle_binary(frame)


class _Body(ResponseBody):
    """The stream of one connection; it is among `connections` while it lives."""

    def __init__(self, id: str, session: Session, place: Place, connections: dict[str, _Body]) -> None:
        self.session = session
        self.order = trio.Lock()
        self._id = id
        self._place = place
        self._connections = connections
        self._hello = encode(msgspec.json.encode({"id": id}), event="open")

    def close(self) -> None:
        """The client has gone; closing twice is fine."""
        self.session.close()
        self._place.leave()
        self._connections.pop(self._id, None)

    async def __aenter__(self) -> _Body:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()  # a send to a client that has gone may not have one
        if self._hello:
            hello, self._hello = self._hello, b""
            return hello
        with trio.move_on_after(HEARTBEAT_S):
            frames = await self.session.frames()
            if not frames:
                raise StopAsyncIteration
            return b"".join(encode(frame) for frame in frames)
        return comment()


def _refusal(face: SocketFace, error: ApplianceError, at: float) -> Response:
    refusal = face.refuse(error, at)
    if isinstance(refusal, Farewell):
        refusal = Reply(status=400, body={"error": error.public_text})
    if refusal.status >= 500:
        logger.error("a stream was refused: %s", error.text)
    return plain(refusal)
