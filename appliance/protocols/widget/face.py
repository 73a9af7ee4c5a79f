"""What a page's widget asks for beside the chat socket, as a face."""

from __future__ import annotations

import msgspec

from appliance.errors import ApplianceError
from appliance.protocols.base import Face
from appliance.protocols.fluxbase import shapes
from appliance.protocols.fluxbase.face import refuse as refuse_usually
from appliance.protocols.widget import conversations, files, me, session
from appliance.wire import Reply

_STATUSES = {"unsupported_document": 415, "document_unreadable": 422}
"""Where a file tells more by its status than it does in Fluxbase's words."""


def refuse(error: ApplianceError) -> Reply:
    """`{"error", "code", "details"?}`."""
    usual = refuse_usually(error)
    return msgspec.structs.replace(usual, status=_STATUSES.get(error.code, usual.status))


FACE = Face(
    name="Widget",
    prefixes=("/api/v1/widget",),
    endpoints=(
        *session.ENDPOINTS,
        *conversations.ENDPOINTS,
        *files.ENDPOINTS,
        *me.ENDPOINTS,
    ),
    refuse=refuse,
    error=shapes.Problem,
    variables={
        "bot": "A bot's name, or its id",
        "id": "A conversation's id",
        "message_id": "An answer's id",
        "file_id": "A file's id",
    },
    cors_headers="Authorization, Content-Type, Accept, apikey, X-Client-Key",
)
