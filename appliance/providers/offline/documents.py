"""What a request has of documents: passages of its prompt, what searches found, and what is still to search.

A search is made when the prompt has no passages and the tool is offered, once more with words for the same
thing when what there is may not answer, and at last with those words alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import msgspec

from appliance import followups
from appliance.providers.offline.evidence import Evidence, weigh
from appliance.providers.offline.passages import Passage, looked_up, read_hits, read_passages
from appliance.providers.offline.widening import alone, widened

SEARCH_TOOLS = ("search_vectors", "vector_search")
LOOK_BACK = 4
QUERY_CHARS_MAX = 2_000
HITS = 8
ENOUGH = 0.7
"""Evidence that is less sure is worth another look."""
THRESHOLD = 0.0
"""Whether a passage fits is judged here, by its sentences."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a call of the search tool."""

    query: str
    limit: int = HITS
    threshold: float = THRESHOLD


class Documents:
    """`questions` are the user's, the newest last; `since` are results of tools after it, by their names."""

    def __init__(
        self,
        system_prompt: str,
        questions: Sequence[str],
        since: Sequence[tuple[str, str]],
        tools: Collection[str],
    ) -> None:
        self._given = read_passages(system_prompt) if looked_up(system_prompt) else None
        self._question = questions[-1] if questions else ""
        self._before = questions[:-1]
        self._found = [read_hits(content) for name, content in since if name in SEARCH_TOOLS]
        self.tool = next((name for name in SEARCH_TOOLS if name in tools), "")
        """The search tool that is offered now, or ''."""

    @property
    def there(self) -> bool:
        """Are there documents, as far as the request tells?"""
        return self._given is not None or bool(self._found) or bool(self.tool)

    @cached_property
    def evidence(self) -> Evidence:
        """What all passages so far have for the question."""
        looks = [look for look in (self._given, *self._found) if look is not None]
        return weigh(self._question, self._earlier, _merged(looks))

    def next_search(self) -> Search | None:
        """What to search for now; None when there is enough, or nothing more to try."""
        if not self.tool or self.evidence.sure >= ENOUGH or None in self._found:
            return None
        asked = f"{self._earlier}{self._question}"[:QUERY_CHARS_MAX]
        looks = len(self._found) + (self._given is not None)
        queries = (asked, widened(asked), alone(self._question))
        query = queries[looks] if looks < len(queries) else ""
        return Search(query=query) if query.strip() else None

    @cached_property
    def _earlier(self) -> str:
        """The questions that the newest one leans on, each in a line."""
        leans = followups.leans(self._question) or followups.is_short(self._question)
        if not self._before or not leans:
            return ""
        return followups.folded(self._question, self._before[-LOOK_BACK:]).removesuffix(self._question)


def _merged(looks: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The passages of all looks, each once, by the best place and the highest similarity that they had."""
    best: dict[int, tuple[int, Passage]] = {}
    for found in looks:
        for rank, passage in enumerate(found):
            before, known = best.get(passage.number, (rank, passage))
            similarity = max(passage.similarity, known.similarity)
            best[passage.number] = min(rank, before), msgspec.structs.replace(known, similarity=similarity)
    return [passage for _, passage in sorted(best.values(), key=lambda one: one[0])]
