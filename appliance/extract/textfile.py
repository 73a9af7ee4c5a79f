"""Files of plain text and of Markdown."""

from __future__ import annotations

from appliance.extract.kinds import mime_of
from appliance.extract.plain import read_text
from appliance.knowledge import Extracted


def read_textfile(text: str) -> Extracted:
    """The text as it is; form feeds part its pages."""
    return read_text(text, mime_of("text"))


def read_markdown(text: str) -> Extracted:
    """The text as it is written, with its headings."""
    return read_text(text, mime_of("markdown"))
