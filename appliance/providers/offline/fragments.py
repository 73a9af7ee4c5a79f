"""A passage in pieces that can be quoted: sentences, items, rows of tables, each with what is above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, takewhile
from typing import Literal, TypeAlias

import msgspec

from appliance.providers.offline.passages import Passage
from appliance.textbreaks import is_sentence_end, sentence_ends

Kind: TypeAlias = Literal["sentence", "item", "row"]

HASHES = re.compile(r"#{1,6}\s+(.+?)\s*#*")
ITEM = re.compile(r"\s{0,12}(?:[-*+•\u2013]|\d{1,3}[.)])\s+(\S.*)")
RULE = re.compile(r"[\s|:+=-]*-{3,}[\s|:+=-]*")
"""The line below a table's header; also a line across the page."""
COLUMNS = re.compile(r"\S(?:\t+| {3,})\S")
SPLIT = re.compile(r"\t+| {3,}")
NAMED_ROW = re.compile(r"[^:;|]{1,80}: [^;|]+(?:; [^:;|]{1,80}: [^;|]+)+")
"""A row of a table as files of tables are read: `Name: value; Name: value`."""
BARRED_ROW = re.compile(r"[^|]{1,200}(?: \| [^|]{0,200})+")
FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
HEADING_CHARS_MAX = 80
PIECES_MAX = 150
"""Of one passage; more are no text that anybody would read."""
ITEM_CHARS_MAX = 320
"""A longer item of a list is quoted by its sentences."""


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """What can be quoted as a whole. `text` stands in the passage word for word, but for blanks and bars.

    `heading` is above it, `lead` introduces it: the sentence before a list, the header of a table. `block`
    numbers paragraphs, lists and tables; fragments of one block follow each other.
    """

    number: int
    kind: Kind
    text: str
    heading: str = ""
    lead: str = ""
    block: int = 0
    cells: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


class _Block(msgspec.Struct, frozen=True):
    kind: Literal["heading", "text", "items", "rows", "code"]
    lines: list[str]


def fragments(passage: Passage) -> list[Fragment]:
    """The pieces of a passage in their order."""
    found: list[Fragment] = []
    heading = lead = ""
    for at, block in enumerate(_blocks(passage.content)):
        new: list[Fragment] = []
        match block.kind:
            case "heading":
                heading, lead = _flat(block.lines[0]), ""
                continue
            case "code":
                new = [_fragment(passage, "sentence", _flat(" ".join(block.lines)), heading, lead, at)]
            case "text":
                pieces = _sentences(" ".join(map(str.strip, block.lines)))
                new = [_fragment(passage, "sentence", text, heading, "", at) for text in pieces]
                lead = pieces[-1] if pieces and pieces[-1].endswith(":") else ""
            case "items":
                texts = [text for item in _items(block.lines) for text in _item_texts(item)]
                new = [_fragment(passage, "item", text, heading, lead, at) for text in texts]
            case "rows":
                new = _rows(passage, block.lines, heading, at)
        found += new
        if len(found) >= PIECES_MAX:
            break
    return found[:PIECES_MAX]


def _fragment(passage: Passage, kind: Kind, text: str, heading: str, lead: str, block: int) -> Fragment:
    return Fragment(number=passage.number, kind=kind, text=text, heading=heading, lead=lead, block=block)


def _blocks(content: str) -> Iterator[_Block]:
    """The passage in runs of lines of one kind, without blank lines."""
    lines = ["", *COMMENT.sub("\n\n", content).splitlines(), ""]
    run = _Block("text", [])
    kind, code = "", False
    for at, line in enumerate(lines[1:-1], start=1):
        if FENCE.match(line):
            code, kind = not code, "blank"
        elif not line.strip():
            kind = "blank"
        elif code:
            kind = "code"
        elif (hashes := HASHES.fullmatch(line.strip())) is not None:
            kind, line = "heading", hashes[1]
        elif _is_bare_heading(lines, at):
            kind = "heading"
        elif _is_row(line.strip()):
            kind = "rows"
        elif ITEM.fullmatch(line) or (run.kind == "items" and run.lines):
            kind = "items"
        else:
            kind = "text"
        if run.lines and (kind != run.kind or kind == "heading"):
            yield run
            run = _Block("text", [])
        if kind != "blank":
            run = run if run.lines else _Block(kind, [])  # type: ignore[arg-type]  # one of the five
            run.lines.append(line)
    if run.lines:
        yield run


def _is_row(line: str) -> bool:
    shaped = NAMED_ROW.fullmatch(line) or BARRED_ROW.fullmatch(line) or COLUMNS.search(line)
    return line.startswith("|") or bool(shaped)


def _is_bare_heading(lines: list[str], at: int) -> bool:
    """A short line by itself that ends no sentence: a heading that has lost its marks."""
    line, before, behind = lines[at].strip(), lines[at - 1].strip(), lines[at + 1].strip()
    alone = not before and (at == 1 or not behind)
    if not alone or (not behind and at == len(lines) - 2):
        return False
    plain = line[0].isupper() and not line.endswith((".", "!", "?", ":", ";", ",", "|"))
    return plain and len(line) <= HEADING_CHARS_MAX and not ITEM.fullmatch(line) and not _is_row(line)


def _sentences(text: str) -> list[str]:
    """The sentences of a paragraph that stands in one line; a question stays with its answer."""
    flat = _flat(text)
    ends = [
        at
        for at in sentence_ends(flat, 0, len(flat))[: 2 * PIECES_MAX]
        if is_sentence_end(flat, at) and flat[at - 1] != "?"
    ]
    cuts = sorted({0, *ends, len(flat)})
    return [piece for start, end in pairwise(cuts) if (piece := flat[start:end].strip())]


def _items(lines: list[str]) -> Iterator[str]:
    """The items of a list without their signs; lines that go on belong to the one above."""
    item = ""
    for line in lines:
        if (begun := ITEM.fullmatch(line)) is not None:
            if item:
                yield item
            item = begun[1]
        else:
            item = f"{item} {line.strip()}"
    if item:
        yield item


def _item_texts(item: str) -> list[str]:
    return [_flat(item)] if len(item) <= ITEM_CHARS_MAX else _sentences(item)


def _rows(passage: Passage, lines: list[str], heading: str, block: int) -> list[Fragment]:
    """Each row with the header of its table; a table that is cut off above may have none."""
    rules = [at for at, line in enumerate(lines) if RULE.fullmatch(line)]
    header = _cells(lines[rules[0] - 1]) if rules and rules[0] else ()
    body = lines[rules[0] + 1 :] if rules else lines
    return [
        Fragment(
            number=passage.number,
            kind="row",
            text=" ".join(filter(None, cells)),
            heading=heading,
            lead=" ".join(filter(None, header)),
            block=block,
            cells=cells,
            header=header,
        )
        for cells in map(_cells, body)
        if any(cells)
    ]


def _cells(line: str) -> tuple[str, ...]:
    """What stands between the bars, or in columns of blanks."""
    line = line.strip()
    if line.startswith("|"):
        return tuple(_flat(cell) for cell in line.strip("|").split("|"))
    if NAMED_ROW.fullmatch(line):
        return tuple(_flat(cell) for cell in line.split("; "))
    if BARRED_ROW.fullmatch(line):
        return tuple(_flat(cell) for cell in line.split("|"))
    return tuple(_flat(cell) for cell in SPLIT.split(line))


def _flat(text: str) -> str:
    return " ".join(text.split())


def following(found: list[Fragment], at: int) -> list[Fragment]:
    """What directly follows fragment `at` in the block behind it: the items that a sentence introduces."""
    rest = found[at + 1 :]
    if not rest or rest[0].number != found[at].number or rest[0].block == found[at].block:
        return []
    first = rest[0]
    return list(takewhile(lambda one: (one.number, one.block) == (first.number, first.block), rest))
