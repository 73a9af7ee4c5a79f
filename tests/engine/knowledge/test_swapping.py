"""A large document goes in and is replaced in slices: others write between, and nobody sees half of it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
import trio

from appliance.engine.knowledge import documents, removing, searching
from appliance.engine.knowledge.swapping import Swap
from appliance.knowledge import Document, KnowledgeBase
from appliance.store.knowledge import chunks, jobs
from tests.engine.knowledge.shelf import ADMIN, Shelf, WordVectors, shelf
from tests.engine.knowledge.test_ingest import nothing_is_left_over

MEGABYTE = 1_000_000


def manual(word: str, count: int = 400) -> bytes:
    return "".join(f"## Rule {n}\n\nThe {word} rule {n} is about parcels.\n\n" for n in range(count)).encode()


async def found(at: Shelf, base: KnowledgeBase, text: str, mode: str = "hybrid") -> list[str]:
    got = await searching.in_base(at.library, ADMIN, base.id, text=text, mode=mode, threshold=0.01)  # type: ignore[arg-type]
    return [passage.content for passage in got.passages]


async def added(at: Shelf, base: KnowledgeBase, data: bytes) -> Document:
    document = await documents.add_file(at.library, ADMIN, base.id, data=data, file_name="manual.md")
    await at.work()
    return await at.document(base, document.id)


async def test_others_write_while_five_megabytes_are_stored_and_replaced(tmp_path: Path) -> None:
    seen: set[int] = set()

    def beat(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS beats (number INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO beats DEFAULT VALUES")
        seen.add(int(db.execute("SELECT count(*) FROM _chunks").get))

    async def beats(at: Shelf) -> None:
        while True:
            await at.store.write(beat)

    line = "Parcels travel for three days and come back in four. " * 40
    async with shelf(tmp_path) as at, trio.open_nursery() as nursery:
        base = await at.base(chunk_size=1000)
        nursery.start_soon(beats, at)
        old = "".join(f"{line}\n\n{n} old\n\n" for n in range(5 * MEGABYTE // len(line)))
        document = await added(at, base, old.encode())
        slices = document.chunks_count // chunks.AT_ONCE
        assert slices >= 10
        assert len(seen) > slices // 2
        seen.clear()
        await documents.replace_file(at.library, document, old.replace("old", "new").encode())
        await at.work()
        assert len(seen) > 2 * slices // 2
        assert (await found(at, base, "3 new", "keyword"))[0].count("new")
        nothing_is_left_over(at)
        nursery.cancel_scope.cancel()


async def test_until_the_last_slice_is_in_everybody_sees_the_old_version_alone(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0)
        document = await added(at, base, manual("oldish"))
        await documents.replace_file(at.library, document, manual("newish", 300))
        seen: list[tuple[int, bool]] = []

        def look(db: apsw.Connection) -> int:
            return int(db.execute("SELECT count(*) FROM _chunks").get)

        with trio.fail_after(60):
            async with at.working():
                while at.count("_document_jobs") or at.count("_unseen_chunks"):
                    stored = await at.store.read(look)
                    for mode in ("hybrid", "semantic", "keyword"):
                        got = await found(at, base, "rule about parcels", mode)
                        kinds = {word for word in ("oldish", "newish") for one in got if word in one}
                        assert len(kinds) == 1, (mode, kinds)
                        seen.append((stored, "newish" in kinds))
        assert [is_new for _, is_new in seen] == sorted(is_new for _, is_new in seen)
        assert any(stored > document.chunks_count and not is_new for stored, is_new in seen)
        assert "newish" in (await found(at, base, "rule about parcels"))[0]
        nothing_is_left_over(at)


@pytest.mark.parametrize("what", ["cancelled", "queued anew", "deleted"])
async def test_slices_of_a_version_that_is_not_completed_are_deleted(tmp_path: Path, what: str) -> None:
    async with shelf(tmp_path, WordVectors()) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0)
        document = await added(at, base, manual("oldish"))
        await documents.replace_file(at.library, document, manual("newish"))
        claimed = await at.store.write(jobs.claim, "command of another", at.now, at.now + 30)
        assert claimed is not None
        await at.store.write(_half, document, claimed.claim)
        await removing.sweep(at.library)
        assert at.count("_chunks") > document.chunks_count, "what a live claim puts in was deleted"
        match what:
            case "cancelled":
                await at.store.write(jobs.release, claimed)
            case "queued anew":
                now = await at.document(base, document.id)
                await documents.replace_file(at.library, now, manual("newest"))
            case _:
                await documents.delete(at.library, ADMIN, base.id, document.id)
        await removing.sweep(at.library)
        assert at.count("_chunks") == (0 if what == "deleted" else document.chunks_count)
        await at.work()
        word = {"cancelled": "newish", "queued anew": "newest"}.get(what, "")
        assert all(word in one for one in await found(at, base, "rule about parcels"))
        nothing_is_left_over(at)


def _half(db: apsw.Connection, document: Document, claim: str) -> None:
    """As if somebody was putting in a new version."""
    text = "The half rule."
    version = chunks.unseen.begin(db, document, claim)
    piece = chunks.Piece(start=0, end=len(text))
    made = chunks.index(document, text, [piece])
    for first in range(200):
        chunks.add(db, document, version, first, text, [piece], made, None, None)


async def test_a_version_that_does_not_fit_in_at_the_end_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base(chunk_size=16, chunk_overlap=0, quota_chunks=1000)
        document = await added(at, base, manual("oldish", 100))
        real = Swap._add

        def add(swap: Swap, db: apsw.Connection, *rest: object) -> None:
            real(swap, db, *rest)  # type: ignore[arg-type]
            db.execute("UPDATE _knowledge_bases SET quota_chunks = 101")

        monkeypatch.setattr(Swap, "_add", add)
        await documents.replace_file(at.library, document, manual("newish", 300))
        await at.work()
        after = await at.document(base, document.id)
        assert (after.status, after.chunks_count) == ("indexed", document.chunks_count)
        assert after.error_message.startswith(jobs.STALE)
        assert "oldish" in (await found(at, base, "rule about parcels", "keyword"))[0]
        nothing_is_left_over(at)
