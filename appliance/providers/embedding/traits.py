"""What is known of embedding models by their names: prefixes, thresholds, how much they read."""

from __future__ import annotations

import msgspec

from appliance.providers.embedding.base import Purpose


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """`query` and `document` are put before texts; `threshold` as in `Embedder`."""

    threshold: float
    query: str = ""
    document: str = ""
    characters_max: int = 24_000
    """A text is cut there: about 6,000 tokens of English. Where the model reads less, it says so."""

    def prefixed(self, text: str, purpose: Purpose) -> str:
        """The text as the model wants it."""
        return (self.query if purpose == "query" else self.document) + text


_BGE_QUERY = "Represent this sentence for searching relevant passages: "

_KNOWN = {
    # Measured with the local model and 30 questions in other words than those of 215 pieces of manual pages:
    # for 29 of them the right page has a piece at 0.3 or more, as 1.7 % of all other pieces are (at 0.25: 30
    # and 3.5 %; at 0.4: 25 and 0.3 %). Of 10 questions about something else one has a piece above 0.3, none
    # one above 0.35.
    "all-minilm": Traits(threshold=0.3),
    # OpenAI's third generation spreads its cosines: unrelated English texts lie about 0.1, passages that
    # answer a question at 0.3 to 0.6. The second has nearly all pairs of texts above 0.68.
    "text-embedding-3": Traits(threshold=0.3),
    "text-embedding-ada": Traits(threshold=0.75),
    # The prefixes of the following stand in their model cards; so does that the cosines of E5 lie between 0.7
    # and 1, and those of BGE v1.5 mostly above 0.4. Thresholds are a little above what unrelated texts have.
    "nomic-embed": Traits(threshold=0.55, query="search_query: ", document="search_document: "),
    "mxbai-embed": Traits(threshold=0.5, query=_BGE_QUERY),
    "bge-m3": Traits(threshold=0.45),
    "bge-": Traits(threshold=0.5, query=_BGE_QUERY),
    "multilingual-e5": Traits(threshold=0.8, query="query: ", document="passage: "),
    "e5-": Traits(threshold=0.8, query="query: ", document="passage: "),
}
"""First part of a model's own name, in lower case -> what is known; the first that fits counts."""

UNKNOWN = Traits(threshold=0.4)
"""Between those that spread their cosines and those that do not."""


def of(model: str) -> Traits:
    """By the name behind any owner (`nomic-ai/nomic-embed-text-v1.5`)."""
    name = model.rsplit("/", 1)[-1].strip().lower()
    return next((traits for start, traits in _KNOWN.items() if name.startswith(start)), UNKNOWN)
