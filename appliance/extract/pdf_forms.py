"""What people filled into a PDF: fields of forms, ticks, and remarks that stand on the page as text."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pypdfium2
import pypdfium2.raw as pdfium

from appliance.extract.cleaning import one_line
from appliance.extract.pdf_lines import TICKED, UNTICKED, Line

_TICKS = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_TEXTS = (pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
_ANNOTATIONS_MAX = 5000
_VALUE_BYTES_MAX = 200_000


class Filled(msgspec.Struct, frozen=True):
    """A text and the room that it has on the page as that lies."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def filled(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> list[Filled]:
    """What was filled in, in the order of the file; `document` has its forms opened before its first page."""
    found = []
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _ANNOTATIONS_MAX)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        text, box = _text(document, annotation), pdfium.FS_RECTF()
        if text and pdfium.FPDFAnnot_GetRect(annotation, box):
            found.append(Filled(text, box.left, box.bottom, box.right, box.top))
        pdfium.FPDFPage_CloseAnnot(annotation)
    return found


def with_filled(lines: Sequence[Line], texts: Sequence[Filled]) -> list[Line]:
    """The lines of a page, each text behind what stands left of it, or before what stands right of it."""
    placed = list(lines)
    for text in texts:
        level = [at for at, line in enumerate(placed) if text.bottom - 2 <= line.bottom <= text.top]
        before = [at for at in level if placed[at].left <= text.left]
        if before:
            label = placed[before[-1]]
            left = label.right + 0.3 * label.size
            line = msgspec.structs.replace(label, text=text.text, left=left, right=left)
            placed.insert(before[-1] + 1, line)
        elif level:
            label = placed[level[0]]
            right = label.left - 0.3 * label.size
            line = msgspec.structs.replace(label, text=text.text, left=right, right=right)
            placed.insert(level[0], line)
        else:
            placed.append(Line(text.text, text.left, text.right, text.bottom))
    return placed


def _text(document: pypdfium2.PdfDocument, annotation: Any) -> str:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_FREETEXT:
        return _told(
            lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size)
        )
    if kind != pdfium.FPDF_ANNOT_WIDGET or document.formenv is None:
        return ""
    form = document.formenv
    field = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if field in _TICKS:
        return TICKED if pdfium.FPDFAnnot_IsChecked(form, annotation) else UNTICKED
    if field in _TEXTS and not pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return _told(lambda buffer, size: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))
    return ""


_PASSWORD = 1 << 13
"""A field whose value is shown as dots (ISO 32000-1, 12.7.4.3)."""


def _told(ask: Callable[[Any, int], int]) -> str:
    """A text that PDFium writes into a buffer, in UTF-16 with a zero at the end."""
    size = ask(None, 0)
    if not 2 < size <= _VALUE_BYTES_MAX:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    ask(buffer, size)
    return one_line(bytes(memoryview(buffer).cast("B"))[: size - 2].decode("utf-16-le", "replace"))
