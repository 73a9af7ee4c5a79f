"""Which tables are described in which knowledge bases, and what people keep to be described again."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.table_exports import ExportOptions, TableExport, Told

_READ = (
    "SELECT e.id, e.base, e.schema_name, e.table_name, e.options, e.is_kept, coalesce(d.id, ''), "
    "e.told, e.exported_at, e.error, e.created_by, e.created_at, e.updated_at FROM _table_exports e "
    "LEFT JOIN _documents d ON d.number = e.document "
)


def put(db: apsw.Connection, export: TableExport) -> None:
    """Store it in place of the base's export of that table."""
    db.execute(
        "INSERT OR REPLACE INTO _table_exports (id, base, schema_name, table_name, options, is_kept, "
        "document, told, exported_at, error, created_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, "
        "(SELECT number FROM _documents WHERE id = ?), ?, ?, ?, ?, ?, ?)",
        (
            export.id,
            export.base,
            export.schema,
            export.table,
            msgspec.json.encode(export.options),
            export.is_kept,
            export.document_id,
            msgspec.json.encode(export.told),
            export.exported_at,
            export.error,
            export.created_by,
            export.created_at,
            export.updated_at,
        ),
    )


def of_table(db: apsw.Connection, base: int, schema: str, table: str) -> TableExport | None:
    """The base's export of a table."""
    return _one(db, "WHERE e.base = ? AND e.schema_name = ? AND e.table_name = ?", (base, schema, table))


def kept(db: apsw.Connection, base: int, id: str) -> TableExport | None:
    """A kept one of a base, by its id."""
    return _one(db, "WHERE e.base = ? AND e.id = ? AND e.is_kept", (base, id))


def all_kept(db: apsw.Connection, base: int) -> list[TableExport]:
    """Those of a base that people keep, by name."""
    return _many(db, "WHERE e.base = ? AND e.is_kept ORDER BY e.schema_name, e.table_name", (base,))


def automatic(db: apsw.Connection) -> list[TableExport]:
    """Those of all bases that are kept and exported again by themselves."""
    mode = "json_extract(CAST(e.options AS TEXT), '$.sync_mode')"
    return _many(db, f"WHERE e.is_kept AND {mode} = 'automatic' ORDER BY e.base, e.id", ())


def fail(db: apsw.Connection, base: int, id: str, error: str) -> None:
    """Keep why a kept one could not be exported."""
    db.execute("UPDATE _table_exports SET error = ? WHERE base = ? AND id = ? AND is_kept", (error, base, id))


def with_documents(db: apsw.Connection) -> list[TableExport]:
    """Those of all bases whose document is there."""
    return _many(db, "WHERE e.document IS NOT NULL", ())


def mark(db: apsw.Connection) -> tuple[int, float]:
    """Differs when an export has been made since."""
    count, last = db.execute("SELECT count(*), coalesce(max(exported_at), 0.0) FROM _table_exports").get
    return int(count), float(last)


def document_of(db: apsw.Connection, export: TableExport) -> int | None:
    """The number of its document, while that is there."""
    number: int | None = db.execute("SELECT document FROM _table_exports WHERE id = ?", (export.id,)).get
    return number


def remove(db: apsw.Connection, base: int, id: str) -> bool:
    """Keep it no more. Its document stays; was there one to remove?"""
    db.execute("UPDATE _table_exports SET is_kept = 0 WHERE base = ? AND id = ? AND is_kept", (base, id))
    return bool(db.changes())


def last_exports(db: apsw.Connection, tenant: str, base: str | None) -> dict[tuple[str, str], float]:
    """When each table was exported last: to that base, or to any of the tenant."""
    rows = db.execute(
        "SELECT e.schema_name, e.table_name, max(e.exported_at) FROM _table_exports e "
        "JOIN _knowledge_bases b ON b.number = e.base WHERE b.tenant = ?1 AND (?2 IS NULL OR b.id = ?2) "
        "AND e.exported_at IS NOT NULL AND e.document IS NOT NULL GROUP BY e.schema_name, e.table_name",
        (tenant, base),
    )
    return {(str(schema), str(table)): float(str(at)) for schema, table, at in rows}


def _one(db: apsw.Connection, where: str, bindings: tuple[Any, ...]) -> TableExport | None:
    found = _many(db, where, bindings)
    return found[0] if found else None


def _many(db: apsw.Connection, where: str, bindings: tuple[Any, ...]) -> list[TableExport]:
    return [_export(*row) for row in db.execute(_READ + where, bindings)]


def _export(*row: Any) -> TableExport:
    id, base, schema, table, options, is_kept, document_id, told, *rest = row
    exported_at, error, by, created_at, updated_at = rest
    return TableExport(
        id=id,
        base=base,
        schema=schema,
        table=table,
        options=msgspec.json.decode(options, type=ExportOptions),
        is_kept=bool(is_kept),
        document_id=document_id,
        told=msgspec.json.decode(told, type=Told),
        exported_at=exported_at,
        error=error,
        created_by=by,
        created_at=created_at,
        updated_at=updated_at,
    )
