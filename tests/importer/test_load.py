import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from appliance.errors import InvalidInput, StoreError
from appliance.importer.formats import open_sources
from appliance.importer.load import import_sources
from appliance.importer.source import Advance, Rows
from appliance.importer.table_file import TableFile
from appliance.store.database import connect
from tests.importer.conftest import Take, rows


def leftovers(db: apsw.Connection) -> int:
    found = db.execute("SELECT count(*) FROM sqlite_schema WHERE tbl_name LIKE '\\_import%' ESCAPE '\\'").get
    assert isinstance(found, int)
    return found


def files(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return [folder / f"{name}.csv" for name in texts]


def test_several_files_are_all_or_nothing(db: apsw.Connection, tmp_path: Path) -> None:
    paths = files(tmp_path, good="x\n1\n", bad="x,y\n1\n")
    with pytest.raises(InvalidInput, match=r"bad\.csv, line 2"):
        import_sources(db, open_sources(paths))
    assert (db.table_exists("main", "good"), leftovers(db)) == (False, 0)
    paths = files(tmp_path, good="x\n1\n", bad="x,y\n1,2\n")
    assert [done.table for done in import_sources(db, open_sources(paths))] == ["good", "bad"]


def test_a_table_that_is_there_is_only_replaced_on_demand(take: Take, db: apsw.Connection) -> None:
    take("t.csv", "x\n1\n")
    with pytest.raises(InvalidInput, match=r"There is a table T already\. Add --replace"):
        take("T.csv", "x\n2\n")
    assert rows(db, "t") == [(1,)]
    take("T.csv", "x\n2\n", replace=True)
    assert rows(db, "t") == [(2,)]
    db.execute("CREATE VIEW v AS SELECT x FROM t")
    with pytest.raises(InvalidInput, match="There is a view v already"):
        take("v.csv", "x\n2\n", replace=True)


def test_views_and_foreign_keys_go_on_meaning_a_replaced_table(take: Take, db: apsw.Connection) -> None:
    take("t.csv", "id,x\n1,1\n")
    db.execute("CREATE VIEW v AS SELECT x FROM t")
    db.execute("CREATE VIEW broken AS SELECT x FROM nowhere")
    db.execute("CREATE TABLE child (t REFERENCES t (id)); INSERT INTO child VALUES (1)")
    take("t.csv", "id,x\n1,2\n", replace=True)
    assert db.execute("SELECT x FROM v").get == 2
    assert db.execute("SELECT \"table\" FROM pragma_foreign_key_list('child')").get == "t"
    assert db.pragma("foreign_keys") == 1
    with pytest.raises(apsw.ConstraintError):
        db.execute("INSERT INTO child VALUES (5)")


class Failing(TableFile):
    """A real file whose second reading breaks in the middle."""

    def __init__(self, path: Path, error: BaseException) -> None:
        super().__init__(path, "failing")
        self.error = error

    def chunks(self, advance: Advance) -> Iterator[Rows]:
        defined = hasattr(self, "again")
        self.again = True
        for number, chunk in enumerate(super().chunks(advance)):
            if defined and number == 2:
                raise self.error
            yield chunk


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk"), InvalidInput("changed")])
def test_whatever_ends_an_import_nothing_of_it_stays(
    db: apsw.Connection, tmp_path: Path, error: BaseException
) -> None:
    path = files(tmp_path, failing="x\n" + "1\n" * 5000)[0]
    with pytest.raises(type(error)):
        import_sources(db, [Failing(path, error)])
    assert (leftovers(db), db.in_transaction) == (0, False)
    assert (db.pragma("synchronous"), db.pragma("foreign_keys"), db.pragma("legacy_alter_table")) == (2, 1, 0)


def test_the_staging_of_a_crashed_import_is_dropped_by_the_next(take: Take, db: apsw.Connection) -> None:
    db.execute("CREATE TABLE _import_0123456789abcdef (x); INSERT INTO _import_0123456789abcdef VALUES (1)")
    take("t.csv", "x\n1\n")
    assert leftovers(db) == 0


def test_a_file_that_changes_meanwhile_is_refused(db: apsw.Connection, tmp_path: Path) -> None:
    path = files(tmp_path, t="x\n" + "1\n" * 5000)[0]

    def change(_: int) -> None:
        with path.open("a") as file:
            file.write("2\n")

    with pytest.raises(InvalidInput, match="changed while it was imported"):
        import_sources(db, open_sources([path]), advance=change)
    assert not db.table_exists("main", "t")


def test_a_second_import_at_the_same_time_is_refused(take: Take, db: apsw.Connection, tmp_path: Path) -> None:
    path = files(tmp_path, second="x\n1\n")[0]
    refused: list[str] = []

    def meanwhile(_: int) -> None:
        with closing(connect(Path(db.filename))) as other, pytest.raises(StoreError) as raised:
            import_sources(other, open_sources([path]))
        refused.append(raised.value.text)

    take("first.csv", "x\n1\n", advance=meanwhile)
    assert refused
    assert all("Another import into" in text for text in refused)


def test_another_writer_gets_its_turn_during_an_import(
    take: Take, db: apsw.Connection, tmp_path: Path
) -> None:
    written: list[int] = []
    stop = threading.Event()

    def write() -> None:
        with closing(connect(Path(db.filename))) as other:
            while not stop.is_set():
                sql = "INSERT INTO _settings VALUES ('default', '', ?, x'', 0, 1, 0)"
                other.execute(sql, (str(len(written)),))
                written.append(len(written))
                stop.wait(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    during: list[int] = []
    try:
        take("t.csv", "a,b,c\n" + "1,2.5,text\n" * 40_000, advance=lambda _: during.append(len(written)))
    finally:
        stop.set()
        thread.join()
    assert during[-1] > during[0]
    assert db.execute("SELECT count(*) FROM _settings").get == len(written)
    assert db.execute("SELECT count(*) FROM t").get == 40_000
