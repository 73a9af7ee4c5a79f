"""`@fluxbase:key value` lines in the text of a comment (fluxbase.md 4.2). Pure text, no TypeScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

from appliance.botfiles.fields import BY_KEY

MARK = re.compile(r"^[ \t]*@fluxbase:([a-z][a-z0-9_-]*)[ \t]*(.*)$", re.IGNORECASE)
REMARK = re.compile(r"(^|\s)#(?=.).*$")
BLOCK_OPEN = re.compile(r"^/\*+")
NO_PROSE = ("@", "[", "]", "{", "}", '"')
"""What tags and the lines of a JSON value below its tag begin with."""
STAR = re.compile(r"^[ \t]*\*(?!/) ?")


class Annotation(msgspec.Struct, frozen=True):
    """One annotation: its key as written, its value without remark, its line in the file."""

    key: str
    value: str
    line: int
    left_over: str = ""
    """Text right behind the value or on the line below it that belongs to no setting."""


class Comment(msgspec.Struct, frozen=True):
    """A block comment, or neighbouring `//` lines as one: its lines without the comment's marks."""

    lines: list[str]
    line: int
    is_doc: bool
    """True for `/** … */`."""

    @property
    def summary(self) -> str:
        """The first line of text that is neither a tag nor part of a JSON value, or an empty text."""
        texts = (line.strip() for line in self.lines)
        return next((text for text in texts if text and not text.startswith(NO_PROSE)), "")


def block_comment(source: str, line: int) -> Comment:
    """The comment of `/* … */` in `source`, which starts on `line`."""
    inner = BLOCK_OPEN.sub("", source.removesuffix("*/"))
    first, *rest = inner.split("\n")
    return Comment(
        lines=[first, *(STAR.sub("", text) for text in rest)],
        line=line,
        is_doc=source.startswith("/**"),
    )


def line_comments(sources: list[str], line: int) -> Comment:
    """The comment of neighbouring `// …` lines, the first of which is on `line`."""
    return Comment(lines=[source.lstrip("/") for source in sources], line=line, is_doc=False)


def read_annotations(comment: Comment) -> Iterator[Annotation]:
    """Every annotation of the comment in order; a JSON value may go on over the lines below it."""
    marks = [(index, mark) for index, text in enumerate(comment.lines) if (mark := MARK.match(text))]
    ends = [index for index, _ in marks[1:]] + [len(comment.lines)]
    for (index, mark), end in zip(marks, ends, strict=False):  # no mark, no end
        key, below = mark[1].lower(), comment.lines[index + 1 : end]
        text = "\n".join([mark[2], *below]).strip()
        kind = field.kind if (field := BY_KEY.get(key)) else None
        if kind and kind.is_json and (not kind.is_text or text.startswith(("{", "["))):
            value, rest = _json_value(text)
        else:
            value, rest = REMARK.sub("", mark[2]).rstrip().removesuffix("*/"), "\n".join(["", *below])
        yield Annotation(key=key, value=value.strip(), line=comment.line + index, left_over=_left_over(rest))


def _json_value(text: str) -> tuple[str, str]:
    """The JSON value that `text` starts with, and what follows; all of it if that is broken."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return text, ""
    return text[:end], text[end:]


def _left_over(rest: str) -> str:
    """What stands right behind a value, or on the very next line."""
    behind, _, below = rest.partition("\n")
    behind = REMARK.sub("", behind).strip().removesuffix("*/").strip()
    return behind or below.partition("\n")[0].strip()
