"""Which words are the same for a look into documents: without plural, -ing, -ed, -ment; or for one thing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from appliance.providers.offline.synonyms import IRREGULAR, PHRASES, groups
from appliance.providers.offline.words import stem
from appliance.words import STOP_WORDS

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)")
UNSPACED_TALK = re.compile("[\u3040-\u309f]{2}|.?[的了吗呢么是在有我你您他她们这那请什怎几多可能要会].?")
"""Pairs of signs that say how somebody asks: endings and particles."""
ENDINGS = (
    "izations", "ization", "ations", "ation", "ements", "ement", "ments", "ment", "ions", "ion", "ings",
    "ing",
    "ables", "able", "ively", "edly", "ies", "ied", "ers", "er", "ed", "ly", "al", "s", "e", "y",
)  # fmt: skip
STEM_CHARS_MIN = 3
WORD_CHARS_MAX = 40
_TALK = """
another anybody anyone other others somebody someone
able after again already also always anything aren back because been before being best better between bit
bitte both cannot come comment como could couldn cuando danke darf dauert didn does doesn doing don donde
done during else est-ce even every everything faut fine gerne get getting gibt give go going gonna got
gracias had happen happens hay hello help here hey hi how's i'd i'll i'm i've if im into isn it's just kann
kind know konnen konnte lange let let's like long lot make many may maybe mean merci might muss must need
needs never new no nor not now off oh ok okay once only oops ought out own peut peux please possible problem
puede puedo puis put quand quiero quite really right say see shall should shouldn soll something soon still
stuff such sure take tell tengo than thank thanks then there's thing think though tiene together too try u
until upon us use used using usually very wanna want wants wasn way we're well what's whats when's where's
while who's whole why wish within won won't wonder wurde yes yet you're your
"""
TALK = frozenset(_TALK.split())
"""Words of conversation: they say how somebody asks, not about what."""


def tokens(text: str) -> list[str]:
    """The words of a text as they can be compared, in their order."""
    low = unaccented(text)
    for phrase, word in PHRASES.items():
        if phrase in low:
            low = low.replace(phrase, word)
    found: list[str] = []
    for word in WORD.findall(low):
        found += [word[:WORD_CHARS_MAX]] if word.isascii() else _parts(word[:WORD_CHARS_MAX])
    return found


def _parts(word: str) -> list[str]:
    """The word; of scripts without blanks every two neighbouring signs: nothing tells where words end."""
    found: list[str] = []
    for run in UNSPACED.split(word):
        pairs = len(run) > 1 and UNSPACED.fullmatch(run) is not None
        found += [run[at : at + 2] for at in range(len(run) - 1)] if pairs else filter(None, [run])
    return found


def meant(word: str) -> bool:
    """Does the word say what a question is about?"""
    if word in STOP_WORDS or IRREGULAR.get(word, word) in TALK or word in TALK or word.endswith("n't"):
        return False
    if not (len(word) > 1 or word.isdecimal()):
        return False
    return word.isascii() or UNSPACED_TALK.fullmatch(word) is None


@lru_cache(16_384)
def short(word: str) -> str:
    """The word's stem; the same for its forms is all that matters."""
    word = IRREGULAR.get(word, word)
    word = stem(word.partition("'")[0].partition("\u2019")[0])
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_CHARS_MIN:
            word = word.removesuffix(ending)
            break
    if len(word) > STEM_CHARS_MIN and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > STEM_CHARS_MIN else word


@lru_cache(1)
def _alike() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for word, same in groups().items():
        found[short(word)] = found.get(short(word), frozenset()) | {short(other) for other in same}
    return found


def alike(stemmed: str) -> frozenset[str]:
    """Stems of words for the same thing, without this one."""
    return _alike().get(stemmed, frozenset()) - {stemmed}


def alike_words(word: str) -> list[str]:
    """Words for the same thing as they are written, without this one."""
    same = groups().get(IRREGULAR.get(word, word)) or groups().get(short(word)) or frozenset()
    spelt = {one: phrase for phrase, one in PHRASES.items()}
    return sorted(spelt.get(other, other) for other in same - {word})


def unaccented(text: str) -> str:
    """In lower case, without accents."""
    low = text.casefold().replace("\u2019", "'")
    if low.isascii():
        return low
    return "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))
