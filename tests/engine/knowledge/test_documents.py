"""Documents: adding, whose they are, what of them people read and change, and that nothing stays behind."""

import hashlib
from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

from appliance.chunking import chunk
from appliance.engine.knowledge import bases, documents, grants, removing, searching
from appliance.errors import (
    ApplianceError,
    AuthRequired,
    DocumentUnreadable,
    Forbidden,
    InvalidInput,
    MessageTooLarge,
    NotFound,
    QuotaReached,
    UnsupportedDocument,
)
from appliance.identity import Caller
from appliance.knowledge import BaseDraft, Document, DocumentFilter, Outline
from appliance.metadata_filter import Condition, MetadataFilter
from appliance.store.knowledge import chunks, originals
from tests.engine.knowledge.people import (
    ADMIN,
    ALICE,
    ALICE_ELSEWHERE,
    ANYBODY,
    BOB,
    SERVER,
    entries,
    make,
    titles,
    write,
)
from tests.engine.knowledge.shelf import Shelf, WordVectors, shelf

MEBIBYTE = 1_048_576


async def file(
    shelf: Shelf, caller: Caller, base_id: str, data: bytes, name: str = "a.txt", **more: Any
) -> Any:
    return await documents.add_file(shelf.library, caller, base_id, data=data, file_name=name, **more)


def write_chunks(db: apsw.Connection, document: Document, text: str) -> None:
    """As reading in does it, at once."""
    pieces = chunk(text, Outline(), strategy="paragraph", size=40, overlap=0)
    chunks.replace(db, document, text, Outline(), pieces, None, None, 1.0)


async def test_a_text_waits_is_read_in_and_can_be_found(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        text = "# Holidays\n\nEverybody has 30 days."
        document = await write(
            stage, ALICE, base, text, source_url="https://example.com/h", tags=["hr", "hr"]
        )
        assert (document.title, document.status, document.source_type) == ("Holidays", "pending", "manual")
        assert (document.bytes, document.content_hash) == (
            len(text),
            hashlib.sha256(text.encode()).hexdigest(),
        )
        assert (document.tags, document.owner_id, document.user_id) == (["hr"], "alice", "")
        waiting, content = await documents.get(stage.library, ALICE, base.id, document.id)
        assert (waiting.progress is not None, content) == (True, text)
        await stage.work()
        ready, content = await documents.get(stage.library, ALICE, base.id, document.id)
        assert (ready.status, ready.progress, ready.chunks_count, content) == ("indexed", None, 1, text)
        (chunk,), total = await documents.chunks(stage.library, ALICE, base.id, document.id)
        assert (total, content[chunk.start : chunk.end]) == (1, chunk.content)


async def test_adding_wakes_those_who_work(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        for add in (lambda: write(stage, ALICE, base), lambda: file(stage, ALICE, base.id, b"Text.")):
            news = stage.library.news
            await add()
            assert news.is_set()


async def test_a_file_is_kept_as_it_came_and_read_back_in_pieces(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        data = b"0123456789abcdef" * (MEBIBYTE // 16) * 2 + b"the end"
        document = await file(stage, ALICE, base.id, data, r"C:\papers\Year_report 2026.TXT")
        assert (document.title, document.file_name) == ("Year report 2026", "Year_report 2026.TXT")
        assert (document.mime_type, document.bytes, document.status) == ("text/plain", len(data), "pending")
        assert document.content_hash == document.original == hashlib.sha256(data).hexdigest()
        kept = await documents.find_original(stage.library, ALICE, base.id, document.id)
        assert kept is not None
        pieces = [piece async for piece in documents.read_original(stage.library, kept)]
        assert [len(piece) for piece in pieces] == [MEBIBYTE, MEBIBYTE, 7]
        assert await documents.original(stage.library, ALICE, base.id, document.id) == (
            data,
            "text/plain",
            "Year_report 2026.TXT",
        )


async def test_the_same_file_is_kept_once_until_the_last_document_of_it_goes(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        mine, yours = await make(stage, ALICE), await make(stage, BOB)
        first = await file(stage, ALICE, mine.id, b"Same file.")
        second = await file(stage, BOB, yours.id, b"Same file.", "b.txt")
        assert (stage.count("_originals"), stage.count("_original_pieces")) == (1, 1)
        await documents.delete(stage.library, ALICE, mine.id, first.id)
        assert (await documents.original(stage.library, BOB, yours.id, second.id))[0] == b"Same file."
        await documents.delete(stage.library, BOB, yours.id, second.id)
        assert (stage.count("_originals"), stage.count("_original_pieces")) == (0, 0)


async def test_what_came_as_text_is_its_own_original(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base, "# Märchen", mime_type="text/markdown; charset=utf-8")
        assert await documents.find_original(stage.library, ALICE, base.id, document.id) is None
        told = await documents.original(stage.library, ALICE, base.id, document.id)
        assert told == ("# Märchen".encode(), "text/markdown", "")


@pytest.mark.parametrize(
    ("data", "name", "error", "told"),
    [
        (b"", "a.txt", DocumentUnreadable, "empty"),
        (b" \n ", "a.txt", DocumentUnreadable, "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.txt", UnsupportedDocument, "PNG"),
        (b"x" * 1001, "a.txt", MessageTooLarge, "at most 1,000"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_before_anything_is_kept(
    tmp_path: Path, data: bytes, name: str, error: type[ApplianceError], told: str
) -> None:
    async with shelf(tmp_path, document_bytes_max=1000) as stage:
        base = await make(stage, ALICE)
        with pytest.raises(error, match=told):
            await file(stage, ALICE, base.id, data, name)
        assert (stage.count("_originals"), stage.count("_documents")) == (0, 0)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"content": " \n"}, "content is missing"),
        ({"content": "a\0b"}, "NUL"),
        ({"content": "a\ud800"}, "surrogate"),
        ({"source_url": "javascript:alert(1)"}, "http://"),
        ({"source_url": "https://"}, "http://"),
        ({"source_url": "https://user:pw@example.com/"}, "password"),
        ({"source_url": "http://[::1"}, "http://"),
        ({"title": "two\nlines"}, "one line"),
        ({"title": "x" * 301}, "at most 300"),
        ({"tags": ["x" * 101]}, "at most 100"),
        ({"tags": [str(number) for number in range(51)]}, "at most 50"),
        ({"tags": "hr"}, "list"),
        ({"mime_type": "no type"}, "media type"),
        ({"metadata": {"x": "y" * 17_000}}, "16384"),
        ({"metadata": {"user_id": 5}}, "id of a user"),
        ({"metadata": {"user_id": {"$ne": ""}}}, "id of a user"),
        ({"metadata": {"a\ud800": 1}}, "Unicode"),
    ],
)
async def test_what_is_said_of_a_document_has_to_be_sound(
    tmp_path: Path, said: dict[str, Any], told: str
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        with pytest.raises(InvalidInput, match=told):
            await documents.add_text(stage.library, ALICE, base.id, **({"content": "Text."} | said))
        assert stage.count("_documents") == 0


async def test_metadata_that_goes_very_deep_is_refused(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        deep: Any = 1
        for _ in range(5_000):
            deep = [deep]
        with pytest.raises(InvalidInput, match="levels"):
            await write(stage, ALICE, base, metadata={"a": deep})


async def test_changing_documents_needs_the_permission_editor(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        document = await write(stage, ALICE, base)
        assert await titles(stage, BOB, base) == ["Some text."]
        with pytest.raises(Forbidden):
            await write(stage, BOB, base)
        with pytest.raises(Forbidden):
            await file(stage, BOB, base.id, b"Text.")
        with pytest.raises(Forbidden):
            await documents.update(stage.library, BOB, base.id, document.id, title="x")
        with pytest.raises(Forbidden):
            await documents.delete(stage.library, BOB, base.id, document.id)
        with pytest.raises(Forbidden):
            await documents.delete_by_filter(stage.library, BOB, base.id, DocumentFilter(tags=["a"]))
        with pytest.raises(AuthRequired):
            await documents.get(stage.library, ANYBODY, base.id, document.id)
        assert stage.count("_originals") == 0
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        await write(stage, BOB, base, "Bob's.")
        assert await titles(stage, ALICE, base) == ["Bob's.", "Some text."]


async def test_a_users_own_document_is_for_them_alone_even_before_the_owner_of_the_base(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        secret = await write(stage, BOB, base, "Bob's secret.", own=True, metadata={"kind": "diary"})
        assert (secret.user_id, secret.metadata) == ("bob", {"kind": "diary", "user_id": "bob"})
        assert await titles(stage, BOB, base) == ["Bob's secret."]
        for other in (ALICE, SERVER, Caller(role="authenticated", user_id="carol")):
            assert await titles(stage, other, base) == []
            for call in (documents.get, documents.original, documents.chunks, documents.delete):
                with pytest.raises((NotFound, Forbidden)) as caught:
                    await call(stage.library, other, base.id, secret.id)
                assert caught.type is NotFound
            with pytest.raises(NotFound):
                await documents.update(stage.library, other, base.id, secret.id, title="x")
        gone = await documents.delete_by_filter(
            stage.library, ALICE, base.id, DocumentFilter(documents=[secret.id])
        )
        assert gone == 0
        assert await titles(stage, ADMIN, base) == ["Bob's secret."]
        await documents.delete(stage.library, ADMIN, base.id, secret.id)
        assert await titles(stage, BOB, base) == []


async def test_in_a_per_user_base_what_users_add_is_their_own_and_what_administrators_add_is_for_all(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, per_user=True)
        for user in ("alice", "bob"):
            await grants.share(stage.library, ADMIN, base.id, user, "editor")
        await write(stage, ALICE, base, "Alice's")
        await file(stage, BOB, base.id, b"text", "Bob's.txt")
        await write(stage, ADMIN, base, "Everybody's")
        await write(stage, ADMIN, base, "Carol's", metadata={"user_id": "carol"})
        await write(stage, ADMIN, base, "Root's", own=True)
        assert await titles(stage, ALICE, base) == ["Alice's", "Everybody's"]
        assert await titles(stage, BOB, base) == ["Bob's", "Everybody's"]
        assert await titles(stage, SERVER, base) == ["Everybody's"]
        assert len(await titles(stage, ADMIN, base)) == 5


async def test_nobody_but_an_administrator_names_another_user(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        official = await make(stage, ADMIN, "official")
        with pytest.raises(Forbidden, match="another user"):
            await write(stage, ALICE, base, metadata={"user_id": "bob"})
        with pytest.raises(Forbidden, match="another user"):
            await file(stage, ALICE, base.id, b"Text.", metadata={"user_id": "bob"}, own=True)
        with pytest.raises(Forbidden, match="another user"):
            await write(stage, SERVER, official, metadata={"user_id": "bob"})
        with pytest.raises(InvalidInput, match="of their own"):
            await write(stage, SERVER, official, own=True)
        assert (stage.count("_documents"), stage.count("_originals")) == (0, 0)
        mine = await write(stage, ALICE, base, metadata={"user_id": "alice"})
        assert mine.user_id == "alice"


async def test_a_document_stays_whose_it_is_when_its_metadata_are_replaced(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        mine = await write(stage, ALICE, base, own=True)
        change = stage.library, ALICE, base.id, mine.id
        kept = await documents.update(*change, metadata={"kind": "diary"})
        assert (kept.user_id, kept.metadata) == ("alice", {"kind": "diary", "user_id": "alice"})
        for other in ("bob", "", None):
            with pytest.raises(Forbidden):
                await documents.update(*change, metadata={"user_id": other})
        freed = await documents.update(stage.library, ADMIN, base.id, mine.id, metadata={"user_id": None})
        assert (freed.user_id, freed.metadata) == ("", {})
        given = await documents.update(stage.library, ADMIN, base.id, mine.id, metadata={"user_id": "bob"})
        assert (given.user_id, given.metadata) == ("bob", {"user_id": "bob"})
        with pytest.raises(NotFound):
            await documents.get(stage.library, ALICE, base.id, mine.id)


async def test_what_was_granted_is_void_when_a_document_becomes_somebody_elses(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, visibility="public")
        diary = await write(stage, ADMIN, base, "A diary.", metadata={"user_id": "alice"})
        where = stage.library, ALICE, base.id, diary.id
        carol = Caller(user_id="carol", role="authenticated")
        await grants.share_document(*where, "carol", "viewer")
        await documents.update(stage.library, ADMIN, base.id, diary.id, metadata={"user_id": "alice", "a": 1})
        assert (await documents.get(stage.library, carol, base.id, diary.id))[1] == "A diary."
        await documents.update(stage.library, ADMIN, base.id, diary.id, metadata={"user_id": "bob"})
        for former in (ALICE, carol):
            with pytest.raises(NotFound):
                await documents.get(stage.library, former, base.id, diary.id)
        assert (await documents.get(stage.library, BOB, base.id, diary.id))[1] == "A diary."


async def test_signs_that_turn_the_direction_of_writing_are_taken_out_of_what_is_shown(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, name="Hand\u202ebooks\u2066")
        assert base.name == "Handbooks"
        named = await documents.add_text(
            stage.library,
            ALICE,
            base.id,
            content="x",
            title="a\u202egpj.exe \U0001f468\u200d\U0001f469",
            tags=["\u200fhr"],
        )
        assert (named.title, named.tags) == ("agpj.exe \U0001f468\u200d\U0001f469", ["hr"])
        uploaded = await file(stage, ALICE, base.id, b"Text.", "re\u202etxt.port\u200c.txt")
        assert (uploaded.file_name, "\u202e" in uploaded.title) == ("retxt.port\u200c.txt", False)
        unnamed = await documents.add_text(stage.library, ALICE, base.id, content="\u2067First\u2069 line")
        assert unnamed.title == "First line"
        renamed = await documents.update(stage.library, ALICE, base.id, named.id, title="\u061cNew\u200e")
        assert renamed.title == "New"
        with pytest.raises(InvalidInput, match="title is missing"):
            await documents.update(stage.library, ALICE, base.id, named.id, title="\u202e")


async def test_users_of_the_same_name_in_another_tenant_are_others(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        mine = await write(stage, ALICE, base, own=True)
        elsewhere = await make(stage, ALICE_ELSEWHERE)
        with pytest.raises(NotFound):
            await documents.get(stage.library, ALICE_ELSEWHERE, base.id, mine.id)
        with pytest.raises(NotFound):
            await documents.get(stage.library, ALICE_ELSEWHERE, elsewhere.id, mine.id)


async def test_a_document_of_another_base_is_a_missing_one(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        one, two = await make(stage, ALICE, "one"), await make(stage, ALICE, "two")
        document = await write(stage, ALICE, one)
        for id in (document.id, "missing", "\ud800", "x" * 10_000):
            with pytest.raises(NotFound, match="no such document"):
                await documents.get(stage.library, ALICE, two.id, id)


async def test_quotas_of_documents_and_bytes_are_exact_also_for_uploads_at_once(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        few = await make(stage, ADMIN, "few", quota_documents=3)
        small = await make(stage, ADMIN, "small", quota_bytes=30)
        refused: list[str] = []

        async def attempt(base_id: str, number: int) -> None:
            try:
                await file(stage, ADMIN, base_id, b"Text %05d" % number, f"{number}.txt")
            except QuotaReached as error:
                refused.append(error.details["which"])

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(attempt, few.id, number)
                nursery.start_soon(attempt, small.id, 100 + number)
        assert sorted(refused) == ["bytes"] * 5 + ["documents"] * 5
        assert (stage.count("_documents"), stage.count("_originals")) == (6, 6)


async def test_what_a_quota_says_tells_nothing_of_documents_that_one_does_not_see(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await bases.update(stage.library, ADMIN, base.id, BaseDraft(quota_bytes=100))
        await write(stage, ALICE, base, "x" * 20)
        with pytest.raises(QuotaReached, match=r"may hold 100 bytes.*It holds 20 now") as caught:
            await write(stage, ALICE, base, "x" * 90)
        assert caught.value.details == {"which": "bytes", "limit": 100, "used": 20}
        await write(stage, ADMIN, base, "x" * 33, metadata={"user_id": "bob"})
        with pytest.raises(QuotaReached) as caught:
            await write(stage, ALICE, base, "x" * 90)
        assert caught.value.details == {"which": "bytes", "limit": 100}
        assert "33" not in caught.value.text
        assert "53" not in caught.value.text
        with pytest.raises(QuotaReached, match="It holds 53 now"):
            await write(stage, ADMIN, base, "x" * 90)


async def test_a_full_quota_of_chunks_takes_no_more_documents(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, quota_chunks=2)
        for _ in range(2):
            await write(stage, ADMIN, base)
        await stage.work()
        with pytest.raises(QuotaReached) as caught:
            await write(stage, ADMIN, base)
        assert caught.value.details["which"] == "chunks"
        with pytest.raises(QuotaReached):
            documents.check_quota(stage.library, ADMIN, base.id)


async def test_tags_and_metadata_act_in_filters_at_once(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base, tags=["old"], metadata={"year": 2025})
        await documents.update(
            stage.library, ALICE, base.id, document.id, tags=["new"], metadata={"year": 2026}
        )

        async def count(filter: DocumentFilter) -> int:
            return (await documents.listed(stage.library, ALICE, base.id, filter=filter))[1]

        year = MetadataFilter(conditions=[Condition(key="year", value=2026)])
        assert await count(DocumentFilter(tags=["new"], metadata=year)) == 1
        assert await count(DocumentFilter(tags=["old"])) == 0


async def test_a_list_has_pages_and_can_be_narrowed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        for number in range(5):
            stage.now += 1
            await write(stage, ALICE, base, "Text", title=f"Part {number}%")
        await stage.work()
        await write(stage, ALICE, base, "Text", title="Waiting")

        async def page(**narrowed: Any) -> tuple[list[str], int]:
            found, total = await documents.listed(stage.library, ALICE, base.id, **narrowed)
            return [one.title for one in found], total

        assert await page(offset=1, limit=2) == (["Part 4%", "Part 3%"], 6)
        assert await page(status="pending") == (["Waiting"], 1)
        assert await page(title="t 3%") == (["Part 3%"], 1)
        assert await page(title="%a%") == ([], 0)
        for wrong in ({"offset": -1}, {"limit": 0}, {"limit": 1001}):
            with pytest.raises(InvalidInput):
                await page(**wrong)


async def test_a_new_title_is_found_by_words_at_once_and_by_meaning_when_it_was_embedded(
    tmp_path: Path,
) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base, "Thirty days.", title="Holidays")
        await stage.work()
        vectors.asked.clear()
        renamed = await documents.update(stage.library, ALICE, base.id, document.id, title="Vacations")
        assert renamed.title == "Vacations"
        found = await searching.in_base(stage.library, ALICE, base.id, text="vacations", mode="keyword")
        assert [passage.title for passage in found.passages] == ["Vacations"]
        await stage.work()
        assert ["Vacations" in text for text in vectors.asked] == [True]
        assert (await stage.document(base, document.id)).status == "indexed"


async def test_a_change_while_a_text_waits_does_not_lose_the_text(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base, "Only copy.")
        await documents.update(stage.library, ALICE, base.id, document.id, title="New", tags=["a"])
        await bases.reindex(stage.library, ALICE, base.id)
        await stage.work()
        ready, content = await documents.get(stage.library, ALICE, base.id, document.id)
        assert (ready.title, ready.status, ready.chunks_count, content) == ("New", "indexed", 1, "Only copy.")


async def test_an_empty_filter_deletes_nothing_and_another_one_what_it_means(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        for number in range(50):
            await write(stage, ALICE, base, f"Text {number}", tags=["old" if number % 2 else "new"])
        await write(stage, ADMIN, base, "Bob's", tags=["old"], metadata={"user_id": "bob"})
        with pytest.raises(InvalidInput, match="which documents"):
            await documents.delete_by_filter(stage.library, ALICE, base.id, DocumentFilter())
        assert stage.count("_documents") == 51
        found = await documents.delete_by_filter(stage.library, ALICE, base.id, DocumentFilter(tags=["old"]))
        assert (found, stage.count("_documents")) == (25, 26)
        told = entries(stage, "document.delete")
        assert sum(len(one.details["documents"]) for one in told) == 25
        assert await titles(stage, ADMIN, base) == sorted([f"Text {n}" for n in range(0, 50, 2)] + ["Bob's"])


async def test_a_deleted_document_leaves_nothing_behind(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base)
        await stage.work()
        await grants.share_document(stage.library, ALICE, base.id, document.id, "bob", "viewer")
        assert stage.count("_words") == 1
        await documents.delete(stage.library, ALICE, base.id, document.id)
        for table in ("_documents", "_document_texts", "_chunks", "_words", "_document_grants"):
            assert stage.count(table) == 0, table
        with pytest.raises(NotFound):
            await documents.delete(stage.library, ALICE, base.id, document.id)
        (told,) = entries(stage, "document.delete")
        assert told.details["documents"] == [document.id]


@pytest.mark.parametrize("by_filter", [False, True])
async def test_a_document_of_very_many_chunks_is_out_of_sight_at_once_and_goes_bit_by_bit(
    tmp_path: Path, by_filter: bool
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        text = "\n\n".join(f"Paragraph {number} says this and that. " * 4 for number in range(1300))
        added = await file(stage, ALICE, base.id, text.encode())
        await stage.store.write(write_chunks, added, text)
        document = await stage.document(base, added.id)
        assert document.chunks_count > 2 * removing.CHUNKS_AT_ONCE
        await stage.store.write(removing.take_out, document, 1.0)
        assert await titles(stage, ALICE, base) == []
        assert (await bases.get(stage.library, ALICE, base.id))[0].total_chunks == 0
        found = await searching.in_base(stage.library, ALICE, base.id, text="paragraph", mode="keyword")
        assert found.passages == []
        assert stage.count("_chunks") == document.chunks_count
        await removing.tidy(stage.library)
        tables = ("_documents", "_document_texts", "_document_jobs", "_chunks", "_words", "_originals")
        assert {table: stage.count(table) for table in tables} == dict.fromkeys(tables, 0)
        again = await file(stage, ALICE, base.id, text.encode())
        await stage.store.write(write_chunks, again, text)
        if by_filter:
            only = DocumentFilter(documents=[again.id])
            assert await documents.delete_by_filter(stage.library, ALICE, base.id, only) == 1
        else:
            await documents.delete(stage.library, ALICE, base.id, again.id)
        assert {table: stage.count(table) for table in tables} == dict.fromkeys(tables, 0)
        assert stage.count("_knowledge_bases") == 1


async def test_an_upload_that_is_cancelled_keeps_no_pieces(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        seen: list[int] = []

        async def upload(scope: trio.CancelScope) -> None:
            with scope:
                await file(stage, ALICE, base.id, b"x" * (20 * MEBIBYTE))

        scope = trio.CancelScope()
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(upload, scope)
                while not seen or seen[-1] < 2:
                    seen.append(stage.count("_original_pieces"))
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        assert seen[-1] < 20
        assert [stage.count(table) for table in ("_originals", "_original_pieces", "_documents")] == [0, 0, 0]


async def test_what_a_crash_left_of_uploads_is_removed_at_start(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await file(stage, ALICE, base.id, b"Kept.")
        await stage.store.write(originals.begin, "dead", 3 * MEBIBYTE, 0.0)
        await stage.store.write(originals.put, "dead", 0, bytes(MEBIBYTE))
    async with shelf(tmp_path) as stage:
        await removing.tidy(stage.library)
        assert stage.count("_originals") == 1
        assert (await documents.original(stage.library, ALICE, base.id, document.id))[0] == b"Kept."


async def test_a_file_that_goes_away_while_it_is_added_again_is_written_again(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        data = b"The same line.\n" * (3 * MEBIBYTE // 15)
        whole = 0

        async def add_and_delete(name: str) -> None:
            nonlocal whole
            for _ in range(8):
                added = await file(stage, ALICE, base.id, data, name)
                kept = await documents.original(stage.library, ALICE, base.id, added.id)
                whole += kept[0] == data
                await documents.delete(stage.library, ALICE, base.id, added.id)
                await removing.tidy(stage.library)

        async with trio.open_nursery() as adders:
            for number in range(3):
                adders.start_soon(add_and_delete, f"{number}.txt")
        assert whole == 24
        assert (stage.count("_originals"), stage.count("_original_pieces")) == (0, 0)


async def test_a_new_version_of_a_file_replaces_the_old_one_while_its_chunks_serve(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, quota_bytes=100)
        document = await file(stage, ADMIN, base.id, b"Old version.", "a.txt")
        await stage.work()
        again = await documents.replace_file(stage.library, document, b"New version!", file_name="b.txt")
        assert (again.id, again.file_name, again.title) == (document.id, "b.txt", "a")
        assert stage.count("_originals") == 1
        waiting, content = await documents.get(stage.library, ADMIN, base.id, document.id)
        assert (waiting.status, waiting.chunks_count, content) == ("pending", 1, "Old version.")
        await stage.work()
        assert await stage.content(base, document.id) == "New version!"
        with pytest.raises(QuotaReached):
            await documents.replace_file(stage.library, document, b"x" * 101)
        with pytest.raises(UnsupportedDocument):
            await documents.replace_file(stage.library, document, b"\x89PNG" + bytes(50))
        await documents.delete(stage.library, ADMIN, base.id, document.id)
        with pytest.raises(NotFound):
            await documents.replace_file(stage.library, document, b"Too late.")
        assert stage.count("_originals") == 0


async def test_an_upload_tells_at_once_that_a_file_has_no_text(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        upload = documents.upload_file
        with pytest.raises(DocumentUnreadable):
            await upload(
                stage.library, ALICE, base.id, data=b"<html><body></body></html>", file_name="a.html"
            )
        with pytest.raises(DocumentUnreadable):
            await upload(stage.library, ALICE, base.id, data=b"%PDF-1.7 broken", file_name="a.pdf")
        assert (stage.count("_originals"), stage.count("_documents")) == (0, 0)
        page = b"<html><head><title>Prices</title></head><body><p>Ten euros.</p></body></html>"
        added = await upload(stage.library, ALICE, base.id, data=page, file_name="blob")
        read, content = await documents.get(stage.library, ALICE, base.id, added.id)
        assert (read.title, read.status, "Ten euros." in content) == ("Prices", "pending", True)
        await stage.work()
        ready = await stage.document(base, added.id)
        assert (ready.title, ready.status, ready.chunks_count) == ("Prices", "indexed", 1)
        assert (await documents.original(stage.library, ALICE, base.id, added.id))[0] == page
