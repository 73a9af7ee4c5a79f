"""Which tables and examples a question is about, by its words. Pure and deterministic; no model is asked.

What depends on the schema alone is in `SchemaIndex`, which is worth keeping as long as the schema is.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from appliance.bot import Example
from appliance.schema import Schema
from appliance.schema_fit import fit
from appliance.schema_index import SchemaIndex
from appliance.schema_text import SCHEMA_HEADING, LeftOut
from appliance.words import root, trigrams, words

CHARS_PER_TOKEN = 4
"""As `messages.estimate_tokens` counts."""
SEED_SHARE = 0.25
"""A table is meant when it scores at least this share of the best."""
SEEDS_MAX = 20
JOINED_MAX = 6
"""So many of the best tables are connected with each other."""
HOPS_MAX = 3
"""Keys on the way from one to another: two tables in between."""
CHILDREN_OF = 3
"""Tables that point at the best so many are of interest, too."""

EXAMPLE_SCORE_MIN = 0.12
"""Of what the question itself would score; one common word among ten stays below."""
TRIGRAM_WEIGHT = 0.25
BM25_SATURATION = 1.2
BM25_LENGTH = 0.75


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The tables that a prompt shows, some with fewer columns, and what it only names."""

    schema: Schema
    left_out: LeftOut = LeftOut()


def schema_budget(schema_tokens: int, context_tokens: int) -> int:
    """How many tokens the schema section may take: never more than half of what the model reads."""
    return min(schema_tokens, context_tokens // 2)


def choose_tables(
    schema: Schema,
    question: str,
    *,
    budget_tokens: int,
    default_table: str | None = None,
    recent: Sequence[str] = (),
    index: SchemaIndex | None = None,
) -> Selection:
    """The tables that the question needs, in the schema's order; all of them when they fit.

    The section that `schema_section` makes of it takes at most `budget_tokens` (but has its heading always).
    `default_table` and `recent`, the tables of the last answers, newest first, are `table` or `schema.table`
    and come before what the question's words suggest. `index` is one of this very schema.
    """
    index = index or SchemaIndex(schema)
    room = budget_tokens * CHARS_PER_TOKEN - len(SCHEMA_HEADING)
    if index.chars_whole <= room:
        return Selection(schema=schema)
    scores = index.scores(question)
    ranked = sorted(scores.tables, key=lambda at: (-scores.tables[at], at))
    named = [at for name in [default_table or "", *recent] if (at := index.position(name)) is not None]
    order = dict.fromkeys(_in_order(index, named, ranked, scores.tables))
    tables, left_out = fit(index, list(order), scores.columns, room)
    return Selection(schema=msgspec.structs.replace(schema, tables=tables), left_out=left_out)


def _in_order(
    index: SchemaIndex, named: list[int], ranked: list[int], scores: dict[int, float]
) -> Iterable[int]:
    """Positions of tables to show, the most needed first; the same one may come again."""
    least = SEED_SHARE * scores[ranked[0]] if ranked else 0.0
    seeds = [at for at in ranked if scores[at] >= least][:SEEDS_MAX]
    yield from named
    yield from seeds[:JOINED_MAX]
    yield from _between(index, [*named[:2], *seeds[:JOINED_MAX]])
    yield from seeds
    sources = seeds or named
    for at in sources:
        yield from index.parents[at]
    yield from ranked
    for at in sources[:CHILDREN_OF]:
        yield from index.children[at]
    if not sources:
        yield from index.hubs


def _between(index: SchemaIndex, chosen: list[int]) -> Iterable[int]:
    """The tables on the shortest ways along keys from each chosen table to the others."""
    for number, start in enumerate(chosen):
        ways = _ways(index, start)
        for end in chosen[number + 1 :]:
            at = ways.get(end)
            while at is not None and at != start:
                yield at
                at = ways[at]


def _ways(index: SchemaIndex, start: int) -> dict[int, int]:
    """Each table within reach -> the one before it on a shortest way from `start`."""
    before = {start: start}
    border = [start]
    for _ in range(HOPS_MAX):
        reached = []
        for at in border:
            for neighbour in (*index.parents[at], *index.children[at]):
                if neighbour not in before:
                    before[neighbour] = at
                    reached.append(neighbour)
        border = reached
    return before


def choose_examples(examples: Sequence[Example], question: str, limit: int = 3) -> list[Example]:
    """At most `limit` examples whose questions are like this one, the most similar first."""
    wanted = _terms(question)
    documents = [_terms(example.question) for example in examples]
    if not wanted or not documents:
        return []
    frequency = Counter(term for document in documents for term in document)
    count = len(documents)
    rarity = {
        term: math.log(1 + (count - frequency[term] + 0.5) / (frequency[term] + 0.5)) for term in wanted
    }
    usual = sum(sum(document.values()) for document in documents) / count
    best = _similarity(wanted, wanted, rarity, usual)
    scores = [_similarity(wanted, document, rarity, usual) / best for document in documents]
    near = sorted((-score, at) for at, score in enumerate(scores) if score >= EXAMPLE_SCORE_MIN)
    return [examples[at] for _, at in near[:limit]]


def _terms(text: str) -> dict[str, float]:
    """The roots and trigrams of a text with what each weighs."""
    weights: dict[str, float] = defaultdict(float)
    for word in words(text):
        weights[root(word) or word] += 1.0
        for piece in trigrams(word):
            weights[f"#{piece}"] += TRIGRAM_WEIGHT
    return weights


def _similarity(
    wanted: dict[str, float], document: dict[str, float], rarity: dict[str, float], usual: float
) -> float:
    """BM25 of the document for the wanted terms."""
    norm = BM25_SATURATION * (1 - BM25_LENGTH + BM25_LENGTH * sum(document.values()) / (usual or 1.0))
    return sum(
        rarity[term] * weight * document[term] * (BM25_SATURATION + 1) / (document[term] + norm)
        for term, weight in wanted.items()
        if term in document
    )
