from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.importer.formats import open_sources
from appliance.importer.load import import_sources
from tests.importer.conftest import columns, rows

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE COLLATE NOCASE, any ANY) STRICT;
INSERT INTO customers VALUES (7, 'a@x', '007'), (9, 'b@x', x'00ff');
CREATE TABLE "order lines" (
    "order" INT, line INT, customer INTEGER REFERENCES Customers, parent INT, total DECIMAL(10,2),
    doubled AS (line * 2), PRIMARY KEY ("order", line),
    FOREIGN KEY ("order", parent) REFERENCES "order lines" ("order", line),
    FOREIGN KEY (total) REFERENCES elsewhere (x)
) WITHOUT ROWID;
INSERT INTO "order lines" VALUES (1, 1, 7, NULL, 9.5), (1, 2, 9, 1, 3), (2, 1, 99, NULL, NULL);
CREATE INDEX by_customer ON "order lines" (customer, total DESC);
CREATE INDEX partial ON "order lines" (customer) WHERE total > 1;
CREATE INDEX expression ON "order lines" (total + 1);
CREATE TABLE _secret (x);
CREATE VIEW v AS SELECT 1;
CREATE TRIGGER tr AFTER INSERT ON customers BEGIN DELETE FROM customers; END;
CREATE VIRTUAL TABLE search USING fts5 (text);
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "shop.db"
    with closing(apsw.Connection(str(path))) as source:
        for _ in source.execute(SHOP):
            pass
        yield path


def test_tables_come_with_keys_indexes_and_foreign_keys(db: apsw.Connection, shop: Path) -> None:
    import_sources(db, open_sources([shop]))
    names = (
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE '\\_%' "
        "ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
    )
    assert {row[0] for row in db.execute(names)} == {"customers", "order lines"}
    assert rows(db, "customers") == [(7, "a@x", "007"), (9, "b@x", b"\x00\xff")]
    assert db.execute('SELECT * FROM "order lines" ORDER BY 1, 2').fetchall() == [
        (1, 1, 7, None, 9.5, 2),
        (1, 2, 9, 1, 3, 4),
        (2, 1, 99, None, None, 2),
    ]
    assert columns(db, "order lines")["total"] == "DECIMAL(10,2)"
    keys = 'SELECT "table", "from", "to" FROM pragma_foreign_key_list(\'order lines\') ORDER BY id, seq'
    assert set(db.execute(keys)) == {
        ("customers", "customer", None),
        ("order lines", "order", "order"),
        ("order lines", "parent", "line"),
    }
    indexes = 'SELECT origin, "unique" FROM pragma_index_list(?) ORDER BY origin'
    assert db.execute(indexes, ("order lines",)).fetchall() == [("c", 0), ("pk", 1)]
    assert db.execute(indexes, ("customers",)).fetchall() == [("c", 1)]
    with pytest.raises(apsw.ConstraintError):
        db.execute("INSERT INTO customers VALUES (1, 'A@X', NULL)")
    with pytest.raises(apsw.ConstraintError):
        db.execute('INSERT INTO "order lines" ("order", line, customer) VALUES (5, 5, 5)')


def test_one_table_may_be_picked_and_an_only_one_renamed(
    db: apsw.Connection, shop: Path, tmp_path: Path
) -> None:
    (done,) = import_sources(db, open_sources([shop], "CUSTOMERS"))
    assert (done.table, done.rows) == ("customers", 2)
    with pytest.raises(InvalidInput, match="no table 'nope' in it; it has customers, order lines"):
        open_sources([shop], "nope")
    with closing(apsw.Connection(str(tmp_path / "one.sqlite"))) as one:
        one.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t); INSERT INTO t VALUES (1, 1)")
    (done,) = import_sources(db, open_sources([tmp_path / "one.sqlite"], "tree"))
    assert (done.table, rows(db, "tree")) == ("tree", [(1, 1)])
    assert db.execute("SELECT \"table\" FROM pragma_foreign_key_list('tree')").get == "tree"


def test_rows_that_only_the_wal_of_a_source_in_use_has_are_read(db: apsw.Connection, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "live.db"))) as live:
        live.pragma("journal_mode", "wal")
        live.execute("CREATE TABLE t (x)")
        with live:
            live.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5000)])
        (done,) = import_sources(db, open_sources([tmp_path / "live.db"]))
    assert done.rows == 5000


def test_replacing_twice_keeps_one_table_and_one_index(db: apsw.Connection, shop: Path) -> None:
    for _ in range(3):
        import_sources(db, open_sources([shop]), replace=True)
    assert (
        db.execute("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%INDEX%order lines_index%'").get == 1
    )
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE tbl_name LIKE '%import%'").get == 0


def test_files_that_cannot_be_read_are_refused(db: apsw.Connection, tmp_path: Path, shop: Path) -> None:
    (tmp_path / "text.db").write_text("name,age\n")
    with pytest.raises(InvalidInput, match="damaged, or not a SQLite database"):
        open_sources([tmp_path / "text.db"])
    with closing(apsw.Connection(str(tmp_path / "none.db"))) as none:
        none.execute("CREATE TABLE _x (y)")
    with pytest.raises(InvalidInput, match="no tables in it"):
        open_sources([tmp_path / "none.db"])
    with closing(apsw.Connection(str(tmp_path / "latin.db"))) as latin:
        latin.execute("CREATE TABLE t (x); INSERT INTO t VALUES (CAST(x'63e9' AS TEXT))")
    with pytest.raises(InvalidInput, match=r"table t: a text is not UTF-8 \(byte 0xe9"):
        import_sources(db, open_sources([tmp_path / "latin.db"]))
    data = bytearray(shop.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    (tmp_path / "torn.db").write_bytes(data)
    with pytest.raises(InvalidInput, match="damaged"):
        import_sources(db, open_sources([tmp_path / "torn.db"]))
    assert columns(db, "t") == {}
