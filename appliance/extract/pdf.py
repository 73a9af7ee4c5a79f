"""PDF: the text of its pages by PDFium, lines joined to paragraphs, headings from bookmarks or sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.pdf_lines import Line, body_size, joined, joints, without_repeated
from appliance.extract.pdf_page import page_lines
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


def read_pdf(data: bytes) -> Extracted:
    """All pages in order. Raises `DocumentUnreadable`."""
    document = _open(data)
    if document.get_formtype() != 0:
        document.init_forms()
    pages = []
    empty = []
    for index in range(len(document)):
        lines = page_lines(document, index)
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
    """Programs put the name of a file there, or that there is no name."""
    return (
        re.fullmatch(
            r"(?:Microsoft Word - )?\S+\.\w{2,5}|\(?(?:untitled|anonymous|unspecified)\)?|about:blank",
            title.strip(),
            re.IGNORECASE,
        )
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
