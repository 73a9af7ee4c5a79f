"""WebSockets of every protocol: who comes in, the two tasks of each connection, and how it ends."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence

import trio
from quart import Response, websocket
from quart_trio import QuartTrio

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError
from appliance.protocols.sockets import Farewell, SocketFace
from appliance.server.door import plain
from appliance.server.entrance import Entrance
from appliance.server.places import Place, Places
from appliance.server.session import Session

logger = logging.getLogger("appliance.server")

FAULT_CODE = 1011


class Sockets:
    """All WebSocket connections of one server."""

    def __init__(
        self, faces: Sequence[SocketFace], engine: Engine, entrance: Entrance, places: Places
    ) -> None:
        self._faces = faces
        self._engine = engine
        self._entrance = entrance
        self._sessions: set[Session] = set()
        self._places = places

    def hang(self, app: QuartTrio) -> None:
        """Answer at the paths of all faces."""
        for face in self._faces:
            for path in face.paths:
                app.add_url_rule(path, f"upgrade {path}", _no_upgrade(face), methods=["GET"])
                app.add_websocket(path, f"socket {path}", self._door(face))

    def end(self) -> None:
        """Let each send what it has and close, as the server stops."""
        for session in self._sessions:
            session.end()

    def _door(self, face: SocketFace) -> Callable[[], Awaitable[Response | None]]:
        async def enter() -> Response | None:
            place = self._places.place()
            try:
                return await self._serve(face, place)
            finally:
                place.leave()

        return enter

    async def _serve(self, face: SocketFace, place: Place) -> Response | None:
        session: Session | None = None
        try:
            try:
                session = await self._entrance.enter(face, place, websocket)
                self._sessions.add(session)
            except ApplianceError as error:
                return await self._turn_away(face, error)
            except Exception as error:
                return await self._turn_away(face, _fault(error))
            await websocket.accept()
            await _converse(session)
        finally:
            if session is not None:
                session.close()
                self._sessions.discard(session)
        return None

    async def _turn_away(self, face: SocketFace, error: ApplianceError) -> Response | None:
        """Refuse at the upgrade, or accept it and say why: browsers see nothing of the former."""
        refusal = face.refuse(error, self._engine.services.clock())
        if not isinstance(refusal, Farewell):
            if refusal.status >= 500:
                logger.error("a WebSocket was refused: %s", error.text)
            return plain(refusal)
        if refusal.code == FAULT_CODE:
            logger.error("a WebSocket was refused: %s", error.text)
        await websocket.accept()
        for frame in refusal.frames:
            await websocket.send(frame)
        await websocket.close(refusal.code, refusal.reason)
        return None


def _no_upgrade(face: SocketFace) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return plain(face.no_upgrade)

    return answer


def _fault(error: Exception) -> ApplianceError:
    """A fault of ours is told by an id that stands in the log."""
    id = str(uuid.uuid4())
    logger.error("a WebSocket could not be opened (request %s)", id, exc_info=error)
    return ApplianceError(f"Something went wrong here (request {id}).", request_id=id)


async def _converse(session: Session) -> None:
    """Read and write until the client has left, or there is nothing more to say."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write, session, nursery.cancel_scope)
            await _read(session)
    except* Exception as failure:
        logger.error("a WebSocket broke", exc_info=failure)
        await websocket.close(FAULT_CODE, "Something went wrong here.")


async def _read(session: Session) -> None:
    while True:
        frame = await websocket.receive()
        if isinstance(frame, str):
            await session.handle(frame)
        else:
            await session.handle_binary(frame)


async def _write(session: Session, connection: trio.CancelScope) -> None:
    """Send what waits, as long as there is something to say; the end of it closes the connection."""
    send = websocket.send
    while frames := await session.frames():
        for frame in frames:
            await send(frame)
    code, reason = session.closing
    await websocket.close(code, reason)
    connection.cancel()
