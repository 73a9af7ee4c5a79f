"""Tables of the team's data as documents of a knowledge base (Fluxbase 6.8): made, and made anew.

A document is read by everybody who may look into its base, and through bots by more. So what the rules of the
data hide stays out of it: hidden columns always, rows of tables with a row rule, too.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

import apsw
import msgspec
import trio

from appliance import graphrules
from appliance.datarules import DataConfig
from appliance.engine import structure
from appliance.engine.engine import Engine
from appliance.engine.knowledge import access, bases, documents
from appliance.engine.knowledge.export_watch import DELETED, drop_if_hidden
from appliance.engine.knowledge.library import Library
from appliance.engine.structure import TableDetails
from appliance.errors import ApplianceError, Conflict, Forbidden, InvalidInput, NotFound
from appliance.graphrules_kinds import FoundGraph, plain
from appliance.identity import Caller
from appliance.knowledge import Document, KnowledgeBase, Viewer
from appliance.schema import Schema, Table, with_notes
from appliance.sqlguard import SqlPolicy, fold
from appliance.store.knowledge import bases as stored_bases
from appliance.store.knowledge import graph
from appliance.store.knowledge import table_exports as stored
from appliance.table_exports import (
    SAMPLE_ROWS_MAX,
    ExportColumn,
    ExportOptions,
    ExportTable,
    TableExport,
    Told,
    may_tell,
    sql_name,
    text_of,
    title_of,
)
from appliance.tools.sql_comments import comments

KEPT_MAX = 1000
"""Of one base."""
SYNC = "sync"
"""In whose name tables are exported again by themselves."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The document of a table, and what stands for it in the graph; empty without a graph."""

    document_id: str
    entity_id: str = ""
    relationship_ids: list[str] = []


async def export(
    engine: Engine,
    library: Library,
    caller: Caller,
    base_id: str,
    schema: str,
    table: str,
    options: ExportOptions,
) -> Made:
    """Describe a table in a base, in place of what was there of it.

    Raises `NotFound`, `Forbidden`, `InvalidInput`, `QuotaReached`.
    """
    base = bases.find(library, caller, base_id, "editor")
    told = await _told(engine, schema, table, options)
    found = await library.store.read(stored.of_table, base.number, told.schema, told.name)
    return await _export(library, caller, base, found or _new(library, caller, base, told, options), told)


async def trigger(engine: Engine, library: Library, caller: Caller, base_id: str, id: str) -> Made:
    """Export a kept table now; what goes wrong is kept with it, too. Raises as `export` does.

    A document that tells what the rules of the data hide meanwhile is deleted.
    """
    base, kept = await _kept(library, caller, base_id, id)
    try:
        told = await _told(engine, kept.schema, kept.table, kept.options)
        return await _export(library, caller, base, kept, told)
    except ApplianceError as error:
        deleted = await drop_if_hidden(engine, library, kept)
        text = f"{error.public_text} {DELETED}" if deleted else error.public_text
        await library.store.write(stored.put, msgspec.structs.replace(kept, error=text))
        if deleted and isinstance(error, Forbidden | InvalidInput):
            raise type(error)(text) from error
        raise


async def renew(engine: Engine, library: Library, export: TableExport) -> bool:
    """Export a kept table again if its document would read differently, or is not there; True when it did.

    Raises as `export` does.
    """
    told = await _told(engine, export.schema, export.table, export.options)
    if export.document_id and export.told.digest == told.told.digest:
        if export.error:
            await library.store.write(stored.fail, export.base, export.id, "")
        return False
    base = await library.store.read(stored_bases.by_number, export.base)
    if base is None:
        return False
    await _export(library, Caller(tenant=base.tenant, role="service_role", key_id=SYNC), base, export, told)
    return True


async def keep(
    engine: Engine,
    library: Library,
    caller: Caller,
    base_id: str,
    schema: str,
    table: str,
    options: ExportOptions,
) -> TableExport:
    """Keep a table to be exported again; raises `Conflict` when it is kept already, else as `export` does."""
    base = bases.find(library, caller, base_id, "editor")
    told = await _told(engine, schema, table, options)

    def write(db: apsw.Connection) -> TableExport:
        found = stored.of_table(db, base.number, told.schema, told.name)
        if found is not None and found.is_kept:
            raise Conflict(f"{told.schema}.{told.name} is kept already; change that one.")
        if len(stored.all_kept(db, base.number)) >= KEPT_MAX:
            raise InvalidInput(f"A knowledge base keeps at most {KEPT_MAX} tables.")
        new = found or _new(library, caller, base, told, options)
        kept = msgspec.structs.replace(new, is_kept=True, options=options, updated_at=library.clock())
        stored.put(db, kept)
        return kept

    return await library.store.write(write)


async def kept(library: Library, caller: Caller, base_id: str) -> list[TableExport]:
    """The kept tables of a base; raises `NotFound`, `Forbidden`."""
    base = bases.find(library, caller, base_id)
    return await library.store.read(stored.all_kept, base.number)


async def change(
    library: Library, caller: Caller, base_id: str, id: str, changes: Mapping[str, Any]
) -> TableExport:
    """Change what of a kept table is exported; raises `NotFound`, `Forbidden`."""
    _, found = await _kept(library, caller, base_id, id)
    options = msgspec.structs.replace(found.options, **changes)
    changed = msgspec.structs.replace(found, options=options, updated_at=library.clock())
    await library.store.write(stored.put, changed)
    return changed


async def forget(library: Library, caller: Caller, base_id: str, id: str) -> None:
    """Keep a table no more; its document stays. Raises `NotFound`, `Forbidden`."""
    base, _ = await _kept(library, caller, base_id, id)
    await library.store.write(stored.remove, base.number, id)


async def last_exports(
    library: Library, caller: Caller, base_id: str | None = None
) -> dict[tuple[str, str], float]:
    """When each schema's tables were exported last: to that base, or to any of the tenant's."""
    return await library.store.read(stored.last_exports, caller.tenant, base_id)


# -- making one --------------------------------------------------------------------------------------


async def _kept(library: Library, caller: Caller, base_id: str, id: str) -> tuple[KnowledgeBase, TableExport]:
    base = bases.find(library, caller, base_id, "editor")
    found = await library.store.read(stored.kept, base.number, id) if id.isascii() else None
    if found is None:
        raise NotFound("There is no such sync config in this knowledge base.")
    return base, found


def _new(
    library: Library, caller: Caller, base: KnowledgeBase, told: ExportTable, options: ExportOptions
) -> TableExport:
    now = library.clock()
    return TableExport(
        id=str(uuid.uuid4()),
        base=base.number,
        schema=told.schema,
        table=told.name,
        options=options,
        created_by=access.owner_id_of(caller),
        created_at=now,
        updated_at=now,
    )


async def _told(engine: Engine, schema: str, table: str, options: ExportOptions) -> ExportTable:
    """All that may be told of the table; raises `NotFound`, `Forbidden`, `InvalidInput`."""
    config = engine.services.data()
    details = await structure.table(engine, schema, table)
    facts = details.facts
    policy = SqlPolicy(rules=[config.rules], allowed_schemas=[details.schema])
    if not policy.allows(facts.name, details.schema):
        raise Forbidden("The rules of the data show this table to nobody, so it must be in no document.")
    hidden = policy.hidden(facts.name, details.schema)
    shown = [column for column in facts.columns if fold(column.name) not in hidden]
    wanted = {fold(name) for name in options.columns}
    if unknown := wanted - {fold(column.name) for column in shown}:
        raise InvalidInput(f"There is no column {', '.join(sorted(unknown))} in this table.")
    chosen = [column for column in shown if not wanted or fold(column.name) in wanted]
    names = {column.name for column in chosen}
    keys = [
        key
        for key in (facts.foreign_keys if options.include_foreign_keys else [])
        if key.column in names and may_tell(policy, details.schema, key.target_table, key.target_column)
    ]
    indexes = facts.indexes if options.include_indexes else []
    table_told = ExportTable(
        schema=details.schema,
        name=facts.name,
        is_view=facts.is_view,
        note=_note(config, details, [column.name for column in shown]),
        columns=[
            ExportColumn(
                name=column.name,
                type=column.type,
                is_key=column.is_primary_key,
                is_nullable=column.is_nullable,
                default=column.default,
                note=details.notes.get(column.name, ""),
            )
            for column in chosen
        ],
        primary_key=[name for name in facts.primary_key if names >= {*facts.primary_key} and name in names],
        keys=[(key.column, f"{key.target_table}.{key.target_column}") for key in keys],
        indexes=[
            (", ".join(index.columns), index.is_unique) for index in indexes if names >= {*index.columns}
        ],
        rows=await _sample(engine, policy, details, [column.name for column in chosen], options),
        told=Told(
            columns=[column.name for column in chosen],
            targets=[(key.target_table, key.target_column) for key in keys],
            rows=options.include_sample_rows,
        ),
    )
    digest = hashlib.sha256(text_of(table_told).encode(errors="replace")).hexdigest()
    return msgspec.structs.replace(table_told, told=msgspec.structs.replace(table_told.told, digest=digest))


def _note(config: DataConfig, details: TableDetails, shown: list[str]) -> str:
    """What people wrote about the table itself."""
    comment, _ = comments(details.facts.create, shown)
    table = Table(name=details.facts.name, schema=details.schema, comment=comment, columns=[])
    return with_notes(Schema(tables=[table]), config.notes).tables[0].comment


async def _sample(
    engine: Engine, policy: SqlPolicy, details: TableDetails, columns: list[str], options: ExportOptions
) -> list[tuple[Any, ...]] | None:
    """Some rows, when they are wanted; None when not."""
    if not options.include_sample_rows:
        return None
    if policy.row_rules(details.facts.name, details.schema):
        raise InvalidInput(
            "Who may see which rows of this table is ruled, and a document would show them to others: "
            "export it without sample rows."
        )
    if details.facts.is_view:
        raise InvalidInput("Sample rows come from tables; this is a view: export it without them.")
    count = min(options.sample_row_count, SAMPLE_ROWS_MAX)
    return await structure.sample(engine, details, columns, count)


async def _export(
    library: Library, caller: Caller, base: KnowledgeBase, export: TableExport, told: ExportTable
) -> Made:
    document = await _document(library, caller, base, export, told)
    now = library.clock()
    done = msgspec.structs.replace(
        export, document_id=document.id, told=told.told, exported_at=now, error="", updated_at=now
    )
    found = await trio.to_thread.run_sync(graphrules.extract, text_of(told))

    def write(db: apsw.Connection) -> Made:
        stored.put(db, done)
        return _into_graph(db, access.overseer_of(caller), document, told, found)

    return await library.store.write(write)


def _into_graph(
    db: apsw.Connection, viewer: Viewer, document: Document, told: ExportTable, found: FoundGraph
) -> Made:
    """What reading the document would find, at once: whoever exports is told the entity."""
    graph.replace(db, document, found)
    scope = graph.Scope(base=document.base, viewer=viewer)
    name = plain(sql_name(told.schema, told.name))
    tables = graph.entities(db, scope, types=["table"], text=name, limit=100)
    entity = next((one for one in tables if one.canonical_name == name), None)
    if entity is None:  # a name that the rules do not take for one of a table
        return Made(document_id=document.id)
    lines = graph.relationships(db, scope, of=[entity.id], types=["foreign_key"], limit=100)
    own = [line.id for line in lines if line.source.id == entity.id]
    return Made(document_id=document.id, entity_id=entity.id, relationship_ids=own)


async def _document(
    library: Library, caller: Caller, base: KnowledgeBase, export: TableExport, told: ExportTable
) -> Document:
    """The document anew, or a new one where there is none any more."""
    data, title = text_of(told).encode(), title_of(told)
    if export.document_id:
        try:
            before, _ = await documents.get(library, caller, base.id, export.document_id)
            return await documents.replace_file(library, before, data, title=title)
        except NotFound:
            pass  # somebody has deleted it meanwhile
    return await documents.add_file(
        library,
        caller,
        base.id,
        data=data,
        file_name=f"{sql_name(told.schema, told.name)}.md",
        mime_type="text/markdown",
        title=title,
        metadata={"schema": told.schema, "table": told.name},
        source_type="table",
        path=f"{told.schema}.{told.name}",
    )
