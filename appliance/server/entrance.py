"""Who comes in to a chat connection and as whom, whatever carries its frames."""

from __future__ import annotations

import msgspec
from quart import Request, Websocket

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError
from appliance.identity import Caller
from appliance.protocols.sockets import Opening, SocketFace, SocketRequest
from appliance.server.auth import Authenticator, credentials_of
from appliance.server.pace import TokenBucket
from appliance.server.places import Place
from appliance.server.session import Session
from appliance.windows import SlidingWindow


class Entrance:
    """Opens sessions for clients that may come in."""

    def __init__(self, engine: Engine, authenticator: Authenticator) -> None:
        self._engine = engine
        self._authenticator = authenticator

    async def enter(self, face: SocketFace, place: Place, asked: Request | Websocket) -> Session:
        """A session for who asks, to be closed when they have gone; raises what the face refuses with."""
        query = {**asked.args}
        headers = {name.lower(): value for name, value in asked.headers.items()}
        caller, problem = await self._caller(face, asked, query, headers)
        ask = SocketRequest(
            caller=caller, problem=problem, query=query, headers=headers, take_place=place.take
        )
        opening = await face.open(self._engine, ask)
        session = self._session(opening)
        if opening.conversation_id:
            try:
                await session.follow(opening.conversation_id)
            except BaseException:
                session.close()
                raise
        return session

    async def _caller(
        self, face: SocketFace, asked: Request | Websocket, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[Caller, ApplianceError | None]:
        """Who asks, or a stranger and what is wrong with what they showed."""
        shown = credentials_of(asked.headers, asked.args, asked.remote_addr or "")
        if face.credential:
            shown = msgspec.structs.replace(shown, text=face.credential(query, headers), acts_for="")
        try:
            return await self._authenticator.identify(shown), None
        except ApplianceError as error:
            return self._authenticator.stranger(shown), error

    def _session(self, opening: Opening) -> Session:
        strict = opening.messages_per_second_max
        usual = self._engine.services.settings.messages_per_second_max
        pace = TokenBucket(usual) if strict is None else SlidingWindow(strict, 1.0)
        return Session(self._engine, opening.codec, opening.caller, pace=pace, first=opening.frames)
