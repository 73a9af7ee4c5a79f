"""Files that are made to do harm: each fails with a clear reason, and the next file is read as ever."""

# ruff: noqa: E501  # a table

from __future__ import annotations

import io
import os
import signal
import zipfile
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from appliance.errors import DocumentUnreadable
from appliance.extract.extractor import ExtractLimits, Extractor
from appliance.extract.kinds import OLE
from tests.extract.reading import check, file


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor.open(ExtractLimits(memory_mib=512, timeout_s=60)) as opened:
        yield opened


def repacked(name: str, changes: dict[str, bytes | None]) -> bytes:
    """An archive with members changed, added or (None) left out."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(file(name))) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            if info.filename not in changes:
                new.writestr(info.filename, old.read(info))
        for member, content in changes.items():
            if content is not None:
                new.writestr(member, content)
    return out.getvalue()


W = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    b"<w:document " + W + b"><w:body><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>"
)
OUTSIDE = (
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><w:document '
    + W
    + b"><w:body><w:p><w:r><w:t>&a;</w:t>"
    b"</w:r></w:p></w:body></w:document>"
)
DEEP = b"<w:document " + W + b"><w:body>" + b"<w:sdt>" * 5000 + b"</w:sdt>" * 5000 + b"</w:body></w:document>"


def encrypted_member() -> bytes:
    data = bytearray(file("pandoc.docx"))
    end = data.rfind(b"PK\x05\x06")
    at = int.from_bytes(data[end + 16 : end + 20], "little")
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 8] |= 1
        at += 4
    return bytes(data)


def linked_member() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file("pandoc.docx"))) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "word/document.xml":
                info.external_attr, content = 0o120777 << 16, b"/etc/passwd"
            new.writestr(info, content)
    return out.getvalue()


HOSTILE = {
    "nothing": (b"", "x.pdf", "empty"),
    "a locked PDF": (file("locked.pdf"), "x.pdf", "encrypted; remove its password"),
    "a scanned PDF": (file("scanned.pdf"), "x.pdf", "pictures .scanned."),
    "a cut PDF": (file("chromium.pdf")[:3000], "x.pdf", "damaged|No text"),
    "a locked Office file": (OLE + b"\x00" * 512 + "EncryptedPackage".encode("utf-16-le"), "x.xlsx", "encrypted"),
    "an archive with locked members": (encrypted_member(), "x.docx", "encrypted"),
    "a link instead of the content": (linked_member(), "x.docx", "damaged"),
    "a Word document without content": (repacked("pandoc.docx", {"word/document.xml": None}), "x.docx", "damaged"),
    "entities that multiply": (repacked("pandoc.docx", {"word/document.xml": LAUGHS}), "x.docx", "entities"),
    "entities from outside": (repacked("pandoc.docx", {"word/document.xml": OUTSIDE}), "x.docx", "entities"),
    "XML without end": (repacked("pandoc.docx", {"word/document.xml": DEEP}), "x.docx", "nested too deeply|not valid"),
    "a bomb": (lambda: repacked("pandoc.docx", {"word/document.xml": b" " * 250_000_000}), "x.docx", "more than can be read"),
    "a bomb of a workbook": (
        lambda: repacked("libreoffice.xlsx", {"xl/sharedStrings.xml": b" " * 600_000_000}), "x.xlsx", "more than can be read",
    ),
    "a cut archive": (file("pandoc.epub")[:-200], "x.epub", "damaged"),
    "a protected book": (
        repacked("pandoc.epub", {"META-INF/encryption.xml": b'<e xmlns="http://www.w3.org/2001/04/xmlenc#">'
                                 b'<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></e>'}),
        "x.epub", "DRM",
    ),
    "a page nested without end": (b"<div>" * 200_000, "x.html", "nested too deeply"),
    "JSON nested without end": (b"[" * 1_000_000, "x.json", "nested too deeply"),
    "a quotation mark never closed": (b'a,b\n"' + b"x" * 2_000_000, "x.csv", "quotation mark"),
    "only blanks": (b" \n\t\n ", "x.txt", "No text was found"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_file_fails_alone_and_says_why(extractor: Extractor, what: str) -> None:
    made, name, reason = HOSTILE[what]
    data = made() if callable(made) else made  # bombs take seconds, which each process of tests would spend
    with pytest.raises(DocumentUnreadable, match=reason):
        await extractor.extract(data, file_name=name)
    extracted = await extractor.extract(file("pandoc.docx"), file_name="x.docx")
    assert "Schlüsselkasten" in extracted.text


async def test_a_sheet_that_claims_a_million_columns_is_read(extractor: Extractor) -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        b'<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Here</t></is></c></row>'
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    extracted = await extractor.extract(repacked("libreoffice.xlsx", {"xl/worksheets/sheet1.xml": sheet}))
    check(extracted)
    assert "Here" in extracted.text
    assert extracted.notes


async def test_a_file_that_takes_too_long_ends_with_its_process() -> None:
    async with Extractor.open(ExtractLimits(timeout_s=0.05)) as extractor:
        with pytest.raises(DocumentUnreadable, match=r"took longer than 0\.05 s"):
            await extractor.extract(b"id,name\n" + b"1,somebody\n" * 2_000_000, file_name="x.csv")
        assert not extractor._all


async def test_a_file_that_needs_too_much_memory_ends_with_its_process() -> None:
    async with Extractor.open(ExtractLimits(memory_mib=160)) as extractor:
        with pytest.raises(DocumentUnreadable, match="memory"):
            await extractor.extract(b"<p>x</p>" * 4_000_000, file_name="x.html")
        assert (await extractor.extract(b"hello", file_name="x.txt")).text == "hello"


async def test_a_cancel_kills_the_process(extractor: Extractor) -> None:
    await extractor.extract(b"hello")
    (process,) = extractor._all
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                await extractor.extract(b"id,name\n" + b"1,somebody\n" * 2_000_000, file_name="x.csv")

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert not process.is_alive
    assert (await extractor.extract(b"again")).text == "again"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_file_whose_process_somebody_kills_is_read_again(
    extractor: Extractor, number: signal.Signals
) -> None:
    data = b"id,name\n" + b"1,somebody\n" * 1_000_000
    read: list[str] = []

    async def one() -> None:
        read.append((await extractor.extract(data, file_name="x.csv")).text[:20])

    await extractor.extract(b"hello")
    (process,) = extractor._all
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        os.kill(process.pid, number)
    assert read == ["id | name\n1 | somebo"]
    assert process not in extractor._all


async def test_a_file_whose_processes_are_killed_again_and_again_fails(extractor: Extractor) -> None:
    await extractor.extract(b"hello")
    data = b"id,name\n" + b"1,somebody\n" * 1_000_000
    killed: set[int] = set()
    with pytest.RaisesGroup(pytest.RaisesExc(DocumentUnreadable, match="memory")):
        async with trio.open_nursery() as nursery:

            async def kill() -> None:
                while len(killed) < 2:
                    for process in extractor._all:
                        if process.pid not in killed and process not in extractor._idle:
                            killed.add(process.pid)
                            os.kill(process.pid, signal.SIGKILL)
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(kill)
            await extractor.extract(data, file_name="x.csv")
    assert len(killed) == 2


async def test_a_process_that_dies_while_idle_is_replaced(extractor: Extractor) -> None:
    await extractor.extract(b"hello")
    (process,) = extractor._all
    await process.kill()
    assert (await extractor.extract(b"again")).text == "again"


async def test_an_idle_process_ends_and_none_outlives_the_extractor() -> None:
    async with Extractor.open(ExtractLimits(idle_s=0)) as extractor:
        assert not extractor._all
        await extractor.extract(b"hello")
        while extractor._all:
            await trio.lowlevel.checkpoint()
    async with Extractor.open() as extractor:
        await extractor.extract(b"hello")
        (process,) = extractor._all
    assert not process.is_alive


async def test_many_files_at_once_are_all_read(extractor: Extractor) -> None:
    read: dict[int, str] = {}

    async def one(number: int) -> None:
        read[number] = (await extractor.extract(f"text {number}".encode(), file_name="x.txt")).text

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(one, number)
    assert read == {number: f"text {number}" for number in range(20)}
    assert len(extractor._all) <= 2


async def test_the_declared_charset_of_a_text_counts(extractor: Extractor) -> None:
    data = "Grüße Žižek".encode("iso-8859-2")
    assert (await extractor.extract(data, mime_type="text/plain; charset=iso-8859-2")).text == "Grüße Žižek"
