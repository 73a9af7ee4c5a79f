"""PowerPoint presentations: slides in their order, each with its title, texts, tables and notes."""

from __future__ import annotations

from lxml import etree

from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.package import Package, core_title, main_part
from appliance.extract.tables import write_small_table
from appliance.knowledge import Extracted

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TITLES = ("title", "ctrTitle")
_REPEATED = ("dt", "ftr", "sldNum", "hdr", "sldImg")
"""Placeholders that say the same on each slide."""


def read_pptx(data: bytes) -> Extracted:
    """Each slide is a page; hidden ones are left out and noted. Raises `DocumentUnreadable`."""
    package = Package.open(data)
    part = main_part(package)
    slides = package.relationships(part)
    builder = TextBuilder()
    hidden = []
    for number, listed in enumerate(package.xml(part).iter(P + "sldId"), start=1):
        kind, slide = slides.get(listed.get(R + "id") or "", ("", ""))
        builder.page()
        if kind != "slide" or slide not in package or builder.full:
            continue
        root = package.xml(slide)
        if root.get("show") in ("0", "false"):
            hidden.append(str(number))
            continue
        builder.block()
        _write_slide(builder, root)
        _write_notes(builder, package, slide)
    if hidden:
        builder.notes.append(f"Hidden slides were left out: {', '.join(hidden)}.")
    return builder.build(title=core_title(package))


def _write_slide(builder: TextBuilder, root: etree._Element) -> None:
    """The title first, wherever it stands on the slide."""
    shapes = list(_shapes(root.find(f"{P}cSld/{P}spTree")))
    titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
    for shape in titles:
        builder.heading(one_line(" ".join(_paragraph(text) for text in shape.iter(A + "p"))), 1)
    for shape in shapes:
        if shape not in titles and _placeholder(shape) not in _REPEATED:
            _write_shape(builder, shape)


def _shapes(parent: etree._Element | None) -> list[etree._Element]:
    """Shapes with text and frames with tables, also those in groups."""
    found: list[etree._Element] = []
    for element in parent if parent is not None else ():
        if element.tag in (P + "sp", P + "graphicFrame"):
            found.append(element)
        elif element.tag != _FALLBACK:
            found += _shapes(element)
    return found


def _placeholder(shape: etree._Element) -> str:
    mark = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
    return (mark.get("type") or "body") if mark is not None else ""


def _write_shape(builder: TextBuilder, shape: etree._Element) -> None:
    for table in shape.iter(A + "tbl"):
        about = table.find(A + "tblPr")
        rows = [[_cell(cell) for cell in row.iter(A + "tc")] for row in table.iter(A + "tr")]
        headed = about is not None and about.get("firstRow") in ("1", "true")
        write_small_table(builder, rows, headed=headed or None)
    if shape.tag == P + "sp":
        _write_lines(builder, shape)


def _write_lines(builder: TextBuilder, shape: etree._Element, before: str = "") -> None:
    """The paragraphs of a shape as lines of one paragraph, indented as they are."""
    lines = []
    for paragraph in shape.iter(A + "p"):
        about = paragraph.find(A + "pPr")
        level = (about.get("lvl") or "0") if about is not None else "0"
        indent = "  " * int(level) if level.isdecimal() and len(level) == 1 else ""
        if text := _paragraph(paragraph).strip():
            lines.append(indent + text)
    if lines:
        builder.paragraph(before + "\n".join(lines))


def _cell(cell: etree._Element) -> str:
    return one_line(" ".join(_paragraph(paragraph) for paragraph in cell.iter(A + "p")))


def _paragraph(paragraph: etree._Element) -> str:
    pieces = paragraph.iter(A + "t", A + "br")
    return "".join("\n" if piece.tag == A + "br" else piece.text or "" for piece in pieces)


def _write_notes(builder: TextBuilder, package: Package, slide: str) -> None:
    part = package.related(slide, "notesSlide")
    if part is None:
        return
    for shape in _shapes(package.xml(part).find(f"{P}cSld/{P}spTree")):
        if _placeholder(shape) == "body":
            _write_lines(builder, shape, "Notes: ")
