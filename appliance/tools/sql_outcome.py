"""Makes `QueryOutcome`s: the sentences about a good query, and those about a bad one.

The pool in the server's process needs these, too, so neither the parser nor SQLite is imported here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy

SAMPLES = 5
SAMPLE_CHARS = 40
REJECTED = "Query rejected"
"""How the summary of a statement begins that was not allowed or not understood."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement gave: JSON-able values, what the columns hold, and the tables that it mentions."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    tables: list[str]
    types: list[str]


class Trouble(msgspec.Struct, frozen=True):
    """What to tell; `rejected` when it was not allowed or not understood, rather than too big or too slow.

    `against_rules` when it would be allowed, but is not what the bot's own rules ask for.
    """

    text: str
    rejected: bool = True
    against_rules: bool = False


def good(sql: str, description: str, rows: Rows, duration_ms: float) -> QueryOutcome:
    """The outcome of a statement that ran."""
    return QueryOutcome(
        sql=sql,
        description=description,
        columns=rows.columns,
        rows=rows.rows,
        row_count=len(rows.rows),
        truncated=rows.truncated,
        summary=_summary(rows),
        duration_ms=round(duration_ms, 3),
        tables=rows.tables,
        types=rows.types,
    )


def bad(sql: str, description: str, trouble: Trouble, duration_ms: float = 0.0) -> QueryOutcome:
    """The outcome of a statement that was refused or stopped."""
    verdict = REJECTED if trouble.rejected else "Query failed"
    return QueryOutcome(
        sql=sql,
        description=description,
        summary=f"{verdict}: {trouble.text}",
        error=trouble.text,
        against_rules=trouble.against_rules,
        duration_ms=round(duration_ms, 3),
    )


def timed_out(policy: SqlPolicy) -> Trouble:
    """The deadline has passed."""
    return Trouble(
        f"The query took longer than {policy.timeout_s:g} s and was stopped. "
        "Filter or aggregate more, or join on keys",
        rejected=False,
    )


def out_of_memory(policy: SqlPolicy) -> Trouble:
    """The memory cap has been hit."""
    return Trouble(
        f"The query needed more than {policy.memory_mib} MiB of memory and was stopped. "
        "Filter or aggregate more, or join on keys",
        rejected=False,
    )


def _summary(rows: Rows) -> str:
    """For example: `10 rows from flights, airlines. carrier: UA, B6, EV, …`."""
    source = f" from {', '.join(rows.tables)}" if rows.tables else ""
    count = len(rows.rows)
    if not count and not rows.truncated:
        return f"No rows{source}: nothing matched."
    limited = f" (limited to {count}; there are more)" if rows.truncated else ""
    text = f"{count} {'row' if count == 1 else 'rows'}{limited}{source}."
    values = list(dict.fromkeys(_short(row[0]) for row in rows.rows if row[0] is not None))
    if not values:
        return text
    more = ", …" if len(values) > SAMPLES else ""
    return f"{text} {rows.columns[0]}: {', '.join(values[:SAMPLES])}{more}"


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SAMPLE_CHARS else text[: SAMPLE_CHARS - 1] + "…"
