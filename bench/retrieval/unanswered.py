"""Which threshold keeps the right pages and still finds nothing where there is nothing to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.fusion import COVERAGE_ENOUGH, WORDS_ENOUGH
from appliance.knowledge import Found, Passage, SearchMode
from appliance.providers.embedding import traits
from bench.retrieval.shelves import Shelves

COSINE_ENOUGH = traits.of("all-MiniLM-L6-v2").threshold
KEPT = 0.85
NOTHING = 0.70
"""The least shares at the default thresholds. The curve below says what another one costs."""


class Labelled(Protocol):
    """A question and the pages that answer it."""

    @property
    def text(self) -> str: ...
    @property
    def pages(self) -> frozenset[str]: ...


def thresholds(shelves: Shelves, asked: Sequence[Labelled], unrelated: Sequence[str]) -> bool:
    """Print the curves of both modes; were the default thresholds good enough?"""
    good = True
    for mode, default, tried in (
        ("keyword", WORDS_ENOUGH, (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)),
        ("hybrid", COSINE_ENOUGH, (0.2, 0.25, 0.3, 0.35, 0.4)),
    ):
        answered, others = _found(shelves, asked, unrelated, mode)
        print(f"\n{mode + ', threshold':<26} {'page kept':>9} {'unrelated: nothing':>20}")
        for least in tried:
            kept, nothing = _shares(answered, others, _fits(mode, least))
            is_default = abs(least - default) < 1e-9
            print(f"{least:<26} {kept:>9.3f} {nothing:>20.3f}{'  the default' if is_default else ''}")
            if is_default:
                good = good and kept >= KEPT and nothing >= NOTHING
    return good


def _found(
    shelves: Shelves, asked: Sequence[Labelled], unrelated: Sequence[str], mode: SearchMode
) -> tuple[list[tuple[Labelled, Found]], list[Found]]:
    """Of the questions whose page is found at all, and of those that have none."""
    vectors = shelves.model.embed([*(one.text for one in asked), *unrelated])
    answered = [
        (one, shelves.search(one.text, vector, mode)) for one, vector in zip(asked, vectors, strict=False)
    ]
    others = [
        shelves.search(text, vector, mode)
        for text, vector in zip(unrelated, vectors[len(asked) :], strict=True)
    ]
    return [
        (one, found)
        for one, found in answered
        if any(passage.title in one.pages for passage in found.passages)
    ], others


def _fits(mode: SearchMode, least: float) -> Callable[[Passage], bool]:
    """As search decides it."""
    if mode == "keyword":
        return lambda passage: (passage.coverage or 0.0) >= least
    return lambda passage: (passage.coverage or 0.0) >= COVERAGE_ENOUGH or (passage.cosine or 0.0) >= least


def _shares(
    answered: Sequence[tuple[Labelled, Found]], others: Sequence[Found], fits: Callable[[Passage], bool]
) -> tuple[float, float]:
    kept = [
        any(passage.title in one.pages and fits(passage) for passage in found.passages)
        for one, found in answered
    ]
    nothing = [not any(map(fits, found.passages)) for found in others]
    return sum(kept) / max(1, len(kept)), sum(nothing) / max(1, len(nothing))
