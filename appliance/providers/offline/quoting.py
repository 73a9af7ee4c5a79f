"""An answer out of documents: the chosen pieces in their own words, each with the number of its passage.

Quotations are word for word, for the server takes out a citation whose words are not in the passage. Marks of
Markdown are escaped, so that a document can bring neither links nor pictures into an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.providers.offline.answer import MARKDOWN
from appliance.providers.offline.blocks import NAMED_ROW
from appliance.providers.offline.evidence import Evidence, Scored
from appliance.providers.offline.fragments import Fragment, following, steps
from appliance.providers.offline.sureness import TOLD

LEANING = re.compile(
    r"(it|its|they|them|their|this|that|these|those|he|she|but|and|or|so|then|there|after that|afterwards|"
    r"otherwise|however|therefore|instead|in (this|that|these) cases?|if (it|they|so|not)|also|both|neither|"
    r"until then|please|dies(e|er|es)?|sie|er|es|aber|und|cela|ils?|elles?)\b",
    re.IGNORECASE,
)
PARAGRAPH_CHARS = 260
"""A paragraph of no more is quoted whole."""
QUOTE_CHARS_MAX = 420
UNSPACED_END = re.compile("[。！？｡][」』”’）]*\\Z")  # noqa: RUF001 -- signs of CJK
ITEMS_MAX = 6
TABLE_CHARS_MAX = 900
STEPS_CHARS_MAX = 900
"""How something is done is told to its end."""
UNSURE = "I am not sure that this answers it, but the documents say:\n\n"
EMPHASIS = re.compile(r"(\*\*|(?<![\w*])\*)(?=[^\s*])([^*]{1,400}?)(?<=[^\s*])\1(?![\w*])|`+")


def quoted(evidence: Evidence) -> str:
    """The answer, '' when there is nothing to quote."""
    quotes = [_quote(evidence, one) for one in evidence.chosen]
    text = "\n\n".join(dict.fromkeys(filter(None, quotes)))
    return text if not text or evidence.sure >= TOLD else UNSURE + text


def _run(pieces: Sequence[Fragment], at: int, paragraph: int) -> list[int]:
    """Piece `at` with its paragraph where that is short, else with what it says little without."""
    start = end = at
    if pieces[at].kind not in ("sentence", "item"):
        return [at]
    while _follows(pieces, start):
        start -= 1
    while end + 1 < len(pieces) and _follows(pieces, end + 1):
        end += 1
    if sum(len(pieces[one].text) for one in range(start, end + 1)) <= paragraph:
        return [*range(start, end + 1)]
    first = at - 1 if at > start and _leans(pieces, at) else at
    last = at + 1 if at < end and _leans(pieces, at + 1) else at
    return [*range(first, last + 1)]


def _follows(pieces: Sequence[Fragment], at: int) -> bool:
    """Does it directly follow the piece before it in one paragraph?"""
    if at == 0 or pieces[at].kind not in ("sentence", "item"):
        return False
    before, here = pieces[at - 1], pieces[at]
    return (before.number, before.block, before.item) == (here.number, here.block, here.item)


def _leans(pieces: Sequence[Fragment], at: int) -> bool:
    return LEANING.match(pieces[at].text) is not None


def _quote(evidence: Evidence, one: Scored) -> str:
    """One piece as it is quoted; '' when that would not be word for word."""
    pieces, here = evidence.pieces, evidence.pieces[one.at]
    run = _run(pieces, one.at, QUOTE_CHARS_MAX if one.asks else PARAGRAPH_CHARS)
    listed = evidence.question.several and one.alike
    if here.kind == "row" and one.alike and here.header and evidence.question.measured:
        return _table(pieces, one.at)
    if here.kind == "row":
        return f"{_column(pieces, one.at) if listed and here.header else _row(here)} [{here.number}]"
    if "way" in evidence.question.wanted and (told := _steps(pieces, one.at)):
        return f"{told} [{here.number}]"
    text = _joined([pieces[at].text for at in run])
    if here.kind == "item" and (listed or (here.first and one.asks)):
        text = _list(pieces, one.at)
    elif here.kind in ("item", "code") and here.lead:
        text = f"{here.lead} … {text}"
    elif text.endswith(":"):
        items = following(list(pieces), run[-1])[:ITEMS_MAX]
        text = " … ".join([text, *(item.text for item in items)])
    return f"{_marked(text)} [{here.number}]"


def _steps(pieces: Sequence[Fragment], at: int) -> str:
    """The numbered list that piece `at` is in or introduces, with its numbers; '' when there is none."""
    found = steps(pieces, at)
    if len(found) < 2:
        return ""
    told = f"{found[0].lead} … " if found[0].lead else ""
    before: Fragment | None = None
    for one in found:
        text = f"{one.mark} {one.text}" if one.mark else one.text
        if len(told) + len(text) > STEPS_CHARS_MAX and before is not None:
            return f"“{_shown(told)}” …"
        within = before is None or one.mark or one.item == before.item
        told += (("" if before is None else " ") if within else " … ") + text
        before = one
    return f"“{_shown(told)}”"


def _list(pieces: Sequence[Fragment], at: int) -> str:
    """The list that piece `at` is in, as far as there is room: it is the answer to its heading."""
    here = pieces[at]
    told = ""
    for one in pieces:
        if (one.number, one.block) == (here.number, here.block):
            longer = f"{told} … {one.text}" if told else one.text
            if told and len(longer) > QUOTE_CHARS_MAX:
                break
            told = longer
    return told


def _joined(texts: Sequence[str]) -> str:
    """As they stand in the document: where a script has no blanks, there are none."""
    text = ""
    for one in texts:
        text += one if not text or UNSPACED_END.search(text) else f" {one}"
    return text


def _marked(text: str) -> str:
    """Between quotation marks; what is too long ends at a clause, with dots behind the quotation."""
    if len(text) <= QUOTE_CHARS_MAX:
        return f"“{_shown(text)}”"
    short = text[:QUOTE_CHARS_MAX]
    end = max(short.rfind(sign) for sign in (". ", "; ", ", "))
    short = short[: end + 1] if end > QUOTE_CHARS_MAX // 3 else short.rpartition(" ")[0]
    return f"“{_shown(short.rstrip(' ,;'))}” …"


def _row(row: Fragment) -> str:
    """A row in its own words, its cells with the names of their columns where the table has some."""
    if not row.header:
        whole = NAMED_ROW.fullmatch(row.text) is not None
        return _marked(row.text if whole else " … ".join(filter(None, row.cells)))
    names = [*row.header, *[""] * (len(row.cells) - len(row.header))]
    named = [
        f"{name}: {cell}" if name else cell for name, cell in zip(names, row.cells, strict=False) if cell
    ]
    return _shown("; ".join(named)[:QUOTE_CHARS_MAX])


def _table(pieces: Sequence[Fragment], at: int) -> str:
    """The rows of a table under its heading: each has a part of the answer."""
    here = pieces[at]
    above = _shown(here.heading or ", ".join(filter(None, here.header)))
    lines = [here.header, ["---"] * len(here.header)]
    room = TABLE_CHARS_MAX
    for row in pieces:
        if (row.number, row.block) == (here.number, here.block) and row.cells:
            room -= len(row.text)
            if room < 0:
                above += " …"
                break
            lines.append([*row.cells, *[""] * len(here.header)][: len(here.header)])
    rows = "\n".join(f"| {' | '.join(map(_shown, cells))} |" for cells in lines)
    return f"{above} [{here.number}]\n\n{rows}"


def _column(pieces: Sequence[Fragment], at: int) -> str:
    """The first cells of all rows of a table, with the name of their column."""
    here = pieces[at]
    rows = [one for one in pieces if (one.number, one.block) == (here.number, here.block) and one.cells]
    cells = dict.fromkeys(row.cells[0] for row in rows if row.cells[0])
    told = "; ".join(cells)
    told = told if len(told) <= QUOTE_CHARS_MAX else f"{told[:QUOTE_CHARS_MAX].rpartition('; ')[0]} …"
    return _shown(f"{here.header[0]}: {told}" if here.header[0] else told)


def _shown(text: str) -> str:
    """So that Markdown shows it as it is."""
    return MARKDOWN.sub(r"\\\1", EMPHASIS.sub(r"\2", text))
