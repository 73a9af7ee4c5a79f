"""Other words to look into documents with: the question and words for the same thing.

The first look takes a question as it stands. A document may call the same thing otherwise, and a model would
search again.
"""

from __future__ import annotations

from appliance.providers.offline.stems import alike_words, meant, tokens

TERMS_MAX = 12


def widened(question: str) -> str:
    """The question and words for what it names; '' when it says nothing of what it is about."""
    words = list(dict.fromkeys(word for word in tokens(question) if meant(word)))[:TERMS_MAX]
    same = dict.fromkeys(other for word in words for other in alike_words(word) if other not in words)
    return " ".join([question, *same]) if words else ""
