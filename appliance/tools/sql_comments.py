"""Finds the comments that people write into CREATE TABLE statements; SQLite keeps the text as it was."""

from __future__ import annotations

import re

from appliance.sqlguard import fold

_TOKEN = re.compile(
    r"""--(?P<line>[^\n]*)
      | /\*(?P<block>.*?)\*/
      | '(?:[^']|'')*'
      | "(?P<quoted>(?:[^"]|"")*)" | `(?P<ticked>[^`]*)` | \[(?P<bracketed>[^\]]*)\]
      | (?P<word>[\w$\x80-\U0010ffff]+)
      | (?P<sign>[(),\n])
      | .""",
    re.VERBOSE | re.DOTALL,
)


def comments(create: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """The table's comment and those of its visible `columns` (by name, only columns that have one).

    A comment belongs to the column that its line begins, or, on a line of its own, to the next column;
    before the first line of columns it is the table's. What stands in or behind the definition of anything
    else, before that of the next visible column, may be about a hidden one and is dropped.
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
        self._names = {fold(name): name for name in columns}
        self._waiting: list[str] = []
        self._opening: list[str] = []
        self._is_visible = True
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
            self._definition(_name(token))

    def _owner(self) -> list[str]:
        if not self._inside:
            return self._opening if self._depth else self.table
        if not self._is_visible:
            return []
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
        self._on_line = self._names.get(fold(word), "")
        self._is_visible = bool(self._on_line)
        if self._is_visible:
            self.table += self._opening
        self._opening.clear()
        if self._on_line and self._waiting:
            self.columns.setdefault(self._on_line, []).extend(self._waiting)
        self._waiting.clear()


def _name(token: re.Match[str]) -> str:
    """'' for what is no name; a quote that stands twice is part of one."""
    quoted = token["quoted"].replace('""', '"') if token["quoted"] else ""
    return token["word"] or quoted or token["ticked"] or token["bracketed"] or ""


def _joined(texts: list[str]) -> str:
    return " ".join(text for text in texts if text)
