"""Which function reads which kind of document; its module and libraries are loaded when needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from appliance.errors import DocumentUnreadable
from appliance.extract.decoding import decode
from appliance.extract.kinds import FORMATS, TEXTS, Kind, mime_of
from appliance.knowledge import Extracted

READERS: dict[Kind, tuple[str, str]] = {
    "text": ("textfile", "read_textfile"),
    "markdown": ("textfile", "read_markdown"),
    "html": ("html", "read_html"),
    "csv": ("csvfile", "read_csv"),
    "tsv": ("csvfile", "read_tsv"),
    "json": ("jsonfile", "read_json"),
    "ndjson": ("jsonfile", "read_ndjson"),
    "pdf": ("pdf", "read_pdf"),
    "docx": ("docx", "read_docx"),
    "xlsx": ("xlsx", "read_xlsx"),
    "pptx": ("pptx", "read_pptx"),
    "epub": ("epub", "read_epub"),
    "rtf": ("rtf", "read_rtf"),
    "odt": ("odf", "read_odt"),
    "ods": ("odf", "read_ods"),
    "odp": ("odf", "read_odp"),
}
"""Module and function; those of texts take the decoded text, all others the bytes."""

EMPTY = "The file is empty."


def read(data: bytes, kind: Kind, charset: str = "") -> Extracted:
    """Read a document; raises `DocumentUnreadable` with the reason, or whatever a parser raises."""
    if not data:
        raise DocumentUnreadable(EMPTY)
    module, name = READERS[kind]
    reader: Callable[[Any], Extracted] = getattr(import_module(f"appliance.extract.{module}"), name)
    extracted = reader(decode(data, charset, is_markup=kind == "html") if kind in TEXTS else data)
    if not extracted.text.strip():
        raise DocumentUnreadable(f"No text was found in this {FORMATS[kind].name}.")
    return msgspec.structs.replace(extracted, mime_type=extracted.mime_type or mime_of(kind))
