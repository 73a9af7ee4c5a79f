"""Data or documents? What reads as a query goes to the data, unless the documents fit it better."""

from __future__ import annotations

import re

from appliance.providers.offline import talk
from appliance.providers.offline.evidence import Evidence
from appliance.providers.offline.intent import Intent, Is, Matches, Named
from appliance.providers.offline.lexicon import Lexicon

NO_QUERY = re.compile(
    r"\W*(how (long|soon|do|can|to|should|often)|when (do|does|will|can|is|are|must)|why|"
    r"what (if|happens|do i|should|can i)|(can|may|could|must|should|do|am|will) (i|we|my|our)|"
    r"is it|is there a (way|fee|limit)|where (do|can|is|are) (i|you|we|my|your))\b",
    re.IGNORECASE,
)
"""How questions begin that ask for a rule or a way, and not for rows."""
SURE_OF_RULE = 0.5
SURE_OF_GUESS = 0.7
"""How sure the evidence has to be against a query that may be meant, and against one that is a guess."""


def documents_fit_better(question: str, evidence: Evidence, guess: bool) -> bool:
    """Should the passages answer a question that can also be read as a query? `guess` as of `is_guess`."""
    if not evidence.found:
        return False
    if NO_QUERY.match(question):
        return evidence.sure >= SURE_OF_RULE
    return guess and evidence.sure >= SURE_OF_GUESS


def is_guess(intent: Intent) -> bool:
    """Does a query look for a text that is not known to stand in the data?"""
    return any(
        isinstance(test, Matches | Named) or (isinstance(test, Is) and not test.exact)
        for test in intent.filters
    )


def is_for_data(question: str, lexicon: Lexicon) -> bool:
    """Is it about the tables themselves, or a wish to change what is in them?"""
    return talk.is_a_wish(question, lexicon) or (
        bool(lexicon.tables) and talk.asks_for_schema(question, lexicon)
    )
