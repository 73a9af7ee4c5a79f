"""Whether a database is still so new that made-up conversations may be put into it."""

from __future__ import annotations

import apsw


def is_unused(db: apsw.Connection) -> bool:
    """Has nobody ever talked here, and is there no question, price or key of somebody's own?"""
    tables = ("_conversations", "_turn_hours", "_knowledge_gaps", "_bot_tests", "_api_keys")
    rows = [f"SELECT 1 FROM {table}" for table in tables]  # noqa: S608 constants
    prices = "SELECT 1 FROM _facts WHERE key = 'prices'"
    return not db.execute(f"SELECT EXISTS ({' UNION ALL '.join([*rows, prices])})").get
