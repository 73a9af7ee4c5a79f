"""Puts a document's text together and remembers where things are in it. Pure.

Everything is cleaned before it is added, so that positions are those of the final text.
"""

from __future__ import annotations

from appliance.extract.cleaning import one_line, trim_lines
from appliance.knowledge import Extracted, Heading, Outline

TEXT_CHARS_MAX = 20_000_000
"""Some 10,000 pages of a book; a longer text is cut there and a note says so."""
TITLE_CHARS_MAX = 300


class TextBuilder:
    """A text that grows; once it is `full`, what is added is dropped."""

    def __init__(self, chars_max: int = TEXT_CHARS_MAX) -> None:
        self._chars_max = chars_max
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[int] = []
        self._blocks: list[int] = []
        self._pending: set[str] = set()
        self.notes: list[str] = []
        self.full = False

    def heading(self, title: str, level: int) -> None:
        """A heading in a paragraph of its own."""
        title = one_line(title)
        start = self._add(title, "\n\n")
        if start is not None:
            self._headings.append(Heading(start, max(1, level), title))

    def paragraph(self, text: str) -> None:
        """Text with a blank line before it; it may have several lines."""
        self._add(trim_lines(text), "\n\n")

    def line(self, text: str) -> None:
        """Text in the next line, such as an item of a list."""
        self._add(trim_lines(text), "\n")

    def go_on(self, text: str, joint: str) -> None:
        """Text that continues the paragraph, after `joint`."""
        self._add(trim_lines(text), joint)

    def row(self, text: str, *, first: bool = False) -> None:
        """One row of a table, which is kept together."""
        self.block()
        self._add(one_line(text), "\n\n" if first else "\n")

    def block(self) -> None:
        """What comes next should be kept together with what follows it, where that can be."""
        self._pending.add("block")

    def page(self) -> None:
        """A page begins here; its text may still have to come."""
        self._end_page()
        self._pending.add("page")

    def _end_page(self) -> None:
        if "page" in self._pending:
            self._pending.discard("page")
            self._pages.append(self._length)

    def _add(self, text: str, joint: str) -> int | None:
        """Where the text begins; None when nothing was added."""
        if not text or self.full:
            return None
        if not self._parts:
            joint = ""
        room = self._chars_max - self._length - len(joint)
        if len(text) > room:
            text = text[: max(0, room)]
            self.full = True
            self.notes.append(f"Only the first {self._chars_max:,} characters of the text were kept.")
            if not text:
                return None
        self._length += len(joint)
        self._end_page()
        if "block" in self._pending:
            self._pending.discard("block")
            self._blocks.append(self._length)
        start = self._length
        self._parts += (joint, text)
        self._length += len(text)
        return None if self.full else start

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added."""
        return not self._parts

    def build(self, *, title: str = "", mime_type: str = "") -> Extracted:
        """What has been read."""
        self._end_page()
        text = "".join(self._parts)
        outline = Outline(headings=self._headings, pages=self._pages, blocks=self._blocks)
        title = one_line(title)[:TITLE_CHARS_MAX]
        return Extracted(text=text, title=title, mime_type=mime_type, outline=outline, notes=self.notes)
