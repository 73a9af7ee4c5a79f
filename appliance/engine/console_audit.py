"""The audit trail for people: searched, page by page, and as a file."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.spreadsheet import to_csv
from appliance.store import audit as stored
from appliance.store.audit import AuditEntry as AuditEntry
from appliance.store.audit import Wanted as Wanted

EXPORT_MAX = 50_000
"""Lines of one file; filters bring the others."""
COLUMNS = ["id", "at", "actor", "action", "target", "details"]


async def page(
    engine: Engine, wanted: Wanted, *, limit: int, before: int | None
) -> tuple[list[AuditEntry], int]:
    """The newest lines before that id, and how many there are in all."""
    store = engine.services.store
    return await store.read(stored.search, wanted, limit=limit, before=before), await store.read(
        stored.count, wanted
    )


async def actions(engine: Engine, tenant: str) -> list[str]:
    """All actions that there are lines of."""
    return await engine.services.store.read(stored.actions, tenant)


async def export(engine: Engine, caller: Caller, wanted: Wanted) -> str:
    """The newest lines as CSV, which itself is written down."""
    found = await engine.services.store.read(stored.search, wanted, limit=EXPORT_MAX)
    told = {"lines": len(found), "filters": [wanted.text, wanted.action, wanted.actor]}
    await witness.did(engine.services, caller, "audit.export", "audit", told)
    rows = [
        [one.id, _utc(one.at), one.actor, one.action, one.target, msgspec.json.encode(one.details).decode()]
        for one in found
    ]
    return to_csv(QueryOutcome(sql="", columns=COLUMNS, rows=rows))


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
