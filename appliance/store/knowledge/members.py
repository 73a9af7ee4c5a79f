# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Which chunks count for a search, by their numbers: asked of tens of thousands of entries in one walk.

A document's chunks mostly have numbers in a row, so two look-ups tell all of them, and a byte for each number
answers faster than any table. Whatever is less is marked: the chunks that count, or the others.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import msgspec

from appliance.store.knowledge.filters import Condition

DOCUMENTS = "_documents AS d JOIN _knowledge_bases AS b ON b.number = d.base"
"""What a condition of `filters` is about, under the names that it uses."""
RUN_COSTS = 100
"""To look into one run of numbers takes as long as walking by so many entries."""

_CHUNKS = "FROM _chunks AS c WHERE c.document = d.number AND c.version = d.version ORDER BY c.position"

_DIGITS, _OTHER_DIGITS = b"01" + bytes(254), b"10" + bytes(254)


class Members(msgspec.Struct, frozen=True):
    """Runs of numbers, first and last, in order; `hidden` says that these are the ones that do not count."""

    runs: list[tuple[int, int]]
    hidden: bool
    marks: bytes
    """1 for each number of the runs, from the first one of all on."""

    @property
    def count(self) -> int:
        """How many numbers are marked."""
        return sum(last - first + 1 for first, last in self.runs)

    def test(self, number: str) -> Condition:
        """Does a column have a number that counts?"""
        marked = self._marked(number)
        return Condition(f"(NOT {marked.sql})", marked.bindings) if self.hidden else marked

    def among(self, chunks: Iterable[int]) -> list[int]:
        """Those of these numbers that count."""
        first, size, marks = self._first, len(self.marks), self.marks
        wanted = 0 if self.hidden else 1
        return [
            chunk for chunk in chunks if (marks[chunk - first] if 0 <= chunk - first < size else 0) == wanted
        ]

    def bits(self, runs: Iterable[tuple[int, int]]) -> int:
        """A bit for each number of some runs (first number, length), one run after the other: does it count?

        The lowest bit is that of the first number.
        """
        parts = [self._window(number, length) for number, length in runs]
        digits = b"".join(parts).translate(_OTHER_DIGITS if self.hidden else _DIGITS)
        return int(digits[::-1] or b"0", 2)

    def counted(self, db: apsw.Connection, match: str, found: int) -> int:
        """In how many chunks that count an expression of the index of words is; in all there are `found`."""
        if not self.runs or not found:
            marked = 0
        elif len(self.runs) * RUN_COSTS < found:
            sql = (
                "SELECT count(*) FROM json_each(?) AS run CROSS JOIN _words WHERE _words MATCH ? "
                "AND _words.rowid BETWEEN run.value ->> 0 AND run.value ->> 1"
            )
            marked = int(db.execute(sql, (msgspec.json.encode(self.runs).decode(), match)).get)
        else:
            test = self._marked("rowid")
            sql = f"SELECT count(*) FROM _words WHERE _words MATCH ? AND {test.sql}"
            marked = int(db.execute(sql, (match, *test.bindings)).get)
        return found - marked if self.hidden else marked

    def _window(self, number: int, length: int) -> bytes:
        """The marks of numbers in a row, wherever they are."""
        at = number - self._first
        before = min(max(0, -at), length)
        found = self.marks[max(0, at) : max(0, at + length)]
        return bytes(before) + found + bytes(length - before - len(found))

    @property
    def _first(self) -> int:
        return self.runs[0][0] if self.runs else 1

    def _marked(self, number: str) -> Condition:
        """The bounds come first: the index passes over what is outside of them."""
        first = self._first
        return Condition(
            f"({number} BETWEEN ? AND ? AND substr(?, {number} - ?, 1) = x'01')",
            (first, first + len(self.marks) - 1, self.marks, first - 1),
        )


def members(db: apsw.Connection, bases: str, condition: Condition, *, private_alone: bool) -> Members:
    """The chunks of bases, a list for SQL, whose documents fit a condition, and which people see at all.

    With `private_alone` the condition holds for every document that is nobody's.
    """
    of_bases = f"d.base IN ({bases})"
    named = f"d.user_id > '' AND NOT {condition.sql}" if private_alone else condition.sql
    listed = db.execute(
        f"SELECT json_group_array(d.number) FROM {DOCUMENTS} WHERE {of_bases} AND {named}", condition.bindings
    ).get
    count = int(db.execute("SELECT json_array_length(?)", (listed,)).get)
    documents = int(db.execute(f"SELECT count(*) FROM _documents AS d WHERE {of_bases}").get)
    few = 2 * count <= documents
    runs = _runs(db, f"+{of_bases} AND d.number IN" if few else f"{of_bases} AND d.number NOT IN", listed)
    if few is not private_alone:
        return _marked(runs, hidden=False)
    unseen = db.execute(
        "SELECT c.number FROM _unseen_chunks AS u CROSS JOIN _chunks AS c "
        f"ON c.document = u.document AND c.version = u.version WHERE u.base IN ({bases})"
    )
    return _marked([*runs, *((number, number) for (number,) in unseen)], hidden=True)


def all_but(numbers: Iterable[int]) -> Members:
    """All chunks but these."""
    return _marked([(number, number) for number in numbers], hidden=True)


def _runs(db: apsw.Connection, where: str, listed: str) -> list[tuple[int, int]]:
    """Of the chunks that people see of some documents; `where` asks for their numbers in a list of JSON."""
    rows = db.execute(
        f"SELECT d.number, d.version, d.chunks_count, (SELECT c.number {_CHUNKS} LIMIT 1), "
        f"(SELECT c.number {_CHUNKS} DESC LIMIT 1) FROM _documents AS d "
        f"WHERE {where} (SELECT value FROM json_each(?))",
        (listed,),
    )
    runs: list[tuple[int, int]] = []
    torn: list[tuple[int, int]] = []
    for document, version, count, first, last in rows:
        if first is None:
            continue
        if last - first + 1 == count:
            runs.append((first, last))
        else:
            torn.append((document, version))
    for key in torn:
        own = db.execute("SELECT number FROM _chunks WHERE document = ? AND version = ?", key)
        runs += [(number, number) for (number,) in own]
    return runs


def _marked(runs: list[tuple[int, int]], *, hidden: bool) -> Members:
    joined: list[tuple[int, int]] = []
    marks: list[bytes] = []
    begin, end = 0, -1
    for first, last in sorted(runs):
        if first > end + 1:
            if end >= begin:
                joined.append((begin, end))
                marks += (b"\x01" * (end - begin + 1), b"\x00" * (first - end - 1))
            begin = first
        end = max(end, last)
    if end >= begin:
        joined.append((begin, end))
        marks.append(b"\x01" * (end - begin + 1))
    return Members(joined, hidden, b"".join(marks))
