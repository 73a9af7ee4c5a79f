"""The endpoints of knowledge bases under both prefixes (6.8), which differ in who may ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from appliance.protocols.base import Endpoint, Handler, Param
from appliance.protocols.fluxbase import knowledge_bases as bases
from appliance.protocols.fluxbase import knowledge_documents as documents
from appliance.protocols.fluxbase import knowledge_links as links
from appliance.protocols.fluxbase import knowledge_search as search
from appliance.protocols.fluxbase import knowledge_uploads as uploads
from appliance.protocols.fluxbase import shapes_knowledge as shapes
from appliance.protocols.fluxbase import shapes_knowledge_documents as document_shapes
from appliance.protocols.fluxbase import shapes_knowledge_links as link_shapes
from appliance.protocols.fluxbase import shapes_knowledge_tables as table_shapes
from appliance.protocols.fluxbase import table_export as tables
from appliance.protocols.fluxbase.knowledge_desk import (
    ADMIN_BASES,
    USER_BASES,
    Work,
    admin_desk,
    for_admins,
    for_users,
    user_desk,
)
from appliance.protocols.fluxbase.rest import OFFSET_MAX

_OFFSET = Param(
    name="offset",
    description="How many to leave out",
    schema={"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
)


def _limit(most: int, default: int) -> Param:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Param(name="limit", description="How many to give", schema=schema)


class _Maker:
    """Makes endpoints below one prefix."""

    def __init__(
        self, prefix: str, door: Callable[[Work], Handler], access: Literal["user", "admin"]
    ) -> None:
        self._prefix = prefix
        self._door = door
        self._access = access
        self.may_upload = uploads.check_by(admin_desk if access == "admin" else user_desk)

    def make(
        self,
        method: str,
        path: str,
        work: Work,
        summary: str,
        answer: Any,
        *,
        status: int = 200,
        errors: tuple[int, ...] = (404,),
        **more: Any,
    ) -> Endpoint:
        return Endpoint(
            method=method,
            path=self._prefix + path,
            handler=self._door(work),
            summary=summary,
            answers={status: answer},
            errors=errors,
            access=self._access,
            **more,
        )


def _of_bases(maker: _Maker) -> tuple[Endpoint, ...]:
    make = maker.make
    return (
        make(
            "GET",
            "",
            bases.list_bases,
            "The knowledge bases that the caller may look into",
            shapes.KnowledgeBaseList,
            params=(Param(name="namespace", description="Only those of this namespace"),),
            errors=(),
        ),
        make(
            "POST",
            "",
            bases.create_base,
            "Make a knowledge base",
            shapes.KnowledgeBaseBody,
            status=201,
            body=shapes.NewKnowledgeBase,
            errors=(403, 409),
        ),
        make(
            "GET",
            "/capabilities",
            bases.capabilities,
            "Which files can be read, and whether there are vectors",
            shapes.Capabilities,
            errors=(),
        ),
        make("GET", "/<id>", bases.get_base, "One knowledge base", shapes.KnowledgeBaseBody),
        make(
            "PUT",
            "/<id>",
            bases.update_base,
            "Change a knowledge base",
            shapes.KnowledgeBaseBody,
            body=shapes.UpdateKnowledgeBase,
            errors=(404, 409),
        ),
        make("DELETE", "/<id>", bases.delete_base, "Delete a knowledge base", None, status=204),
        make(
            "POST",
            "/<id>/share",
            bases.share,
            "Let a user look into a knowledge base, or change it",
            shapes.GrantBody,
            status=201,
            body=shapes.NewGrant,
            errors=(403, 404),
        ),
        make(
            "GET",
            "/<id>/permissions",
            bases.permissions,
            "Who may do what with a knowledge base",
            list[shapes.GrantBody],
        ),
        make(
            "DELETE",
            "/<id>/permissions/<user>",
            bases.revoke,
            "Take a permission back",
            None,
            status=204,
            errors=(400, 404),
        ),
        make(
            "GET",
            "/<id>/chatbots",
            links.list_chatbots,
            "The bots that answer from a knowledge base",
            link_shapes.LinkedChatbots,
        ),
        make(
            "POST",
            "/<id>/search",
            search.search_base,
            "Search a knowledge base",
            shapes.SearchResults,
            body=shapes.SearchBody,
        ),
        make(
            "POST",
            "/<id>/debug-search",
            search.debug_search,
            "Search, and tell how it was found",
            shapes.Diagnosis,
            body=shapes.SearchBody,
        ),
    )


def _of_documents(maker: _Maker) -> tuple[Endpoint, ...]:
    make = maker.make
    document = "/<id>/documents/<doc>"
    statuses = {"type": "string", "enum": [*documents.STATUSES]}
    return (
        make(
            "GET",
            "/<id>/documents",
            documents.list_documents,
            "The documents of a knowledge base, without their texts",
            document_shapes.DocumentList,
            params=(
                Param(name="status", description="Only those of this status", schema=statuses),
                _limit(documents.PAGE_MAX, documents.PAGE_MAX),
                _OFFSET,
            ),
            errors=(400, 404),
        ),
        make(
            "POST",
            "/<id>/documents",
            documents.add_document,
            "Add a text",
            document_shapes.DocumentTaken,
            status=202,
            body=document_shapes.NewDocument,
            errors=(403, 404, 409),
        ),
        make(
            "POST",
            "/<id>/documents/upload",
            uploads.upload,
            "Add a file",
            document_shapes.DocumentUploaded,
            status=202,
            form=uploads.FORM,
            check=maker.may_upload,
            errors=(403, 404, 409, 503),
        ),
        make(
            "POST",
            "/<id>/documents/delete-by-filter",
            documents.delete_by_filter,
            "Delete the documents with these tags and this metadata",
            document_shapes.DeletedCount,
            body=document_shapes.DeleteByFilter,
            errors=(403, 404),
        ),
        make(
            "GET", document, documents.get_document, "A document with its text", document_shapes.WholeDocument
        ),
        make(
            "PATCH",
            document,
            documents.update_document,
            "Change what is said about a document",
            document_shapes.WholeDocument,
            body=document_shapes.UpdateDocument,
            errors=(403, 404, 409),
        ),
        make("DELETE", document, documents.delete_document, "Delete a document", None, status=204),
        make(
            "GET",
            f"{document}/chunks",
            documents.list_chunks,
            "What a document was cut into, in order",
            document_shapes.ChunkList,
            params=(_limit(documents.PAGE_MAX, documents.CHUNKS), _OFFSET),
            errors=(400, 404),
        ),
        make(
            "GET",
            f"{document}/original",
            documents.get_original,
            "The file of a document as it came",
            "*/*",
        ),
        make(
            "GET",
            f"{document}/permissions",
            documents.document_permissions,
            "To whom a document was granted",
            list[document_shapes.DocumentGrantBody],
        ),
        make(
            "POST",
            f"{document}/permissions",
            documents.share_document,
            "Grant a document to a user",
            document_shapes.DocumentGrantBody,
            status=201,
            body=document_shapes.NewDocumentGrant,
            errors=(403, 404),
        ),
        make(
            "DELETE",
            f"{document}/permissions/<user>",
            documents.revoke_document,
            "Take a grant of a document back",
            None,
            status=204,
            errors=(400, 404),
        ),
    )


def _of_tables(maker: _Maker) -> tuple[Endpoint, ...]:
    make = maker.make
    config = "/<id>/sync-configs/<sid>"
    return (
        make(
            "POST",
            "/<id>/tables/export",
            tables.export_table,
            "Make a document of a table, or make it anew",
            table_shapes.Exported,
            body=table_shapes.ExportTableBody,
            errors=(403, 404, 409),
        ),
        make(
            "GET",
            "/<id>/sync-configs",
            tables.list_configs,
            "The tables that are kept to be exported again",
            table_shapes.SyncConfigList,
        ),
        make(
            "POST",
            "/<id>/sync-configs",
            tables.create_config,
            "Keep a table to be exported again",
            table_shapes.SyncConfigBody,
            status=201,
            body=table_shapes.NewSyncConfig,
            errors=(403, 404, 409),
        ),
        make(
            "PATCH",
            config,
            tables.update_config,
            "Change what of a kept table is exported",
            table_shapes.SyncConfigBody,
            body=table_shapes.UpdateSyncConfig,
        ),
        make("DELETE", config, tables.delete_config, "Keep a table no more", None, status=204),
        make(
            "POST",
            f"{config}/trigger",
            tables.trigger_config,
            "Export a kept table now",
            table_shapes.Exported,
            errors=(400, 403, 404, 409),
        ),
    )


_ADMIN = _Maker(ADMIN_BASES, for_admins, "admin")
_USER = _Maker(USER_BASES, for_users, "user")

ADMIN_ENDPOINTS: tuple[Endpoint, ...] = (
    *_of_bases(_ADMIN),
    *_of_documents(_ADMIN),
    *_of_tables(_ADMIN),
    _Maker("/api/v1/admin/ai/tables", for_admins, "admin").make(
        "POST",
        "/<schema>/<table>/export",
        tables.export_named_table,
        "Make a document of a table in a knowledge base, or make it anew",
        table_shapes.Exported,
        body=table_shapes.ExportNamedTableBody,
        errors=(403, 404, 409),
    ),
)
USER_ENDPOINTS: tuple[Endpoint, ...] = (*_of_bases(_USER), *_of_documents(_USER))

VARIABLES = {
    "doc": "A document's id",
    "user": "A user's id",
    "kb": "A knowledge base's id",
    "sid": "A sync config's id",
    "eid": "An entity's id",
}
"""What each variable of these paths is, beside `id`, the knowledge base's."""
