"""The console's API as a face: all its endpoints, below `/admin/api`."""

from __future__ import annotations

from appliance.protocols.base import Face
from appliance.protocols.console import (
    accounts,
    audit,
    backups,
    bots,
    conversations,
    gaps,
    keys,
    knowledge,
    live,
    overview,
    playground,
    providers,
    session,
    settings,
    sql,
    users,
)
from appliance.protocols.fluxbase import shapes
from appliance.protocols.fluxbase.face import refuse

FACE = Face(
    name="Console",
    prefixes=("/admin/api",),
    endpoints=(
        *session.ENDPOINTS,
        *accounts.ENDPOINTS,
        *conversations.ENDPOINTS,
        *live.ENDPOINTS,
        *overview.ENDPOINTS,
        *bots.ENDPOINTS,
        *playground.ENDPOINTS,
        *knowledge.ENDPOINTS,
        *gaps.ENDPOINTS,
        *providers.ENDPOINTS,
        *keys.ENDPOINTS,
        *users.ENDPOINTS,
        *sql.ENDPOINTS,
        *audit.ENDPOINTS,
        *backups.ENDPOINTS,
        *settings.ENDPOINTS,
    ),
    refuse=refuse,
    error=shapes.Problem,
    variables={},
    cookie=True,
)
