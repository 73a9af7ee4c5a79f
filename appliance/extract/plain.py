"""Text and Markdown that come as text: pure and cheap, so it may be called on the loop."""

from __future__ import annotations

from appliance.extract.building import TEXT_CHARS_MAX, TITLE_CHARS_MAX
from appliance.extract.cleaning import clean, one_line
from appliance.extract.kinds import mime_of
from appliance.extract.markdown import headings_of, title_of
from appliance.knowledge import Extracted, Outline

_MARKDOWN_TYPES = frozenset({mime_of("markdown"), "text/x-markdown"})


def read_text(text: str, mime_type: str = "text/plain") -> Extracted:
    """The text without what is not text, its headings when it is Markdown, its pages at form feeds.

    Takes some 20 ms for a million characters. A text that is too long is cut, and a note says so.
    """
    mime_type = mime_type.partition(";")[0].strip().lower() or "text/plain"
    sheets = [clean(sheet) for sheet in text.split("\f")]
    pages, at = [], 0
    for sheet in sheets:
        pages.append(at)
        at += len(sheet) + 1
    text = "\n".join(sheets)
    notes = []
    if len(text) > TEXT_CHARS_MAX:
        text = text[:TEXT_CHARS_MAX]
        notes.append(f"Only the first {TEXT_CHARS_MAX:,} characters of the text were kept.")
    headings = headings_of(text) if mime_type in _MARKDOWN_TYPES else []
    return Extracted(
        text=text,
        title=one_line(title_of(text, headings))[:TITLE_CHARS_MAX] if mime_type in _MARKDOWN_TYPES else "",
        mime_type=mime_type,
        outline=Outline(headings=headings, pages=_kept(pages, text)),
        notes=notes,
    )


def _kept(pages: list[int], text: str) -> list[int]:
    """No pages when there is but one; a form feed at the end begins none."""
    end = len(text.rstrip())
    while len(pages) > 1 and pages[-1] >= end:
        pages.pop()
    return pages if len(pages) > 1 else []
