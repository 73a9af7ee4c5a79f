"""SQL of administrators on the team's data: read only, without the rules that bind bots, and written down."""

from __future__ import annotations

import msgspec
import trio

from appliance.changes import ChangePlan
from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.spreadsheet import to_csv
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.sqltext import quoted

TIMEOUT_S = 10.0
TIMEOUT_S_MAX = 30.0
"""Bots' queries wait meanwhile: there are few workers."""
SQL_CHARS_MAX = 100_000
ROWS_MAX = 1_000
EXPORT_ROWS_MAX = 100_000
EXPORT_BYTES_MAX = 32_000_000
COUNTING_S = 3.0
"""For all tables together; those of which nothing is known by then have no number."""
COUNT_S = 1.0


class SqlColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column, with its type as it was declared."""

    name: str
    type: str


class SqlTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view; one of an attached file is `file.table`. `rows` is None when counting takes long."""

    name: str
    columns: list[SqlColumn]
    rows: int | None


async def tables(engine: Engine, caller: Caller) -> list[SqlTable]:
    """All of the team's; raises `StoreError`."""
    policy = _policy(engine, caller, timeout_s=COUNT_S)
    schema = await engine.services.sql.schema(policy)
    counts: dict[str, int] = {}
    names = [_named(table.schema, table.name) for table in schema.tables]
    with trio.move_on_after(COUNTING_S):
        for name, table in zip(names, schema.tables, strict=True):
            where = (
                f"{quoted(table.schema)}.{quoted(table.name)}"
                if table.schema != PUBLIC
                else quoted(table.name)
            )
            outcome = await engine.services.sql.query(f"SELECT count(*) FROM {where}", policy)  # noqa: S608 quoted
            if isinstance(outcome, QueryOutcome) and outcome.error is None and outcome.rows:
                counts[name] = int(outcome.rows[0][0])
    return [
        SqlTable(
            name=name,
            columns=[SqlColumn(name=column.name, type=column.type) for column in table.columns],
            rows=counts.get(name),
        )
        for name, table in zip(names, schema.tables, strict=True)
    ]


async def run(engine: Engine, caller: Caller, sql: str, timeout_s: float | None) -> QueryOutcome:
    """Run one statement that reads; raises `InvalidInput` with the reason when it does not."""
    wanted = TIMEOUT_S if timeout_s is None else timeout_s
    if not 0 < wanted <= TIMEOUT_S_MAX:
        raise InvalidInput(f"timeout_s must be more than 0 and at most {TIMEOUT_S_MAX:g}.")
    policy = _policy(engine, caller, timeout_s=wanted)
    return await _run(engine, caller, sql, policy, "sql.console")


async def export(engine: Engine, caller: Caller, sql: str) -> str:
    """What a statement gives as CSV, with more rows than people read; raises `InvalidInput`."""
    policy = _policy(engine, caller, timeout_s=TIMEOUT_S_MAX)
    policy = msgspec.structs.replace(policy, rows_max=EXPORT_ROWS_MAX, bytes_max=EXPORT_BYTES_MAX)
    outcome = await _run(engine, caller, sql, policy, "sql.export")
    return await trio.to_thread.run_sync(to_csv, outcome)


async def _run(engine: Engine, caller: Caller, sql: str, policy: SqlPolicy, action: str) -> QueryOutcome:
    if not sql.strip():
        raise InvalidInput("There is no statement: write it as `sql`.")
    if len(sql) > SQL_CHARS_MAX:
        raise InvalidInput(f"The statement has {len(sql)} characters; {SQL_CHARS_MAX} are the most.")
    outcome = await engine.services.sql.query(sql, policy)
    error = "Only statements that read are run here." if isinstance(outcome, ChangePlan) else outcome.error
    details: dict[str, object] = {"sql": sql, "success": error is None}
    if isinstance(outcome, QueryOutcome) and error is None:
        details |= {"rows": outcome.row_count, "tables": outcome.tables}
        details["duration_ms"] = round(outcome.duration_ms, 1)
    else:
        details["error"] = error
    await witness.did(engine.services, caller, action, "data", details)
    if isinstance(outcome, ChangePlan) or error is not None:
        raise InvalidInput(error or "")
    return outcome


def _policy(engine: Engine, caller: Caller, *, timeout_s: float) -> SqlPolicy:
    """Every table of the team's, without row rules: who writes those may see what they hide."""
    services = engine.services
    files = services.data().files
    return SqlPolicy(
        allowed_schemas=[PUBLIC, *files],
        allowed_operations=["SELECT"],
        files=dict(files),
        role=caller.role,
        rows_max=ROWS_MAX,
        bytes_max=services.settings.sql_bytes_max,
        timeout_s=timeout_s,
        memory_mib=services.settings.sql_memory_mib_max,
    )


def _named(schema: str, name: str) -> str:
    return name if schema == PUBLIC else f"{schema}.{name}"
