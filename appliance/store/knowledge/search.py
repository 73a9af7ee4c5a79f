"""A question to knowledge bases: candidates by meaning and by words, fused, checked, joined."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import apsw
import msgspec

from appliance import fusion, searchtext
from appliance.knowledge import EmbeddingSpace, Found, Passage, Search, SearchMode
from appliance.searchtext import Question, Term
from appliance.store.knowledge import vectors, words
from appliance.store.knowledge.passages import joined, read
from appliance.store.knowledge.scope import Scope, scope_of, size

CANDIDATES = 30
"""From each side; fusion needs to see where the other side has put what one side found."""
UNKNOWN = 1.25
"""Of the least word that is in some text: the weight of one that is in none."""
CANDIDATES_EACH = 4
LIMIT_MAX = 200
CANDIDATES_READ = 30
"""Of both sides; more changed no figure of bench/retrieval."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A search as it can be done: the mode, and what each side needs."""

    mode: SearchMode
    scope: Scope
    question: Question
    space: EmbeddingSpace | None
    vector: bytes | None
    limit: int

    @property
    def wanted(self) -> int:
        """How many candidates each side gives."""
        return max(CANDIDATES, CANDIDATES_EACH * self.limit)


class Worded(msgspec.Struct, frozen=True):
    """What the words of a question say: chunks that have them, best first, and how much each word weighs."""

    chunks: Sequence[int] = ()
    rarity: Mapping[Term, float] = {}


def search(db: apsw.Connection, base_numbers: Sequence[int], search: Search) -> Found:
    """The passages that fit, best first, of what the viewer may see.

    The bases should share one space; one that does not share the first one's is searched by its words alone.
    Raises `InvalidInput` for a vector that does not belong to the space.
    """
    with db:  # one moment of the database: a document that changes is the old one or the new one
        asked = _asked(db, base_numbers, search)
        near, worded = _by_meaning(db, asked), _by_words(db, asked)
        chunks = fusion.candidates(list(near), worded.chunks, _spare(asked.limit))
        passages = _best(db, asked, search, near, worded.rarity, chunks)
    return Found(passages=passages, mode=asked.mode)


def _asked(db: apsw.Connection, base_numbers: Sequence[int], search: Search) -> Asked:
    question = searchtext.question(search.text)
    space = _space(db, base_numbers) if search.vector is not None and search.mode != "keyword" else None
    mode: SearchMode = search.mode if space is not None else "keyword"
    if mode == "hybrid" and not question.terms and not question.weak:
        mode = "semantic"
    return Asked(
        mode=mode,
        scope=scope_of(db, base_numbers, search.viewer, search.filter),
        question=question,
        space=space,
        vector=search.vector if space is not None else None,
        limit=max(1, min(search.limit, LIMIT_MAX)),
    )


def _spare(limit: int) -> int:
    """So many are read: some fold into others, and words may lift one from far behind."""
    return max(CANDIDATES_READ, 2 * limit + 10)


def _by_meaning(db: apsw.Connection, asked: Asked) -> dict[int, float]:
    if asked.space is None or asked.vector is None:
        return {}
    return dict(vectors.nearest(db, asked.space, asked.scope, asked.vector, asked.wanted))


def _by_words(db: apsw.Connection, asked: Asked) -> Worded:
    if asked.mode == "semantic":
        return Worded()
    scope, question = asked.scope, asked.question
    terms, counts = words.counted(db, scope, question.terms or question.weak)
    worded = words.candidates(db, scope, Question(terms=terms, weak=[]), counts, asked.wanted)
    return Worded([chunk for chunk, _ in worded], _rarity(size(db, scope), counts))


def _best(
    db: apsw.Connection,
    asked: Asked,
    search: Search,
    near: Mapping[int, float],
    rarity: Mapping[Term, float],
    chunks: Sequence[int],
) -> list[Passage]:
    """The candidates that fit, best first; what scores alike stays in its order."""
    if asked.space is not None and asked.vector is not None:
        others = [chunk for chunk in chunks if chunk not in near]
        near = {**near, **vectors.cosines(db, asked.space, others, asked.vector)}
    found = {passage.chunk: passage for passage in read(db, asked.scope, chunks)}
    wordings = {chunk: fusion.Wording(passage.content) for chunk, passage in found.items()}
    covered = _covered(found, wordings, rarity) if asked.mode != "semantic" else {}
    scored = [
        _scored(found[chunk], asked, search, near.get(chunk), covered.get(chunk), 1 / place)
        for place, chunk in enumerate(chunks, 1)
        if chunk in found
    ]
    scored.sort(key=lambda passage: -passage.score)
    fitting = [passage for passage in scored if _fits(passage, asked.mode, search.threshold)]
    return joined(fusion.without_doubles(fitting, wordings))[: asked.limit]


def _covered(
    found: Mapping[int, Passage], wordings: Mapping[int, fusion.Wording], rarity: Mapping[Term, float]
) -> dict[int, float]:
    """How much of the question's words each passage has, in its text or above it."""
    sought = fusion.sought(rarity)
    titles: dict[str, fusion.Wording] = {}  # of one document often the same for many passages
    covered: dict[int, float] = {}
    for chunk, passage in found.items():
        text = "\n".join((passage.title, *passage.headings))
        above = titles.get(text) or titles.setdefault(text, fusion.Wording(text))
        covered[chunk] = fusion.covered_by(sought, wordings[chunk], above)
    return covered


def _scored(
    passage: Passage,
    asked: Asked,
    search: Search,
    cosine: float | None,
    covered: float | None,
    place: float,
) -> Passage:
    """By words alone the order of the index stands (BM25): it knows how often a word is there, and where."""
    match asked.mode:
        case "semantic":
            score, similarity = cosine or 0.0, max(0.0, cosine or 0.0)
        case "keyword":
            score, similarity = place, covered or 0.0
        case _:
            score = fusion.score_of_both(cosine, covered or 0.0, search.semantic_weight)
            similarity = fusion.similarity_of_both(cosine, covered or 0.0, search.semantic_weight)
    return msgspec.structs.replace(
        passage, similarity=similarity, cosine=cosine, coverage=covered, score=score
    )


def _fits(passage: Passage, mode: SearchMode, threshold: float | None) -> bool:
    if threshold is None:
        return True
    match mode:
        case "semantic":
            return (passage.cosine or 0.0) >= threshold
        case "keyword":
            return (passage.coverage or 0.0) >= threshold
        case "hybrid":
            covered = (passage.coverage or 0.0) >= fusion.COVERAGE_ENOUGH
            return covered or (passage.cosine or 0.0) >= threshold


def _space(db: apsw.Connection, base_numbers: Sequence[int]) -> EmbeddingSpace | None:
    """The space of the first base that has one."""
    for number in base_numbers:
        row = db.execute(
            "SELECT s.number, s.embedder, s.dimensions FROM _knowledge_bases AS b "
            "JOIN _embedding_spaces AS s ON s.number = b.space WHERE b.number = ?",
            (number,),
        ).fetchone()
        if row:
            return EmbeddingSpace(number=row[0], embedder=row[1], dimensions=row[2])
    return None


def _rarity(chunks: int, counts: Mapping[int, Mapping[Term, int]]) -> dict[Term, float]:
    """How much each word of the question says in these bases: rare ones much, one of every chunk little.

    A word that is nowhere may be a name, or said in other words here: it weighs a little more than the least
    of those that are somewhere. So most questions that have an answer find something, and most that have none
    find nothing; see bench/README.md.
    """
    found: Counter[Term] = Counter()
    for own in counts.values():
        found.update(own)
    total = max(chunks, *found.values(), 1) if found else 1
    weights = {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in found.items()}
    least = min((weights[term] for term, count in found.items() if count), default=1.0)
    return {term: weights[term] if found[term] else min(weights[term], UNKNOWN * least) for term in weights}
