"""Word documents: paragraphs, headings, lists with their numbers, tables, notes, in the order of the text.

Reads the XML itself: libraries for it build objects for all of a document (a small hostile file made one take
2 GB), and leave out fields, text boxes and content controls, where cover pages and contents often are.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from lxml import etree

from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.docx_numbering import Numbering, W, value, whole
from appliance.extract.package import Package, core_title, main_part
from appliance.extract.tables import is_head, write_small_table
from appliance.knowledge import Extracted

HEADING_LEVELS = 9
_SKIPPED = frozenset(
    {
        *(
            W + name
            for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "txbxContent", "tbl")
        ),
        # Of an alternative the first choice is read; the other one says the same for older programs.
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)
_BOX = W + "txbxContent"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
SPAN_MAX = 50
"""A cell may claim to span any number of columns."""


class Style(msgspec.Struct, frozen=True):
    """What a paragraph's style brings: a heading's level (0: none), a list, and how deep in it."""

    level: int = 0
    list: str = ""
    depth: int = 0
    is_title: bool = False


def read_docx(data: bytes) -> Extracted:
    """Raises `DocumentUnreadable` for what is locked, damaged or absurd."""
    package = Package.open(data)
    part = main_part(package)
    reading = _Reading(package, part)
    body = package.xml(part).find(W + "body")
    if body is not None:
        reading.blocks(body)
    reading.notes()
    return reading.builder.build(title=core_title(package) or reading.title)


class _Reading:
    """One document's way into text."""

    def __init__(self, package: Package, part: str) -> None:
        self.builder = TextBuilder()
        self.title = ""
        self._package = package
        self._part = part
        self._styles = _styles(self._related("styles"))
        self._numbering = Numbering(self._related("numbering"))
        self._notes: list[tuple[str, str]] = []
        self._in_list = False

    def _related(self, kind: str) -> etree._Element | None:
        part = self._package.related(self._part, kind)
        return self._package.xml(part) if part else None

    def blocks(self, parent: etree._Element) -> None:
        """Add paragraphs and tables; whatever else holds some is looked into."""
        for element in parent:
            if self.builder.full:
                return
            if element.tag == W + "p":
                self._paragraph(element)
            elif element.tag == W + "tbl":
                self._table(element)
            elif element.tag in (
                W + "sdt",
                W + "sdtContent",
                W + "customXml",
                W + "ins",
                W + "moveTo",
                W + "smartTag",
            ):
                self.blocks(element)

    def _paragraph(self, paragraph: etree._Element) -> None:
        text = self._text(paragraph)
        if text.strip():
            self._write(text, self._style(paragraph))
        for box in _boxes(paragraph):
            self._in_list = False
            self.blocks(box)

    def _write(self, text: str, style: Style) -> None:
        label = self._numbering.label(style.list, style.depth) if style.list else ""
        if style.level:
            self._in_list = False
            self.builder.heading(f"{label} {text}", style.level)
            if style.is_title and not self.title:
                self.title = text
        elif label:
            line = "  " * style.depth + f"{label} {text}"
            (self.builder.line if self._in_list else self.builder.paragraph)(line)
            self._in_list = True
        else:
            self._in_list = False
            self.builder.paragraph(text)

    def _style(self, paragraph: etree._Element) -> Style:
        """What the paragraph says of itself goes before what its style says."""
        about = paragraph.find(W + "pPr")
        if about is None:
            return self._styles.get("", Style())
        style = self._styles.get(value(about, "pStyle"), Style())
        if outline := value(about, "outlineLvl"):
            style = msgspec.structs.replace(style, level=_heading_level(outline))
        numbers = about.find(W + "numPr")
        if numbers is not None:
            list_id = value(numbers, "numId") or style.list
            depth = whole(value(numbers, "ilvl"), style.depth)
            style = msgspec.structs.replace(style, list="" if list_id == "0" else list_id, depth=depth)
        return style

    def _text(self, paragraph: etree._Element) -> str:
        return "".join(self._pieces(paragraph))

    def _pieces(self, parent: etree._Element) -> Iterator[str]:
        for element in parent:
            tag = element.tag
            if tag in _SKIPPED or (tag == W + "r" and _is_hidden(element)):
                continue
            if tag in (W + "t", _MATH + "t"):
                yield element.text or ""
            elif tag == W + "tab":
                yield "\t"
            elif tag in (W + "br", W + "cr"):
                yield "\n"
            elif tag == W + "noBreakHyphen":
                yield "-"
            elif tag in (W + "footnoteReference", W + "endnoteReference"):
                yield self._note(element)
            else:
                yield from self._pieces(element)

    def _note(self, reference: etree._Element) -> str:
        kind = "footnotes" if reference.tag == W + "footnoteReference" else "endnotes"
        self._notes.append((kind, reference.get(W + "id") or ""))
        return f"[{_mark(len(self._notes))}]"

    def notes(self) -> None:
        """Add the footnotes and endnotes behind the text, each with the mark that refers to it."""
        texts: dict[tuple[str, str], str] = {}
        for kind in {kind for kind, _ in self._notes}:
            root = self._related(kind)
            for note in root if root is not None else ():
                paragraphs = (self._text(paragraph).strip() for paragraph in note.iter(W + "p"))
                texts[kind, note.get(W + "id") or ""] = "\n".join(filter(None, paragraphs))
        for number, key in enumerate(list(self._notes), start=1):
            if key in texts:
                self.builder.paragraph(f"[{_mark(number)}] {texts[key]}")

    def _table(self, table: etree._Element) -> None:
        self._in_list = False
        rows = list(_children(table, "tr"))
        cells = [list(_children(row, "tc")) for row in rows]
        if max((len(row) for row in cells), default=0) < 2 or table.find(f".//{W}tc//{W}tbl") is not None:
            # A frame around text, or a page that is laid out by tables.
            for row in cells:
                for cell in row:
                    self.blocks(cell)
            return
        texts = self._filled(cells)
        write_small_table(self.builder, texts, headed=_is_headed(table, rows, texts))

    def _filled(self, rows: list[list[etree._Element]]) -> list[list[str]]:
        """The texts of all cells; one that spans others stands in each, unless it is alone in its row."""
        texts: list[list[str]] = []
        for row in rows:
            above, filled = texts[-1] if texts else [], list[str]()
            for cell in row:
                about = cell.find(W + "tcPr")
                merge = about.find(W + "vMerge") if about is not None else None
                goes_on = merge is not None and merge.get(W + "val") != "restart"
                text = "".join(above[len(filled) : len(filled) + 1]) if goes_on else self._cell(cell)
                span = whole(value(about, "gridSpan"), 1) if about is not None and len(row) > 1 else 1
                filled += [text] * max(1, min(span, SPAN_MAX))
            texts.append(filled)
        return texts

    def _cell(self, cell: etree._Element) -> str:
        return one_line(" ".join(self._text(paragraph) for paragraph in cell.iter(W + "p")))


def _mark(number: int) -> str:
    """Not a bare number: an answer's citations look like [1]."""
    return f"note {number}"


def _children(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """Children of that name, also those that a content control wraps."""
    for element in parent:
        if element.tag == W + name:
            yield element
        elif element.tag in (W + "sdt", W + "sdtContent", W + "ins", W + "customXml"):
            yield from _children(element, name)


def _boxes(paragraph: etree._Element) -> Iterator[etree._Element]:
    """Text boxes that hang on a paragraph, outermost ones only."""
    for element in paragraph:
        if element.tag == _BOX:
            yield element
        elif element.tag not in _SKIPPED:
            yield from _boxes(element)


def _is_headed(table: etree._Element, rows: list[etree._Element], texts: list[list[str]]) -> bool:
    about = rows[0].find(W + "trPr")
    if about is not None and about.find(W + "tblHeader") is not None:
        return True
    look = table.find(f"{W}tblPr/{W}tblLook")
    first_row = look is not None and (
        look.get(W + "firstRow") == "1" or bool(int(look.get(W + "val") or "0", 16) & 0x20)
    )
    return first_row and len(texts[0]) > 2 and is_head(texts[0])


def _is_hidden(run: etree._Element) -> bool:
    about = run.find(W + "rPr")
    hidden = about.find(W + "vanish") if about is not None else None
    return hidden is not None and hidden.get(W + "val") not in ("0", "false")


def _heading_level(outline: str) -> int:
    """Word counts outline levels from 0; 9 is body text."""
    level = whole(outline, HEADING_LEVELS)
    return level + 1 if level < HEADING_LEVELS else 0


def _styles(root: etree._Element | None) -> dict[str, Style]:
    """All paragraph styles by id; the default one also as ''."""
    if root is None:
        return {}
    elements = {style.get(W + "styleId") or "": style for style in root.iter(W + "style")}
    styles = {name: _inherited(name, elements) for name in elements}
    for name, element in elements.items():
        if element.get(W + "default") == "1" and element.get(W + "type") == "paragraph":
            styles[""] = styles[name]
    return styles


def _inherited(name: str, elements: dict[str, etree._Element]) -> Style:
    """A style with what it takes from those that it is based on."""
    chain: list[etree._Element] = []
    while name in elements and elements[name] not in chain and len(chain) < 20:
        chain.append(elements[name])
        name = value(elements[name], "basedOn")
    style = Style()
    for element in reversed(chain):
        style = _refined(style, element)
    return style


def _refined(style: Style, element: etree._Element) -> Style:
    name = value(element, "name").lower()
    if name == "title":
        style = msgspec.structs.replace(style, level=1, is_title=True)
    elif name.startswith("heading ") and whole(name[8:]):
        style = msgspec.structs.replace(style, level=min(whole(name[8:]), HEADING_LEVELS))
    about = element.find(W + "pPr")
    if about is None:
        return style
    if outline := value(about, "outlineLvl"):
        style = msgspec.structs.replace(style, level=_heading_level(outline))
    numbers = about.find(W + "numPr")
    if numbers is not None:
        depth = whole(value(numbers, "ilvl"), style.depth or max(0, style.level - 1))
        style = msgspec.structs.replace(style, list=value(numbers, "numId") or style.list, depth=depth)
    return style
