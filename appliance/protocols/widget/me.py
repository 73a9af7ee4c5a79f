"""All of one's data goes."""

from __future__ import annotations

from appliance.engine import widget_me
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.widget import shapes
from appliance.wire import Reply, Request


async def erase(engine: Engine, request: Request) -> Reply:
    """`DELETE /me`: everything of this visitor or user."""
    gone = await widget_me.erase(engine, request.caller)
    return Reply(
        body=shapes.Erased(conversations=gone.conversations, files=gone.files, documents=gone.documents)
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="DELETE",
        path="/api/v1/widget/me",
        handler=erase,
        summary="Delete everything of this visitor or user",
        answers={200: shapes.Erased},
        errors=(401, 403, 404),
        access="anyone",
    ),
)
