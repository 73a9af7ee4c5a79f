"""A passage in pieces that can be quoted: sentences, items, rows of tables, each with what is above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Literal, TypeAlias

import msgspec

from appliance.providers.offline.blocks import BARRED_ROW, ITEM, NAMED_ROW, RULE, SPLIT, Block, blocks
from appliance.providers.offline.passages import Passage
from appliance.textbreaks import is_sentence_end, sentence_ends

Kind: TypeAlias = Literal["sentence", "item", "row", "code"]

BELOW = re.compile(
    r"\b((these|following) (steps|instructions)|steps below|as follows|so geht|folgende\w* schritte|"
    r"(ces|suivantes|ci-dessous)\b.*\b(etapes|étapes)|(etapes|étapes)\b.*\b(suivantes|ci-dessous))",
    re.IGNORECASE,
)
"""It says that steps follow, though a heading may be between."""
PAGE = re.compile(r", page \d+\Z")
PIECES_MAX = 150
"""Of one passage; more are no text that anybody would read."""
ITEM_CHARS_MAX = 320
"""A longer item of a list is quoted by its sentences."""


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """What can be quoted as a whole. `text` stands in the passage word for word, but for blanks and bars.

    `heading` is above it, `lead` introduces it: the sentence before a list, the header of a table. `block`
    numbers paragraphs, lists and tables; fragments of one block follow each other. `mark` is the number of an
    item that has one, at its first sentence, and `item` counts the items of a list. `first` says that it
    belongs to what directly follows its heading.
    """

    number: int
    kind: Kind
    text: str
    heading: str = ""
    lead: str = ""
    block: int = 0
    item: int = 0
    mark: str = ""
    first: bool = False
    cells: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


def fragments(passage: Passage) -> list[Fragment]:
    """The pieces of a passage in their order."""
    found: list[Fragment] = []
    heading = lead = ""
    first = False
    before: Block | None = None
    number = 0
    for block in blocks(passage.content, _titles(passage.title)):
        goes_on = before is not None and before.kind == block.kind == "items"  # blank lines between items
        before = block
        if block.kind == "heading":
            heading, lead, first = _flat(block.lines[0]).rstrip(" ¶"), "", True
            continue
        number += not goes_on
        new = _pieces(passage, block, heading, lead, number)
        if goes_on:
            new = [msgspec.structs.replace(one, item=one.item + found[-1].item + 1) for one in new]
        if block.kind == "text":
            lead = new[-1].text if new and new[-1].text.endswith(":") else ""
        found += (msgspec.structs.replace(one, first=True) for one in new) if first else new
        first = False
        if len(found) >= PIECES_MAX:
            break
    return found[:PIECES_MAX]


def _pieces(passage: Passage, block: Block, heading: str, lead: str, at: int) -> list[Fragment]:
    """What can be quoted of a block that is no heading."""

    def piece(kind: Kind, text: str, lead: str = "", item: int = 0, mark: str = "") -> Fragment:
        return Fragment(
            number=passage.number,
            kind=kind,
            text=text,
            heading=heading,
            lead=lead,
            block=at,
            item=item,
            mark=mark,
        )

    match block.kind:
        case "code":
            return [piece("code", _flat(" ".join(block.lines)), lead)]
        case "items":
            return [
                piece("item", text, lead, number, "" if go_on else mark)
                for number, (mark, item) in enumerate(_items(block.lines))
                for go_on, text in enumerate(_item_texts(item))
            ]
        case "rows":
            return _rows(passage, block.lines, heading, at)
        case _:
            return [piece("sentence", text) for text in _sentences(" ".join(map(str.strip, block.lines)))]


def _titles(title: str) -> frozenset[str]:
    """The headings above a passage, as lines of it may repeat them."""
    return frozenset(_flat(part).casefold() for part in PAGE.sub("", title).split(" > "))


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


def _items(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The items of a list, each with its number or '' before it; lines that go on belong to the one above."""
    mark = item = ""
    for line in lines:
        if (begun := ITEM.fullmatch(line)) is not None:
            if item:
                yield mark, item
            mark, item = begun[1] or "", begun[2]
        else:
            item = f"{item} {line.strip()}"
    if item:
        yield mark, item


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
            text=("; " if NAMED_ROW.fullmatch(line.strip()) else " ").join(filter(None, cells)),
            heading=heading,
            lead=" ".join(filter(None, header)),
            block=block,
            cells=cells,
            header=header,
        )
        for line in body
        if any(cells := _cells(line))
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
    if rest[0].kind == "row" or rest[0].heading != found[at].heading:
        return []
    first = rest[0]
    return list(takewhile(lambda one: (one.number, one.block) == (first.number, first.block), rest))


def steps(found: Sequence[Fragment], at: int) -> list[Fragment]:
    """The numbered list that fragment `at` is in, introduces, or points to; [] if there is none."""
    here = found[at]
    block = [one for one in found if (one.number, one.block) == (here.number, here.block)]
    if here.kind == "sentence":
        block = following(list(found), at if here.text.endswith(":") else _last_of_block(found, at))
        if not block and BELOW.search(here.text):
            block = _next_steps(found, at)
    return block if block and block[0].mark and block[0].kind == "item" else []


def _last_of_block(found: Sequence[Fragment], at: int) -> int:
    here = found[at]
    return max(i for i, one in enumerate(found) if (one.number, one.block) == (here.number, here.block))


def _next_steps(found: Sequence[Fragment], at: int) -> list[Fragment]:
    """The first numbered list of the same passage behind `at`, under whichever heading."""
    here = found[at]
    first = next((one for one in found[at:] if one.number == here.number and one.mark), None)
    return [one for one in found if first and (one.number, one.block) == (first.number, first.block)]
