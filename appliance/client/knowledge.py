"""Knowledge bases: what users may do under their prefix, administrators do under theirs, too.

`Knowledge` has what both can; `AdminKnowledge` adds bots, tables and unanswered questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.client.knowledge_shapes import (
    BaseList,
    Capabilities,
    Chunk,
    ChunkPage,
    Deleted,
    DocumentAdded,
    DocumentPage,
    Entity,
    EntityList,
    GapPage,
    Grant,
    KnowledgeBase,
    KnowledgeDocument,
    KnowledgeGap,
    KnowledgeGraph,
    KnowledgeLink,
    LinkedList,
    LinkList,
    Relationship,
    RelationshipList,
    SearchAnswer,
    SyncList,
    TableExport,
    TableSync,
)
from appliance.client.transport import File, Transport, segment

ADMIN = "/api/v1/admin/ai"


class Knowledge:
    """Knowledge bases below one prefix; all that is not given is left to the server."""

    def __init__(self, transport: Transport, prefix: str) -> None:
        self._transport = transport
        self._prefix = f"{prefix}/knowledge-bases"

    # -- bases ---------------------------------------------------------------------------------------

    async def list_knowledge_bases(self, namespace: str | None = None) -> list[KnowledgeBase]:
        """Those that the caller may look into."""
        query = {"namespace": namespace}
        found = await self._transport.call("GET", self._prefix, BaseList, query=query)
        return found.knowledge_bases

    async def create_knowledge_base(self, name: str, **settings: Any) -> KnowledgeBase:
        """Make one, such as with `visibility="public"`."""
        return await self._transport.call("POST", self._prefix, KnowledgeBase, {"name": name, **settings})

    async def get_knowledge_base(self, id: str) -> KnowledgeBase:
        """One of them."""
        return await self._transport.call("GET", self._base(id), KnowledgeBase)

    async def update_knowledge_base(self, id: str, **settings: Any) -> KnowledgeBase:
        """Change what is given."""
        return await self._transport.call("PUT", self._base(id), KnowledgeBase, settings)

    async def delete_knowledge_base(self, id: str) -> None:
        """Delete it with its documents."""
        await self._transport.fetch("DELETE", self._base(id))

    async def get_capabilities(self) -> Capabilities:
        """Which files can be read, and whether there are vectors."""
        return await self._transport.call("GET", f"{self._prefix}/capabilities", Capabilities)

    async def share_knowledge_base(self, id: str, user_id: str, permission: str = "viewer") -> Grant:
        """Let a user look into it (viewer), change it (editor), or own it (owner)."""
        body = {"user_id": user_id, "permission": permission}
        return await self._transport.call("POST", f"{self._base(id)}/share", Grant, body)

    async def list_permissions(self, id: str) -> list[Grant]:
        """To whom it was granted."""
        return await self._transport.call("GET", f"{self._base(id)}/permissions", list[Grant])

    async def revoke_permission(self, id: str, user_id: str) -> None:
        """Take a permission back."""
        await self._transport.fetch("DELETE", f"{self._base(id)}/permissions/{segment(user_id)}")

    async def list_chatbots_using_kb(self, id: str) -> list[KnowledgeLink]:
        """The bots that answer from it."""
        return (await self._transport.call("GET", f"{self._base(id)}/chatbots", LinkedList)).chatbots

    # -- documents -----------------------------------------------------------------------------------

    async def list_documents(
        self, id: str, *, status: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> DocumentPage:
        """Its documents without their texts, newest first."""
        query = {"status": status, "limit": limit, "offset": offset}
        return await self._transport.call("GET", f"{self._base(id)}/documents", DocumentPage, query=query)

    async def add_document(self, id: str, content: str, **fields: Any) -> DocumentAdded:
        """Add a text, such as with `title="Returns"`, `tags=["shop"]`, `metadata={…}`, `source_url=…`."""
        body = {"content": content, **fields}
        return await self._transport.call("POST", f"{self._base(id)}/documents", DocumentAdded, body)

    async def upload_document(
        self,
        id: str,
        data: bytes,
        file_name: str = "",
        *,
        mime_type: str = "",
        title: str | None = None,
        language: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool | None = None,
    ) -> DocumentAdded:
        """Add a file. Its kind is told by what is in it, then by its name, then by its type."""
        fields = {
            "title": title,
            "language": language,
            "tags": list(tags) or None,
            "metadata": metadata and dict(metadata),
            "private": private,
        }
        file = File(data=data, name=file_name or "blob", mime_type=mime_type)
        return await self._transport.upload(f"{self._base(id)}/documents/upload", DocumentAdded, file, fields)

    async def get_document(self, id: str, document_id: str) -> KnowledgeDocument:
        """One of them with its text."""
        return await self._transport.call("GET", self._document(id, document_id), KnowledgeDocument)

    async def update_document(self, id: str, document_id: str, **changes: Any) -> KnowledgeDocument:
        """Change its `title`, `tags` or `metadata`."""
        path = self._document(id, document_id)
        return await self._transport.call("PATCH", path, KnowledgeDocument, changes)

    async def delete_document(self, id: str, document_id: str) -> None:
        """Delete it."""
        await self._transport.fetch("DELETE", self._document(id, document_id))

    async def delete_documents_by_filter(
        self,
        id: str,
        *,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_filter: Mapping[str, Any] | None = None,
    ) -> int:
        """Delete those with all of these tags and this metadata; how many there were."""
        given = {"tags": tags, "metadata": metadata, "metadata_filter": metadata_filter}
        body = {name: value for name, value in given.items() if value is not None}
        path = f"{self._base(id)}/documents/delete-by-filter"
        return (await self._transport.call("POST", path, Deleted, body)).deleted_count

    async def list_chunks(
        self, id: str, document_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> list[Chunk]:
        """What a document was cut into, in order."""
        path = f"{self._document(id, document_id)}/chunks"
        query = {"limit": limit, "offset": offset}
        return (await self._transport.call("GET", path, ChunkPage, query=query)).chunks

    async def get_original(self, id: str, document_id: str) -> bytes:
        """The file as it came; of a text that text."""
        return await self._transport.fetch("GET", f"{self._document(id, document_id)}/original")

    async def share_document(
        self, id: str, document_id: str, user_id: str, permission: str = "viewer"
    ) -> Grant:
        """Let a user see one document, or change it (editor)."""
        body = {"user_id": user_id, "permission": permission}
        path = f"{self._document(id, document_id)}/permissions"
        return await self._transport.call("POST", path, Grant, body)

    async def list_document_permissions(self, id: str, document_id: str) -> list[Grant]:
        """To whom a document was granted."""
        path = f"{self._document(id, document_id)}/permissions"
        return await self._transport.call("GET", path, list[Grant])

    async def revoke_document_permission(self, id: str, document_id: str, user_id: str) -> None:
        """Take such a grant back."""
        path = f"{self._document(id, document_id)}/permissions/{segment(user_id)}"
        await self._transport.fetch("DELETE", path)

    # -- searching -----------------------------------------------------------------------------------

    async def search_knowledge_base(self, id: str, query: str, **options: Any) -> SearchAnswer:
        """Search it, such as with `mode="hybrid"`, `max_chunks=5`, `threshold=0.3`, `tags=["shop"]`."""
        body = {"query": query, **options}
        return await self._transport.call("POST", f"{self._base(id)}/search", SearchAnswer, body)

    async def debug_search(self, id: str, query: str, **options: Any) -> dict[str, Any]:
        """The same with all figures, also of what is below the threshold."""
        body = {"query": query, **options}
        return await self._transport.call("POST", f"{self._base(id)}/debug-search", dict[str, Any], body)

    # -- the graph -----------------------------------------------------------------------------------

    async def list_entities(
        self, id: str, *, entity_type: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> list[Entity]:
        """The things that its documents name, the most prominent first."""
        query = {"entity_type": entity_type, "limit": limit, "offset": offset}
        path = f"{self._base(id)}/entities"
        return (await self._transport.call("GET", path, EntityList, query=query)).entities

    async def search_entities(
        self, id: str, query: str, *, types: Sequence[str] = (), limit: int | None = None
    ) -> list[Entity]:
        """Those with this in their name."""
        asked = {"query": query, "types": ",".join(types) or None, "limit": limit}
        path = f"{self._base(id)}/entities/search"
        return (await self._transport.call("GET", path, EntityList, query=asked)).entities

    async def get_entity_relationships(self, id: str, entity_id: str) -> list[Relationship]:
        """What the documents say of a thing and others."""
        path = f"{self._base(id)}/entities/{segment(entity_id)}/relationships"
        return (await self._transport.call("GET", path, RelationshipList)).relationships

    async def get_knowledge_graph(self, id: str, *, limit: int | None = None) -> KnowledgeGraph:
        """Its most prominent part; the counts are of all of it."""
        path, query = f"{self._base(id)}/graph", {"limit": limit}
        return await self._transport.call("GET", path, KnowledgeGraph, query=query)

    def _base(self, id: str) -> str:
        return f"{self._prefix}/{segment(id)}"

    def _document(self, id: str, document_id: str) -> str:
        return f"{self._base(id)}/documents/{segment(document_id)}"


class AdminKnowledge(Knowledge):
    """What administrators do beside."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, ADMIN)

    # -- bots ----------------------------------------------------------------------------------------

    async def list_chatbot_knowledge_bases(self, chatbot_id: str) -> list[KnowledgeLink]:
        """What a bot answers from."""
        found = await self._transport.call("GET", _links(chatbot_id), LinkList)
        return found.knowledge_bases

    async def link_knowledge_base(
        self, chatbot_id: str, knowledge_base_id: str, **settings: Any
    ) -> KnowledgeLink:
        """Let a bot answer from a base, such as with `max_chunks=8`; twice updates."""
        body = {"knowledge_base_id": knowledge_base_id, **settings}
        return await self._transport.call("POST", _links(chatbot_id), KnowledgeLink, body)

    async def update_chatbot_knowledge_base(
        self, chatbot_id: str, knowledge_base_id: str, **settings: Any
    ) -> KnowledgeLink:
        """Change what is given."""
        path = f"{_links(chatbot_id)}/{segment(knowledge_base_id)}"
        return await self._transport.call("PUT", path, KnowledgeLink, settings)

    async def unlink_knowledge_base(self, chatbot_id: str, knowledge_base_id: str) -> None:
        """Let it answer from that base no more."""
        await self._transport.fetch("DELETE", f"{_links(chatbot_id)}/{segment(knowledge_base_id)}")

    # -- tables --------------------------------------------------------------------------------------

    async def export_table(self, id: str, table: str, schema: str = "public", **options: Any) -> TableExport:
        """Make a document of a table, or make it anew, such as with `include_sample_rows=True`."""
        body = {"schema": schema, "table": table, **options}
        return await self._transport.call("POST", f"{self._base(id)}/tables/export", TableExport, body)

    async def list_table_export_syncs(self, id: str) -> list[TableSync]:
        """The tables that are kept to be exported again."""
        return (await self._transport.call("GET", self._syncs(id), SyncList)).sync_configs

    async def create_table_export_sync(
        self, id: str, table: str, schema: str = "public", **options: Any
    ) -> TableSync:
        """Keep a table to be exported again."""
        body = {"schema_name": schema, "table_name": table, **options}
        return await self._transport.call("POST", self._syncs(id), TableSync, body)

    async def update_table_export_sync(self, id: str, sync_id: str, **options: Any) -> TableSync:
        """Change what of it is exported."""
        return await self._transport.call(
            "PATCH", f"{self._syncs(id)}/{segment(sync_id)}", TableSync, options
        )

    async def delete_table_export_sync(self, id: str, sync_id: str) -> None:
        """Keep it no more; the document stays."""
        await self._transport.fetch("DELETE", f"{self._syncs(id)}/{segment(sync_id)}")

    async def trigger_table_export_sync(self, id: str, sync_id: str) -> TableExport:
        """Export it now."""
        path = f"{self._syncs(id)}/{segment(sync_id)}/trigger"
        return await self._transport.call("POST", path, TableExport, {})

    def _syncs(self, id: str) -> str:
        return f"{self._base(id)}/sync-configs"

    # -- questions without an answer -----------------------------------------------------------------

    async def list_knowledge_gaps(
        self,
        *,
        status: str | None = None,
        chatbot: str | None = None,
        namespace: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> GapPage:
        """Questions that the documents did not answer; the open ones unless `status` says otherwise."""
        query = {
            "status": status,
            "chatbot": chatbot,
            "namespace": namespace,
            "limit": limit,
            "offset": offset,
        }
        return await self._transport.call("GET", f"{ADMIN}/knowledge-gaps", GapPage, query=query)

    async def update_knowledge_gap(self, id: str, status: str) -> KnowledgeGap:
        """Close one, or open it again."""
        path = f"{ADMIN}/knowledge-gaps/{segment(id)}"
        return await self._transport.call("PATCH", path, KnowledgeGap, {"status": status})


def _links(chatbot_id: str) -> str:
    return f"{ADMIN}/chatbots/{segment(chatbot_id)}/knowledge-bases"
