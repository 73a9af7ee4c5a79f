"""How often the right page is found: by words, by meaning, and by both. `python -m bench.retrieval`.

Prints recall at 1, 5, 10 and the mean reciprocal rank over the questions in `questions.tsv`, and how many of
them keep their page at a threshold where how many of the questions in `unrelated.txt` find nothing. Exits
with 1 when hybrid search is not the best of all, when it is clearly worse than the better side on one half,
or when a default threshold loses what it should not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.knowledge import Found, SearchMode
from bench.retrieval.minilm import MiniLM
from bench.retrieval.pages import CACHE, PageSet, load
from bench.retrieval.shelves import Shelves
from bench.retrieval.unanswered import thresholds

QUESTIONS = Path(__file__).with_name("questions.tsv")
UNRELATED = Path(__file__).with_name("unrelated.txt")
MODES: tuple[SearchMode, ...] = ("keyword", "semantic", "hybrid")
DEPTH = 10
SLACK = 0.02
"""So much below the better side hybrid may be on one half."""


class Asked(msgspec.Struct, frozen=True):
    """A question and the pages that answer it; `kind` is `paraphrase` or `exact`."""

    kind: str
    text: str
    pages: frozenset[str]


class Score(msgspec.Struct, frozen=True):
    """Means over some questions."""

    at_1: float
    at_5: float
    at_10: float
    mrr: float


def questions() -> list[Asked]:
    """The set as it is stored: kind, question, names of pages."""
    rows = [line.split("\t") for line in QUESTIONS.read_text("utf-8").splitlines()]
    return [Asked(kind, text, frozenset(pages.split(","))) for kind, text, pages in rows]


def split(asked: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Every other question to tune with, and the others to measure with."""
    return list(asked[::2]), list(asked[1::2])


def score(ranks: Sequence[int]) -> Score:
    """Of the places of the right pages, 1 first, 0 where there was none."""
    count = max(1, len(ranks))
    return Score(
        *(sum(0 < rank <= depth for rank in ranks) / count for depth in (1, 5, 10)),
        sum(1 / rank for rank in ranks if rank) / count,
    )


def rank_of(found: Found, pages: frozenset[str]) -> int:
    """The place of the first right page among the pages found; 0 when there is none."""
    order = list(dict.fromkeys(passage.title for passage in found.passages))[:DEPTH]
    return next((place for place, name in enumerate(order, 1) if name in pages), 0)


def table(name: str, shelves: Shelves, asked: Sequence[Asked]) -> dict[tuple[str, str], Score]:
    """Ask everything in every mode and print the figures."""
    vectors = shelves.model.embed([one.text for one in asked])
    halves = {
        "all": lambda one: True,
        "paraphrase": lambda one: one.kind == "paraphrase",
        "exact": lambda one: one.kind == "exact",
    }
    scores: dict[tuple[str, str], Score] = {}
    print(f"\n{name:<26} {'questions':>9} {'recall@1':>9} {'@5':>6} {'@10':>6} {'MRR':>6}")
    for mode in MODES:
        ranks = [
            rank_of(shelves.search(one.text, vector, mode), one.pages)
            for one, vector in zip(asked, vectors, strict=True)
        ]
        for half, belongs in halves.items():
            own = [rank for one, rank in zip(asked, ranks, strict=True) if belongs(one)]
            got = scores[mode, half] = score(own)
            print(
                f"{mode + ', ' + half:<26} {len(own):>9} {got.at_1:>9.3f} {got.at_5:>6.3f} {got.at_10:>6.3f} "
                f"{got.mrr:>6.3f}"
            )
    return scores


def kept(scores: dict[tuple[str, str], Score]) -> bool:
    """Is hybrid the best of all, and nowhere clearly behind?"""
    best = all(
        getattr(scores["hybrid", "all"], measure) >= getattr(scores[mode, "all"], measure)
        for mode in MODES
        for measure in ("at_10", "mrr")
    )
    near = all(
        scores["hybrid", half].at_10 >= scores[mode, half].at_10 - SLACK
        for mode in MODES
        for half in ("paraphrase", "exact")
    )
    for measure in ("at_1", "at_5", "at_10", "mrr"):
        all_of = {mode: getattr(scores[mode, "all"], measure) for mode in MODES}
        best_mode = max(all_of, key=lambda mode: (all_of[mode], mode == "hybrid"))
        print(f"{measure}: {best_mode} is best of all")
    if not best or not near:
        print("hybrid is not the best by recall@10 and MRR" if not best else "hybrid is behind on one half")
    return best and near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chars", type=int, default=1_800, help="so much of the beginning of each page")
    parser.add_argument("--size", type=int, default=225, help="tokens of a chunk")
    parser.add_argument("--labelled", action="store_true", help="only pages that answer a question")
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    pages = load(given.cache)
    asked = questions()
    _tell(pages, asked)
    with tempfile.TemporaryDirectory() as folder:
        shelves = Shelves(Path(folder), MiniLM(given.cache / "minilm.db"))
        wanted = {name for one in asked for name in one.pages}
        chosen = [page for page in pages.pages if not given.labelled or page.name in wanted]
        shelves.fill(chosen, chars=given.chars, size=given.size)
        print(
            f"{shelves.chunks:,} chunks of {given.size} tokens, the first {given.chars:,} characters of each"
        )
        tuning, held_out = split(asked)
        table("tuning half", shelves, tuning)
        table("held-out half", shelves, held_out)
        good = kept(table("all questions", shelves, asked))
        good = thresholds(shelves, asked, UNRELATED.read_text("utf-8").splitlines()) and good
    print("\nkept" if good else "\nNOT KEPT: see above")
    sys.exit(not good)


def _tell(pages: PageSet, asked: Sequence[Asked]) -> None:
    names = {page.name for page in pages.pages}
    print(f"{len(pages.pages)} pages of {len(pages.versions)} packages, {pages.hash}; {len(asked)} questions")
    lost = [one.text for one in asked if not one.pages & names]
    if lost:
        print(f"{len(lost)} questions have no page here (python -m bench.retrieval.pages): {lost[:3]} …")


if __name__ == "__main__":
    main()
