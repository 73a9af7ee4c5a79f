"""`/openapi.json`: all faces, and the few endpoints that are the server's own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import msgspec

from appliance.protocols.base import Face
from appliance.protocols.openapi import describe

_STATE = {
    "type": "object",
    "properties": {"status": {"type": "string", "enum": ["ok", "ready", "stopping"]}},
    "required": ["status"],
}
_PROBLEM = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "code": {"type": "string"}},
    "required": ["error", "code"],
}


def document(faces: Sequence[Face]) -> bytes:
    """The document as it is served; making it takes some milliseconds."""
    return msgspec.json.encode(describe(faces, version=metadata.version("chat-appliance"), own=_OWN))


def _get(id: str, summary: str, **answers: Any) -> dict[str, Any]:
    operation = {
        "tags": ["Server"],
        "summary": summary,
        "operationId": id,
        "security": [],
        "responses": answers,
    }
    return {"get": operation}


def _answer(description: str, *schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": [*schemas]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_OWN = {
    "/healthz": _get("get_healthz", "Is the process there?", **{"200": _answer("It is.", _STATE)}),
    "/readyz": _get(
        "get_readyz",
        "Can it be asked things?",
        **{
            "200": _answer("The database answers.", _STATE),
            "5XX": _answer("It does not, or the server is about to stop.", _STATE, _PROBLEM),
        },
    ),
    "/openapi.json": _get(
        "get_openapi_json", "This document", **{"200": _answer("OpenAPI 3.1.", {"type": "object"})}
    ),
}
