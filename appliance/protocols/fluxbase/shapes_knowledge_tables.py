"""Bodies of Fluxbase's endpoints that make documents of tables (6.8, 11): requests and answers.

SDKs and servers call the table differently, so that both names are taken and told.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from appliance.table_exports import SAMPLE_ROWS, SAMPLE_ROWS_MAX

SyncMode: TypeAlias = Literal["manual", "automatic"]


class _ExportWanted(msgspec.Struct, frozen=True, kw_only=True):
    columns: list[str] | None = None
    include_sample_rows: bool | None = None
    sample_row_count: Annotated[int, Meta(ge=1, le=SAMPLE_ROWS_MAX)] | None = None
    include_foreign_keys: bool | None = None
    include_indexes: bool | None = None


class ExportTableBody(_ExportWanted, frozen=True, kw_only=True):
    """Body of an export to the knowledge base of the path; without a `schema` it is public."""

    table: str
    schema: str | None = None


class ExportNamedTableBody(_ExportWanted, frozen=True, kw_only=True):
    """Body of an export of the path's table."""

    knowledge_base_id: str


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """The document, and what stands for the table in the graph; null without a graph."""

    document_id: str
    entity_id: str | None
    relationship_ids: list[str]


class NewSyncConfig(_ExportWanted, frozen=True, kw_only=True):
    """Body of a table that is kept to be exported again. `table` is needed, under either name."""

    schema: str | None = None
    schema_name: str | None = None
    table: str | None = None
    table_name: str | None = None
    sync_mode: SyncMode | None = None


class UpdateSyncConfig(_ExportWanted, frozen=True, kw_only=True):
    """Body of an update; what is not there, or null, stays."""

    sync_mode: SyncMode | None = None


class SyncConfigBody(msgspec.Struct, frozen=True, kw_only=True):
    """A table that is exported again whenever somebody triggers it, or by itself when it has changed."""

    id: str
    knowledge_base_id: str
    schema: str
    schema_name: str
    table: str
    table_name: str
    columns: list[str]
    include_sample_rows: bool
    sample_row_count: int = SAMPLE_ROWS
    include_foreign_keys: bool
    include_indexes: bool
    sync_mode: SyncMode = "manual"
    document_id: str | None
    last_sync_at: str | None
    last_sync_status: Literal["success", "failed"] | None
    last_sync_error: str | None
    created_by: str | None
    created_at: str
    updated_at: str


class SyncConfigList(msgspec.Struct, frozen=True, kw_only=True):
    """Those of a knowledge base."""

    sync_configs: list[SyncConfigBody]
    count: int


def given_options(asked: _ExportWanted) -> dict[str, Any]:
    """The options that a body names."""
    names = (*_ExportWanted.__struct_fields__, "sync_mode")
    return {name: value for name in names if (value := getattr(asked, name, None)) is not None}
