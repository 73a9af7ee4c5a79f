"""Which table, column or known value a few words may mean.

A match has a rank, and only the best rank counts: as written, singular for plural, abbreviated
("arrival delay" for arr_delay), part of a name ("items" for order_items), synonym, small slip of the pen.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import cached_property

import msgspec

from appliance.providers.offline import vocabulary
from appliance.providers.offline.intent import Ref
from appliance.providers.offline.words import is_part, is_shortened, is_slip, kind_of, parts, stem
from appliance.schema import Column, Schema, Table

WORDS_MAX = 6
"""No name or value of more words is looked for."""
VALUE_CHARS_MAX = 40
SHORT_VALUE = 3
"""Codes of up to so many letters have to be written in the same case: US is a country, us is not."""


class Rank(IntEnum):
    """How good a match is; smaller is better."""

    EXACT = 0
    STEM = 1
    SHORT = 2
    PART = 3
    SYNONYM = 4
    TYPO = 5


class Value(msgspec.Struct, frozen=True):
    """A value that the prompt gave as a sample of a column."""

    ref: Ref
    value: str


class Names(msgspec.Struct, frozen=True):
    """What some words may mean, all of the same rank."""

    rank: Rank
    tables: tuple[str, ...] = ()
    columns: tuple[Ref, ...] = ()
    values: tuple[Value, ...] = ()

    def __or__(self, other: Names) -> Names:
        return Names(
            self.rank, self.tables + other.tables, self.columns + other.columns, self.values + other.values
        )


def table_id(table: Table) -> str:
    """The name by which a table is known here and in SQL: without `public`, with any other schema."""
    return table.name if table.schema == "public" else f"{table.schema}.{table.name}"


class Lexicon:
    """All names of a schema, ready to be asked about."""

    def __init__(self, schema: Schema) -> None:
        self.tables = {table_id(table): table for table in schema.tables}
        self._columns = {
            Ref(name, column.name): column for name, table in self.tables.items() for column in table.columns
        }
        self._parts = {ref: parts(ref.column) for ref in self._columns}
        self._kinds = {ref: self._kind(ref, column) for ref, column in self._columns.items()}

    def _kind(self, ref: Ref, column: Column) -> str:
        foreign = any(key.column == ref.column for key in self.tables[ref.table].foreign_keys)
        is_key = column.primary_key or foreign or self._parts[ref][-1:] in {("id",), ("uuid",)}
        return "key" if is_key else kind_of(column)

    # -- facts about names ---------------------------------------------------------------------------

    def column(self, ref: Ref) -> Column:
        """The column of that name."""
        return self._columns[ref]

    def refs(self, table: str) -> list[Ref]:
        """All columns of a table in its order."""
        return [Ref(table, column.name) for column in self.tables[table].columns]

    def kind(self, ref: Ref) -> str:
        """See `kind_of`; a column that is part of a key is of kind key."""
        return self._kinds[ref]

    def by_parts(self, table: str, wanted: Sequence[str], *kinds: str) -> list[Ref]:
        """Columns of those kinds with one of these words in their names, in the order of the words."""
        refs = [ref for ref in self.refs(table) if self._kinds[ref] in kinds]
        return list(dict.fromkeys(ref for word in wanted for ref in refs if word in self._parts[ref]))

    def label(self, table: str) -> tuple[Ref, ...]:
        """The column that says which row it is, or first and last name; empty when there is none."""
        names = {ref.column.lower(): ref for ref in self.refs(table)}
        for name in vocabulary.LABEL_COLUMNS:
            if name in names and self._kinds[names[name]] in {"text", "key"}:
                return (names[name],)
        if "first_name" in names and "last_name" in names:
            return names["first_name"], names["last_name"]
        return tuple(self.by_parts(table, ["name"], "text")[:1])

    def key(self, table: str) -> Ref | None:
        """The one column that identifies a row: the primary key, or what other tables refer to."""
        primary = [column.name for column in self.tables[table].columns if column.primary_key]
        if len(primary) == 1:
            return Ref(table, primary[0])
        own = self.tables[table]
        for other in self.tables.values():
            for key in other.foreign_keys:
                if key.target_table == own.name and other.schema == own.schema:
                    return Ref(table, key.target_column)
        return None

    # -- looking up ----------------------------------------------------------------------------------

    def certain(self, words: Sequence[str]) -> Names | None:
        """Names and values that the words are, as written or but for singular and plural."""
        joined, stems = "_".join(words).lower(), "".join(stem(word) for word in words)
        found = self._by_name.get(joined) or self._by_name.get(joined.replace("_", ""))
        stemmed = self._by_stems.get(stems)
        if found and stemmed and not found.tables:  # the column "engine" may also mean the table "engines"
            found = msgspec.structs.replace(found, tables=stemmed.tables)
        best = found or stemmed
        if best and len(words) > 1 and joined not in self._by_name and stems in self._by_parts_one:
            best = msgspec.structs.replace(best, rank=Rank.SHORT)  # "Air Lines" only may be airlines
        values = Names(Rank.EXACT, values=self._values(" ".join(words)))
        return best | values if best else values if values.values else None

    def dotted(self, text: str) -> tuple[Ref, ...]:
        """The column that is written as table.column."""
        return tuple(ref for ref in self._columns if f"{ref.table}.{ref.column}".lower() == text.lower())

    def likely(self, words: Sequence[str]) -> Names | None:
        """Names that the words abbreviate, are a part of, or are a synonym for."""
        stems = tuple(stem(word) for word in words)
        return (
            self._matching(Rank.SHORT, lambda name: is_shortened(stems, name))
            or self._matching(Rank.PART, lambda name: is_part(stems, name))
            or (self._synonym(stems[0]) if len(stems) == 1 else None)
        )

    def slip(self, word: str) -> Names | None:
        """Names and values that the word is, but for a slip of the pen; names of one word first."""
        wanted = stem(word)
        texts = [text for text in self._values_by_text if is_slip(word.lower(), text)]
        values = tuple(dict.fromkeys(value for text in texts for value in self._values_by_text[text]))
        names = self._matching(Rank.TYPO, lambda name: len(name) == 1 and is_slip(wanted, name[0]))
        if names is None and not values:
            return self._matching(Rank.TYPO, lambda name: is_slip(wanted, name[-1]))
        found = Names(Rank.TYPO, values=values)
        return names | found if names else found if values else None

    def closest(self, word: str) -> list[str]:
        """Names of tables and columns that look like the word, for asking back."""
        names = {*self.tables, *(ref.column for ref in self._columns)}
        return difflib.get_close_matches(stem(word), sorted(names), n=3, cutoff=0.6)

    def _synonym(self, word: str) -> Names | None:
        group = next((group for group in vocabulary.SYNONYMS if word in group), set())
        whole = self._matching(Rank.SYNONYM, lambda name: len(name) == 1 and name[0] in group)
        return whole or self._matching(Rank.SYNONYM, lambda name: name[-1] in group)

    def _matching(self, rank: Rank, fits: Callable[[tuple[str, ...]], bool]) -> Names | None:
        """All names whose words fit."""
        found = Names(rank)
        for words, names in self._by_parts.items():
            if words and fits(words):
                found |= names
        return found if found.tables or found.columns else None

    # -- indexes -------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> dict[str, Names]:
        """Names in lower case."""
        index: dict[str, Names] = {}
        for table in self.tables:
            name = self.tables[table].name.lower()
            index[name] = index.get(name, Names(Rank.EXACT)) | Names(Rank.EXACT, tables=(table,))
        for ref in self._columns:
            name = ref.column.lower()
            index[name] = index.get(name, Names(Rank.EXACT)) | Names(Rank.EXACT, columns=(ref,))
        return index

    @cached_property
    def _by_parts(self) -> dict[tuple[str, ...], Names]:
        """Names by their words."""
        index: dict[tuple[str, ...], Names] = {}
        for name, names in self._by_name.items():
            written = self.tables[names.tables[0]].name if names.tables else names.columns[0].column
            words = parts(written) or (name,)
            index[words] = index.get(words, Names(Rank.STEM)) | names
        return index

    @cached_property
    def _by_stems(self) -> dict[str, Names]:
        """Names by their words put together: "orderitem"."""
        index: dict[str, Names] = {}
        for words, names in self._by_parts.items():
            text = "".join(words)
            index[text] = index.get(text, Names(Rank.STEM)) | names
        return index

    @cached_property
    def _by_parts_one(self) -> set[str]:
        """Names that are one word."""
        return {words[0] for words in self._by_parts if len(words) == 1}

    @cached_property
    def _values_by_text(self) -> dict[str, list[Value]]:
        """Known texts by themselves when short, else in lower case and by their words without plural."""
        index: dict[str, list[Value]] = {}
        for ref, column in self._columns.items():
            for text in column.samples if kind_of(column) == "text" else ():
                if len(text) <= VALUE_CHARS_MAX:
                    short = len(text) <= SHORT_VALUE
                    for key in {text} if short else {text.lower(), " ".join(parts(text))}:
                        index.setdefault(key, []).append(Value(ref, text))
        return index

    def _values(self, text: str) -> tuple[Value, ...]:
        """Samples equal to the text; those of up to three letters only in the very same case."""
        index = self._values_by_text
        if len(text) <= SHORT_VALUE:
            return tuple(index.get(text, ()))
        return tuple(index.get(text.lower(), ()) or index.get(" ".join(parts(text)), ()))
