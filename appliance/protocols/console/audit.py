"""The audit log: searched, filtered, as a file."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.engine import console_audit
from appliance.engine.console_audit import AuditEntry, Wanted
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console.access import admin
from appliance.protocols.console.pages import SEARCH, SEARCH_CHARS_MAX, limit_param, search_of
from appliance.wire import Reply, Request

PATH = "/admin/api/audit"
LIMIT = 100
LIMIT_MAX = 500

_FILTERS = (
    SEARCH,
    Param(name="action", description="Only those of this action"),
    Param(name="actor", description="Only what this account, user or key did"),
)
_BEFORE = Param(
    name="before",
    description="Where the page before ended: its `next`",
    schema={"type": "integer", "minimum": 1},
)


class AuditItem(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when (Unix seconds), and to what."""

    id: int
    at: float
    actor: str
    action: str
    target: str
    details: dict[str, Any]


class AuditItems(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first."""

    items: list[AuditItem]
    total: int
    next: str | None


@admin
async def list_audit(engine: Engine, request: Request) -> Reply:
    """`GET /audit?q=&action=&actor=&before=&limit=`."""
    limit = request.whole_number("limit", LIMIT, 1, LIMIT_MAX)
    before = request.whole_number("before", 0, 1, 2**53) or None
    found, total = await console_audit.page(engine, _wanted(request), limit=limit, before=before)
    items = [_item(entry) for entry in found]
    end = str(items[-1].id) if len(items) == limit else None
    return Reply(body=AuditItems(items=items, total=total, next=end))


@admin
async def export_audit(engine: Engine, request: Request) -> Reply:
    """`GET /audit/export`: the newest lines; filters bring the others."""
    text = await console_audit.export(engine, request.caller, _wanted(request))
    return Reply(body=text, content_type="text/csv; charset=utf-8", file_name="audit.csv")


@admin
async def list_actions(engine: Engine, request: Request) -> Reply:
    """`GET /audit/actions`."""
    return Reply(body=await console_audit.actions(engine, request.caller.tenant))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_audit,
        summary="Who did what, the newest first",
        params=(*_FILTERS, _BEFORE, limit_param(LIMIT, LIMIT_MAX)),
        answers={200: AuditItems},
        errors=(400,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/export",
        handler=export_audit,
        summary="The same as a CSV file, up to 50,000 lines",
        params=_FILTERS,
        answers={200: "text/csv"},
        errors=(400,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/actions",
        handler=list_actions,
        summary="The names of all actions in the audit log",
        answers={200: list[str]},
        access="admin",
    ),
)


def _wanted(request: Request) -> Wanted:
    action, actor = request.query.get("action", ""), request.query.get("actor", "")
    for name, text in (("action", action), ("actor", actor)):
        if len(text) > SEARCH_CHARS_MAX:
            raise InvalidInput(f"{name} has {len(text)} characters; {SEARCH_CHARS_MAX} are the most.")
    return Wanted(tenant=request.caller.tenant, text=search_of(request), action=action, actor=actor)


def _item(entry: AuditEntry) -> AuditItem:
    return AuditItem(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        details=entry.details,
    )
