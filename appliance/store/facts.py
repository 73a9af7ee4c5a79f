"""What a server remembers of itself from one start to the next; it goes with the file into every backup."""

from __future__ import annotations

import apsw

DATA_RULES = "data_rules"
"""There as long as rules for every bot are in force; the value is the path of the file they stand in."""


def get(db: apsw.Connection, key: str) -> str | None:
    """The value of a fact, None when there is none."""
    row = db.execute("SELECT value FROM _facts WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def put(db: apsw.Connection, key: str, value: str) -> None:
    """Remember it, in place of an older value, in the caller's transaction."""
    db.execute(
        "INSERT INTO _facts (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def forget(db: apsw.Connection, key: str) -> None:
    """Remove it; nothing happens when there is none."""
    db.execute("DELETE FROM _facts WHERE key = ?", (key,))
