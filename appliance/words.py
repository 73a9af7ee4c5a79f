"""Words of questions and of names, made comparable: case, accents, plurals, camelCase do not matter. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

CHARS_MAX = 8_000
"""So much of a text is looked at; questions that say what they want say it sooner."""
WORD_CHARS_MAX = 40

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
"""Scripts that put no spaces between words: every two neighbouring signs count as a word."""
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "indices": "index"}
_ENDINGS = (
    "izations", "ization", "ations", "ation", "ments", "ment", "ungen", "ings", "ung", "ing", "ions", "ion",
    "ers", "er", "ees", "ee", "ed", "en", "es", "e", "s", "n",
)  # fmt: skip

_ENGLISH = """
a about all am an and any are as at be been by can could did do does for from get give had has have her his
how i if in is it its last least list many me more most much my no not of on one or our per please show so
some tell than that the their them there these they this those to up us was we were what when where which
who whom whose will with without would you your between during each every find over under since
"""
_GERMAN = """
aber alle als am an auch auf aus bei bis das dass dem den der des die dies diese ein eine einem einen einer
er es fur gab gib gibt haben hat ich ihr im in ist ja jede jeden jeder kann man mehr mein mir mit nach nicht
noch nur oder pro sich sie sind so uber um und uns unsere viel viele vom von vor war waren was welche
welchen welcher wem wen wer wie wieviel wir wird wo wurde wurden zeig zeige zu zum zur
"""
_ROMANCE_AND_DUTCH = """
au aux avec combien ce ces cette dans de del des du elle en est et il la le les leur mes nous ou par pour quel
quelle quelles quels qui que sont sur un une vous con como cual cuales cuantos cuantas el es esta los las
muestra para por quien se su sus una y che chi di da dei delle gli quali quanti quante sono het hoeveel met
van voor welke zijn os quantos quantas quais com dos das na no
"""
STOP_WORDS = frozenset((_ENGLISH + _GERMAN + _ROMANCE_AND_DUTCH).split())
"""Words of questions that say nothing of what is asked for; without accents."""


def words(text: str) -> list[str]:
    """The words of a question or a name in their order, in the singular, without those that say nothing."""
    found = []
    whole = unicodedata.normalize("NFC", text[:CHARS_MAX])  # an accent of its own would split the word
    for raw in _WORD.findall(_CAMEL.sub(" ", whole)):
        plain = _plain(raw[:WORD_CHARS_MAX])
        if plain in STOP_WORDS or plain.isdecimal():
            continue
        if _UNSPACED.fullmatch(plain) and len(plain) > 2:
            found += [plain[at : at + 2] for at in range(len(plain) - 1)]
        elif len(plain) > 1 or not plain.isascii():
            found.append(_stem(plain))
    return found


def root(word: str) -> str:
    """What words of one family share: ship of shipments, shipped and shipping; '' for short words."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            short = word.removesuffix(ending)
            return short[:-1] if len(short) > 4 and short[-1] == short[-2] else short
    return word if len(word) >= 4 else ""


def trigrams(text: str) -> list[str]:
    """Every three neighbouring characters of the words of a text, each word with an edge on both sides."""
    found = []
    for raw in _WORD.findall(text[:CHARS_MAX]):
        word = f" {_plain(raw[:WORD_CHARS_MAX])} "
        found += [word[at : at + 3] for at in range(len(word) - 2)]
    return found


@lru_cache(4096)
def _plain(word: str) -> str:
    """In lower case, without accents."""
    lower = word.casefold()
    if lower.isascii():
        return lower
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


@lru_cache(4096)
def _stem(word: str) -> str:
    """Without the plural's ending; ae, oe, ue become a, o, u, as ä, ö, ü have become."""
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "uses")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
