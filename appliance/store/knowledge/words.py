# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""The words of chunks in a full-text index, and chunks by the words of a question (BM25).

Each word is kept behind its base's number (`12zinvoice`), so a base's entries are its own: others cost
nothing, and how common a word is in them does not show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

import apsw
import msgspec

from appliance.searchtext import Question, Term, prepare
from appliance.store.knowledge.filters import ALL
from appliance.store.knowledge.scope import Scope

WEIGHTS = "4.0, 2.0, 1.0, 1.5"
"""Of title, headings, body and names: a page about a thing has it in its title."""

Columns: TypeAlias = tuple[str, str, str, str]
"""Words of title, headings, body and names, as the index keeps them."""

ROWS_MAX = 3_000
"""So many entries are scored for one question; the rarest words come first."""
PREFIX_WORDS_MAX = 200


def columns(base: int, title: str, headings: Sequence[str], content: str) -> Columns:
    """What the index gets of a chunk. Takes a millisecond: for many chunks, do it before the transaction."""
    parts = [prepare(title), prepare("\n".join(headings)), prepare(content)]
    names = [name for part in parts for name in part.names]
    title_words, headings_words, body = (_marked(base, part.words) for part in parts)
    return title_words, headings_words, body, _marked(base, names)


def put(db: apsw.Connection, chunk: int, made: Columns) -> None:
    """Index a new chunk; chunks are deleted with their words (a trigger of `_chunks`)."""
    db.execute(
        "INSERT INTO _words (rowid, title, headings, body, names) VALUES (?, ?, ?, ?, ?)", (chunk, *made)
    )


def counted(
    db: apsw.Connection, scope: Scope, terms: Sequence[Term]
) -> tuple[list[Term], dict[int, dict[Term, int]]]:
    """The terms with those of their other forms that are in scope, and in how many chunks each is, by bases.

    Of words in a row the rarest counts. What is hidden is in no number.
    """
    chunks = _chunks_with(db, scope, {word for term in terms for word in (*term.words, *term.forms)})
    known = {word for _, word in chunks}
    kept = [
        msgspec.structs.replace(term, forms=tuple(form for form in term.forms if form in known))
        for term in terms
    ]
    return kept, {
        base: {term: _count(db, scope, base, term, chunks) for term in kept} for base in scope.bases
    }


def candidates(
    db: apsw.Connection,
    scope: Scope,
    question: Question,
    found: Mapping[int, Mapping[Term, int]],
    limit: int,
) -> list[tuple[int, float]]:
    """The best chunks by their words, best first, with a score that grows with how well they fit.

    `found` has how common the terms are in each base (`counted`).
    """
    rows: list[tuple[int, float]] = []
    for base in scope.bases:
        match = _match(base, question, found[base])
        if match:
            rows += _ranked(db, scope, match, limit)
    rows.sort(key=lambda row: (-row[1], row[0]))
    return rows[:limit]


def _match(base: int, question: Question, found: Mapping[Term, int]) -> str:
    terms = question.terms or question.weak
    exact = [_expression(base, term) for term in terms if term.exact]
    chosen = [_with_forms(base, term) for term in _affordable(found)]
    if not exact:
        return " OR ".join(chosen)
    return f"({' AND '.join(exact)}) AND ({' OR '.join([*exact, *chosen])})"


def _affordable(found: Mapping[Term, int]) -> list[Term]:
    """The rarest terms, as many as there are rows to spare for, and always one."""
    chosen: list[Term] = []
    rows = 0
    for term in sorted((term for term in found if found[term]), key=lambda term: found[term]):
        rows += found[term]
        if chosen and rows > ROWS_MAX:
            break
        chosen.append(term)
    return chosen


def _ranked(db: apsw.Connection, scope: Scope, match: str, limit: int) -> list[tuple[int, float]]:
    test = scope.members.test("rowid") if scope.members is not None else ALL
    rows = db.execute(
        f"SELECT rowid, -bm25(_words, {WEIGHTS}) AS score FROM _words WHERE _words MATCH ? AND {test.sql} "
        "ORDER BY score DESC, rowid LIMIT ?",
        (match, *test.bindings, limit),
    )
    return [(int(chunk), float(score)) for chunk, score in rows]


def _count(
    db: apsw.Connection, scope: Scope, base: int, term: Term, chunks: Mapping[tuple[int, str], int]
) -> int:
    if term.prefix:
        return _count_beginnings(db, scope, base, term.words[0])
    return min((chunks.get((base, word), 0) for word in term.words), default=0) + sum(
        chunks.get((base, form), 0) for form in term.forms
    )


def _count_beginnings(db: apsw.Connection, scope: Scope, base: int, begin: str) -> int:
    """Chunks with the first words that begin so; one that has several is counted for each."""
    start = f"{base}z{begin}"
    rows = db.execute(
        "SELECT term, doc FROM _words_counts WHERE term >= ? AND term < ?", (start, f"{start}\U0010ffff")
    )
    counts = (_in_scope(db, scope, word, count) for word, count in rows)
    return sum(islice((count for count in counts if count), PREFIX_WORDS_MAX))


def _chunks_with(db: apsw.Connection, scope: Scope, words: Collection[str]) -> dict[tuple[int, str], int]:
    """In how many chunks words are, those that are in any: each is walked through, so each is asked once."""
    found: dict[tuple[int, str], int] = {}
    for base in scope.bases:
        rows = db.execute(
            "SELECT v.term, v.doc FROM json_each(?) AS w CROSS JOIN _words_counts AS v ON v.term = w.value",
            (msgspec.json.encode([f"{base}z{word}" for word in words]).decode(),),
        )
        for word, everywhere in list(rows):
            if count := _in_scope(db, scope, word, everywhere):
                found[base, word.partition("z")[2]] = count
    return found


def _in_scope(db: apsw.Connection, scope: Scope, word: str, count: int) -> int:
    """In how many of the chunks that count a word of the index is, which is in so many of all."""
    return count if scope.members is None else scope.members.counted(db, f'"{word}"', count)


def _expression(base: int, term: Term) -> str:
    """Quoted, although our words have no sign that the index's language knows."""
    return f'"{_marked(base, term.words)}"' + ("*" if term.prefix else "")


def _with_forms(base: int, term: Term) -> str:
    """What stands twice counts twice: the word as it was typed, against its other forms."""
    word = _expression(base, term)
    return " OR ".join([word, word, *(_expression(base, Term((form,))) for form in term.forms)])


def _marked(base: int, words: Sequence[str]) -> str:
    mark = f"{base}z"
    return mark + f" {mark}".join(words) if words else ""
