"""Files in pieces: whole or not there, and gone when nothing uses them."""

from collections.abc import Iterator

import apsw
import pytest

from appliance.store.database import connect
from appliance.store.knowledge import originals

TEXT = b"x" * (originals.PIECE_BYTES + 5)


@pytest.fixture
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    connection = connect(tmp_path_factory.mktemp("data") / "appliance.db")
    yield connection
    connection.close()


def put_all(db: apsw.Connection, hash: str = "h", data: bytes = TEXT) -> None:
    for number, start in enumerate(range(0, len(data), originals.PIECE_BYTES)):
        originals.put(db, hash, number, data[start : start + originals.PIECE_BYTES])


def use(db: apsw.Connection, hash: str = "h") -> None:
    db.execute(
        "INSERT INTO _knowledge_bases (number, id, tenant, namespace, name, chunk_size, chunk_overlap, "
        "chunk_strategy, quota_documents, quota_chunks, quota_bytes, created_at, updated_at) "
        "VALUES (1, 'b', 'default', 'default', 'b', 512, 50, 'recursive', 9, 9, 9, 0, 0)"
    )
    db.execute(
        "INSERT INTO _documents (id, base, title, original, created_at, updated_at) "
        "VALUES ('d', 1, 't', ?, 0, 0)",
        (hash,),
    )


def count(db: apsw.Connection) -> tuple[int, int]:
    return tuple(db.execute(f"SELECT count(*) FROM {t}").get for t in ("_originals", "_original_pieces"))  # type: ignore[return-value]


def test_a_file_is_whole_only_when_its_last_piece_is_there(db: apsw.Connection) -> None:
    assert not originals.begin(db, "h", len(TEXT), 1.0)
    originals.put(db, "h", 0, TEXT[: originals.PIECE_BYTES])
    assert not originals.finish(db, "h")
    assert originals.size(db, "h") == (0, 0)
    originals.put(db, "h", 1, TEXT[originals.PIECE_BYTES :])
    assert originals.finish(db, "h")
    assert originals.begin(db, "h", len(TEXT), 2.0)
    assert originals.size(db, "h") == (len(TEXT), 2)
    assert b"".join(originals.piece(db, "h", number) or b"" for number in range(3)) == TEXT


def test_two_who_write_the_same_file_do_not_get_in_each_others_way(db: apsw.Connection) -> None:
    for _ in range(2):
        assert not originals.begin(db, "h", len(TEXT), 1.0)
    for _ in range(2):
        put_all(db)
    assert originals.finish(db, "h")
    assert originals.finish(db, "h")
    assert count(db) == (1, 2)


def test_pieces_of_a_file_that_went_away_are_not_taken(db: apsw.Connection) -> None:
    put_all(db)
    assert count(db) == (0, 0)
    assert not originals.finish(db, "h")


def test_what_is_used_stays_and_what_is_not_goes_some_pieces_at_a_time(db: apsw.Connection) -> None:
    large = bytes(originals.PIECE_BYTES) * 20
    for hash, data in (("used", TEXT), ("unused", large)):
        originals.begin(db, hash, len(data), 1.0)
        put_all(db, hash, data)
        originals.finish(db, hash)
    use(db, "used")
    assert originals.unused(db) == ["unused"]
    assert not originals.shrink(db, "used")
    steps = 1
    while originals.shrink(db, "unused"):
        assert not originals.is_complete(db, "unused")
        steps += 1
    assert steps == 3
    assert count(db) == (1, 2)
    assert originals.is_complete(db, "used")
    assert not originals.shrink(db, "missing")
