"""Fluxbase's public REST as a face: its endpoints, its error body (0.3), what browsers may send (0.2)."""

from __future__ import annotations

from typing import Any

from appliance.errors import ApplianceError
from appliance.protocols.base import Face
from appliance.protocols.fluxbase import knowledge_face, knowledge_graph, rest, shapes, vectors
from appliance.protocols.fluxbase.words import status_and_code
from appliance.wire import Reply


def refuse(error: ApplianceError) -> Reply:
    """`{"error", "code", "details"?}`; a fault has a `request_id`, a refused file `supported_types`."""
    status, code = status_and_code(error)
    body: dict[str, Any] = {"error": error.public_text, "code": code}
    details = dict(error.details)
    if "request_id" in details:
        body["request_id"] = details.pop("request_id")
    if "supported_types" in details:
        body["supported_types"] = details["supported_types"]
    if details:
        body["details"] = details
    return Reply(status=status, body=body)


CORS_HEADERS = (
    "Authorization, Content-Type, Accept, apikey, X-Client-Key, X-Service-Key, X-FB-Tenant, "
    "X-Request-ID, X-Impersonation-Token, x-client-app"
)

FACE = Face(
    name="Fluxbase",
    prefixes=("/api/v1/ai", *vectors.PREFIXES),
    endpoints=(
        *rest.ENDPOINTS,
        *knowledge_face.USER_ENDPOINTS,
        *knowledge_graph.USER_ENDPOINTS,
        *vectors.ENDPOINTS,
    ),
    refuse=refuse,
    error=shapes.Problem,
    variables={
        **knowledge_face.VARIABLES,
        "id": "The id of the bot, conversation, result or knowledge base, in the path's words",
        "name": "A bot's name",
        "change_id": "A change's id",
    },
    cors_headers=CORS_HEADERS,
)
