"""Objects out of JSON text of any length, one after another; mistakes are named by line and column.

Takes an array of objects, or objects with only white space between them (NDJSON, one a line).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

from appliance.errors import InvalidInput

READ_CHARACTERS = 1024 * 1024
OBJECT_CHARACTERS_MAX = 16 * 1024 * 1024
"""One row's text; also how much is read on in the hope that a broken object was only cut off."""

_SINGLE = "this file is one object, and rows are expected: an array of objects, or one object on each line"
_SPACE = re.compile(r"[ \t\r\n]*")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def objects(text: TextIO, name: str, *, lines: bool) -> Iterator[dict[str, Any]]:
    """Each row; raises `InvalidInput` with line and column. `name` is the file's.

    `lines` says that the file is NDJSON, where one object alone is one row and not a mistake.
    """
    window = _Window(text, name)
    if window.next_sign() == "[":
        window.skip()
        yield from _array(window)
    elif window.next_sign():
        first = window.object()
        if not lines and not window.next_sign():
            window.refuse(_SINGLE + _hint(first))
        yield first
        while window.next_sign():
            yield window.object()


def _array(window: _Window) -> Iterator[dict[str, Any]]:
    more = window.next_sign() != "]"
    while more:
        yield window.object()
        sign = window.next_sign()
        if sign not in {",", "]"}:
            window.refuse("expected ',' or ']' after this row" if sign else "the array is not closed")
        more = sign == ","
        if more:
            window.skip()
    window.skip()
    if window.next_sign():
        window.refuse("there is more after the end of the array")


def _hint(found: dict[str, Any]) -> str:
    lists = [key for key, value in found.items() if isinstance(value, list)]
    return f"; take the list under its key {lists[0]!r}" if lists else ""


class _Window:
    """The part of the text that is being looked at, and where in the file it is."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text = text
        self._name = name
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._lines_before = 0
        self._columns_before = 0
        self._decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode

    def next_sign(self) -> str:
        """The next character that is not white space, without taking it; empty at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            assert space is not None
            self._at = space.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read(READ_CHARACTERS):
                return ""

    def skip(self) -> None:
        """Take the one character that `next_sign` showed."""
        self._at += 1

    def object(self) -> dict[str, Any]:
        """Take one object."""
        sign = self.next_sign()
        if sign != "{":
            self.refuse(f"expected an object {{…}} for each row, found {sign!r}" if sign else "cut off")
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._may_be_cut():
                    continue
                self.refuse(_lower(error.msg), error.pos)
            except (ValueError, RecursionError) as error:
                self.refuse("nested too deep" if isinstance(error, RecursionError) else str(error))
            self._check_text(value, end)
            self._at = end
            assert isinstance(value, dict)
            return value

    def refuse(self, what: str, at: int | None = None) -> NoReturn:
        """Raise `InvalidInput` for the current place, or `at` in the buffer."""
        at = self._at if at is None else at
        line = self._lines_before + self._buffer.count("\n", 0, at) + 1
        start = self._buffer.rfind("\n", 0, at)
        column = at - start if start >= 0 else self._columns_before + at + 1
        raise InvalidInput(f"{self._name}, line {line}, column {column}: {what}")

    def _may_be_cut(self) -> bool:
        """Read on, when there is more and the object is not too long already."""
        length = len(self._buffer) - self._at
        return length < OBJECT_CHARACTERS_MAX and self._read(max(length, READ_CHARACTERS))

    def _read(self, characters: int) -> bool:
        """Drop what is done and read on; False at the end of the file."""
        more = "" if self._ended else self._text.read(characters)
        if not more:
            self._ended = True
            return False
        self._lines_before += self._buffer.count("\n", 0, self._at)
        start = self._buffer.rfind("\n", 0, self._at)
        self._columns_before = self._at - start - 1 if start >= 0 else self._columns_before + self._at
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return True

    def _check_text(self, value: Any, end: int) -> None:
        """Half of a surrogate pair is legal JSON and no text that can be stored."""
        if not _HALF.search(self._buffer, self._at, end):
            return
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            self.refuse(r"a string has half a character (a lone \ud800 to \udfff)")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON; write null")


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
