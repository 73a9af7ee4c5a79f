"""The lines of one PDF page as PDFium finds them, with where they stand.

Pages and texts that stand sideways or upside down are read as if somebody turned them; what people
filled into forms is read with the rest.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Sequence

import pypdfium2
import pypdfium2.raw as pdfium

from appliance.extract import pdf_bidi
from appliance.extract.pdf_forms import filled, with_filled
from appliance.extract.pdf_lines import Line

_INVISIBLE = " \u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f"
_SPACES = re.compile(r"[ \t\u00a0]+")
_LETTERS_ASKED = 200
"""So many letters, from all over a page, tell which way it stands."""


def page_lines(document: pypdfium2.PdfDocument, index: int) -> list[Line]:
    """The lines of a page from the first to the last; a page that is broken has none."""
    try:
        page = document[index]
        lines = with_filled(_upright_lines(page), filled(document, page))
        page.close()
    except pypdfium2.PdfiumError:
        return []
    return lines


def _upright_lines(page: pypdfium2.PdfPage) -> list[Line]:
    """PDFium orders lines by how a page is shown, so it is shown as its text stands."""
    text_page = page.get_textpage()
    turn = _turn_of(text_page)
    if turn * 90 != page.get_rotation():
        text_page.close()
        page.set_rotation(turn * 90)
        text_page = page.get_textpage()
    lines = _Letters(text_page).lines()
    text_page.close()
    return lines


def _turn_of(page: pypdfium2.PdfTextPage) -> int:
    """How many quarters to the right most letters have to be turned to stand upright."""
    count = page.count_chars()
    step = max(1, count // _LETTERS_ASKED)
    turns = Counter(_quarters(page, at) for at in range(0, count, step) if _is_ink(page, at))
    return turns.most_common(1)[0][0] if turns else 0


def _is_ink(page: pypdfium2.PdfTextPage, at: int) -> bool:
    return pdfium.FPDFText_GetUnicode(page, at) > 0x20 and not pdfium.FPDFText_IsGenerated(page, at)


def _quarters(page: pypdfium2.PdfTextPage, at: int) -> int:
    angle: float = pdfium.FPDFText_GetCharAngle(page, at)
    return round(-angle / (math.pi / 2)) % 4


class _Letters:
    """The letters of a page, one entry for each of PDFium's, so that their places can be asked for."""

    def __init__(self, page: pypdfium2.PdfTextPage) -> None:
        self._page = page
        self._letters = _letters(page)

    def lines(self) -> list[Line]:
        found = []
        start = 0
        ends = [at for at, letter in enumerate(self._letters) if letter in ("\r", "\n")]
        for end in [*ends, len(self._letters)]:
            if line := self._line(start, end):
                found.append(line)
            start = end + 1
        return found

    def _line(self, start: int, end: int) -> Line | None:
        letters = self._letters
        while start < end and (not letters[start] or letters[start].isspace()):
            start += 1
        while end > start and (not letters[end - 1] or letters[end - 1].isspace()):
            end -= 1
        if start == end:
            return None
        text = _SPACES.sub(" ", "".join(letters[start:end])).replace("\x02", "\ufffe")
        if not text.strip(_INVISIBLE):
            return None
        # In the middle: at the ends are raised marks of footnotes.
        middle = next(at for at in [*range((start + end) // 2, end), start] if letters[at].strip())
        turn = _quarters(self._page, middle)
        bottom, size = self._height(middle, turn)
        if pdf_bidi.is_right_to_left(text):
            edges = [self._sides(at, at, turn) for at in range(start, end)]
            text = pdf_bidi.logical(letters[start:end], edges, size)
        left, right = self._sides(start, end - 1, turn)
        return Line(text, left, right, bottom, size)

    def _sides(self, first: int, last: int, turn: int) -> tuple[float, float]:
        """The left and right edge of what stands from `first` to `last`, whichever way it is written."""
        edges = []
        for index in {first, last}:
            box = pdfium.FS_RECTF()
            if pdfium.FPDFText_GetLooseCharBox(self._page, index, box):
                corners = ((box.left, box.bottom), (box.right, box.top))
                edges += [_turned(x, y, turn)[0] for x, y in corners]
        return min(edges, default=0.0), max(edges, default=0.0)

    def _height(self, index: int, turn: int) -> tuple[float, float]:
        """The base line and the size of a letter."""
        x, y, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_MATRIX()
        pdfium.FPDFText_GetCharOrigin(self._page, index, x, y)
        scale = 1.0
        if pdfium.FPDFText_GetMatrix(self._page, index, matrix):
            scale = math.hypot(matrix.b, matrix.d)
        size: float = pdfium.FPDFText_GetFontSize(self._page, index) * scale
        return _turned(x.value, y.value, turn)[1], size


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """Where a point is on a page that is turned to the right by so many quarters."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[turn]


def _letters(page: pypdfium2.PdfTextPage) -> list[str]:
    count = page.count_chars()
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(page, 0, count, buffer)
    units = bytes(memoryview(buffer)[: max(0, written - 1)].cast("B"))
    text = units.decode("utf-16-le", errors="replace")
    if len(text) == count and len(units) == 2 * count and "\ufffd" not in text:
        return list(text)
    # Letters beyond the basic plane, or some that the fast way leaves out: one by one.
    return _whole([pdfium.FPDFText_GetUnicode(page, at) for at in range(count)])


def _whole(numbers: Sequence[int]) -> list[str]:
    """Letters beyond the basic plane come as two halves; the second one's entry is empty then."""
    letters = []
    for at, number in enumerate(numbers):
        half = numbers[at + 1] if at + 1 < len(numbers) else 0
        if 0xD800 <= number < 0xDC00 and 0xDC00 <= half < 0xE000:
            letters.append(chr(0x10000 + ((number - 0xD800) << 10) + (half - 0xDC00)))
        else:
            letters.append(chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "")
    return letters
