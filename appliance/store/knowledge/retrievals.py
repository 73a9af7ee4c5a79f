"""What was looked up for answers: for administrators who want to know why a bot said what it did."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.knowledge import SearchMode

_COLUMNS = (
    "number, namespace, bot, conversation_id, message_id, user_id, query, mode, embedder, found, "
    "duration_ms, at"
)
QUERY_CHARS_MAX = 2_000


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    """One look-up. `found` are chunk ids and similarities, best first; no `embedder` without vectors."""

    conversation_id: str = ""
    message_id: str = ""
    query: str
    mode: SearchMode
    embedder: str = ""
    found: list[tuple[str, float]] = []
    duration_ms: float = 0.0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A look-up as it was written down; `number` orders them, `at` is Unix seconds."""

    number: int
    namespace: str
    bot: str
    user_id: str
    at: float
    retrieval: Retrieval


def record(
    db: apsw.Connection,
    retrieval: Retrieval,
    *,
    tenant: str,
    namespace: str,
    bot: str,
    user_id: str,
    now: float,
) -> int:
    """Write one down and return its number."""
    db.execute(
        "INSERT INTO _retrievals (tenant, namespace, bot, conversation_id, message_id, user_id, query, mode, "
        "embedder, found, duration_ms, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            tenant,
            namespace,
            bot,
            retrieval.conversation_id,
            retrieval.message_id,
            user_id,
            retrieval.query[:QUERY_CHARS_MAX],
            retrieval.mode,
            retrieval.embedder,
            msgspec.json.encode(retrieval.found),
            retrieval.duration_ms,
            now,
        ),
    )
    return db.last_insert_rowid()


def of_message(db: apsw.Connection, tenant: str, message_id: str) -> list[Recorded]:
    """What was looked up for one answer, in order."""
    sql = f"SELECT {_COLUMNS} FROM _retrievals WHERE message_id = ? AND tenant = ? ORDER BY number"  # noqa: S608
    return [_recorded(*row) for row in db.execute(sql, (message_id, tenant))]


def newest(
    db: apsw.Connection, tenant: str, *, limit: int = 100, before: int | None = None
) -> list[Recorded]:
    """The last ones of a tenant, newest first; `before` is the number at which the last page ended."""
    sql = (
        f"SELECT {_COLUMNS} FROM _retrievals WHERE tenant = ?1 AND (?2 IS NULL OR number < ?2) "  # noqa: S608
        "ORDER BY number DESC LIMIT ?3"
    )
    return [_recorded(*row) for row in db.execute(sql, (tenant, before, limit))]


def forget(db: apsw.Connection, before: float, limit: int = 1000) -> int:
    """Delete those that are older than `before` (Unix seconds), at most `limit`; how many it were."""
    db.execute(
        "DELETE FROM _retrievals WHERE number IN "
        "(SELECT number FROM _retrievals WHERE at < ? ORDER BY at LIMIT ?)",
        (before, limit),
    )
    return db.changes()


def _recorded(*row: Any) -> Recorded:
    number, namespace, bot, conversation_id, message_id, user_id, query, mode, embedder, found, took, at = row
    return Recorded(
        number=number,
        namespace=namespace,
        bot=bot,
        user_id=user_id,
        at=at,
        retrieval=Retrieval(
            conversation_id=conversation_id,
            message_id=message_id,
            query=query,
            mode=mode,
            embedder=embedder,
            found=msgspec.json.decode(found, type=list[tuple[str, float]]),
            duration_ms=took,
        ),
    )
