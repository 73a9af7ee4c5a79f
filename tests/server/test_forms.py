"""Forms as they come: whole, cut, huge, and made to hurt."""

from __future__ import annotations

import pytest

from appliance.errors import InvalidInput, MessageTooLarge
from appliance.server.forms import FIELD_BYTES_MAX, HEAD_BYTES_MAX, PARTS_MAX, read_form

TYPE = "multipart/form-data; boundary=b0"


def part(name: str, data: bytes, file_name: str | None = None, *heads: str) -> bytes:
    file = "" if file_name is None else f'; filename="{file_name}"'
    lines = [f'Content-Disposition: form-data; name="{name}"{file}', *heads]
    return b"--b0\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + data + b"\r\n"


def read(
    *parts: bytes, end: bytes = b"--b0--\r\n", type: str = TYPE, most: int = 1_000_000
) -> dict[str, object]:
    return dict(read_form(b"".join(parts) + end, type, most))


def test_fields_and_files_come_with_their_names_and_types() -> None:
    form = read_form(
        part("title", "Größe".encode())
        + part("file", b"a\r\n--b1\r\n", "ü.pdf", "Content-Type: application/pdf")
        + b"--b0--\r\n",
        TYPE,
        100,
    )
    assert form["title"].data.decode() == "Größe"
    assert (form["title"].file_name, form["title"].content_type) == ("", "")
    file = form["file"]
    assert (file.data, file.file_name, file.content_type) == (b"a\r\n--b1\r\n", "ü.pdf", "application/pdf")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_a_file_comes_out_byte_by_byte_as_it_went_in(size: int) -> None:
    data = (b"\r\n--b\x00\xff-" * (size // 8 + 1))[:size]
    form = read_form(part("file", data, "x") + b"--b0--", TYPE, 1_000_000)
    assert form["file"].data == data


def test_a_form_without_parts_is_empty() -> None:
    assert read() == {}


@pytest.mark.parametrize(
    ("type", "word"),
    [
        ("", "multipart/form-data"),
        ("application/json", "multipart/form-data"),
        ("multipart/form-data", "boundary"),
        ("multipart/form-data; boundary=", "boundary"),
        (f"multipart/form-data; boundary={'b' * 300}", "boundary"),
        ("multipart/form-data; boundary=ü", "boundary"),
    ],
)
def test_what_is_no_form_is_told_what_one_is(type: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        read(part("file", b"x", "x"), type=type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"--b0",
        b"--b0\r\n",
        part("file", b"x", "x"),
        part("file", b"x", "x") + b"--b0",
        b"--b0\r\nContent-Type: text/plain\r\n\r\nx\r\n--b0--\r\n",
        b"--b0\r\n\r\nx\r\n--b0--\r\n",
        b"--b0\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b0--\r\n",
        b'--b0\r\nContent-Disposition: form-data; name=""\r\n\r\nx\r\n--b0--\r\n',
        b'--b0\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b0--\r\n',
        part("file", b"x", "x") + part("file", b"y", "y") + b"--b0--\r\n",
        part("n" * 300, b"x") + b"--b0--\r\n",
    ],
)
def test_a_broken_form_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"form|boundary|part"):
        read_form(body, TYPE, 100)


def test_a_form_is_bounded_in_everything() -> None:
    many = [part(f"field{number}", b"x") for number in range(PARTS_MAX + 1)]
    with pytest.raises(InvalidInput, match=f"more than {PARTS_MAX} parts"):
        read(*many)
    assert len(read(*many[:-1])) == PARTS_MAX
    with pytest.raises(InvalidInput, match="head"):
        read(part("a", b"x", None, f"X-Long: {'x' * (HEAD_BYTES_MAX + 1)}"))
    with pytest.raises(InvalidInput, match="head"):
        read(part("a", b"x", None, f"X-Long: {'x' * 1_000_000}"))
    with pytest.raises(InvalidInput, match="before its first boundary"):
        read(b"x" * (HEAD_BYTES_MAX + 1) + b"\r\n", part("a", b"x"))
    with pytest.raises(MessageTooLarge, match="field"):
        read(part("a", b"x" * (FIELD_BYTES_MAX + 1)))
    with pytest.raises(MessageTooLarge, match="file 'f' is over the limit of 10 bytes"):
        read(part("f", b"x" * 11, "f"), most=10)
    assert read(part("f", b"x" * 10, "f"), most=10)
