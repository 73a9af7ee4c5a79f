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


def alone(question: str) -> str:
    """Only words for what the question names, without how it is asked; '' when there are none."""
    words = [word for word in tokens(question) if meant(word)][:TERMS_MAX]
    return " ".join(dict.fromkeys(other for word in words for other in alike_words(word)))
