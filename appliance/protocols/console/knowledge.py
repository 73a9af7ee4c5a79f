"""Knowledge bases: the handlers of Fluxbase's administrators (6.7, 6.8), mounted for the console."""

from __future__ import annotations

from typing import Any

from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console.access import admin, check_admin
from appliance.protocols.console.pages import limit_param
from appliance.protocols.fluxbase import knowledge_bases as bases
from appliance.protocols.fluxbase import knowledge_documents as documents
from appliance.protocols.fluxbase import knowledge_links as links
from appliance.protocols.fluxbase import knowledge_search as search
from appliance.protocols.fluxbase import knowledge_uploads as uploads
from appliance.protocols.fluxbase import shapes_knowledge as shapes
from appliance.protocols.fluxbase import shapes_knowledge_documents as document_shapes
from appliance.protocols.fluxbase import shapes_knowledge_links as link_shapes
from appliance.protocols.fluxbase.knowledge_desk import Work, admin_desk, for_admins
from appliance.protocols.fluxbase.rest import OFFSET_MAX
from appliance.wire import Request

PATH = "/admin/api/knowledge-bases"
BASE = f"{PATH}/<id>"
DOCUMENTS = f"{BASE}/documents"
DOCUMENT = f"{DOCUMENTS}/<doc>"

_OFFSET = Param(
    name="offset",
    description="How many to leave out",
    schema={"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
)
_STATUS = Param(
    name="status",
    description="Only those of this status",
    schema={"type": "string", "enum": [*documents.STATUSES]},
)


def _make(
    method: str, path: str, work: Work, summary: str, answer: Any, *, status: int = 200, **more: Any
) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        handler=admin(for_admins(work)),
        summary=summary,
        answers={status: answer},
        access="admin",
        **({"errors": (404,)} | more),
    )


def _may_upload(engine: Engine, request: Request) -> int:
    """Who may not add files learns it before theirs is read."""
    check_admin(request.caller)
    return uploads.check_by(admin_desk)(engine, request)


ENDPOINTS: tuple[Endpoint, ...] = (
    _make(
        "GET",
        PATH,
        bases.list_bases,
        "All knowledge bases",
        shapes.KnowledgeBaseList,
        params=(Param(name="namespace", description="Only those of this namespace"),),
        errors=(),
    ),
    _make(
        "POST",
        PATH,
        bases.create_base,
        "Make a knowledge base",
        shapes.KnowledgeBaseBody,
        status=201,
        body=shapes.NewKnowledgeBase,
        errors=(409,),
    ),
    _make(
        "GET",
        f"{PATH}/capabilities",
        bases.capabilities,
        "Which files can be read, and whether there are vectors",
        shapes.Capabilities,
        errors=(),
    ),
    _make("GET", BASE, bases.get_base, "One knowledge base", shapes.KnowledgeBaseBody),
    _make(
        "PUT",
        BASE,
        bases.update_base,
        "Change a knowledge base",
        shapes.KnowledgeBaseBody,
        body=shapes.UpdateKnowledgeBase,
        errors=(404, 409),
    ),
    _make("DELETE", BASE, bases.delete_base, "Delete a knowledge base with its documents", None, status=204),
    _make(
        "GET",
        f"{BASE}/chatbots",
        links.list_chatbots,
        "The bots that answer from a knowledge base",
        link_shapes.LinkedChatbots,
    ),
    _make(
        "POST",
        f"{BASE}/search",
        search.search_base,
        "Search a knowledge base",
        shapes.SearchResults,
        body=shapes.SearchBody,
        errors=(400, 404, 503),
    ),
    _make(
        "POST",
        f"{BASE}/debug-search",
        search.debug_search,
        "Search, and tell how it was found",
        shapes.Diagnosis,
        body=shapes.SearchBody,
        errors=(400, 404, 503),
    ),
    _make(
        "GET",
        DOCUMENTS,
        documents.list_documents,
        "The documents of a knowledge base, without their texts",
        document_shapes.DocumentList,
        params=(_STATUS, limit_param(documents.PAGE_MAX, documents.PAGE_MAX), _OFFSET),
        errors=(400, 404),
    ),
    _make(
        "POST",
        f"{DOCUMENTS}/upload",
        uploads.upload,
        "Add a file",
        document_shapes.DocumentUploaded,
        status=202,
        form=uploads.FORM,
        check=_may_upload,
        errors=(404, 409, 503),
    ),
    _make(
        "POST",
        DOCUMENTS,
        documents.add_document,
        "Add a text",
        document_shapes.DocumentTaken,
        status=202,
        body=document_shapes.NewDocument,
        errors=(404, 409),
    ),
    _make("GET", DOCUMENT, documents.get_document, "A document with its text", document_shapes.WholeDocument),
    _make(
        "PATCH",
        DOCUMENT,
        documents.update_document,
        "Change what is said about a document",
        document_shapes.WholeDocument,
        body=document_shapes.UpdateDocument,
        errors=(404, 409),
    ),
    _make("DELETE", DOCUMENT, documents.delete_document, "Delete a document", None, status=204),
    _make(
        "GET",
        f"{DOCUMENT}/chunks",
        documents.list_chunks,
        "What a document was cut into, in order",
        document_shapes.ChunkList,
        params=(limit_param(documents.CHUNKS, documents.PAGE_MAX), _OFFSET),
        errors=(400, 404),
    ),
    _make("GET", f"{DOCUMENT}/original", documents.get_original, "The file of a document as it came", "*/*"),
)
