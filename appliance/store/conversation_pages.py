"""Pages of a tenant's conversations, by any of what wires ask for; keyset or offset."""

from __future__ import annotations

from typing import Any, Literal

import apsw

from appliance.conversation import ConversationFilter, Listed
from appliance.store.conversations import COLUMNS, LIVE, conversation_of

_SORT = {"created": "created_at", "active": "last_message_at"}


def page(
    db: apsw.Connection,
    wanted: ConversationFilter,
    now: float,
    *,
    order: Literal["created", "active"] = "created",
    newest_first: bool = True,
    after: tuple[float, str] | None = None,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[Listed], int]:
    """Up to `limit` live, kept conversations behind `after` (sort value and id).

    And how many there are in all.
    """
    column = _SORT[order]
    direction, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    where, values = _where(wanted, now)
    total = db.execute(f"SELECT count(*) FROM _conversations WHERE {where}", values).get  # noqa: S608 constants
    values |= {"offset": offset, "limit": limit}
    if after:
        where += f" AND ({column}, id) {beyond} (:sorted, :after)"
        values |= {"sorted": after[0], "after": after[1]}
    rows = db.execute(
        f"SELECT {COLUMNS}, "  # noqa: S608 constants
        "(SELECT count(*) FROM _messages m WHERE m.conversation_id = c.id AND "
        " (m.role = 'user' OR m.parts != x'5b5d')), "
        "(SELECT substr(content, 1, 50) FROM _messages m WHERE m.conversation_id = c.id AND m.role = 'user' "
        " ORDER BY position LIMIT 1) "
        f"FROM _conversations c WHERE {where} ORDER BY {column} {direction}, id {direction} "
        "LIMIT :limit OFFSET :offset",
        values,
    ).fetchall()
    return [
        Listed(
            conversation=conversation_of(row[:-2]),
            message_count=int(str(row[-2])),
            preview=str(row[-1] or ""),
        )
        for row in rows
    ], int(str(total))


def _where(wanted: ConversationFilter, now: float) -> tuple[str, dict[str, Any]]:
    conditions = ["tenant = :tenant", LIVE, "persist"]
    values: dict[str, Any] = {"tenant": wanted.tenant, "now": now}
    for field, condition in (
        ("namespace", "namespace = :namespace"),
        ("bot", "bot = :bot"),
        ("owner", "owner = :owner"),
        (
            "person",
            "(owner = :person OR id IN (SELECT conversation_id FROM _participants WHERE owner = :person))",
        ),
        ("start", "created_at >= :start"),
        ("end", "created_at < :end"),
    ):
        value = getattr(wanted, field)
        if value is not None:
            conditions.append(condition)
            values[field] = value
    if wanted.sources:
        names = {f"source{number}": source for number, source in enumerate(wanted.sources)}
        conditions.append(f"source IN ({', '.join(':' + name for name in names)})")
        values |= names
    return " AND ".join(conditions), values
