"""Questions that the documents did not answer, each once with how often it was asked."""

from __future__ import annotations

from typing import Any

import apsw

from appliance.knowledge import Gap

GAPS_PER_BOT_MAX = 1000
"""In a tenant; those that were asked once and longest ago go first."""

_READ = "id, namespace, bot, question, asked, reason, best, conversation_id, first_at, last_at, status"


def note(db: apsw.Connection, tenant: str, words: str, gap: Gap) -> Gap:
    """Count a question, which is known by its `words`, and return it as it stands now.

    One that was closed and is asked again in vain is open again: what was done about it did not help.
    """
    db.execute(
        "INSERT INTO _knowledge_gaps (id, tenant, namespace, bot, words, question, reason, best, "
        "conversation_id, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (tenant, namespace, bot, words) "
        "DO UPDATE SET asked = asked + 1, question = excluded.question, reason = excluded.reason, "
        "best = excluded.best, conversation_id = excluded.conversation_id, last_at = excluded.last_at, "
        "status = 'open'",
        (
            gap.id,
            tenant,
            gap.namespace,
            gap.bot,
            words,
            gap.question,
            gap.reason,
            gap.best,
            gap.conversation_id,
            gap.first_at,
            gap.last_at,
        ),
    )
    _bound(db, tenant, gap)
    where = "tenant = ? AND namespace = ? AND bot = ? AND words = ?"
    return _many(db, where, (tenant, gap.namespace, gap.bot, words))[0]


def listed(
    db: apsw.Connection,
    tenant: str,
    *,
    namespace: str | None = None,
    bot: str | None = None,
    status: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> tuple[list[Gap], int]:
    """Those of a tenant, the most frequent first, and how many there are."""
    where = (
        "tenant = ?1 AND (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR bot = ?3) "
        "AND (?4 IS NULL OR status = ?4)"
    )
    bindings = (tenant, namespace, bot, status)
    total = int(db.execute(f"SELECT count(*) FROM _knowledge_gaps WHERE {where}", bindings).get)  # noqa: S608
    rest = f"{where} ORDER BY asked DESC, last_at DESC, id LIMIT ?5 OFFSET ?6"
    return _many(db, rest, (*bindings, limit, offset)), total


def set_status(db: apsw.Connection, tenant: str, id: str, status: str) -> Gap | None:
    """Close or open it; None when the tenant has no such one."""
    db.execute("UPDATE _knowledge_gaps SET status = ? WHERE tenant = ? AND id = ?", (status, tenant, id))
    found = _many(db, "tenant = ? AND id = ?", (tenant, id))
    return found[0] if found else None


def _bound(db: apsw.Connection, tenant: str, newest: Gap) -> None:
    of_bot = (tenant, newest.namespace, newest.bot)
    sql = "SELECT count(*) FROM _knowledge_gaps WHERE tenant = ? AND namespace = ? AND bot = ?"
    too_many = int(db.execute(sql, of_bot).get) - GAPS_PER_BOT_MAX
    if too_many > 0:
        db.execute(
            "DELETE FROM _knowledge_gaps WHERE id IN (SELECT id FROM _knowledge_gaps WHERE tenant = ? "
            "AND namespace = ? AND bot = ? AND id <> ? ORDER BY asked > 1, last_at LIMIT ?)",
            (*of_bot, newest.id, too_many),
        )


def _many(db: apsw.Connection, rest: str, bindings: tuple[Any, ...]) -> list[Gap]:
    return [_gap(*row) for row in db.execute(f"SELECT {_READ} FROM _knowledge_gaps WHERE {rest}", bindings)]  # noqa: S608


def _gap(*row: Any) -> Gap:
    id, namespace, bot, question, asked, reason, best, conversation_id, first_at, last_at, status = row
    return Gap(
        id=id,
        namespace=namespace,
        bot=bot,
        question=question,
        count=asked,
        reason=reason,
        best=best,
        conversation_id=conversation_id,
        first_at=first_at,
        last_at=last_at,
        status=status,
    )
