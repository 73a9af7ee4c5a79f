"""RTF: its text; it has no outline that programs agree about."""

from __future__ import annotations

import re

from striprtf.striprtf import rtf_to_text

from appliance.extract.building import TextBuilder
from appliance.knowledge import Extracted

_TITLE = re.compile(r"\{\\title ([^{}]{1,600})\}")
_PICTURE = re.compile(r"[0-9a-fA-F\s]{400,}")
"""The bytes of pictures, as digits; some megabytes of them would take the parser minutes."""
_CELL_END = re.compile(r"[ \t]*\|[ \t]*$", re.MULTILINE)
_CELL_BEGINS = re.compile(r"\s*\n[ \t]*\|")
_MARKS = re.compile(r"[{}]|\\[\\{}]|\\(deleted)(?![a-zA-Z0-9])")
_MARK = re.compile(r"(?:[•◦▪\u2013·-]|\w{1,4}[.)])\t")


def read_rtf(data: bytes) -> Extracted:
    """Paragraphs as they stand; cells of a table with | between them, a row in one line."""
    source = without_deleted(_PICTURE.sub("", data.decode("latin-1")))
    builder = TextBuilder()
    text = _CELL_END.sub("", _CELL_BEGINS.sub("|", _plain(source)))
    was_item = False
    for line in text.split("\n"):
        if builder.full:
            break
        line = line.strip()
        is_item = "|" in line or _MARK.match(line) is not None
        if is_item:
            line = re.sub(r"\s*\|\s*", " | ", line).replace("\t", " ", 1)
        (builder.line if is_item and was_item else builder.paragraph)(line)
        was_item = is_item or (was_item and not line)
    named = _TITLE.search(source[:100_000])
    return builder.build(title=_plain("{\\rtf1\\ansi " + named.group(1) + "}") if named else "")


def without_deleted(source: str) -> str:
    """Without groups of text that somebody has deleted while changes were tracked."""
    parts: list[str] = []
    at, begins = 0, -1
    opened: list[int] = []
    for mark in _MARKS.finditer(source):
        what = mark.group()
        if what == "{":
            opened.append(mark.start())
        elif what == "}" and opened:
            start = opened.pop()
            if begins == start:
                at, begins = mark.end(), -1
        elif mark.group(1) and begins < 0 and opened and opened[-1] >= at:
            begins = opened[-1]
            parts.append(source[at:begins])
            at = begins
    return "".join([*parts, source[at:]])


def _plain(source: str) -> str:
    """Letters beyond the basic plane come as two halves each."""
    text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
