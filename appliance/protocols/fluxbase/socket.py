"""Fluxbase's AI WebSocket as the server sees it (1.1); what is said on it is in `chat`."""

from __future__ import annotations

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError, Busy
from appliance.protocols.fluxbase import face
from appliance.protocols.fluxbase.chat import ChatCodec
from appliance.protocols.sockets import Opening, SocketFace, SocketRequest
from appliance.wire import Reply


async def open_chat(engine: Engine, ask: SocketRequest) -> Opening:
    """Anybody may come in but with a bad credential: an SDK that is accepted first reconnects for ever."""
    if ask.problem:
        raise ask.problem
    limit = engine.services.settings.sockets_per_principal_max
    if not ask.take_place(ask.caller.bucket, limit):
        raise Busy(f"Too many connections: at most {limit} for one user, key or address.")
    return Opening(codec=ChatCodec(), caller=ask.caller)


def refuse(error: ApplianceError, at: float) -> Reply:
    """As an answer to the upgrade, like any request that is refused."""
    return face.refuse(error)


SOCKET = SocketFace(
    name="Fluxbase",
    paths=("/ai/ws", "//ai/ws"),  # an SDK made with a trailing slash asks for the second
    events_path="/ai/events",
    open=open_chat,
    refuse=refuse,
    no_upgrade=Reply(
        status=426,
        body={"error": "This is a WebSocket.", "code": "UPGRADE_REQUIRED"},
        headers={"Upgrade": "websocket"},
    ),
)
