"""Questions that the documents did not answer, each once with how often it was asked."""

from __future__ import annotations

from typing import Any

import apsw

from appliance.knowledge import Gap

GAPS_PER_BOT_MAX = 1000
"""In a tenant; those that were asked once and longest ago go first."""

_READ = (
    "id, namespace, bot, question, asked, reason, best, conversation_id, first_at, last_at, status, outcome, "
    "document_id"
)


def note(db: apsw.Connection, tenant: str, words: str, gap: Gap, asker: str = "") -> Gap:
    """Count a question, which is known by its `words`, and return it as it stands now.

    `asker` is a `Caller.owner`, or '' when nothing is known of them.
    One that was closed and is asked again in vain is open again: what was done about it did not help.
    """
    db.execute(
        "INSERT INTO _knowledge_gaps (id, tenant, namespace, bot, words, question, reason, best, "
        "conversation_id, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (tenant, namespace, bot, words) "
        "DO UPDATE SET asked = asked + 1, question = excluded.question, reason = excluded.reason, "
        "best = excluded.best, conversation_id = excluded.conversation_id, last_at = excluded.last_at, "
        "status = 'open', outcome = ''",
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
    found = _many(db, where, (tenant, gap.namespace, gap.bot, words))[0]
    db.execute("INSERT OR IGNORE INTO _gap_askers (gap, asker) VALUES (?, ?)", (found.id, asker))
    return found


def forget_asker(db: apsw.Connection, tenant: str, asker: str) -> None:
    """Delete the questions that nobody but them asked; what others asked, too, leads to them no more."""
    names = {"tenant": tenant, "asker": asker}
    theirs = "id IN (SELECT gap FROM _gap_askers WHERE asker = :asker)"
    db.execute(
        f"DELETE FROM _knowledge_gaps WHERE tenant = :tenant AND {theirs} "  # noqa: S608 constants
        "AND NOT EXISTS (SELECT 1 FROM _gap_askers a WHERE a.gap = _knowledge_gaps.id AND a.asker <> :asker)",
        names,
    )
    db.execute(
        "UPDATE _knowledge_gaps SET conversation_id = '' WHERE tenant = :tenant AND conversation_id IN "
        "(SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :asker)",
        names,
    )
    db.execute(
        "DELETE FROM _gap_askers WHERE asker = :asker "
        "AND gap IN (SELECT id FROM _knowledge_gaps WHERE tenant = :tenant)",
        names,
    )


def move_asker(db: apsw.Connection, tenant: str, from_: str, to: str) -> None:
    """What one of them asked, the other one did: they turned out to be the same."""
    db.execute(
        "UPDATE OR REPLACE _gap_askers SET asker = ?3 WHERE asker = ?2 "
        "AND gap IN (SELECT id FROM _knowledge_gaps WHERE tenant = ?1)",
        (tenant, from_, to),
    )


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


def every(db: apsw.Connection, tenant: str) -> list[Gap]:
    """All of a tenant, the most frequent first."""
    return _many(db, "tenant = ? ORDER BY asked DESC, last_at DESC, id", (tenant,))


def set_status(
    db: apsw.Connection, tenant: str, id: str, status: str, outcome: str = "", document_id: str = ""
) -> Gap | None:
    """Close or open it; None when the tenant has no such one."""
    db.execute(
        "UPDATE _knowledge_gaps SET status = ?, outcome = ?, document_id = ? WHERE tenant = ? AND id = ?",
        (status, outcome, document_id, tenant, id),
    )
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
    names = [name.strip() for name in _READ.split(",")]
    values = dict(zip(names, row, strict=True))
    return Gap(count=values.pop("asked"), **values)
