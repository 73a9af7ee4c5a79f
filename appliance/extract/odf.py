"""OpenDocument texts, spreadsheets and presentations (ODF 1.3 part 3): all in one `content.xml`."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.package import LOCKED, Package
from appliance.extract.sheets import write_sheet
from appliance.extract.tables import is_head, write_small_table
from appliance.knowledge import Extracted

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TEXT, TABLE, DRAW = (_NS % name for name in ("office", "text", "table", "drawing"))
PRESENTATION, STYLE = (_NS % name for name in ("presentation", "style"))
_MANIFEST = _NS % "manifest"
REPEATED_MAX = 1000
"""Empty cells are written as one that repeats up to a million times."""
_SKIPPED = frozenset(
    {
        *(TEXT + name for name in ("tracked-changes", "note-citation", "hidden-text", "hidden-paragraph")),
        *(DRAW + name for name in ("frame", "custom-shape", "g", "line", "rect")),
        OFFICE + "annotation",
    }
)
_CELLS = (TABLE + "table-cell", TABLE + "covered-table-cell")
"""The second ones are those that another cell reaches over."""
_SHAPES = tuple(DRAW + name for name in ("custom-shape", "rect", "ellipse", "polygon", "path", "caption"))
"""Drawings that may have text in them."""
_LOOKED_INTO = frozenset(
    {TEXT + "section", TEXT + "index-body", TEXT + "table-of-content", DRAW + "text-box"}
)


def read_odt(data: bytes) -> Extracted:
    """A text with its headings, lists and tables. Raises `DocumentUnreadable`."""
    package, body = _open(data, "text")
    builder = TextBuilder()
    _write_blocks(builder, body)
    return builder.build(title=_title(package))


def read_odp(data: bytes) -> Extracted:
    """Each slide is a page."""
    package, body = _open(data, "presentation")
    builder = TextBuilder()
    for slide in body.iter(DRAW + "page"):
        builder.page()
        builder.block()
        for shape in slide.iter(DRAW + "frame", *_SHAPES):
            _write_shape(builder, shape)
    return builder.build(title=_title(package))


def read_ods(data: bytes) -> Extracted:
    """Each visible sheet under its name."""
    package, body = _open(data, "spreadsheet")
    builder = TextBuilder()
    hidden = _hidden_styles(body)
    for sheet in body.iter(TABLE + "table"):
        name = sheet.get(TABLE + "name") or ""
        if sheet.get(TABLE + "style-name") in hidden:
            builder.notes.append(f"The hidden sheet {one_line(name)} was left out.")
        else:
            write_sheet(builder, name, _rows(sheet))
    return builder.build(title=_title(package))


def _open(data: bytes, kind: str) -> tuple[Package, etree._Element]:
    package = Package.open(data)
    manifest = package.xml_or_none("META-INF/manifest.xml")
    if manifest is not None and next(manifest.iter(_MANIFEST + "encryption-data"), None) is not None:
        raise DocumentUnreadable(LOCKED)
    body = package.xml("content.xml").find(f"{OFFICE}body/{OFFICE}{kind}")
    if body is None:
        raise DocumentUnreadable("The file is damaged: it has no content of its kind.")
    return package, body


def _title(package: Package) -> str:
    root = package.xml_or_none("meta.xml")
    title = root.findtext(".//{http://purl.org/dc/elements/1.1/}title") if root is not None else ""
    return title or ""


def _write_blocks(builder: TextBuilder, parent: etree._Element) -> None:
    for element in parent:
        if builder.full:
            return
        if element.tag == TEXT + "h":
            builder.heading(_text(element), _whole(element.get(TEXT + "outline-level"), 1))
        elif element.tag == TEXT + "p":
            builder.paragraph(_text(element))
            for box in element.iter(DRAW + "text-box", *_SHAPES):
                _write_blocks(builder, box)
        elif element.tag == TEXT + "list":
            builder.paragraph("\n".join(_items(element, 0, _is_numbered(element))))
        elif element.tag == TABLE + "table":
            _write_table(builder, element)
        elif element.tag in _LOOKED_INTO:
            _write_blocks(builder, element)


def _items(element: etree._Element, depth: int, numbered: bool) -> Iterator[str]:
    for number, item in enumerate(element, start=1):
        mark = f"{number}. " if numbered else "- "
        for part in item:
            if part.tag == TEXT + "list":
                yield from _items(part, depth + 1, _is_numbered(part, numbered))
            elif part.tag in (TEXT + "p", TEXT + "h") and (text := one_line(_text(part))):
                yield "  " * depth + mark + text
                mark = "  "


def _is_numbered(element: etree._Element, otherwise: bool = False) -> bool:
    """Whether a list counts, by the style that the same file gives it."""
    name = element.get(TEXT + "style-name")
    root = element.getroottree().getroot()
    styles = root.find(OFFICE + "automatic-styles")
    for style in styles.iter(TEXT + "list-style") if name and styles is not None else ():
        if style.get(STYLE + "name") == name:
            return len(style) > 0 and style[0].tag == TEXT + "list-level-style-number"
    return otherwise


def _write_table(builder: TextBuilder, table: etree._Element) -> None:
    if next((inner for inner in table.iter(TABLE + "table") if inner is not table), None) is not None:
        # A page that is laid out by tables.
        for cell in table.iter(TABLE + "table-cell"):
            if _table_of(cell) is table:
                _write_blocks(builder, cell)
        return
    texts = _filled([list(row.iterchildren(*_CELLS)) for row in table.iter(TABLE + "table-row")])
    headed = table.find(TABLE + "table-header-rows") is not None
    if not headed and texts and len(texts[0]) > 2:
        headed = is_head(texts[0])
    write_small_table(builder, texts, headed=headed or None)


def _table_of(cell: etree._Element) -> etree._Element | None:
    return next(cell.iterancestors(TABLE + "table"), None)


def _filled(rows: list[list[etree._Element]]) -> list[list[str]]:
    """The texts of all cells; one that spans others stands in each, unless it is alone in its row."""
    texts: list[list[str]] = []
    over: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        texts.append([])
        for cell in row if sum(cell.tag == _CELLS[0] for cell in row) > 1 else row[:1]:
            column = len(texts[-1])
            text = over.get((number, column), "") if cell.tag == _CELLS[1] else _cell_text(cell)
            texts[-1] += [text] * min(_whole(cell.get(TABLE + "number-columns-repeated"), 1), REPEATED_MAX)
            if cell.tag == _CELLS[0]:
                for down in range(min(_whole(cell.get(TABLE + "number-rows-spanned"), 1), REPEATED_MAX)):
                    for right in range(min(_whole(cell.get(TABLE + "number-columns-spanned"), 1), 50)):
                        over[number + down, column + right] = text
    return texts


def _cell_text(cell: etree._Element) -> str:
    paragraphs = (one for one in cell.iter(TEXT + "p", TEXT + "h") if not _is_remark(one))
    return one_line(" ".join(map(_text, paragraphs)))


def _is_remark(paragraph: etree._Element) -> bool:
    """Does it belong to somebody's remark on the cell?"""
    return next(paragraph.iterancestors(OFFICE + "annotation"), None) is not None


def _write_shape(builder: TextBuilder, frame: etree._Element) -> None:
    if frame.tag in _SHAPES:
        _write_blocks(builder, frame)
        return
    kind = frame.get(PRESENTATION + "class") or ""
    if kind in ("date-time", "footer", "page-number", "header"):
        return
    is_note = any(above.tag == PRESENTATION + "notes" for above in frame.iterancestors())
    for box in frame.iter(DRAW + "text-box"):
        if kind == "title" and not is_note:
            builder.heading(" ".join(map(_text, box.iter(TEXT + "p"))), 1)
        elif is_note:
            if said := "\n".join(filter(None, map(_text, box.iter(TEXT + "p")))):
                builder.paragraph(f"Notes: {said}")
        else:
            _write_blocks(builder, box)
    for table in frame.iter(TABLE + "table"):
        _write_table(builder, table)


def _text(element: etree._Element) -> str:
    return "".join(_pieces(element))


def _pieces(element: etree._Element) -> Iterator[str]:
    yield _folded(element.text)
    for part in element:
        if part.tag == TEXT + "s":
            yield " " * min(_whole(part.get(TEXT + "c"), 1), 20)
        elif part.tag == TEXT + "tab":
            yield "\t"
        elif part.tag == TEXT + "line-break":
            yield "\n"
        elif part.tag == TEXT + "note":
            yield f" [note: {one_line(_text(part))}]"
        elif part.tag not in _SKIPPED:
            yield from _pieces(part)
        yield _folded(part.tail)


def _folded(text: str | None) -> str:
    """White space in the file is layout of its XML."""
    return " ".join(text.split("\n")) if text else ""


def _rows(sheet: etree._Element) -> Iterator[list[str]]:
    for row in sheet.iter(TABLE + "table-row"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in _CELLS:
                continue
            text = _cell_text(cell)
            cells += [text] * min(_whole(cell.get(TABLE + "number-columns-repeated"), 1), REPEATED_MAX)
            if len(cells) > REPEATED_MAX:
                break
        while cells and not cells[-1]:
            cells.pop()
        repeated = _whole(row.get(TABLE + "number-rows-repeated"), 1) if cells else 1
        for _ in range(min(repeated, REPEATED_MAX)):
            yield cells


def _hidden_styles(body: etree._Element) -> set[str]:
    """Styles of sheets that are not shown."""
    root = body.getroottree().getroot()
    hidden = set()
    for style in root.iter(STYLE + "style"):
        about = style.find(STYLE + "table-properties")
        if about is not None and about.get(TABLE + "display") == "false":
            hidden.add(style.get(STYLE + "name") or "")
    return hidden


def _whole(said: str | None, default: int) -> int:
    return int(said) if said and said.isdecimal() and len(said) < 8 else default
