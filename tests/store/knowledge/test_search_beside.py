"""A search on two readers finds what it finds on one: for everybody, and while documents change."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.knowledge import DocumentFilter, Found, Search, Viewer
from appliance.store.beside import Beside
from appliance.store.database import database_path
from appliance.store.knowledge.search import search
from appliance.store.pragmas import open_connection
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

ANNA = Viewer(tenant="default", user_id="anna")
EAST, NORTH = vector(1, 0, 0), vector(0, 1, 0)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[apsw.Connection]:
    shelf = Shelf.open(tmp_path)
    for n in range(12):
        shelf.add(f"open{n}", f"the pump number {n}", vectors=[vector(1, n / 10, 0.1)])
    shelf.add("secret", "anna's pump password", vectors=[EAST], user_id="anna")
    db = open_connection(database_path(tmp_path), read_only=True)
    yield db
    db.close()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    opened = Beside(lambda: open_connection(database_path(tmp_path), read_only=True))
    yield opened
    opened.close()


def ids(found: Found) -> list[str]:
    return [passage.document_id for passage in found.passages]


@pytest.mark.parametrize("viewer", [ANYBODY, ANNA])
@pytest.mark.parametrize("filter", [DocumentFilter(), DocumentFilter(documents=["open3", "open4", "secret"])])
def test_both_readers_find_what_one_finds(
    reader: apsw.Connection, beside: Beside, viewer: Viewer, filter: DocumentFilter
) -> None:
    for text in ("pump", "password", "number 7", "...", "nothing of it"):
        asked = Search(text=text, vector=EAST, viewer=viewer, filter=filter, limit=5)
        found = search(reader, [1], asked, beside)
        assert found == search(reader, [1], asked)
        assert ("secret" in ids(found)) <= (viewer is ANNA)
    assert reader.in_transaction is False


def test_while_a_document_is_replaced_each_search_has_it_once(
    reader: apsw.Connection, beside: Beside, tmp_path: Path
) -> None:
    done = threading.Event()

    def replace() -> None:
        shelf = Shelf.open(tmp_path, name="another")
        document = shelf.add("turning", "zyzzyva of the first kind", vectors=[NORTH])
        for n in range(60):
            shelf.write(document, f"zyzzyva of kind {n}", vectors=[NORTH])
        done.set()

    writing = threading.Thread(target=replace)
    writing.start()
    asked = Search(text="zyzzyva", vector=NORTH, viewer=ANYBODY, limit=3)
    seen = False
    while not done.is_set() or not seen:
        found = search(reader, [2], asked, beside)
        seen = seen or bool(found.passages)
        assert ids(found) == (["turning"] if seen else [])
        assert all(passage.cosine == pytest.approx(1) and passage.coverage == 1 for passage in found.passages)
    writing.join()
