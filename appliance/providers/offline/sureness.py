"""How sure it is that the best piece answers: what is near by meaning alone is often only near.

A question about what the documents are all about is similar to each of their passages, answered or not. So
the words count, too: those of the question that stand nowhere, names above all, and the kind of answer.
"""

from __future__ import annotations

from collections.abc import Collection

from appliance.providers.offline.asked import Asked
from appliance.providers.offline.codes import number_of

SURE_MIN = 0.5
"""From here on something is told."""
TOLD = 0.6
"""From here on it is told without a word of doubt."""
SIMILAR = 0.7
"""So similar is a passage that says the same thing in other words."""
BOTH = 0.6
"""What similarity and words have to be together otherwise."""
THIN = 0.15
"""With fewer of the words, weighted by rarity, only what is `SIMILAR` is told."""
SHOWN = 0.6
"""From here on also what has none of the words, but a time or an amount where one is wanted."""
EXACT = 0.35
"""So many have to be near an amount or an address that is asked for: others stand in any text."""
NAMED = 0.6
"""So many words have to be there where a name is not."""
LESS = 0.49
"""Nothing is told."""


def sureness(
    question: Asked, similarity: float, covered: float, missing: Collection[str], best: str
) -> float:
    """0 to 1; `SURE_MIN` where the best piece may just be told.

    `covered` is how much of the question stands in and around it, `missing` the names that stand nowhere,
    `best` is its text, which has an amount or an address where only that answers.
    """
    both = (similarity + covered) / BOTH
    sure = min(max(both, similarity / SIMILAR) * SURE_MIN, 1.0)
    if similarity >= SHOWN and question.shows_measure(best):
        sure = max(sure, TOLD)
    elif covered < THIN and similarity < SIMILAR:
        return min(sure, LESS)
    if missing and (covered < NAMED or any(map(number_of, missing))):
        return min(sure, LESS)
    if question.is_exact and covered < EXACT and similarity < SIMILAR:
        return min(sure, LESS)
    return sure
