"""What the tests of readers share: files, and the promises that hold for everything that is read."""

from __future__ import annotations

from pathlib import Path

from appliance.extract.kinds import kind_of
from appliance.extract.readers import read
from appliance.knowledge import Extracted

FILES = Path(__file__).parent / "files"


def file(name: str) -> bytes:
    return (FILES / name).read_bytes()


def read_bytes(data: bytes, name: str = "", mime_type: str = "") -> Extracted:
    """Read without a process, and check what every reader promises."""
    extracted = read(data, kind_of(data, name, mime_type))
    check(extracted)
    return extracted


def read_file(name: str) -> Extracted:
    return read_bytes(file(name), name)


def check(extracted: Extracted) -> None:
    text, outline = extracted.text, extracted.outline
    for heading in outline.headings:
        assert heading.title
        assert text[heading.start :].startswith(heading.title)
    for starts in ([heading.start for heading in outline.headings], outline.pages, outline.blocks):
        assert starts == sorted(starts)
        assert all(0 <= start <= len(text) for start in starts)
    assert not set(text) & {"\x00", "\r", "\f", "\ufeff", "\ufffe", "\u00ad"}
    text.encode()  # fails for half of a pair
    assert extracted.mime_type


def titles(extracted: Extracted) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in extracted.outline.headings]
