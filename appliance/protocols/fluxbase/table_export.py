"""Fluxbase's endpoints that make documents of tables (6.8, 11). Tenants share the tables: operators only."""

from __future__ import annotations

import msgspec

from appliance.engine.knowledge import table_exports
from appliance.engine.knowledge.table_exports import Made
from appliance.errors import InvalidInput
from appliance.protocols.fluxbase.admins import check_keeper
from appliance.protocols.fluxbase.knowledge_desk import Desk
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_knowledge_tables import (
    Exported,
    ExportNamedTableBody,
    ExportTableBody,
    NewSyncConfig,
    SyncConfigBody,
    SyncConfigList,
    UpdateSyncConfig,
    given_options,
)
from appliance.sqlguard import PUBLIC
from appliance.table_exports import ExportOptions, TableExport
from appliance.wire import Reply, Request


async def export_table(desk: Desk, request: Request) -> Reply:
    """`POST /knowledge-bases/:id/tables/export`: again replaces the document."""
    check_keeper(request.caller)
    asked = request.json(ExportTableBody)
    options = ExportOptions(**given_options(asked))
    return await _export(desk, request.path["id"], asked.schema or PUBLIC, asked.table, options)


async def export_named_table(desk: Desk, request: Request) -> Reply:
    """`POST /tables/:schema/:table/export`: as the newest SDK asks."""
    check_keeper(request.caller)
    asked = request.json(ExportNamedTableBody)
    options = ExportOptions(**given_options(asked))
    path = request.path
    return await _export(desk, asked.knowledge_base_id, path["schema"], path["table"], options)


async def list_configs(desk: Desk, request: Request) -> Reply:
    """`GET /:id/sync-configs`."""
    check_keeper(request.caller)
    base_id = request.path["id"]
    found = await table_exports.kept(desk.library, desk.caller, base_id)
    bodies = [_config(base_id, one) for one in found]
    return Reply(body=SyncConfigList(sync_configs=bodies, count=len(bodies)))


async def create_config(desk: Desk, request: Request) -> Reply:
    """`POST /:id/sync-configs`: exported when it is triggered, or by itself with `sync_mode: automatic`."""
    check_keeper(request.caller)
    asked = request.json(NewSyncConfig)
    table = asked.table_name or asked.table
    if not table:
        raise InvalidInput("Name the table: table_name is missing or empty.")
    schema = asked.schema_name or asked.schema or PUBLIC
    options = ExportOptions(**given_options(asked))
    base_id = request.path["id"]
    made = await table_exports.keep(desk.engine, desk.library, desk.caller, base_id, schema, table, options)
    return Reply(status=201, body=_config(base_id, made))


async def update_config(desk: Desk, request: Request) -> Reply:
    """`PATCH /:id/sync-configs/:sid`."""
    check_keeper(request.caller)
    changes = given_options(request.json(UpdateSyncConfig))
    base_id, id = request.path["id"], request.path["sid"]
    changed = await table_exports.change(desk.library, desk.caller, base_id, id, changes)
    return Reply(body=_config(base_id, changed))


async def delete_config(desk: Desk, request: Request) -> Reply:
    """`DELETE /:id/sync-configs/:sid`; the document stays."""
    check_keeper(request.caller)
    await table_exports.forget(desk.library, desk.caller, request.path["id"], request.path["sid"])
    return Reply(status=204, body=None)


async def trigger_config(desk: Desk, request: Request) -> Reply:
    """`POST /:id/sync-configs/:sid/trigger`."""
    check_keeper(request.caller)
    base_id, id = request.path["id"], request.path["sid"]
    return Reply(body=_made(await table_exports.trigger(desk.engine, desk.library, desk.caller, base_id, id)))


async def _export(desk: Desk, base_id: str, schema: str, table: str, options: ExportOptions) -> Reply:
    made = await table_exports.export(desk.engine, desk.library, desk.caller, base_id, schema, table, options)
    return Reply(body=_made(made))


def _made(made: Made) -> Exported:
    return Exported(
        document_id=made.document_id,
        entity_id=made.entity_id or None,
        relationship_ids=made.relationship_ids,
    )


def _config(base_id: str, export: TableExport) -> SyncConfigBody:
    tried = export.exported_at is not None or bool(export.error)
    return SyncConfigBody(
        id=export.id,
        knowledge_base_id=base_id,
        schema=export.schema,
        schema_name=export.schema,
        table=export.table,
        table_name=export.table,
        **msgspec.structs.asdict(export.options),
        document_id=export.document_id or None,
        last_sync_at=None if export.exported_at is None else timestamp(export.exported_at),
        last_sync_status=("failed" if export.error else "success") if tried else None,
        last_sync_error=export.error or None,
        created_by=export.created_by or None,
        created_at=timestamp(export.created_at),
        updated_at=timestamp(export.updated_at),
    )
