"""Finds the comments that people write into CREATE TABLE statements; SQLite keeps the text as it was."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""--(?P<line>[^\n]*)
      | /\*(?P<block>.*?)\*/
      | '(?:[^']|'')*'
      | "(?P<quoted>(?:[^"]|"")*)" | `(?P<ticked>[^`]*)` | \[(?P<bracketed>[^\]]*)\]
      | (?P<word>\w+)
      | (?P<sign>[(),\n])
      | .""",
    re.VERBOSE | re.DOTALL,
)


def comments(create: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """The table's comment and those of its columns (by name, only columns that have one).

    A comment belongs to the column that its line begins, or, on a line of its own, to the next column;
    before the first line of columns it is the table's.
    """
    reader = _Reader(columns)
    for token in _TOKEN.finditer(create):
        reader.read(token)
    return _joined(reader.table), {name: _joined(texts) for name, texts in reader.columns.items()}


class _Reader:
    """Walks through a statement and hands each comment to its owner."""

    def __init__(self, columns: list[str]) -> None:
        self.table: list[str] = []
        self.columns: dict[str, list[str]] = {}
        self._names = {name.lower(): name for name in columns}
        self._waiting: list[str] = []
        self._depth = 0
        self._inside = False
        self._at_definition = False
        self._on_line = ""

    def read(self, token: re.Match[str]) -> None:
        text = token["line"] if token["line"] is not None else token["block"]
        if text is not None:
            self._owner().append(" ".join(text.split()))
        elif token["sign"]:
            self._sign(token["sign"])
        elif self._at_definition and not token[0].isspace():
            self._definition(token["word"] or token["quoted"] or token["ticked"] or token["bracketed"] or "")

    def _owner(self) -> list[str]:
        if not self._inside:
            return self.table
        return self.columns.setdefault(self._on_line, []) if self._on_line else self._waiting

    def _sign(self, sign: str) -> None:
        match sign:
            case "\n":
                self._on_line = ""
                self._inside = self._depth > 0
            case "(":
                self._depth += 1
                self._at_definition = self._at_definition or (self._depth == 1 and not self._inside)
            case ")":
                self._depth -= 1
            case ",":
                self._at_definition = self._depth == 1

    def _definition(self, word: str) -> None:
        self._at_definition = False
        self._inside = True
        self._on_line = self._names.get(word.lower(), "")
        if self._on_line and self._waiting:
            self.columns.setdefault(self._on_line, []).extend(self._waiting)
        self._waiting.clear()


def _joined(texts: list[str]) -> str:
    return " ".join(text for text in texts if text)
