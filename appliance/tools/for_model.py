"""What a model reads of a statement's outcome: JSON text, cut to what is worth its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from appliance.messages import Change, QueryOutcome, RowChange

T = TypeVar("T")

MODEL_ROWS_MAX = 100
"""Rows that the model reads; people see all rows of the outcome."""
MODEL_CHARS_MAX = 20_000
"""Some 5,000 tokens; wide rows are left out beyond it."""

NOTES = {
    "applied": "",
    "proposed": (
        "Nothing has been changed yet: the user has to confirm this change first. "
        "Say so, and do not try it again."
    ),
    "declined": "The user declined this change; nothing was changed.",
    "failed": "Nothing was changed.",
}
"""What a model has to know of a change, by its status."""


def outcome_text(outcome: QueryOutcome) -> str:
    """The outcome as JSON text: `success`, `summary`, and the error, the change or the rows."""
    if outcome.change is not None:
        return json_text(_told_change(outcome, outcome.change))
    if outcome.error is not None:
        return json_text({"success": False, "error": outcome.error, "summary": outcome.summary})
    rows = fitting(outcome.rows[:MODEL_ROWS_MAX])
    return json_text(
        {
            "success": True,
            "row_count": outcome.row_count,
            "truncated": outcome.truncated or len(rows) < outcome.row_count,
            "columns": outcome.columns,
            "rows": rows,
            "summary": outcome.summary,
            "tables": outcome.tables,
            "duration_ms": outcome.duration_ms,
        }
    )


def change_facts(change: Change) -> dict[str, Any]:
    """What happened to which table; `note` only where the model must not take it for done."""
    facts = {"status": change.status, "operation": change.operation, "table": change.table}
    if change.id:
        facts["change_id"] = change.id
    return facts | ({"note": NOTES[change.status]} if NOTES[change.status] else {})


def changed_rows(rows: Iterable[RowChange]) -> list[dict[str, Any]]:
    """Each row before and after, as far as there is either."""
    return [
        {side: row for side, row in (("before", change.before), ("after", change.after)) if row is not None}
        for change in rows
    ]


def fitting(rows: list[T]) -> list[T]:
    """As many of the first rows as a model should read."""
    room = MODEL_CHARS_MAX
    for index, row in enumerate(rows):
        room -= len(json_text(row))
        if room < 0:
            return rows[:index]
    return rows


def json_text(value: Any) -> str:
    """The value as compact JSON."""
    return msgspec.json.encode(value).decode()


def _told_change(outcome: QueryOutcome, change: Change) -> dict[str, Any]:
    rows = fitting(changed_rows(change.rows[:MODEL_ROWS_MAX]))
    return {
        "success": outcome.error is None and change.status in ("applied", "proposed"),
        **({"error": outcome.error} if outcome.error is not None else {}),
        **change_facts(change),
        "row_count": len(change.rows),
        "truncated": len(rows) < len(change.rows),
        "rows": rows,
        "summary": outcome.summary,
    }
