"""Fluxbase's endpoints for the structure of the data (3.5). All tenants share it: operators only."""

from __future__ import annotations

import re

import msgspec

from appliance.engine import structure
from appliance.engine.engine import Engine
from appliance.engine.knowledge import table_exports
from appliance.engine.structure import TableDetails
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.fluxbase.admins import check_keeper
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_insight import (
    TableBody,
    TableColumn,
    TableIndex,
    TableKey,
    TableList,
    TableRow,
)
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai/tables"

_LENGTH = re.compile(r"char[a-z ]*\(\s*(\d{1,9})\s*\)", re.IGNORECASE)


async def list_tables(engine: Engine, request: Request) -> Reply:
    """`GET /tables?schema=&knowledge_base_id=`: of all files, or of one; when each was exported last."""
    check_keeper(request.caller)
    found = await structure.tables(engine, request.query.get("schema") or None)
    library = engine.services.library
    base_id = request.query.get("knowledge_base_id") or None
    exports = await table_exports.last_exports(library, request.caller, base_id) if library else {}
    rows = [
        TableRow(
            schema=schema,
            name=one.name,
            type="view" if one.is_view else "table",
            columns=one.columns,
            foreign_keys=one.foreign_keys,
            last_export=timestamp(at) if (at := exports.get((schema, one.name))) else msgspec.UNSET,
        )
        for schema, one in found
    ]
    return Reply(body=TableList(tables=rows, count=len(rows)))


async def get_table(engine: Engine, request: Request) -> Reply:
    """`GET /tables/:schema/:table`: columns, keys and indexes."""
    check_keeper(request.caller)
    return Reply(body=_body(await structure.table(engine, request.path["schema"], request.path["table"])))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_tables,
        summary="All tables and views of the data",
        params=(
            Param(name="schema", description="Only those of this schema: public, or an attached file's"),
            Param(name="knowledge_base_id", description="Tell of exports to this knowledge base only"),
        ),
        answers={200: TableList},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<schema>/<table>",
        handler=get_table,
        summary="One table with its columns, keys and indexes",
        answers={200: TableBody},
        errors=(404,),
        access="admin",
    ),
)


def _body(details: TableDetails) -> TableBody:
    facts = details.facts
    whole = [index for index in facts.indexes if index.is_unique and not index.is_partial]
    unique = {index.columns[0] for index in whole if len(index.columns) == 1}
    if len(facts.primary_key) == 1:
        unique.add(facts.primary_key[0])
    pointing = {key.column for key in facts.foreign_keys}
    return TableBody(
        schema=details.schema,
        name=facts.name,
        type="view" if facts.is_view else "table",
        rls_enabled=details.has_rules,
        columns=[
            TableColumn(
                name=column.name,
                data_type=column.type,
                is_nullable=column.is_nullable,
                default_value=column.default,
                is_primary_key=column.is_primary_key,
                is_foreign_key=column.name in pointing,
                is_unique=column.name in unique,
                max_length=_max_length(column.type),
                position=position,
                description=details.notes.get(column.name) or None,
            )
            for position, column in enumerate(facts.columns, start=1)
        ],
        primary_key=facts.primary_key,
        foreign_keys=[
            TableKey(
                # SQLite keeps no names of keys.
                name=f"{facts.name}_fkey_{key.number + 1}",
                column_name=key.column,
                referenced_schema=details.schema,
                referenced_table=key.target_table,
                referenced_column=key.target_column,
                on_delete=key.on_delete,
                on_update=key.on_update,
            )
            for key in facts.foreign_keys
        ],
        indexes=[
            TableIndex(
                name=index.name,
                columns=index.columns,
                is_unique=index.is_unique,
                is_primary=index.is_primary,
            )
            for index in facts.indexes
        ],
    )


def _max_length(declared: str) -> int | None:
    """The 40 of VARCHAR(40), which SQLite keeps and does not enforce."""
    found = _LENGTH.search(declared)
    return int(found[1]) if found else None
