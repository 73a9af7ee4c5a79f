"""What a document is called that people gave no title: as its file tells."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from appliance.engine.knowledge.adding import UNTITLED
from appliance.engine.knowledge.items import title_of
from appliance.knowledge import Document, Extracted


def named(document: Document, extracted: Extracted) -> Document:
    """The document with the title that its file tells, where people gave it none, and with its type."""
    title = extracted.title if extracted.title and _is_nameless(document) else document.title
    mime_type = extracted.mime_type or document.mime_type
    return msgspec.structs.replace(document, title=title, mime_type=mime_type)


def _is_nameless(document: Document) -> bool:
    """Is its title only what its file or address is called?"""
    names = [name for name in (document.file_name, document.path, document.source_url) if name]
    last = [name.rstrip("/").rpartition("/")[2] for name in names]
    host = urlsplit(document.source_url).hostname or ""
    return document.title in {"", UNTITLED, host, *last, *map(title_of, names)}
