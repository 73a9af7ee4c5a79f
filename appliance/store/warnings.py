"""Counts that people should be warned by: failed answers, unread documents, open questions."""

from __future__ import annotations

import apsw
import msgspec

from appliance.store.hours import HOUR_S

BASES_MAX = 5


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider answered, and what of it failed."""

    provider: str
    all: int
    failed: int


def answers(db: apsw.Connection, tenant: str, since: float) -> list[Answers]:
    """By provider, the one that fails most first."""
    rows = db.execute(
        "SELECT provider, sum(turns), sum(errors) AS failed FROM _turn_hours "
        "WHERE hour >= ? AND tenant = ? AND provider != '' GROUP BY provider ORDER BY failed DESC",
        (int(since // HOUR_S), tenant),
    )
    return [
        Answers(provider=str(provider), all=int(str(turns)), failed=int(str(failed)))
        for provider, turns, failed in rows
    ]


def failed_documents(db: apsw.Connection, tenant: str) -> list[tuple[str, str, int]]:
    """Id and name of bases, and how many documents of each could not be read; of some bases only."""
    rows = db.execute(
        "SELECT b.id, b.name, count(*) AS failed FROM _documents d "
        "JOIN _knowledge_bases b ON b.number = d.base "
        "WHERE d.status = 'failed' AND b.tenant = ? GROUP BY b.number ORDER BY failed DESC LIMIT ?",
        (tenant, BASES_MAX),
    )
    return [(str(id), str(name), int(str(count))) for id, name, count in rows]
