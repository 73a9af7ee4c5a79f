"""The words of a schema, ready to be asked which tables and columns a question means. Pure.

Making one costs about as much as writing the whole schema into a prompt, so keep it as long as the schema.
"""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import pairwise

import msgspec

from appliance.schema import Schema, Table
from appliance.schema_text import table_text
from appliance.sqlguard import PUBLIC
from appliance.words import root, words

WORDS_MAX = 200
"""Different words of a question that are looked up."""
SLIPS_MAX = 12
"""Unknown words that may be slips of the pen of known ones: each costs a comparison with many."""
SLIP_CHARS_MIN = 5
SLIP_RATIO = 0.8

TABLE_NAME = 3.0
COLUMN_NAME = 1.0
SAMPLE = 0.9
TABLE_COMMENT = 1.2
COLUMN_COMMENT = 0.5
NAMES = (TABLE_NAME, COLUMN_NAME)
"""Weights also tell what kind of text a word is from, so no two are equal."""

AS_ROOT = 0.7
AS_SLIP = 0.8
AS_BEGINNING = 0.5
BEGINNING_CHARS_MIN = 4


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a word stands: a table's position, its column's (-1 for the table itself), and its weight."""

    table: int
    column: int
    weight: float


class Scores(msgspec.Struct, frozen=True):
    """How much a question is about tables, and about columns, by (table, column); 0 for those not there."""

    tables: dict[int, float]
    columns: dict[tuple[int, int], float]


class SchemaIndex:
    """All words of a schema and the keys between its tables; tables are known by their position."""

    def __init__(self, schema: Schema) -> None:
        self.tables = schema.tables
        self.chars = [len(table_text(table)) for table in schema.tables]
        """Characters of each table in a prompt."""
        self.chars_whole = sum(self.chars) + 2 * len(self.chars)
        """Characters of all tables with an empty line before each."""

    def position(self, name: str) -> int | None:
        """The table of that name, `table` or `schema.table` in any case; None for no table."""
        return self._positions.get(name.strip().casefold())

    def scores(self, question: str) -> Scores:
        """What the words of the question say."""
        names: dict[int, dict[str, float]] = defaultdict(dict)
        others: dict[int, float] = defaultdict(float)
        columns: dict[tuple[int, int], float] = defaultdict(float)
        slips_left = SLIPS_MAX
        for word in self._asked(question):
            best: dict[int, float] = {}
            variants = self._known(word)
            if not variants and slips_left and len(word) >= SLIP_CHARS_MIN:
                slips_left -= 1
                variants = [(term, AS_SLIP) for term in self._slips(word)]
            for term, share in variants:
                rarity = share * self._rarity[term]
                for place in self._places[term]:
                    value = rarity * place.weight
                    if place.column >= 0:
                        at = (place.table, place.column)
                        columns[at] = max(columns[at], value)
                    elif place.weight == TABLE_NAME:
                        known = names[place.table].get(term, 0.0)
                        names[place.table][term] = max(known, value)
                        value = 0.0
                    best[place.table] = max(best.get(place.table, 0.0), value)
            for table, value in best.items():
                others[table] += value
        for table, found in names.items():
            others[table] += sum(found.values()) * self._share_of_name(table, found)
        return Scores({at: score for at, score in others.items() if score > 0}, dict(columns))

    def _asked(self, question: str) -> list[str]:
        """The question's words, and neighbours written together: time sheet, timesheet."""
        single = words(question)[:WORDS_MAX]
        pairs = ["".join(pair) for pair in pairwise(single)]
        return list(dict.fromkeys([*single, *(pair for pair in pairs if pair in self._places)]))

    def _known(self, word: str) -> list[tuple[str, float]]:
        """Words of the schema that the word means, and how likely."""
        found = [(word, 1.0)] if word in self._places else []
        found += [(term, AS_ROOT) for term in self._by_root.get(root(word), ()) if term != word]
        return found or [(term, AS_BEGINNING) for term in self._beginnings(word)]

    def _beginnings(self, word: str) -> list[str]:
        """Words of names that begin with the word, or that the word begins with: stock, stocktaking."""
        alike = self._by_beginning.get(word[:BEGINNING_CHARS_MIN], ())
        return [term for term in alike if term.startswith(word) or word.startswith(term)]

    def _slips(self, word: str) -> list[str]:
        """Words of names that are nearly the word."""
        pieces = _pieces(word)
        shared: dict[str, int] = defaultdict(int)
        for piece in pieces:
            for term in self._by_piece.get(piece, ()):
                shared[term] += 1
        near = [term for term, count in shared.items() if 2 * count >= len(pieces) - 1]
        return difflib.get_close_matches(word, sorted(near), n=2, cutoff=SLIP_RATIO)

    def _share_of_name(self, table: int, found: dict[str, float]) -> float:
        """How much of a table's name has been said; prefixes that many tables have hardly count."""
        parts = self._name_words[table]
        if any(term not in parts for term in found):
            return 1.0  # the whole name, written as one word
        whole = sum(self._rarity[part] for part in parts)
        return sum(self._rarity[term] for term in found) / whole

    # -- what the schema says ------------------------------------------------------------------------

    @cached_property
    def _name_words(self) -> list[frozenset[str]]:
        return [frozenset(_words_of(table.name)) for table in self.tables]

    @cached_property
    def _places(self) -> dict[str, list[Place]]:
        places: dict[str, list[Place]] = defaultdict(list)
        for at, table in enumerate(self.tables):
            for term, column, weight in _said(table):
                places[term].append(Place(at, column, weight))
        return dict(places)

    @cached_property
    def _rarity(self) -> dict[str, float]:
        """A word that many tables have says little."""
        count = len(self.tables)
        return {
            term: math.log(1 + count / len({place.table for place in places}))
            for term, places in self._places.items()
        }

    @cached_property
    def _names(self) -> list[str]:
        """The words of names, without those of comments and values."""
        return [
            term
            for term, places in self._places.items()
            if term.isalpha() and any(place.weight in NAMES for place in places)
        ]

    @cached_property
    def _by_root(self) -> dict[str, list[str]]:
        terms: dict[str, list[str]] = defaultdict(list)
        for term in self._places:
            if key := root(term):
                terms[key].append(term)
        return dict(terms)

    @cached_property
    def _by_beginning(self) -> dict[str, list[str]]:
        terms: dict[str, list[str]] = defaultdict(list)
        for term in self._names:
            if len(term) >= BEGINNING_CHARS_MIN:
                terms[term[:BEGINNING_CHARS_MIN]].append(term)
        return dict(terms)

    @cached_property
    def _by_piece(self) -> dict[str, list[str]]:
        terms: dict[str, list[str]] = defaultdict(list)
        for term in self._names:
            if len(term) >= SLIP_CHARS_MIN:
                for piece in _pieces(term):
                    terms[piece].append(term)
        return dict(terms)

    # -- names and keys ------------------------------------------------------------------------------

    @cached_property
    def _positions(self) -> dict[str, int]:
        positions: dict[str, int] = {}
        for at, table in enumerate(self.tables):
            positions[f"{table.schema}.{table.name}".casefold()] = at
            positions.setdefault(table.name.casefold(), at)
        for at, table in enumerate(self.tables):
            if table.schema == PUBLIC:
                positions[table.name.casefold()] = at
        return positions

    @cached_property
    def parents(self) -> list[list[int]]:
        """For each table those that it points at."""
        found = []
        for table in self.tables:
            names = dict.fromkeys(f"{table.schema}.{key.target_table}" for key in table.foreign_keys)
            places = (self._positions.get(name.casefold()) for name in names)
            found.append([at for at in places if at is not None])
        return found

    @cached_property
    def children(self) -> list[list[int]]:
        """For each table those that point at it."""
        found: list[list[int]] = [[] for _ in self.tables]
        for at, targets in enumerate(self.parents):
            for target in targets:
                found[target].append(at)
        return found

    @cached_property
    def hubs(self) -> list[int]:
        """All tables, those with the most keys first: the best guess when a question says nothing."""
        counts = [len(self.parents[at]) + 2 * len(self.children[at]) for at in range(len(self.tables))]
        return sorted(range(len(self.tables)), key=lambda at: (-counts[at], at))


@lru_cache(8192)
def _words_of(text: str) -> tuple[str, ...]:
    """Most tables have columns of the same few names."""
    return tuple(words(text))


def _said(table: Table) -> Iterator[tuple[str, int, float]]:
    """Each word of a table, the position of its column or -1, and its weight."""
    name = _words_of(table.name)
    yield from ((term, -1, TABLE_NAME) for term in dict.fromkeys([*name, "".join(name)]) if term)
    yield from ((term, -1, TABLE_COMMENT) for term in words(f"{table.comment} {_schema_name(table)}"))
    for at, column in enumerate(table.columns):
        own = _words_of(column.name)
        yield from ((term, at, COLUMN_NAME) for term in own)
        if len(own) > 1:
            yield "".join(own), at, COLUMN_NAME
        yield from ((term, at, SAMPLE) for sample in column.samples for term in words(sample))
        if column.comment:
            yield from ((term, at, COLUMN_COMMENT) for term in words(column.comment))


def _schema_name(table: Table) -> str:
    return "" if table.schema == PUBLIC else table.schema


def _pieces(word: str) -> set[str]:
    return {word[at : at + 2] for at in range(len(word) - 1)}
