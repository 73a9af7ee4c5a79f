from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from appliance.engine.knowledge import archives, sources
from appliance.engine.knowledge.archives import Archive
from appliance.engine.knowledge.items import Listing, Unread
from appliance.store.knowledge.sources import Options
from tests.engine.knowledge.shelf import ADMIN, shelf


def packed(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


async def listed(path: Path, bytes_max: int = 10_000_000) -> Listing:
    return await Archive(path, [".txt", ".md"], bytes_max).listing()


def reasons(listing: Listing) -> dict[str, str]:
    return {problem.path: problem.reason for problem in listing.problems}


async def test_the_files_of_an_archive_become_documents_and_follow_it(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "all.zip",
        {"a.md": b"# Title of a\n\nText.", "deep/er/b.txt": b"Text of b.", "c.bin": b"x"},
    )
    async with shelf(tmp_path / "data") as at:
        base = await at.base()
        source = await sources.remember(at.library, base, "zip", str(path), Options())
        report = await sources.sync(at.library, ADMIN, base, source)
        assert (report.added, report.skipped) == (2, 1)
        await at.work()
        assert {title: one.path for title, one in (await at.all(base)).items()} == {
            "Title of a": "a.md",
            "b": "deep/er/b.txt",
        }
        packed(path, {"a.md": b"# Title of a\n\nOther text."})
        report = await sources.sync(at.library, ADMIN, base, source)
        assert (report.changed, report.deleted) == (1, 1)


async def test_names_that_lead_out_links_and_doubles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    names = (
        "../up.txt",
        "/root.txt",
        "C:/x.txt",
        "a/../../b.txt",
        "..\\win.txt",
        "good.txt",
        "__MACOSX/x.txt",
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*names, ".git/x.txt"):
            archive.writestr(name, name)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("gooD.txt", "twice")
    path.write_bytes(path.read_bytes().replace(b"gooD.txt", b"good.txt"))
    listing = await listed(path)
    assert listing.paths == ["good.txt"]
    assert set(reasons(listing)) == {
        "../up.txt", "/root.txt", "C:/x.txt", "a/../../b.txt", "../win.txt", "good.txt", "link.txt",
    }  # fmt: skip


async def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = b"\0" * 5_000_000
    listing = await listed(packed(tmp_path / "bomb.zip", {"bomb.txt": zeros, "good.txt": b"Good."}))
    assert (listing.paths, list(reasons(listing))) == (["good.txt"], ["bomb.txt"])
    large = await listed(packed(tmp_path / "large.zip", {"large.txt": b"ab" * 600}), bytes_max=1000)
    assert "larger than 1,000" in reasons(large)["large.txt"]
    many = packed(tmp_path / "many.zip", {f"{number}.txt": b"" for number in range(30)})
    monkeypatch.setattr(archives, "ENTRIES_MAX", 20)
    with pytest.raises(Unread, match="more than 20 entries"):
        await listed(many)
    monkeypatch.setattr(archives, "DIRECTORY_BYTES_MAX", 500)
    with pytest.raises(Unread, match="too many entries"):
        await listed(many)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "UNPACKED_BYTES_MAX", 1000)
    with pytest.raises(Unread, match="holds more than"):
        await listed(tmp_path / "large.zip")


async def test_an_entry_that_lies_about_its_size_is_broken_and_not_larger(tmp_path: Path) -> None:
    path = packed(tmp_path / "lie.zip", {"lie.txt": b"x" * 4000})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.find(mark) + at, 10)
    path.write_bytes(data)
    archive = Archive(path, [".txt"], 1000)
    assert (await archive.listing()).paths == ["lie.txt"]
    with pytest.raises(Unread):
        await archive.read("lie.txt")


async def test_what_is_locked_or_packed_strangely_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path / "locked.zip", {"locked.txt": b"x"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + at] |= 1
    path.write_bytes(data)
    assert "encrypted" in reasons(await listed(path))["locked.txt"]
    strange = await listed(packed(tmp_path / "lzma.zip", {"lzma.txt": b"x"}, zipfile.ZIP_LZMA))
    assert "packed in a way" in reasons(strange)["lzma.txt"]


async def test_names_in_utf8_that_do_not_say_so_and_old_names_are_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "names.zip", {"gr__e.txt": b"x", "old_.txt": b"y"})
    data = path.read_bytes().replace(b"gr__e.txt", "grüe.txt".encode()).replace(b"old_.txt", b"old\x81.txt")
    path.write_bytes(data)
    assert (await listed(path)).paths == ["grüe.txt", "oldü.txt"]


@pytest.mark.parametrize("cut", [0, 10, 30, 60, 100])
async def test_a_broken_archive_is_one_error(tmp_path: Path, cut: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.txt", "a" * 50)
    path = tmp_path / "cut.zip"
    path.write_bytes(whole.getvalue()[:cut])
    with pytest.raises(Unread, match="no ZIP archive"):
        await listed(path)
