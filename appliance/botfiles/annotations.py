"""`@fluxbase:key value` lines in the text of a comment (fluxbase.md 4.2). Pure text, no TypeScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

from appliance.botfiles.fields import BY_KEY

MARK = re.compile(r"^[ \t]*@fluxbase:([a-z][a-z0-9-]*)[ \t]*(.*)$", re.IGNORECASE)
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
        key, value = mark[1].lower(), mark[2]
        field = BY_KEY.get(key)
        if field and field.kind.is_json:
            value = _json_value("\n".join([value, *comment.lines[index + 1 : end]]).strip())
        else:
            value = REMARK.sub("", value).rstrip().removesuffix("*/")
        yield Annotation(key=key, value=value.strip(), line=comment.line + index)


def _json_value(text: str) -> str:
    """The JSON value that `text` starts with, without what follows; all of it if that is broken."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (json.JSONDecodeError, RecursionError):
        return text
    return text[:end]
