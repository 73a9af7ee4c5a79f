"""Knowledge bases over REST: their shapes, uploads of every kind, searching, unanswered questions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.knowledge import Gap
from appliance.store.database import connect, database_path
from appliance.store.knowledge import gaps
from tests.support.knowledge import ADMIN, Desk, good, settled
from tests.support.sdk import create_client
from tests.support.stack import Stack, stack

FILES = Path(__file__).parents[2] / "extract" / "files"


@asynccontextmanager
async def desk(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Stack, Desk]]:
    """An administrator of a server that searches by words."""
    given = {"embedding_provider": "none", **settings}
    async with (
        stack(tmp_path / "data", [], demo=True, **given) as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        yield served, Desk(client, served.token("root", role="admin"), ADMIN)


# -- bases -------------------------------------------------------------------------------------------


async def test_a_base_has_every_field_and_its_default(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        made = await admin.ask("POST", json={"name": "support"})
        assert made.status_code == 201
        base = made.json()
        assert (await admin.get(f"/{base['id']}")) == base
        defaults = {
            "name": "support",
            "namespace": "default",
            "description": "",
            "chunk_size": 512,
            "chunk_overlap": 50,
            "chunk_strategy": "recursive",
            "enabled": True,
            "document_count": 0,
            "total_chunks": 0,
            "source": "api",
            "visibility": "private",
            "quota_max_documents": 1000,
            "quota_max_chunks": 50_000,
            "quota_max_storage_bytes": 1 << 30,
            "pipeline_type": "none",
            "pipeline_config": {},
            "transformation_function": None,
            "embedding_model": "",
            "embedding_dimensions": 0,
        }
        assert {name: base[name] for name in defaults} == defaults
        listed = await admin.get("?namespace=default")
        assert listed["count"] == 1
        summary = {*listed["knowledge_bases"][0]}
        assert summary >= {"user_permission", "owner_id", "embedding_model", "created_at", "updated_at"}
        assert (await admin.get("?namespace=other")) == {"knowledge_bases": [], "count": 0}
        again = await admin.ask("POST", json={"name": "support"})
        assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
        for body in ({}, {"name": ""}, {"name": "x", "chunk_size": 10, "chunk_overlap": 10}, {"name": 5}):
            refused = await admin.ask("POST", json=body)
            assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_INPUT")
        unknown = await admin.ask("GET", "/00000000-0000-4000-8000-000000000000")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")


async def test_the_sdk_reads_what_is_answered(tmp_path: Path) -> None:
    async with (
        desk(tmp_path) as (served, _),
        create_client(served.url, served.token("root", role="instance_admin")) as client,
    ):
        base, problem = await client.request("POST", ADMIN, {"name": "support"})
        assert problem is None
        taken, _ = await client.request("POST", f"{ADMIN}/{base['id']}/documents", {"content": "Lamps."})
        assert (taken["status"], bool(taken["document_id"]), bool(taken["message"])) == (
            "processing",
            True,
            True,
        )
        _, problem = await client.request("DELETE", f"{ADMIN}/{base['id']}")
        assert problem is None, "an answer without a body must not look like JSON"


# -- documents ---------------------------------------------------------------------------------------


async def test_lists_have_no_texts_and_both_names_of_the_count(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        doc = await admin.add(base, "All about lamps.", title="Lamps", source="handbook", tags=["a", "b"])
        (listed,) = await settled(admin, base)
        assert "content" not in listed
        assert (listed["chunks_count"], listed["chunk_count"], listed["status"]) == (1, 1, "indexed")
        assert (listed["metadata"], listed["source_url"], listed["tags"]) == (
            {"source": "handbook"},
            None,
            ["a", "b"],
        )
        whole = await admin.get(f"/{base}/documents/{doc}")
        assert whole["content"] == "All about lamps."
        assert {**listed, "content": whole["content"]} == whole
        linked = await admin.add(base, "x", source="https://example.org/a")
        assert (await admin.get(f"/{base}/documents/{linked}"))["source_url"] == "https://example.org/a"
        page = await admin.get(f"/{base}/documents?limit=1&offset=1")
        assert (page["count"], page["total"], page["documents"][0]["id"]) == (1, 2, doc)
        for query in ("limit=0", "limit=x", "offset=-1", "status=done"):
            assert (await admin.ask("GET", f"/{base}/documents?{query}")).status_code == 400


async def test_chunks_say_where_they_stand(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base(chunk_size=16, chunk_overlap=0)
        text = "# Lamps\n\n" + "\n\n".join(f"Lamp {n} gives so and so much light." for n in range(40))
        doc = await admin.add(base, text, mime_type="text/markdown")
        await settled(admin, base)
        first = await admin.get(f"/{base}/documents/{doc}/chunks?limit=5")
        rest = await admin.get(f"/{base}/documents/{doc}/chunks?offset=5&limit=1000")
        chunks = [*first["chunks"], *rest["chunks"]]
        assert (first["count"], first["total"], len(chunks)) == (5, first["total"], first["total"])
        content = (await admin.get(f"/{base}/documents/{doc}"))["content"]
        for position, chunk in enumerate(chunks):
            assert chunk["chunk_index"] == position
            assert content[chunk["start_offset"] : chunk["end_offset"]] == chunk["content"]
            assert (chunk["document_id"], chunk["knowledge_base_id"]) == (doc, base)


async def test_deleting_by_filter_takes_those_and_no_others(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        for number, tags in enumerate((["a"], ["a", "b"], ["b"], [])):
            await admin.add(base, f"Text {number}", tags=tags, metadata={"n": number, "kind": "note"})
        path = f"/{base}/documents/delete-by-filter"
        for empty in ({}, {"tags": []}, {"metadata": {}}, {"metadata_filter": {}}):
            refused = await admin.ask("POST", path, json=empty)
            assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_INPUT")
        for condition in (
            {"key": "n", "operator": "~", "value": 1},
            {"key": "missing"},
            {"key": "n", "operator": "IN", "values": [*range(2_000)]},
        ):
            broken = {"metadata_filter": {"conditions": [condition]}}
            assert (await admin.ask("POST", path, json=broken)).status_code == 400, condition
        many = {"key": "n", "operator": "IN", "values": [*range(100, 300)]}
        search = {"query": "Text", "metadata_filter": {"conditions": [many]}}
        assert (await admin.post(f"/{base}/search", search))["count"] == 0
        assert await admin.post(path, {"tags": ["a", "b"]}) == {"deleted_count": 1}
        assert await admin.post(path, {"metadata": {"kind": "note"}, "tags": ["a"]}) == {"deleted_count": 1}
        above = {"conditions": [{"key": "n", "operator": ">", "value": 2}]}
        assert await admin.post(path, {"metadata_filter": above, "metadata": {"kind": "note"}}) == {
            "deleted_count": 1
        }
        assert [one["metadata"]["n"] for one in (await admin.get(f"/{base}/documents"))["documents"]] == [2]


# -- uploads (6.3) -----------------------------------------------------------------------------------

UPLOADED = [
    "handbook.md",
    "handbook.html",
    "orders.csv",
    "report.pdf",
    "libreoffice.docx",
    "libreoffice.xlsx",
    "libreoffice.rtf",
    "pandoc.epub",
    "libreoffice.pptx",
    "libreoffice.odt",
]


@pytest.mark.parametrize("nameless", [False, True], ids=["named", "nameless"])
async def test_every_kind_of_file_is_read_and_comes_back_as_it_was(tmp_path: Path, nameless: bool) -> None:
    paths = [FILES / name for name in UPLOADED if (FILES / name).exists()]
    assert len(paths) > 5
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        for path in paths:
            data = path.read_bytes()
            answer = await admin.upload(base, None if nameless else path.name, data)
            assert answer.status_code == 202, answer.text
            told = answer.json()
            assert (told["status"], told["filename"]) == ("processing", "blob" if nameless else path.name)
            assert told["extracted_length"] > 20, path.name
            whole = await admin.get(f"/{base}/documents/{told['document_id']}")
            assert len(whole["content"]) == told["extracted_length"]
            original = await admin.ask("GET", f"/{base}/documents/{told['document_id']}/original")
            assert original.content == data
            assert original.headers["x-content-type-options"] == "nosniff"
            assert original.headers["content-disposition"].startswith("attachment")
            assert original.headers["content-type"].startswith(told["mime_type"])
        assert {one["status"] for one in await settled(admin, base)} == {"indexed"}


async def test_a_page_that_somebody_uploads_never_runs_as_one_of_ours(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        page = b"<html><body><p>All about lamps and kettles.</p><script>alert(1)</script></body></html>"
        for name in ("page.html", 'a"\r\nX-Evil: 1\r\n.html', "päge.html", "../../etc/passwd.html"):
            doc = (await admin.upload(base, name, page)).json()["document_id"]
            answer = await admin.ask("GET", f"/{base}/documents/{doc}/original")
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
            assert "x-evil" not in answer.headers
        text = await admin.add(base, "<script>alert(1)</script>", mime_type="text/html")
        answer = await admin.ask("GET", f"/{base}/documents/{text}/original")
        assert answer.headers["content-disposition"].startswith("attachment")


async def test_files_that_cannot_be_read_are_refused_with_a_reason_and_leave_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        program = await admin.upload(base, "setup.exe", b"MZ\x90\0\3\0\0\0")
        assert (program.status_code, program.json()["code"]) == (400, "UNSUPPORTED_FILE_TYPE")
        assert {".pdf", ".docx", ".md"} <= {*program.json()["supported_types"]}
        for name, data in (
            ("empty.txt", b""),
            ("blank.txt", b" \n\t \n"),
            ("torn.pdf", b"%PDF-1.7\n1 0 obj"),
            ("torn.docx", b"PK\3\4 and no more"),
            ("scanned.pdf", (FILES / "scanned.pdf").read_bytes()),
            ("locked.pdf", (FILES / "locked.pdf").read_bytes()),
        ):
            answer = await admin.upload(base, name, data)
            assert answer.status_code == 400, name
            assert answer.json()["code"] in ("DOCUMENT_UNREADABLE", "UNSUPPORTED_FILE_TYPE"), name
            assert len(answer.json()["error"]) > 15
        for fields in ({"metadata": "no json"}, {"metadata": "[1]"}, {"tags": "[1]"}, {"private": "perhaps"}):
            answer = await admin.upload(base, "lamps.txt", b"All about lamps.", **fields)
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
        assert (await admin.get(f"/{base}/documents"))["total"] == 0


async def test_quotas_are_for_administrators_and_have_bounds(tmp_path: Path) -> None:
    async with desk(tmp_path) as (served, admin):
        refused = await admin.ask("POST", json={"name": "x", "quota_max_chunks": 0})
        assert refused.json()["error"].startswith("The quota of chunks is 0; it must be from 1 to")
        async with httpx.AsyncClient(base_url=served.url) as client:
            alice = Desk(client, served.token("alice"))
            refused = await alice.ask("POST", json={"name": "x", "quota_max_chunks": 5, "source": "sdk"})
        assert (refused.status_code, refused.json()["error"]) == (
            403,
            "Only an administrator may set quotas and the source.",
        )


async def test_a_base_names_the_model_that_makes_its_vectors(tmp_path: Path) -> None:
    async with desk(tmp_path, embedding_provider="local") as (_, admin):
        base = await admin.base(embedding_model="text-embedding-3-small")
        await admin.add(base, "A lamp gives light.")
        await settled(admin, base)
        told = await admin.get(f"/{base}")
        assert (told["embedding_model"], told["embedding_dimensions"]) == ("all-MiniLM-L6-v2", 384)


async def test_a_full_base_says_so(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base(quota_max_documents=1)
        await admin.add(base, "The only one.")
        for answer in (
            await admin.ask("POST", f"/{base}/documents", json={"content": "One more."}),
            await admin.upload(base, "more.txt", b"One more."),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "QUOTA_EXCEEDED")


# -- searching (6.5) ---------------------------------------------------------------------------------


async def test_a_search_says_how_it_was_made_and_where_the_passages_stand(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        base = await admin.base()
        doc = await admin.add(base, "A kettle boils water in two minutes.", title="Kettles", tags=["kitchen"])
        await admin.add(base, "A lamp gives light in the evening.", title="Lamps", tags=["evening"])
        await settled(admin, base)
        told = await admin.post(f"/{base}/search", {"query": "kettle water"})
        assert (told["query"], told["mode"], told["count"], told["limit"]) == (
            "kettle water",
            "keyword",
            1,
            10,
        )
        (found,) = told["results"]
        assert (found["document_id"], found["document_title"], found["tags"]) == (doc, "Kettles", ["kitchen"])
        assert (found["start_offset"], found["end_offset"]) == (0, len(found["content"]))
        assert 0 < found["similarity"] <= 1
        assert await admin.found(base, "kettle lamp", tags=["evening"]) == [
            "A lamp gives light in the evening."
        ]
        assert len(await admin.found(base, "kettle lamp", max_chunks=1, threshold=0.0)) == 1
        for body in (
            {"query": ""},
            {"query": "x", "mode": "fuzzy"},
            {"query": "x", "threshold": 2},
            {"query": "x", "semantic_weight": -1},
            {"query": "x", "max_chunks": 0},
            {"query": "x", "max_chunks": 1000},
            {"query": "x" * 20_000},
            {},
        ):
            assert (await admin.ask("POST", f"/{base}/search", json=body)).status_code == 400
        debug = await admin.post(f"/{base}/debug-search", {"query": "lamp"})
        assert (debug["mode"], debug["embedding"], bool(debug["why_no_embedding"])) == ("keyword", None, True)
        assert debug["counts"]["documents"] == 2


async def test_what_can_be_done_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin):
        told = await admin.get("/capabilities")
        assert (told["ocr_enabled"], told["ocr_available"], told["ocr_languages"]) == (False, False, [])
        assert {".pdf", ".txt", ".md", ".html", ".csv", ".docx", ".xlsx", ".rtf", ".epub", ".json"} <= {
            *told["supported_file_types"]
        }
        assert (told["embedding_available"], bool(told["embedding_note"])) == (False, True)


# -- unanswered questions ----------------------------------------------------------------------------


async def test_gaps_are_listed_closed_and_opened_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as (served, admin):
        db = connect(database_path(served.data))
        for number, tenant in enumerate(("default", "default", "acme")):
            at = time.time()
            gap = Gap(
                id=f"gap-{number}",
                namespace="default",
                bot="shop",
                question=f"Question {number}?",
                count=1,
                reason="nothing",
                best=0.1,
                conversation_id="",
                first_at=at,
                last_at=at,
            )
            gaps.note(db, tenant, f"question {number}", gap)
        gaps.note(db, "default", "question 1", gap)
        db.close()
        where = "/api/v1/admin/ai/knowledge-gaps"
        listed = await admin.get(where)
        assert [(one["id"], one["count"]) for one in listed["gaps"]] == [("gap-1", 2), ("gap-0", 1)]
        closed = good(await admin.ask("PATCH", f"{where}/gap-1", json={"status": "closed"}))
        assert closed["status"] == "closed"
        assert [one["id"] for one in (await admin.get(where))["gaps"]] == ["gap-0"]
        assert (await admin.get(f"{where}?status=all&limit=1"))["total"] == 2
        assert [one["id"] for one in (await admin.get(f"{where}?status=closed"))["gaps"]] == ["gap-1"]
        good(await admin.ask("PATCH", f"{where}/gap-1", json={"status": "open"}))
        assert (await admin.get(where))["total"] == 2
        assert (await admin.ask("PATCH", f"{where}/gap-2", json={"status": "closed"})).status_code == 404
        assert (await admin.ask("PATCH", f"{where}/gap-1", json={"status": "done"})).status_code == 400
        assert (await admin.ask("GET", f"{where}?status=done")).status_code == 400
