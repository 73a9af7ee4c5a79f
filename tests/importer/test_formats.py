from pathlib import Path

import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.importer.formats import open_sources


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.csv", "[1],x\n", "TableFile"),
        ("a.TSV", "a\tb\n", "TableFile"),
        ("a.json", '[{"a": 1}]', "JsonFile"),
        ("a.jsonl", '{"a": 1}', "JsonFile"),
        ("a.txt", ' [{"a": 1}]', "JsonFile"),
        ("export", "a,b\n", "TableFile"),
    ],
)
def test_suffix_then_content_chooses_the_reader(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).write_text(text)
    (source,) = open_sources([tmp_path / name])
    assert type(source).__name__ == kind


def test_a_sqlite_file_is_known_under_any_name(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "data.csv")).execute("CREATE TABLE t (x)")
    (source,) = open_sources([tmp_path / "data.csv"])
    assert source.table == "t"


def test_files_that_cannot_be_tables_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "A.tsv"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "empty.csv").touch()
    for paths, table, complaint in [
        ([tmp_path / "none.csv"], None, "none.csv: cannot be read .No such file"),
        ([tmp_path], None, "not a regular file"),
        ([tmp_path / "empty.csv"], None, "the file is empty"),
        ([tmp_path / "a.csv"], "_users", "reserved"),
        ([tmp_path / "a.csv"], "sqlite_x", "reserved"),
        ([tmp_path / "a.csv", tmp_path / "A.tsv"], None, "comes from .*a.csv already"),
        ([tmp_path / "a.csv", tmp_path / "A.tsv"], "t", "--table names one table"),
    ]:
        with pytest.raises(InvalidInput, match=complaint):
            open_sources(paths, table)
