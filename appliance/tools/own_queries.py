"""The statements of one call of an own function, run as its caller, and what people see of its writes."""

from __future__ import annotations

import msgspec

from appliance.errors import ApplianceError
from appliance.messages import Change, QueryOutcome
from appliance.tools.base import RunSql
from appliance.tools.own_wire import Answer, Ask

ROWS_SHOWN_MAX = 1000
"""Changed rows of one call that people are shown at most."""
SUMMARIES_MAX = 10

READS = ("SELECT", "VALUES")
WAITS = (
    "A change already waits for the user's word; this call can change nothing more. End the function and "
    "tell the user. (A statement that begins with SELECT may still read.)"
)


class CallQueries:
    """Runs what a function asks for, and keeps its changes: none may stay hidden from the user.

    So several may be applied, but only one can be proposed in a call: a result shows one question.
    """

    def __init__(self, run_sql: RunSql, name: str) -> None:
        self._run_sql = run_sql
        self._name = name
        self._applied: list[QueryOutcome] = []
        self._applied_more = 0
        self._waits: QueryOutcome | None = None
        self._failed: QueryOutcome | None = None

    async def answer(self, ask: Ask) -> Answer:
        """What became of a statement; a refused one is an error of the query."""
        if self._waits is not None and not ask.sql.lstrip().upper().startswith(READS):
            return Answer(error=WAITS)
        try:
            outcome = await self._run_sql(ask.sql, self._name, ask.parameters)
        except ApplianceError as error:
            return Answer(error=error.public_text)
        if outcome.change is not None:
            self._keep(outcome, outcome.change)
        if outcome.change is not None and outcome.change.status == "proposed":
            return Answer(proposed=True, error=outcome.summary or None)
        return Answer(
            columns=outcome.columns, rows=outcome.rows, truncated=outcome.truncated, error=outcome.error
        )

    def _keep(self, outcome: QueryOutcome, change: Change) -> None:
        if change.status == "proposed":
            self._waits = outcome
        elif change.status != "applied":
            self._failed = outcome
        elif len(self._applied) < ROWS_SHOWN_MAX:
            self._applied.append(outcome)
        else:
            self._applied_more += 1

    def shown(self) -> QueryOutcome | None:
        """The outcome for people: the change that waits, else those made, as one where they are of one kind.

        Its summary tells of every other change of the call. None when nothing was to be changed.
        """
        if self._waits is not None:
            return _with_others(self._waits, self._applied, self._applied_more)
        if not self._applied:
            return self._failed
        first = self._applied[0]
        alike = [one for one in self._applied if _kind(one) == _kind(first)]
        others = [one for one in self._applied if _kind(one) != _kind(first)]
        return _with_others(_joined(alike), others, self._applied_more)


def _kind(outcome: QueryOutcome) -> tuple[object, ...]:
    change = outcome.change
    return (change and change.operation, change and change.table.lower(), outcome.columns)


def _joined(outcomes: list[QueryOutcome]) -> QueryOutcome:
    """Changes of one table and operation as one; beyond `ROWS_SHOWN_MAX` rows it says that it is cut."""
    first = outcomes[0]
    if len(outcomes) == 1 or first.change is None:
        return first
    changed = [row for one in outcomes if one.change for row in one.change.rows]
    rows = [row for one in outcomes for row in one.rows][:ROWS_SHOWN_MAX]
    cut = f" The first {ROWS_SHOWN_MAX} rows are shown." if len(changed) > ROWS_SHOWN_MAX else ""
    return msgspec.structs.replace(
        first,
        sql=";\n".join(list(dict.fromkeys(one.sql for one in outcomes))[:SUMMARIES_MAX]),
        rows=rows,
        row_count=len(rows),
        truncated=bool(cut) or any(one.truncated for one in outcomes),
        summary=(
            f"Done: {len(outcomes)} times {first.change.operation} in {first.change.table}, "
            f"{len(changed)} rows in all.{cut}"
        ),
        duration_ms=sum(one.duration_ms for one in outcomes),
        change=msgspec.structs.replace(first.change, rows=changed[:ROWS_SHOWN_MAX]),
    )


def _with_others(outcome: QueryOutcome, others: list[QueryOutcome], more: int) -> QueryOutcome:
    """The outcome, its summary with the changes of the same call that it does not show."""
    count = len(others) + more
    if not count:
        return outcome
    told = " ".join(one.summary for one in others[:SUMMARIES_MAX])
    rest = " …" if count > min(len(others), SUMMARIES_MAX) else ""
    changes = "more change was" if count == 1 else "more changes were"
    summary = f"{outcome.summary} And {count} {changes} made: {told}{rest}"
    return msgspec.structs.replace(outcome, summary=summary)
