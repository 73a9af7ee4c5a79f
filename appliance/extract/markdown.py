"""Where the headings of a Markdown text are (CommonMark 4.2, 4.3); one pass over its lines, pure.

The text itself is kept as it was written: it reads well, and its marks tell a model about lists and tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.knowledge import Heading

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NOT_A_PARAGRAPH = re.compile(
    r" {0,3}(>|[-+*](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$)|<|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:-[ \t]*){3,}$)"
    r"|(?: {4}|\t)|\s*$"
)
_MARKS = frozenset(" \t#`~<=->*+_0123456789") | {""}
"""What a line that is more than a part of a paragraph begins with; an empty one ends a paragraph."""
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_MATTER_CHARS_MAX = 20_000
_FRONT_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)
_COMMENT_OPENS = re.compile(r" {0,3}<!--(?!.*-->)")


def headings_of(text: str) -> list[Heading]:
    """The headings in their order, each at its first letter; none in code, comments and front matter."""
    found: list[Heading] = []
    fence = ""
    in_comment = False
    paragraph: tuple[int, str] | None = None
    for start, line in _lines(text, _front_matter_end(text)):
        if in_comment:
            in_comment = "-->" not in line
        elif fence:
            fence = "" if _closes(line, fence) else fence
        elif line[:1] not in _MARKS:
            paragraph = (start, line)  # the usual line, recognised fast
        elif opened := _FENCE.match(line):
            fence, paragraph = opened.group(1), None
        elif _COMMENT_OPENS.match(line):
            in_comment, paragraph = True, None
        elif heading := _ATX.match(line):
            found += _atx(start, line, heading)
            paragraph = None
        elif paragraph and (under := _SETEXT.match(line)):
            found.append(_setext(*paragraph, under.group(1)))
            paragraph = None
        else:
            paragraph = (start, line) if _goes_on(paragraph is not None, line) else None
    return found


def title_of(text: str, headings: list[Heading]) -> str:
    """What the front matter calls it, else the first heading when that is of the highest level."""
    if named := _front_title(text):
        return named
    return headings[0].title if headings and headings[0].level == 1 else ""


def _lines(text: str, at: int) -> Iterator[tuple[int, str]]:
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield at, text[at:end]
        at = end + 1


def _front_matter_end(text: str) -> int:
    found = _FRONT_MATTER.match(text, 0, _FRONT_MATTER_CHARS_MAX)
    return found.end() if found else 0


def _front_title(text: str) -> str:
    """The first title that says something, without the quotation marks around it."""
    for found in _FRONT_TITLE.finditer(text, 0, _front_matter_end(text)):
        title = found.group(1).strip(" \t")
        if len(title) > 2 and title[0] == title[-1] and title[0] in "\"'":
            title = title[1:-1]
        if title.strip():
            return title
    return ""


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return line[:4] != "    " and len(mark) >= len(fence) and mark == fence[0] * len(mark)


def _atx(start: int, line: str, found: re.Match[str]) -> list[Heading]:
    """No heading where nothing stands behind the marks; marks at its end belong to it without a blank."""
    title = line[found.end() :].rstrip(" \t")
    before = title.rstrip("#")
    if not before or before[-1] in " \t":
        title = before.rstrip(" \t")
    return [Heading(start + found.end(), len(found.group(1)), title)] if title else []


def _setext(start: int, line: str, under: str) -> Heading:
    """A heading of several lines counts by its last one: a title is one line."""
    title = line.strip(" \t")
    return Heading(start + line.index(title), 1 if under[0] == "=" else 2, title)


def _goes_on(in_paragraph: bool, line: str) -> bool:
    """Whether the line belongs to a paragraph; within one only some marks end it."""
    if not line.strip():
        return False
    return _NOT_A_PARAGRAPH.match(line) is None or (in_paragraph and line.startswith(("    ", "\t")))
