from __future__ import annotations

from pathlib import Path

import pytest
import trio

from appliance.engine.knowledge import documents, indexing, ingest, searching, vector_making
from appliance.engine.knowledge.ingest import Ingest
from appliance.engine.knowledge.reembedding import Reembedding
from appliance.knowledge import Found, KnowledgeBase
from appliance.store.knowledge import bases, jobs
from tests.engine.knowledge.shelf import ADMIN, Shelf, WordVectors, shelf

LONG = "".join(f"## Rule {number}\n\nThe rule number {number} is about parcels.\n\n" for number in range(40))


async def found(at: Shelf, base: KnowledgeBase, text: str, mode: str = "hybrid") -> Found:
    return await searching.in_base(at.library, ADMIN, base.id, text=text, mode=mode, threshold=0.01)  # type: ignore[arg-type]


def nothing_is_left_over(at: Shelf) -> None:
    """Each chunk has its document, words and at most one vector in each space, and nothing else has any."""
    assert at.rows("SELECT count(*) FROM _chunks WHERE document NOT IN (SELECT number FROM _documents)") == [
        (0,)
    ]
    counted = (
        "SELECT number FROM _documents d WHERE chunks_count <> "
        "(SELECT count(*) FROM _chunks c WHERE c.document = d.number AND c.version = d.version)"
    )
    assert at.rows(counted) == []
    join = "FROM _chunks c JOIN _documents d ON d.number = c.document"
    unseen = f"SELECT count(*) {join} WHERE c.version <> d.version"
    assert at.rows(unseen) == [(0,)]
    assert at.count("_unseen_chunks") == 0
    for (space,) in at.rows("SELECT number FROM _embedding_spaces"):
        stray = f"SELECT count(*) FROM _vectors_{space} WHERE chunk NOT IN (SELECT number FROM _chunks)"
        assert at.rows(stray) == [(0,)]


async def test_a_document_is_read_cut_embedded_and_found(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as at:
        base = await at.base(chunk_size=32, chunk_overlap=4)
        added = await at.text(
            base, "# Refunds\n\nMoney comes back in 14 days.\n" * 9, mime_type="text/markdown"
        )
        assert added.status == "pending"
        await at.work()
        document = await at.document(base, added.id)
        assert (document.status, document.error_message, document.progress) == ("indexed", "", None)
        assert document.chunks_count == at.count("_chunks") == at.count("_vectors_1") > 1
        assert document.indexed_at is not None
        passages = (await found(at, base, "money back", "semantic")).passages
        assert passages
        assert "Money" in passages[0].content
        nothing_is_left_over(at)


async def test_a_file_that_cannot_be_read_fails_with_its_reason_and_others_go_on(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base()
        bad = await documents.add_file(
            at.library, ADMIN, base.id, data=b"%PDF-1.4 nothing of the kind", file_name="bad.pdf"
        )
        good = await documents.add_file(
            at.library, ADMIN, base.id, data=b"All is well.", file_name="good.txt"
        )
        await at.work()
        failed = await at.document(base, bad.id)
        assert (failed.status, failed.chunks_count) == ("failed", 0)
        assert failed.error_message
        assert (await at.document(base, good.id)).status == "indexed"


async def test_the_old_version_serves_until_the_new_one_is_in_and_stays_when_that_fails(
    tmp_path: Path,
) -> None:
    maker = WordVectors()
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        document = await documents.add_file(
            at.library, ADMIN, base.id, data=b"The office opens at nine.", file_name="hours.txt"
        )
        await at.work()
        maker.gate = trio.Event()
        before = await at.document(base, document.id)
        await documents.replace_file(at.library, before, b"The office opens at eight.")
        async with at.working():
            await maker.waiting.wait()
            assert (await at.document(base, document.id)).status == "processing"
            assert [one.content for one in (await found(at, base, "office opens", "keyword")).passages] == [
                "The office opens at nine."
            ]
            maker.gate.set()
            await at.until(base, document.id)
        assert await at.content(base, document.id) == "The office opens at eight."
        broken = await at.document(base, document.id)
        await documents.replace_file(at.library, broken, b"%PDF-1.4 broken", file_name="hours.pdf")
        await at.work()
        after = await at.document(base, document.id)
        assert after.status == "indexed"
        assert after.error_message.startswith(jobs.STALE)
        assert "eight" in (await found(at, base, "office opens", "keyword")).passages[0].content
        nothing_is_left_over(at)


async def test_without_an_embedder_that_answers_words_are_found_now_and_meaning_later(tmp_path: Path) -> None:
    maker = WordVectors()
    maker.fault = "The embedding server does not answer."
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        added = await at.text(base, "Parcels travel for three days.")
        async with at.working():
            document = await at.until(base, added.id, "indexed")
            with trio.fail_after(20):
                while not at.rows("SELECT 1 FROM _document_jobs WHERE not_before > ?", at.now):  # noqa: ASYNC110
                    await trio.sleep(0.01)
            document = await at.document(base, added.id)
            assert document.status == "indexed"
            assert document.error_message.startswith(f"{vector_making.WORDS_ONLY}: The embedding server")
            assert (await found(at, base, "parcels travel")).passages
            maker.fault = ""
            at.now += 3600
            at.library.wake()
            await at.until_quiet()
        document = await at.document(base, added.id)
        assert (document.status, document.error_message) == ("indexed", "")
        assert at.count("_vectors_1") == document.chunks_count


async def test_a_large_document_is_found_by_its_words_while_its_vectors_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "WHOLE_CHUNKS_MAX", 5)
    monkeypatch.setattr(indexing, "BATCH", 4)
    maker = WordVectors()
    maker.gate = trio.Event()
    async with shelf(tmp_path, maker) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0)
        added = await at.text(base, LONG, mime_type="text/markdown")
        async with at.working():
            await maker.waiting.wait()
            document = await at.document(base, added.id)
            assert document.status == "indexed"
            assert document.progress is not None
            assert document.progress.stage == "embedding"
            assert (await found(at, base, "rule 17", "keyword")).passages
        asked = len(maker.asked)
        maker.gate.set()
        await at.work()
        assert at.count("_vectors_1") == document.chunks_count == len(maker.asked) - asked > 5
        nothing_is_left_over(at)


async def test_two_processes_never_do_the_same_job(tmp_path: Path) -> None:
    maker = WordVectors()
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        for number in range(30):
            await at.text(base, f"Text number {number} of this test.")
        async with trio.open_nursery() as nursery:
            for role in ("server", "command", "command"):
                nursery.start_soon(Ingest(at.library, role=role).run)  # type: ignore[arg-type]
            await at.until_quiet()
            nursery.cancel_scope.cancel()
        assert len(maker.asked) == len(set(maker.asked)) == 30
        assert {one.status for one in (await at.all(base)).values()} == {"indexed"}


async def test_a_claim_runs_out_when_its_process_is_gone_and_a_new_server_takes_its_own_at_once(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base()
        added = await at.text(base, "Somebody died over this.")
        claimed = await at.store.write(jobs.claim, "command 1 x 1", at.now, at.now + 30)
        assert claimed is not None
        assert await at.store.write(jobs.claim, "command 2 y 1", at.now, at.now + 30) is None
        at.now += 31
        taken = await at.store.write(jobs.claim, "server 9 z 1", at.now, at.now + 30)
        assert taken is not None
        assert not await at.store.write(jobs.renew, claimed, at.now + 60)
        await at.work()  # the time stands still, so a claim of a server before is not waited for
        assert (await at.document(base, added.id)).status == "indexed"


async def test_work_on_a_document_that_is_deleted_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    maker = WordVectors()
    maker.gate = trio.Event()
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        added = await at.text(base, "Gone before it was here.")
        async with at.working():
            await maker.waiting.wait()
            await documents.delete(at.library, ADMIN, base.id, added.id)
            maker.gate.set()
            after = await at.text(base, "This one stays.")
            await at.until(base, after.id)
        assert list(await at.all(base)) == ["This one stays."]
        assert at.count("_chunks") == 1
        nothing_is_left_over(at)


async def test_more_chunks_than_the_base_may_hold_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0, quota_chunks=10)
        added = await at.text(base, LONG, mime_type="text/markdown")
        await at.work()
        document = await at.document(base, added.id)
        assert document.status == "failed"
        assert "10 chunks" in document.error_message
        assert at.count("_chunks") == 0


async def test_a_fault_of_ours_ends_one_job_after_some_attempts_and_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = indexing.plain.read_text

    def read(text: str, mime_type: str = "text/plain") -> object:
        if "poison" in text:
            raise ZeroDivisionError(text)
        return real(text, mime_type)

    monkeypatch.setattr(indexing.plain, "read_text", read)
    async with shelf(tmp_path) as at:
        base = await at.base()
        bad = await at.text(base, "poison")
        good = await at.text(base, "Still alive.")
        async with at.working():
            await at.until(base, good.id)
            with trio.fail_after(30):
                while (await at.document(base, bad.id)).status != "failed":
                    at.now += 1000
                    at.library.wake()
                    await trio.sleep(0.02)
        document = await at.document(base, bad.id)
        assert document.error_message == "The server failed to read it; see its log."
    assert "ZeroDivisionError" in caplog.text


async def test_waiting_for_an_embedder_is_no_fault_that_a_document_is_given_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True
    real = ingest.Indexing.run

    async def run(work: ingest.Indexing) -> ingest.Done:
        if broken and maker.fault == "":
            raise ZeroDivisionError
        return await real(work)

    monkeypatch.setattr(ingest.Indexing, "run", run)
    maker = WordVectors()
    maker.fault = "The embedding server does not answer."
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        added = await at.text(base, "Parcels travel for three days.")
        async with at.working():
            away = ingest.BROKEN_MAX + 1
            for attempts in range(1, away + 1):
                await until_put_off(at, attempts)
            maker.fault = ""
            for attempts in range(away + 1, away + ingest.BROKEN_MAX):
                await until_put_off(at, attempts)
            assert at.rows("SELECT faults FROM _document_jobs") == [(ingest.BROKEN_MAX - 1,)]
            broken = False
            await until_put_off(at, 0)
        document = await at.document(base, added.id)
        assert (document.status, document.error_message) == ("indexed", "")


async def until_put_off(at: Shelf, attempts: int) -> None:
    """Let time pass until so many attempts were made and the next is waited for, or (0) no work is left."""
    wanted = [(attempts,)] if attempts else []
    sql = "SELECT attempts FROM _document_jobs WHERE (claimed_by = '' AND not_before > ?) OR ?"
    with trio.fail_after(60):
        while at.rows(sql, at.now, not attempts) != wanted:
            at.now += 400
            at.library.wake()
            for _ in range(50):
                if at.rows(sql, at.now, not attempts) == wanted:
                    return
                await trio.sleep(0.01)


async def test_another_embedder_fills_new_vectors_while_the_old_ones_serve(tmp_path: Path) -> None:
    old, new = WordVectors("old", 32), WordVectors("new", 64)
    async with shelf(tmp_path, old) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0)
        await at.text(base, LONG, mime_type="text/markdown")
        await at.work()
        chunks = at.count("_chunks")
        new.gate = trio.Event()
        at.shop.chosen, at.shop.others = new, [old]
        filling = Reembedding(at.library)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(filling.look)
            await new.waiting.wait()
            assert (await found(at, base, "rule parcels", "semantic")).mode == "semantic"
            nursery.cancel_scope.cancel()
        current = await at.store.read(bases.by_number, base.number)
        assert current is not None
        assert current.space is not None
        assert current.next_space is not None
        assert (current.space.embedder, current.next_space.embedder) == (old.key, new.key)
        new.gate.set()
        await Reembedding(at.library).look()  # as after a restart
        current = await at.store.read(bases.by_number, base.number)
        assert current is not None
        assert current.space is not None
        assert (current.space.embedder, current.next_space) == (new.key, None)
        assert at.rows("SELECT embedder FROM _embedding_spaces") == [(new.key,)]
        assert at.count(f"_vectors_{current.space.number}") == chunks
        nothing_is_left_over(at)


async def test_documents_added_while_vectors_change_are_found_before_and_after(tmp_path: Path) -> None:
    old, new = WordVectors("old", 32), WordVectors("new", 64)
    async with shelf(tmp_path, old) as at:
        base = await at.base()
        await at.text(base, "The first text is about parcels.")
        await at.work()
        at.shop.chosen, at.shop.others = new, [old]
        await at.text(base, "The second text is about refunds.")
        await at.work_on_documents()
        passages = (await found(at, base, "refunds", "semantic")).passages
        assert "refunds" in passages[0].content
        await Reembedding(at.library).look()
        passages = (await found(at, base, "refunds", "semantic")).passages
        assert "refunds" in passages[0].content
        nothing_is_left_over(at)


async def test_a_base_without_vectors_gets_them_when_an_embedder_appears(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base()
        await at.text(base, "Nobody makes vectors yet.")
        await at.work()
        assert at.count("_embedding_spaces") == 0
        at.shop.chosen = WordVectors()
        await Reembedding(at.library).look()
        assert (await found(at, base, "vectors", "semantic")).mode == "semantic"
        assert at.count("_vectors_1") == 1


async def test_work_on_a_version_that_was_replaced_meanwhile_is_void(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "appliance.knowledge")
    maker = WordVectors()
    maker.gate = trio.Event()
    async with shelf(tmp_path, maker) as at:
        base = await at.base()
        added = await documents.add_file(at.library, ADMIN, base.id, data=b"The first.", file_name="a.txt")
        async with at.working():
            await maker.waiting.wait()
            await documents.replace_file(at.library, added, b"The second.")
            maker.gate.set()
            with trio.fail_after(60):  # what is told of a job comes after the write that ends it
                while " indexed (" not in caplog.text:  # noqa: ASYNC110
                    await trio.sleep(0.01)
            await at.until_quiet()
        assert await at.content(base, added.id) == "The second."
        assert caplog.text.count(" indexed (") == caplog.text.count("given up, since it was changed") == 1
        nothing_is_left_over(at)
