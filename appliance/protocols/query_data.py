"""What a page is told of a SQL result: the data of a `data-query-result` chunk (ours)."""

from __future__ import annotations

from typing import Any

from appliance.messages import Change, QueryOutcome


def query_data(query: QueryOutcome) -> dict[str, Any]:
    """Statement, columns and rows, each with its values in the order of `columns`; never a null key."""
    data: dict[str, Any] = {
        "query": query.sql,
        "summary": query.summary,
        "columns": query.columns,
        "types": query.types,
        "rows": query.rows,
        "rowCount": query.row_count,
        "truncated": query.truncated,
    }
    if query.error:
        data["error"] = query.error
    if query.result_id:
        data["resultId"] = query.result_id
    if query.change:
        data["change"] = _change(query.change)
    return data


def _change(change: Change) -> dict[str, Any]:
    """A write: what it did, or would do once somebody agrees."""
    return {
        "id": change.id,
        "status": change.status,
        "operation": change.operation,
        "table": change.table,
        "rows": [{"before": row.before, "after": row.after} for row in change.rows],
    }
