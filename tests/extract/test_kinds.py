"""What kind a file is: content before suffix before content type."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import UnsupportedDocument
from appliance.extract.kinds import FORMATS, SUPPORTED_SUFFIXES, kind_of, mime_of
from tests.extract.reading import file

REAL = {
    "chromium.pdf": "pdf", "pandoc.docx": "docx", "libreoffice.docx": "docx", "libreoffice.xlsx": "xlsx",
    "pandoc.pptx": "pptx", "pandoc.epub": "epub", "pandoc.rtf": "rtf", "pandoc.odt": "odt",
    "libreoffice.ods": "ods", "libreoffice.odp": "odp", "handbook.html": "html",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), REAL.items())
@pytest.mark.parametrize(
    "called", ["", "blob", "wrong.txt", "wrong.pdf", "wrong.docx", "image.png", ".htaccess"]
)
def test_content_wins_over_wrong_and_missing_names(name: str, kind: str, called: str) -> None:
    assert kind_of(file(name), called, "application/octet-stream") == kind


@pytest.mark.parametrize(
    ("data", "name", "mime_type", "kind"),
    [
        (b"a;b\n1;2\n", "x.CSV", "", "csv"),
        (b"a;b\n1;2\n", "blob", "text/csv; charset=utf-8", "csv"),
        (b"# Title\n", "read.me.md", "text/plain", "markdown"),
        (b"# Title\n", "notes.docx", "", "text"),
        (b'{"a": 1}', "blob", "", "json"),
        (b'[{"a": 1}]', "", "", "json"),
        (b"[link](x)", "", "", "text"),
        (b"<!DOCTYPE html><p>x", "page.txt", "text/plain", "html"),
        (b" <?XML version='1.0'?>\n<!-- a -- > b --><!---->\n<HTML>", "page.txt", "", "html"),
        (b"<!---->" * 9_000 + b"<html>", "page.txt", "", "html"),
        (b"<!-- <html>", "page.txt", "", "text"),
        (b"<!-- --> says <html>", "page.txt", "", "text"),
        (b"\xff\xfeh\x00i\x00", "x", "", "text"),
        ("hello there".encode("utf-16-le"), "x", "", "text"),
        (b"", "", "", "text"),
        (b"print(1)\n", "program.py", "text/x-python", "text"),
        (b"A text about %PDF-1.7\n", "about.txt", "", "text"),
    ],
)
def test_texts_go_by_their_names_where_the_content_cannot_tell(
    data: bytes, name: str, mime_type: str, kind: str
) -> None:
    assert kind_of(data, name, mime_type) == kind


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (file("picture.png"), "letter.pdf"),
        (b"\x7fELF\x02\x01\x01" + b"\x00" * 100, "a.txt"),
        (bytes(range(256)) * 20, ""),
        (b"PK\x03\x04" + b"\x00" * 60, "x.docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old.doc"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_can(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedDocument, match="cannot be read") as refused:
        kind_of(data, name)
    assert refused.value.details["supported_types"] == list(SUPPORTED_SUFFIXES)


@pytest.mark.parametrize(
    "opener", [b"<!---->", b"<!-- ", b"<?xml>", b"<?xml ", b"<", b" ", b"\n<!---->", b"{ ", b"["]
)
def test_a_file_that_opens_without_end_what_may_stand_before_a_page_is_a_text(opener: bytes) -> None:
    data = opener * (200_000 // len(opener)) + b"x"
    assert kind_of(data, "notes.txt") == "text"


@given(st.binary(max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_nothing_else_is_ever_raised(data: bytes, name: str, mime_type: str) -> None:
    with suppress(UnsupportedDocument):
        assert mime_of(kind_of(data, name, mime_type))


def test_every_kind_has_a_suffix_and_a_type_of_its_own() -> None:
    assert len(set(SUPPORTED_SUFFIXES)) == len(SUPPORTED_SUFFIXES)
    assert len({known.mime_type for known in FORMATS.values()}) == len(FORMATS)
