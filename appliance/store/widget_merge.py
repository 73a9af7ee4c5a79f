"""A visitor turns out to be a user: all that was the visitor's is the user's from then on."""

from __future__ import annotations

import apsw

from appliance.store.knowledge import gaps

_OF_THE_CONVERSATIONS = (
    "conversation_id IN (SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :to)"
)


def move(db: apsw.Connection, tenant: str, visitor: str, user: str) -> int:
    """Give the conversations of one owner to another, with what they used up of their limits; how many.

    Both are `Caller.owner`, and the buckets of limits have the same names. Runs in the caller's transaction;
    a second time there is nothing left to move.
    """
    names = {"tenant": tenant, "from": visitor, "to": user}
    db.execute("UPDATE _conversations SET owner = :to WHERE tenant = :tenant AND owner = :from", names)
    moved = db.changes()
    if moved:
        for table in ("_messages", "_changes", "_custom_events", "_widget_files"):
            db.execute(
                f"UPDATE {table} SET owner = :to WHERE owner = :from AND {_OF_THE_CONVERSATIONS}",  # noqa: S608 constants
                names,
            )
    gaps.move_asker(db, tenant, visitor, user)
    _join(db, names)
    _add_usage(db, names)
    return moved


def _join(db: apsw.Connection, names: dict[str, str]) -> None:
    """Where the visitor took part, the user does; nobody takes part in a conversation of their own."""
    there = "conversation_id IN (SELECT id FROM _conversations WHERE tenant = :tenant)"
    db.execute(
        f"UPDATE OR REPLACE _participants SET owner = :to WHERE owner = :from AND {there}",  # noqa: S608 constants
        names,
    )
    db.execute(
        f"DELETE FROM _participants WHERE owner = :to AND {_OF_THE_CONVERSATIONS}",  # noqa: S608 constants
        names,
    )


def _add_usage(db: apsw.Connection, names: dict[str, str]) -> None:
    """Showing who one is must not make limits new, and turns that still run are booked where they went."""
    db.execute(
        "INSERT INTO _usage (tenant, namespace, bot, principal, day, requests, tokens, reserved_tokens) "
        "SELECT tenant, namespace, bot, :to, day, requests, tokens, reserved_tokens FROM _usage "
        "WHERE tenant = :tenant AND principal = :from "
        "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, "
        "tokens = tokens + excluded.tokens, reserved_tokens = reserved_tokens + excluded.reserved_tokens",
        names,
    )
    db.execute("DELETE FROM _usage WHERE tenant = :tenant AND principal = :from", names)
    for table, which in (("_recent_requests", ""), ("_turns", " AND ended_at IS NULL")):
        db.execute(
            f"UPDATE {table} SET principal = :to WHERE tenant = :tenant AND principal = :from{which}",  # noqa: S608 constants
            names,
        )
