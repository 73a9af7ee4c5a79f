"""Fluxbase's REST for administrators: a face of its own, for the dashboard's cookie counts here only."""

from __future__ import annotations

from appliance.protocols.base import Face
from appliance.protocols.fluxbase import (
    admin_bots,
    admin_insight,
    admin_providers,
    admin_tables,
    knowledge_face,
    knowledge_gaps,
    knowledge_graph,
    knowledge_links,
    shapes,
)
from appliance.protocols.fluxbase.face import CORS_HEADERS, refuse

FACE = Face(
    name="Fluxbase admin",
    prefixes=("/api/v1/admin/ai",),
    endpoints=(
        *admin_bots.ENDPOINTS,
        *admin_providers.ENDPOINTS,
        *admin_insight.ENDPOINTS,
        *admin_tables.ENDPOINTS,
        *knowledge_face.ADMIN_ENDPOINTS,
        *knowledge_graph.ADMIN_ENDPOINTS,
        *knowledge_links.ENDPOINTS,
        *knowledge_gaps.ENDPOINTS,
    ),
    refuse=refuse,
    error=shapes.Problem,
    variables={
        **knowledge_face.VARIABLES,
        "id": "The id of the bot, provider, conversation or knowledge base, in the path's words",
        "schema": "public, or an attached file's name",
        "table": "A table's or view's name",
    },
    cookie="fluxbase_access_token",  # 9.1
    cors_headers=CORS_HEADERS,
)
