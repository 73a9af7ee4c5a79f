"""Citations in an answer while it streams: `[2]` stays where source 2 is there and says what is quoted.

A marker that stands behind a quotation is checked word for word against its passage; one that no source
has is taken out. What stands in code is left alone. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from appliance.messages import Source
from appliance.visible import visible

MARKER = re.compile(r"[\[【] ?\^?(\d{1,2}(?: ?[,;] ?\d{1,2}){0,9}) ?[\]】]")
"""`[2]` and its cousins. What has more digits, such as a year, is none."""
_BLANKS_MAX = 8
MARKED = re.compile(rf"(?:(?<![ \t])[ \t]{{1,{_BLANKS_MAX}}})?{MARKER.pattern}")
"""A marker with the blanks before it, unless those are many: then they are there for themselves."""
_WHOLE = re.compile(MARKER.pattern + r"\Z")
_PART_CHARS_MAX = 64
_PART = frozenset("0123456789,;^ ")
"""What may stand in a marker that has not come whole yet."""
_CODE = re.compile(r"(?<!\\)`+|\n\n")

_QUOTES = {
    "”": "“„”",
    '"': '"',
    "»": "«",
    "«": "»",
    "“": "„",
    "’": "‘",
    "‘": "‚",
    "」": "「",
    "』": "『",
    "›": "‹",
}
"""Closing sign -> the signs that may open it."""
_BEHIND_QUOTE = " \t\n.,;:!?…)(|—–-*_"
_SENTENCE_END = re.compile(r"[.!?。！？][\s”\"»*_)]*\s|\n")
_APART_WORDS = 3
"""A quotation that does not stand directly before the marker is checked from so many words on."""
_HERE = "\0"
"""Stands behind each marker that was looked at, also one taken out: what is quoted before it is its own."""
_GAP = re.compile(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*")
_MARKUP = re.compile(r"[*_`#|>\\]+")
_BLANKS = re.compile(r"\s+")
_DASHES = (
    dict.fromkeys(map(ord, "‐‑‒–—−"), "-") | dict.fromkeys(map(ord, "“”„«»‘’‚‹›"), '"') | {ord("'"): '"'}
)

_TOGETHER_MAX = 10
"""So many markers behind one quotation are looked at."""
QUOTE_CHARS_MAX = 4_000
"""Text before a marker that is looked at for a quotation."""


class Citations:
    """Lets an answer's text through, piece by piece, without the citations that are not true.

    How the text is cut into pieces makes no difference. `cited` are the numbers that were let through.
    """

    def __init__(self) -> None:
        self.cited: set[int] = set()
        self._sources: dict[int, Source] = {}
        self._plain: dict[int, str] = {}
        self._active = False
        self._waiting = ""
        self._told = ""
        self._fence = ""
        self._blanks = ""
        """Before a marker that was taken out, for one that follows it directly."""

    def add(self, sources: Iterable[Source]) -> None:
        """These can be cited from now on; from the first call on, also without any, markers are checked."""
        self._active = True
        self._sources |= {source.number: source for source in sources}

    def feed(self, text: str) -> str:
        """What of the answer so far can be shown; an unfinished marker waits for what follows."""
        if not self._active:
            return text
        text = self._waiting + text
        keep = _unfinished(text)
        self._waiting = text[keep:]
        return self._checked(text[:keep])

    def flush(self) -> str:
        """The rest, when no more comes."""
        rest, self._waiting = self._waiting, ""
        return self._checked(rest) if self._active else rest

    def _checked(self, text: str) -> str:
        out: list[str] = []
        at = 0
        for found in MARKED.finditer(text):
            if at < found.start():
                self._blanks = ""
                self._tell(text[at : found.start()], out)
            self._tell(self._marker(found, text[found.end() : found.end() + 1]), out)
            self._told += _HERE
            at = found.end()
        if at < len(text):
            self._blanks = ""
            self._tell(text[at:], out)
        return "".join(out)

    def _tell(self, text: str, out: list[str]) -> None:
        """Let it through, and see whether it opens or closes code."""
        out.append(text)
        if text.startswith("\n") and self._told.endswith("\n"):
            self._end_paragraph()
        for found in _CODE.finditer(text):
            mark = found.group(0)
            if mark == "\n\n":
                self._end_paragraph()
            elif not self._fence:
                self._fence = mark
            elif self._fence == mark or (len(self._fence) >= 3 and len(mark) > len(self._fence)):
                self._fence = ""
        self._told = (self._told + text)[-QUOTE_CHARS_MAX:]

    def _end_paragraph(self) -> None:
        """Code within a line goes over no paragraph: what opened it was no mark of code."""
        if len(self._fence) < 3:
            self._fence = ""

    def _marker(self, found: re.Match[str], following: str) -> str:
        """The marker as it may stay; '' with the blanks before it when none of it is true."""
        marker = found.group(0)
        numbers = [int(number) for number in re.findall(r"\d+", found.group(1))]
        if self._fence or following == "(" or self._is_text(marker, numbers):
            return marker
        true = [number for number in numbers if self._is_true(number)]
        self.cited |= set(true)
        blanks = marker[: len(marker) - len(marker.lstrip(" \t"))] or self._blanks
        self._blanks = "" if true else blanks
        return blanks + "".join(f"[{number}]" for number in dict.fromkeys(true)) if true else ""

    def _is_text(self, marker: str, numbers: Sequence[int]) -> bool:
        """Numbers in brackets that cite nothing: an index, a range, a list, a part of what is quoted."""
        if 0 in numbers:
            return True
        if any(number in self._sources for number in numbers):
            return False
        glued = marker[0] in "[【" and self._told[-1:].isalnum()
        return glued or len(numbers) > 1 or _is_in_quotation(self._told)

    def _is_true(self, number: int) -> bool:
        source = self._sources.get(number)
        if source is None:
            return False
        quote = quotation_before(self._told)
        if quote is None:
            return True
        if number not in self._plain:
            self._plain[number] = plain(source.content)
        # A link or a tag of the document need not be repeated by who quotes what it shows.
        return stands_in(quote, self._plain[number]) or stands_in(quote, plain(visible(source.content)))


def quotation_before(text: str) -> str | None:
    """What the sentence at the end of `text` quotes, other citations aside; None when it quotes nothing.

    Directly at its end any quotation counts, further in front a longer one, and a line that is marked as
    quoted (`> `) is one.
    """
    text = text.rstrip(_BEHIND_QUOTE + _HERE)
    for _ in range(_TOGETHER_MAX):
        if not (behind := _WHOLE.search(text, max(0, len(text) - _PART_CHARS_MAX))):
            break
        text = text[: behind.start()].rstrip(_BEHIND_QUOTE + _HERE)
    if (at_end := _closed_at(text, len(text) - 1)) is not None:
        return at_end
    line = text[text.rfind("\n") + 1 :]
    if line.lstrip().startswith(">"):
        quoted = line.lstrip("> \t")
        return quoted if len(quoted.split()) >= _APART_WORDS else None
    begin = text.rfind(_HERE) + 1
    for end in _SENTENCE_END.finditer(text, begin):
        begin = end.end()
    for at in range(len(text) - 1, begin - 1, -1):
        if text[at] in _QUOTES and (found := _closed_at(text, at)) is not None:
            return found if len(found.split()) >= _APART_WORDS else None
    return None


def _closed_at(text: str, at: int) -> str | None:
    """The quotation that is closed by the sign at this place; None when there is none."""
    opening = _QUOTES.get(text[at]) if at >= 0 else None
    if opening is None:
        return None
    body = text[:at]
    start = max(body.rfind(sign) for sign in opening)
    if start < 0 or (text[at] == '"' and body.count('"') % 2 == 0):
        return None
    quote = body[start + 1 :]
    return quote if quote.strip() and "\n\n" not in quote else None


def _is_in_quotation(text: str) -> bool:
    """Is a quotation open at the end of `text`?"""
    line = text[text.rfind("\n") + 1 :]
    curly = max(line.rfind("“"), line.rfind("„"), line.rfind("«"), line.rfind("「"))
    closed = max(line.rfind("”"), line.rfind("»"), line.rfind("」"))
    return line.count('"') % 2 == 1 or curly > closed


def stands_in(quote: str, passage: str) -> bool:
    """Does the quotation stand in the `plain` passage, word for word, its gaps (…) in order?"""
    at = 0
    for piece in _GAP.split(quote):
        wanted = plain(piece).strip(' .,;:!?"')
        if not wanted:
            continue
        found = _find(wanted, passage, at)
        if found < 0:
            return False
        at = found + len(wanted)
    return True


def _find(wanted: str, passage: str, at: int) -> int:
    """Where it stands as whole words and numbers from `at` on; -1 when it does not."""
    while (at := passage.find(wanted, at)) >= 0:
        end = at + len(wanted)
        if not (
            _joins(passage[max(0, at - 2) : at], wanted[:2]) or _joins(wanted[-2:], passage[end : end + 2])
        ):
            return at
        at += 1
    return -1


def _joins(left: str, right: str) -> bool:
    """Do a word or a number go on over this border? Scripts without blanks have no such words."""
    last, first = left[-1:], right[:1]
    if last.isalnum() and first.isalnum() and last.isascii() and first.isascii():
        return True
    inside = (first in ".," and last.isdigit() and right[1:2].isdigit()) if first else False
    return inside or (
        last in ".," and left[:1].isdigit() and first.isdigit() if last and len(left) > 1 else False
    )


def plain(text: str) -> str:
    """Without case, markup, line breaks and kinds of quotes and dashes, so that wording alone is compared."""
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold()
    return _BLANKS.sub(" ", _MARKUP.sub("", folded)).strip()


def without_markers(text: str) -> str:
    """An earlier answer without its citations: their numbers mean other passages now."""
    return MARKED.sub("", text) if "`" not in text else text


def cited_in(text: str, sources: Sequence[Source]) -> list[tuple[int, int, Source]]:
    """Where a finished answer cites what: (start, end, source) of each marker, in order."""
    known = {source.number: source for source in sources}
    return [
        (found.start(), found.end(), known[int(number)])
        for found in MARKER.finditer(text)
        for number in re.findall(r"\d+", found.group(1))
        if int(number) in known
    ]


def _unfinished(text: str) -> int:
    """From where on `text` may be, or may be followed by, a marker that has not come whole yet.

    A whole one waits for the next sign, which would make it a link, and backticks for those behind them.
    """
    if text.endswith("`"):
        return max(len(text.rstrip("`")), len(text) - _PART_CHARS_MAX)
    start = end = len(text)
    whole = _WHOLE.search(text, max(0, end - _PART_CHARS_MAX))
    bracket = max(text.rfind(sign, max(0, end - _PART_CHARS_MAX)) for sign in "[【")
    if whole:
        start = whole.start()
    elif bracket >= 0 and _PART.issuperset(text[bracket + 1 :]):
        start = bracket
    blanks = text[max(0, start - _BLANKS_MAX) : start]
    return start - (len(blanks) - len(blanks.rstrip(" \t")))
