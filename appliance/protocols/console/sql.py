"""SQL on the team's data: read only, limited in time, written down."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.engine import console_sql
from appliance.engine.console_sql import SqlTable
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.wire import Reply, Request

PATH = "/admin/api/sql"


class SqlBody(msgspec.Struct, frozen=True, kw_only=True):
    """One statement; `timeout_s` is 10 seconds unless it says otherwise, and 30 at most."""

    sql: str
    timeout_s: float | None = None


class SqlExport(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, whose rows are wanted as a file."""

    sql: str


class SqlResult(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, in the order of the columns; `truncated` when there are more."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    duration_ms: float


@admin
async def list_tables(engine: Engine, request: Request) -> Reply:
    """`GET /sql/tables`."""
    return Reply(body=await console_sql.tables(engine, request.caller))


@admin
async def run_sql(engine: Engine, request: Request) -> Reply:
    """`POST /sql`: 400 with the reason for a statement that is not run."""
    asked = request.json(SqlBody)
    found = await console_sql.run(engine, request.caller, asked.sql, asked.timeout_s)
    return Reply(
        body=SqlResult(
            columns=found.columns,
            types=found.types,
            rows=found.rows,
            row_count=found.row_count,
            truncated=found.truncated,
            duration_ms=found.duration_ms,
        )
    )


@admin
async def export_sql(engine: Engine, request: Request) -> Reply:
    """`POST /sql/export`: up to 100,000 rows, made safe for spreadsheets."""
    text = await console_sql.export(engine, request.caller, request.json(SqlExport).sql)
    return Reply(body=text, content_type="text/csv; charset=utf-8", file_name="result.csv")


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{PATH}/tables",
        handler=list_tables,
        summary="The team's tables with their columns and numbers of rows",
        answers={200: list[SqlTable]},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=run_sql,
        summary="Run one statement that reads the team's data",
        body=SqlBody,
        answers={200: SqlResult},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/export",
        handler=export_sql,
        summary="The rows of one statement as a CSV file",
        body=SqlExport,
        answers={200: "text/csv"},
        access="admin",
    ),
)
