"""The console's API as a face: all its endpoints, below `/admin/api`."""

from __future__ import annotations

from appliance.protocols.base import Face
from appliance.protocols.console import (
    account,
    accounts,
    audit,
    backups,
    bots,
    conversations,
    gaps,
    keys,
    knowledge,
    live,
    oidc,
    overview,
    playground,
    providers,
    session,
    settings,
    sql,
    users,
)
from appliance.protocols.console.refusals import refuse
from appliance.protocols.fluxbase import shapes

FACE = Face(
    name="Console",
    prefixes=("/admin/api",),
    endpoints=(
        *account.ENDPOINTS,
        *accounts.ENDPOINTS,
        *session.ENDPOINTS,
        *oidc.ENDPOINTS,
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
    variables={
        "setting": "A setting of a bot, such as `rate_limit`",
        "doc": "A document's id",
        "key": "The key of a setting",
        "backup": "The name of a backup's file",
        "session": "A session's id, from the list of them",
        "account": "An account's name",
        "id": "The id of the conversation, bot, document or other thing, in the path's words",
        "turn_id": "The id of an answer's turn, from the conversation",
    },
    cookie="appliance_console",
)
