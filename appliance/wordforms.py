"""Other forms of a word that a text may have where a question has this one: `costs` of `cost`. Pure.

The index keeps words as they stand, so names and quoted words stay exact; a question asks for these forms,
too, and those that no text has cost a look. So a rule may be generous where what it makes is no word, and has
to be careful where it is another one. Words are in lower case and without accents.
"""

from __future__ import annotations

import re
from functools import lru_cache

LETTERS_MIN = 4
"""Of shorter words no ending is taken: `aes`, `tls` and `sed` have none."""
STEM_LETTERS_MIN = 3

_LETTERS = re.compile(r"[a-z]+")
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLE = re.compile(r"([bdgklmnprtz])\1$")
_SHORT = re.compile(r"^[^aeiou]*[aeiouy][bdgklmnprtz]$")
_DOUBLING = re.compile(_SHORT.pattern + r"|(?:bel|cel|cur|fer|gin|gram|mat|mit|quip|vel)$")
"""What doubles its last letter before an ending: `stop`, `refer`."""
_NO_MUTE_E = re.compile(
    r"(?:ck|ct|dd|ff|ft|ld|ll|lp|lt|mp|nd|nk|nt|pt|rd|rk|rm|rn|rt|sk|ss|wn|[aeiou]{2}[^aeiouscgvz])$"
)
"""What has no e that went before an ending: `return`, `load`; other than `chang`, `pleas`."""
_SIBILANT = re.compile(r"(?:s|x|z|ch|sh)$")
_ENDINGS_OF_THEIR_OWN = """
alias always analysis apparatus bias bring canvas chaos christmas during evening gross guess herring
https hundred indeed lens linux mathematics morning mars new news nothing pants perhaps physics politics
series species speed spring status string thanks thing this towards virus wedding
"""
_FIXED = frozenset(_ENDINGS_OF_THEIR_OWN.split())
"""Words whose ending is none."""
_IRREGULAR = (
    ("child", "children"), ("person", "people"), ("man", "men"), ("woman", "women"), ("foot", "feet"),
    ("index", "indices", "indexes"), ("buy", "bought"), ("send", "sent", "sending", "sends"),
    ("pay", "paid"), ("lose", "lost"), ("choose", "chose", "chosen"), ("write", "wrote", "written"),
    ("break", "broke", "broken"), ("give", "gave", "given"), ("take", "took", "taken"),
    ("begin", "began", "begun"), ("keep", "kept"), ("build", "built"), ("find", "found"), ("hold", "held"),
    ("bring", "brought"), ("sell", "sold"), ("leave", "left"), ("wear", "wore", "worn"),
)  # fmt: skip
_BY_IRREGULAR = {word: group for group in _IRREGULAR for word in group}

_UMLAUT_SPELLED = re.compile(r"(?<![aeiouyq])([aou])e(?![aiouy])")
_ARABIC_ARTICLE = "\u0627\u0644"
_HEBREW_ARTICLE = "\u05d4"
_ARABIC = re.compile(r"[\u0621-\u064a]+")
_HEBREW = re.compile(r"[\u05d0-\u05ea]+")


@lru_cache(4096)
def forms(word: str) -> tuple[str, ...]:
    """The word in the plural and the singular, with and without -ed, -ing, -en, an article or an umlaut's e.

    The word itself is not among them. Nothing for words with digits, short ones and names of known kinds.
    """
    if _LETTERS.fullmatch(word):
        found = _latin(word)
    elif _ARABIC.fullmatch(word):
        found = _with_and_without(word, _ARABIC_ARTICLE)
    elif _HEBREW.fullmatch(word):
        found = _with_and_without(word, _HEBREW_ARTICLE)
    else:
        found = []
    return tuple(dict.fromkeys(form for form in found if form != word))


def spelled(word: str) -> str:
    """A word in lower case with its umlauts, as keyboards without them have it: `loesung` of `lösung`."""
    return word.replace("\u00e4", "ae").replace("\u00f6", "oe").replace("\u00fc", "ue")


def _latin(word: str) -> list[str]:
    found = list(_BY_IRREGULAR.get(word, ()))
    if word not in _FIXED:
        stems = _stems(word) if len(word) >= LETTERS_MIN else []
        for stem in stems or [word]:
            found += [stem, *_endings(stem)]
        if stems and word.endswith("ing"):
            found.append(word + "s")
    umlauts = _UMLAUT_SPELLED.sub(r"\1", word)
    return [*found, umlauts] if len(word) > LETTERS_MIN else found


def _stems(word: str) -> list[str]:
    """What the word may be without its ending, the likeliest first."""
    if word.endswith("s"):
        return _singular(word)
    for ending in ("ing", "ed"):
        if word.endswith(ending) and not word.endswith(("eed", "eing")):
            return _verb(word.removesuffix(ending))
    if word.endswith("en") and len(word) > 5:
        return (
            [word[:-2], word[:-1]] if word.endswith(("ungen", "heiten", "keiten", "ionen")) else [word[:-1]]
        )
    return []


def _singular(word: str) -> list[str]:
    if word.endswith(("ss", "us", "is")):
        return []
    if word.endswith("ies"):
        return [word[:-3] + "y", word[:-1]] if len(word) > 4 else [word[:-1]]
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return [word[:-2]]
    return [word[:-1]]


def _verb(stem: str) -> list[str]:
    """Of `stopp`, `mak`, `return`: the verb; nothing where no syllable is left, as in `string`."""
    if len(stem) < STEM_LETTERS_MIN or not _VOWEL.search(stem):
        return [stem + "e"] if stem == "us" else []
    if stem.endswith("i"):
        return [stem[:-1] + "y"]
    if _DOUBLE.search(stem):
        return [stem[:-1], stem]
    if _NO_MUTE_E.search(stem):
        return [stem]
    return [stem + "e"] if _SHORT.search(stem) else [stem, stem + "e"]


def _endings(stem: str) -> list[str]:
    """The stem with its endings."""
    if len(stem) < STEM_LETTERS_MIN:
        return []
    if stem.endswith("e"):
        return [stem + "s", stem + "d", stem[:-1] + "ing", stem + "n"]
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return [stem[:-1] + "ies", stem[:-1] + "ied", stem + "ing"]
    found = [stem + ("es" if _SIBILANT.search(stem) else "s"), stem + "ed", stem + "ing"]
    if _DOUBLING.search(stem):
        found += [stem + stem[-1] + "ed", stem + stem[-1] + "ing"]
    return [*found, stem + "en"] if stem.endswith(("ung", "heit", "keit", "ion")) else found


def _with_and_without(word: str, article: str) -> list[str]:
    bare = word.removeprefix(article)
    return [bare, article + bare] if len(bare) >= STEM_LETTERS_MIN else []
