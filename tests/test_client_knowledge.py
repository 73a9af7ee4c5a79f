"""`client.ai` and `client.admin.ai` with knowledge bases, against a true server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from appliance.client import ApiError, Client
from tests.support.stack import Stack, stack


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path / "data", [], demo=True, embedding_provider="none") as served:
        yield served


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], object]) -> Any:
    """What is told, once it is so."""
    with trio.fail_after(60):
        while not holds(told := await ask()):  # noqa: ASYNC110 (a server's doings have no event here)
            await trio.sleep(0.02)
    return told


async def test_an_administrator_fills_searches_and_deletes_a_base(served: Stack) -> None:
    async with Client(served.url, served.token("root", role="admin")) as client:
        ai = client.admin.ai
        assert ".pdf" in (await ai.get_capabilities()).supported_file_types
        base = await ai.create_knowledge_base("support", description="For customers", visibility="public")
        assert (base.name, base.chunk_size, base.visibility) == ("support", 512, "public")
        assert [one.id for one in await ai.list_knowledge_bases("default")] == [base.id]
        assert await ai.list_knowledge_bases("elsewhere") == []
        changed = await ai.update_knowledge_base(base.id, description="For all")
        assert (await ai.get_knowledge_base(base.id)).description == changed.description == "For all"

        text = await ai.add_document(
            base.id, "Lamps may be returned for thirty days.", title="Returns", tags=["shop"]
        )
        file = await ai.upload_document(
            base.id,
            b"# Kettles\n\nA kettle boils water in two minutes.\n",
            "kettles.md",
            title="Kettles",
            tags=["guide", "kitchen"],
            metadata={"team": "kitchen"},
        )
        assert (file.filename, file.mime_type, file.extracted_length > 30) == (
            "kettles.md",
            "text/markdown",
            True,
        )
        page = await until(
            lambda: ai.list_documents(base.id),
            lambda page: all(one.status == "indexed" for one in page.documents),
        )
        assert (page.total, {one.id for one in page.documents}) == (2, {text.document_id, file.document_id})

        found = await ai.search_knowledge_base(base.id, "kettle water", mode="keyword")
        assert (found.mode, found.results[0].document_title) == ("keyword", "Kettles")
        assert "boils water" in found.results[0].content
        debug = await ai.debug_search(base.id, "kettle", mode="keyword")
        assert debug["counts"]["documents"] == 2
        whole = await ai.get_document(base.id, file.document_id)
        assert (whole.tags, whole.metadata, whole.has_original) == (
            ["guide", "kitchen"],
            {"team": "kitchen"},
            True,
        )
        (chunk,) = [one for one in await ai.list_chunks(base.id, file.document_id) if "boils" in one.content]
        assert whole.content[chunk.start_offset : chunk.end_offset] == chunk.content
        assert (await ai.get_original(base.id, file.document_id)).startswith(b"# Kettles")
        renamed = await ai.update_document(base.id, text.document_id, title="Refunds", tags=["old"])
        assert (renamed.title, renamed.tags) == ("Refunds", ["old"])

        assert await ai.delete_documents_by_filter(base.id, tags=["old"]) == 1
        await ai.delete_document(base.id, file.document_id)
        assert (await ai.list_documents(base.id)).documents == []
        await ai.delete_knowledge_base(base.id)
        with pytest.raises(ApiError) as refused:
            await ai.get_knowledge_base(base.id)
        assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")


async def test_refused_files_say_why_and_what_would_do(served: Stack) -> None:
    async with Client(served.url, served.token("root", role="admin")) as client:
        ai = client.admin.ai
        base = await ai.create_knowledge_base("support")
        with pytest.raises(ApiError) as refused:
            await ai.upload_document(base.id, b"MZ\x90\0\0\0", "setup.exe")
        assert (refused.value.status, refused.value.code) == (400, "UNSUPPORTED_FILE_TYPE")
        assert ".pdf" in refused.value.details["supported_types"]
        with pytest.raises(ApiError) as refused:
            await ai.upload_document(base.id, b"%PDF-1.7\nnothing follows", "torn.pdf")
        assert (refused.value.status, refused.value.code) == (400, "DOCUMENT_UNREADABLE")
        with pytest.raises(ApiError) as refused:
            await ai.delete_documents_by_filter(base.id)
        assert refused.value.status == 400
        assert (await ai.list_documents(base.id)).total == 0


async def test_bots_are_linked_and_unlinked(served: Stack) -> None:
    async with Client(served.url, served.token("root", role="admin")) as client:
        ai = client.admin.ai
        (bot,) = await ai.list_chatbots()
        base = await ai.create_knowledge_base("support")
        link = await ai.link_knowledge_base(bot.id, base.id)
        assert (link.knowledge_base_name, link.max_chunks, link.priority, link.origin) == (
            "support",
            5,
            1,
            "api",
        )
        again = await ai.link_knowledge_base(bot.id, base.id, max_chunks=8, context_weight=2.0)
        assert (again.id, again.max_chunks, again.context_weight) == (link.id, 8, 2.0)
        changed = await ai.update_chatbot_knowledge_base(
            bot.id, base.id, enabled=False, similarity_threshold=0.5
        )
        assert [changed] == await ai.list_chatbot_knowledge_bases(bot.id)
        assert (changed.enabled, changed.similarity_threshold, changed.max_chunks) == (False, 0.5, 8)
        (user,) = await ai.list_chatbots_using_kb(base.id)
        assert (user.chatbot_id, user.chatbot_name) == (bot.id, bot.name)
        await ai.unlink_knowledge_base(bot.id, base.id)
        assert await ai.list_chatbot_knowledge_bases(bot.id) == []
        with pytest.raises(ApiError) as refused:
            await ai.update_chatbot_knowledge_base(bot.id, base.id, enabled=True)
        assert refused.value.status == 404


async def test_tables_become_documents_again_and_again(served: Stack) -> None:
    async with Client(served.url, served.token("root", role="admin")) as client:
        ai = client.admin.ai
        base = await ai.create_knowledge_base("tables")
        made = await ai.export_table(base.id, "orders", include_sample_rows=True, sample_row_count=2)
        assert made.entity_id in [one.id for one in await ai.list_entities(base.id, entity_type="table")]
        assert "orders" in [one.name for one in await ai.search_entities(base.id, "orders", types=["table"])]
        assert made.entity_id is not None
        (line,) = await ai.get_entity_relationships(base.id, made.entity_id)
        assert (line.relationship_type, [line.id]) == ("foreign_key", made.relationship_ids)
        assert (await ai.get_knowledge_graph(base.id)).relationship_count == 1
        again = await ai.export_table(base.id, "orders")
        assert again.document_id == made.document_id
        sync = await ai.create_table_export_sync(base.id, "users", include_indexes=False)
        assert (sync.table_name, sync.last_sync_status) == ("users", None)
        sync = await ai.update_table_export_sync(base.id, sync.id, columns=["id"])
        done = await ai.trigger_table_export_sync(base.id, sync.id)
        (kept,) = await ai.list_table_export_syncs(base.id)
        assert (kept.document_id, kept.last_sync_status, kept.columns) == (
            done.document_id,
            "success",
            ["id"],
        )
        await ai.delete_table_export_sync(base.id, sync.id)
        assert await ai.list_table_export_syncs(base.id) == []
        assert (await ai.list_documents(base.id)).total == 2
        exported = {one.name for one in await ai.list_tables() if one.last_export}
        assert exported == {"orders", "users"}
        assert (await ai.list_knowledge_gaps()).gaps == []


async def test_users_share_their_bases_and_documents(served: Stack) -> None:
    async with Client(served.url, served.token("ann")) as ann, Client(served.url, served.token("ben")) as ben:
        base = await ann.ai.create_knowledge_base("mine")
        doc = (await ann.ai.add_document(base.id, "A note about lamps.", private=False)).document_id
        with pytest.raises(ApiError):
            await ben.ai.get_document(base.id, doc)
        grant = await ann.ai.share_document(base.id, doc, "ben")
        assert (await ben.ai.get_document(base.id, doc)).content == "A note about lamps."
        assert await ann.ai.list_document_permissions(base.id, doc) == [grant]
        await ann.ai.revoke_document_permission(base.id, doc, "ben")
        await ann.ai.share_knowledge_base(base.id, "ben", "editor")
        assert [one.user_permission for one in await ben.ai.list_knowledge_bases()] == ["editor"]
        await ben.ai.upload_document(base.id, b"Another note.", mime_type="text/plain")
        assert (await ann.ai.list_documents(base.id)).total == 2
        assert [one.user_id for one in await ann.ai.list_permissions(base.id)] == ["ben"]
        await ann.ai.revoke_permission(base.id, "ben")
        assert await ben.ai.list_knowledge_bases() == []
