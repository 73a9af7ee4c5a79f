"""A text in runs of lines of one kind: headings, paragraphs, lists, tables, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

HASHES = re.compile(r"#{1,6}\s+(.+?)\s*#*")
ITEM = re.compile(r"\s{0,12}(?:[-*+•\u2013]|(\d{1,3}[.)]))\s+(\S.*)")
RULE = re.compile(r"[\s|:+=-]*-{3,}[\s|:+=-]*")
"""The line below a table's header; also a line across the page."""
COLUMNS = re.compile(r"\S(?:\t+| {3,})\S")
SPLIT = re.compile(r"\t+| {3,}")
NAMED_ROW = re.compile(r"[^:;|]{1,80}: [^;|]+(?:; [^:;|]{1,80}: [^;|]+)+")
"""A row of a table as files of tables are read: `Name: value; Name: value`."""
BARRED_ROW = re.compile(r"[^|]{1,200}(?: \| [^|]{0,200})+")
BRACKETS = ("[]", "()", "{}", "<>")
PROMPT = re.compile(r"\s*(?:[$#>%]|>>>)\s")
INDENT = "    "
"""What is set in so far, and is no prose, is code."""
NUMBERED = re.compile(
    r"(?:\d{1,3}\.)+(?:\d{1,3})?\s+|(?:chapter|section|part|appendix|§)\s*\w{1,6}[.:]?\s+", re.I
)
PROSE_WORDS = 6
PROSE_SHARE = 0.8
"""A line of so many words, so much of them nothing but letters, is no code."""
FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
HEADING_CHARS_MAX = 80
QUESTION_CHARS_MAX = 240
"""A question by itself in a line is what the text below it answers."""


class Block(msgspec.Struct, frozen=True):
    """A run of lines of one kind."""

    kind: Literal["heading", "text", "items", "rows", "code"]
    lines: list[str]


def blocks(content: str, titles: frozenset[str]) -> Iterator[Block]:
    """The passage in runs of lines of one kind, without blank lines."""
    lines = ["", *COMMENT.sub("\n\n", content).splitlines(), ""]
    run = Block("text", [])
    kind, fenced = "", False
    for at, line in enumerate(lines[1:-1], start=1):
        if FENCE.match(line):
            fenced, kind = not fenced, "blank"
        elif fenced and line.strip():
            kind = "code"
        else:
            kind = _kind(lines, at, run, titles)
            line = HASHES.sub(r"\1", line.strip()) if kind == "heading" else line
        if run.lines and (kind != run.kind or kind == "heading"):
            yield _judged(run)
            run = Block("text", [])
        if kind != "blank":
            run = run if run.lines else Block(kind, [])  # type: ignore[arg-type]  # one of the five
            run.lines.append(line)
    if run.lines:
        yield _judged(run)


def _kind(lines: list[str], at: int, run: Block, titles: frozenset[str]) -> str:
    """What a line that is in no fence is."""
    line = lines[at]
    plain = line.strip()
    if not plain:
        return "blank"
    if HASHES.fullmatch(plain) or _is_bare_heading(lines, at, titles):
        return "heading"
    if PROMPT.match(line) and (line.startswith(INDENT) or run.kind == "code"):
        return "code"
    if _is_row(plain):
        return "rows"
    return "items" if ITEM.fullmatch(line) or (run.kind == "items" and run.lines) else "text"


def _judged(block: Block) -> Block:
    """Code that is only set in, and columns that are none, are known by all of their lines."""
    set_in = all(line.startswith(INDENT) for line in block.lines)
    if block.kind == "text" and (set_in or all(map(PROMPT.match, block.lines))):
        return block if any(map(_is_prose, block.lines)) else Block("code", block.lines)
    if block.kind == "rows" and not any(line.strip().startswith("|") for line in block.lines):
        spaced = [line for line in block.lines if COLUMNS.search(line.strip())]
        if set_in and len(spaced) == len(block.lines) and any(map(PROMPT.match, block.lines)):
            return Block("code", block.lines)
    return block


def _is_prose(line: str) -> bool:
    words = line.split()
    return len(words) >= PROSE_WORDS and sum(
        word.strip(".,;:()\"'!?").isalpha() for word in words
    ) > 0.8 * len(words)


def _is_row(line: str) -> bool:
    if line.startswith("|") or NAMED_ROW.fullmatch(line) or COLUMNS.search(line):
        return True
    return bool(BARRED_ROW.fullmatch(line)) and all(map(_is_balanced, line.split("|")))


def _is_balanced(cell: str) -> bool:
    """Are its brackets closed? Bars within brackets are alternatives, as in `[-x | -X]`."""
    return all(cell.count(pair[0]) == cell.count(pair[1]) for pair in BRACKETS)


def _is_bare_heading(lines: list[str], at: int, titles: frozenset[str]) -> bool:
    """A short line by itself that ends no sentence: a heading that has lost its marks."""
    line, before, behind = lines[at].strip(), lines[at - 1].strip(), lines[at + 1].strip()
    if not before and not behind and line.casefold().rstrip(" ¶") in titles:
        return True
    alone = not before and (at == 1 or not behind)
    if alone and not behind and line.endswith("?") and len(line) <= QUESTION_CHARS_MAX:
        return line[0].isupper() or line[0].isdigit()
    if not alone or (not behind and at == len(lines) - 2):
        return False
    begin = NUMBERED.match(line)
    title = line[begin.end() :] if begin else line
    plain = title[:1].isupper() and not line.endswith((".", "!", "?", ":", ";", ",", "|"))
    return plain and len(line) <= HEADING_CHARS_MAX and not ITEM.fullmatch(line) and not _is_row(line)
