"""PDF: the text of its pages by PDFium, lines joined to paragraphs, headings from bookmarks or sizes."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.pdf_lines import Line, body_size, joined, joints, without_repeated
from appliance.knowledge import Extracted

LOCKED = "The PDF is encrypted; remove its password and add it again."
PICTURES = (
    "No text was found: its pages are pictures (scanned). "
    "Run a text recognition (OCR) over the PDF and add it again."
)
TITLE_CHARS_MAX = 120
BOOKMARKS_MAX = 20_000
HEADING_RATIO = 1.15
"""Letters so much larger than those of the text make a heading, where there are no bookmarks."""
_INVISIBLE = " \u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f"
_SPACES = re.compile(r"[ \t\u00a0]+")


def read_pdf(data: bytes) -> Extracted:
    """All pages in order. Raises `DocumentUnreadable`."""
    document = _open(data)
    pages = []
    empty = []
    for index in range(len(document)):
        lines = _lines(document, index)
        if not lines:
            empty.append(index + 1)
        pages.append(lines)
    if len(empty) == len(pages):
        raise DocumentUnreadable(PICTURES if pages else "The PDF has no pages.")
    levels = _mark_bookmarks(document, pages)
    pages = without_repeated(pages)
    if not levels:
        levels = _mark_large(pages)
    builder = TextBuilder()
    _write(builder, pages, levels)
    if empty:
        builder.notes.append(f"No text was found on {_told(empty)}; perhaps they are pictures.")
    title = document.get_metadata_value("Title")
    return builder.build(title="" if _is_file_name(title) else title)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error) or "ecurity" in str(error):
            raise DocumentUnreadable(LOCKED) from None
        raise DocumentUnreadable("The PDF is damaged and cannot be read.") from None


def _lines(document: pypdfium2.PdfDocument, index: int) -> list[Line]:
    """The lines of a page; a page that is broken has none."""
    try:
        page = document[index]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    letters = _letters(text_page)
    found = []
    start = 0
    for end in [*(at for at, letter in enumerate(letters) if letter in "\r\n"), len(letters)]:
        if line := _line(text_page, letters, start, end):
            found.append(line)
        start = end + 1
    text_page.close()
    page.close()
    return found


def _letters(page: pypdfium2.PdfTextPage) -> list[str]:
    """One entry for each of PDFium's characters, so that its positions can be asked for."""
    count = page.count_chars()
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(page, 0, count, buffer)
    units = bytes(memoryview(buffer)[: max(0, written - 1)].cast("B"))
    text = units.decode("utf-16-le", errors="replace")
    if len(text) == count and len(units) == 2 * count and "\ufffd" not in text:
        return list(text)
    # Letters beyond the basic plane, or some that the fast way leaves out: one by one.
    return [_letter(pdfium.FPDFText_GetUnicode(page, at)) for at in range(count)]


def _letter(number: int) -> str:
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _line(page: pypdfium2.PdfTextPage, letters: list[str], start: int, end: int) -> Line | None:
    while start < end and (not letters[start] or letters[start].isspace()):
        start += 1
    while end > start and (not letters[end - 1] or letters[end - 1].isspace()):
        end -= 1
    if start == end:
        return None
    text = _SPACES.sub(" ", "".join(letters[start:end])).replace("\x02", "\ufffe")
    if not text.strip(_INVISIBLE):
        return None
    left, right = _sides(page, start, end - 1)
    bottom, size = _height(
        page, next(at for at in [*range((start + end) // 2, end), start] if letters[at].strip())
    )
    return Line(text, left, right, bottom, size)


def _sides(page: pypdfium2.PdfTextPage, first: int, last: int) -> tuple[float, float]:
    """The left and right edge of a line, whichever way it is written."""
    boxes = []
    for index in (first, last):
        box = pdfium.FS_RECTF()
        if pdfium.FPDFText_GetLooseCharBox(page, index, box):
            boxes.append((box.left, box.right))
    return min((left for left, _ in boxes), default=0.0), max((right for _, right in boxes), default=0.0)


def _height(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    """The base line and the size of a letter in the middle: at the ends are raised marks of footnotes."""
    x, y, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_MATRIX()
    pdfium.FPDFText_GetCharOrigin(page, index, x, y)
    scale = math.hypot(matrix.b, matrix.d) if pdfium.FPDFText_GetMatrix(page, index, matrix) else 1.0
    return y.value, pdfium.FPDFText_GetFontSize(page, index) * scale


def _mark_bookmarks(document: pypdfium2.PdfDocument, pages: list[list[Line]]) -> dict[int, int]:
    """Mark the lines that bookmarks point at; the level of each, by the line's identity."""
    levels: dict[int, int] = {}
    for number, bookmark in enumerate(document.get_toc()):
        if number >= BOOKMARKS_MAX:
            break
        target = bookmark.get_dest()
        index = target.get_index() if target is not None else None
        if index is None or not 0 <= index < len(pages):
            continue
        wanted = _key(bookmark.get_title())
        for line in pages[index]:
            if wanted and _key(line.text) == wanted and id(line) not in levels:
                line.is_title = True
                levels[id(line)] = bookmark.level + 1
                break
    return levels


def _mark_large(pages: list[list[Line]]) -> dict[int, int]:
    """Mark short lines in large letters; the larger, the higher."""
    usual = body_size(pages)
    large = [
        line
        for page in pages
        for line in page
        if line.size > HEADING_RATIO * usual
        and 1 < len(line.text) <= TITLE_CHARS_MAX
        and line.text[-1] not in ".,;"
    ]
    letters = sum(len(line.text) for page in pages for line in page)
    if not usual or sum(len(line.text) for line in large) > 0.3 * letters:
        return {}
    sizes = sorted({round(line.size) for line in large}, reverse=True)
    for line in large:
        line.is_title = True
    return {id(line): min(sizes.index(round(line.size)) + 1, 6) for line in large}


def _write(builder: TextBuilder, pages: list[list[Line]], levels: dict[int, int]) -> None:
    last: Line | None = None
    for page in pages:
        builder.page()
        text, begins = "", "\n\n"
        if last is not None and page and not _is_new(last, page[0]):
            begins = " "
        for line, joint in zip(page, joints(page), strict=True):
            if line.is_title:
                _add(builder, text, begins)
                builder.heading(line.text, levels.get(id(line), 1))
                text, begins = "", "\n\n"
            elif joint == "=" and text:
                text += line.text
            elif joint == " " and text:
                before, between = joined(text, line.text)
                text = before + between + line.text
            elif joint:
                _add(builder, text, begins)
                text, begins = line.text, joint if joint.isspace() and joint != " " else "\n\n"
            else:
                text = line.text
        _add(builder, text, begins)
        last = page[-1] if page else last


def _add(builder: TextBuilder, text: str, begins: str) -> None:
    if text:
        builder.go_on(text.replace("\ufffe", "-"), begins)


def _is_new(before: Line, line: Line) -> bool:
    """Whether a page begins with something new; else a sentence goes on."""
    if before.is_title or line.is_title or not line.text[:1].islower():
        return True
    return before.text[-1:] in ".!?:;" or before.text.endswith("-") or abs(before.size - line.size) > 0.5


def _key(text: str) -> str:
    return re.sub(r"\W+", "", one_line(text)).casefold()


def _is_file_name(title: str) -> bool:
    """Programs that print put the name of a file there."""
    return (
        re.fullmatch(r"(?:Microsoft Word - )?\S+\.\w{2,5}|untitled|about:blank", title.strip(), re.IGNORECASE)
        is not None
    )


def _told(numbers: list[int]) -> str:
    """`page 3`, `pages 3-5, 8`."""
    return ("pages " if len(numbers) > 1 else "page ") + ", ".join(_ranges(numbers))


def _ranges(numbers: list[int]) -> Iterator[str]:
    start = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number != last + 1:
            yield str(start) if start == last else f"{start}-{last}"
            start = number
        last = number
