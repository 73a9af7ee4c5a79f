import gzip
from pathlib import Path

import pytest

from appliance.errors import InvalidInput
from appliance.importer.text_file import batches, head, open_text

TEXT = "name,città\nÅsa,Malmö\n日本,東京\n" * 1000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_is_read_whatever_its_coat(tmp_path: Path, encoding: str, packed: bool) -> None:
    data = TEXT.encode(encoding)
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(data) if packed else data)
    with open_text(path) as text:
        assert text.lines.read() == TEXT
        assert text.bytes_read == path.stat().st_size
    assert head(path)


@pytest.mark.parametrize("packed", [False, True])
def test_bytes_that_are_no_utf8_are_named_by_line_and_column(tmp_path: Path, packed: bool) -> None:
    data = b"a,b\n" * 100_000 + "é,caf".encode() + b"\xe9\n" + b"a,b\n" * 1000
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(InvalidInput) as raised, open_text(path) as text:
        text.lines.read()
    expected = "line 100001: not UTF-8 (byte 0xe9 at column 6); convert it with: iconv -f WINDOWS-1252"
    assert expected in raised.value.text


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (gzip.compress(TEXT.encode(), mtime=0)[:-20], "the gzip file is damaged or cut off"),
        (gzip.compress(TEXT.encode(), mtime=0)[:40] + b"\xff" * 40, "the gzip file is damaged or cut off"),
        (b"PK\x03\x04rest", "ZIP or Excel"),
        ("a,b\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b"\xff\xfea\x00\x00\xd8", "begins as UTF-16 and has bytes that are not"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=complaint), open_text(path) as text:
        text.lines.read()


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        head(tmp_path / "none.csv")
    with pytest.raises(InvalidInput, match="Is a directory"):
        head(tmp_path)


def test_batches_tell_all_bytes_and_lose_no_record(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("".join(f"{number}\n" for number in range(25_500)))
    told: list[int] = []
    with open_text(path) as text:
        found = list(batches(text.lines, text, told.append))
    assert max(len(batch) for batch in found) == 250
    assert [int(line) for batch in found for line in batch] == list(range(25_500))
    assert sum(told) == path.stat().st_size
