"""Text as the word index keeps it, and what people type as terms for that index. Pure.

The index splits at blanks only, so everything that makes a word a word is decided here, once, for documents
and questions alike: case, accents, scripts without blanks, names such as `getUserName` and `ERR_CONN-42`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from appliance.wordforms import forms, spelled
from appliance.words import STOP_WORDS

_ASKING = """
also another any anyone anything ask aren because before being both bitte cannot couldn danke didn doesn
doing don dont either else ever every gets getting go goes going got hadn hasn haven hello help here hi
however im instead isn just kind know let like mag maybe might mine mochte must my need needs never now
ok okay only other please pls possible really say see shall should shouldn someone something soon still
such sure take tell thank thanks then thing things think too try trying use used uses using very
want wants wasn way well weren while whether why won wouldn yes yet yourself
"""
WEAK_WORDS = STOP_WORDS | frozenset(_ASKING.split())
"""Of a question, not of what it asks for. They are looked for when there is nothing else."""
QUESTION_CHARS_MAX = 2_000
"""So much of a question is looked at; who pastes a whole page has said it by then."""
TERMS_MAX = 48
WORD_CHARS_MAX = 64
"""Longer runs are data, not words; their beginning is kept."""

_SIGN = (
    r"[^\W_]|[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff]"
)
"""A letter or digit of any script, or a mark that belongs to the letter before it."""
_WORD = re.compile(rf"(?:{_SIGN})+")
_COMPOUND = re.compile(rf"(?<!{_SIGN})(?:{_SIGN})++(?:[_\-.:/#@+](?:{_SIGN})++)+")
"""Looked for where a word begins only: within a long one it would take the square of its length."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HUMP = re.compile(r"[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_ASCII_COMPOUND = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]++(?:[_\-.:/#@+][A-Za-z0-9]++)+")
"""The same for most texts, ten times as fast."""
_JOINING = b"_-.:/#@+"
"""The signs of compounds."""
_ASCII = [chr(number) for number in range(128)]
_ASCII_BLANKS = bytes(ord(sign.lower()) if sign.isalnum() else 32 for sign in _ASCII) + bytes(128)
"""For `translate` of bytes, which takes a tenth of the time that it takes of a text, or a pattern."""
_ASCII_RUNS = bytes(ord(s) if s.isalnum() or ord(s) in _JOINING else 32 for s in _ASCII) + bytes(128)
_ASCII_SHAPE = b"".join(
    b"a"
    if s.islower()
    else b"A"
    if s.isupper()
    else b"0"
    if s.isdigit()
    else b"-"
    if ord(s) in _JOINING
    else b" "
    for s in _ASCII
) + bytes(128)
"""Of what kind each sign is: where the humps of camelCase are can be seen in it, and what is torn."""
_ASCII_HUMPS = (b"aA", b"0A", b"AAa")
"""What `_HUMP` finds, as shapes."""
_ASCII_TORN = (b"a--", b"A--", b"0--")
"""Several signs of compounds join nothing, other than a single one."""
_TYPOGRAPHY = "\u00a0\u00b7\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026"
"""What Western texts have besides ASCII; without it most of them go the fast way."""
_OTHERS = re.compile(rf"(?:(?!{_SIGN})[^\x00-\x7f])+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = re.compile("[\u00ad\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff]")
"""Soft hyphens, joiners, marks of direction: in the middle of words, and no part of them."""
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]"
)
_ARABIC_LETTERS = str.maketrans("\u0649\u0629\u0671", "\u064a\u0647\u0627")
"""Written for one another: alif maqsura and ya, ta marbuta and ha, alif wasla and alif."""
_JOINTS = re.compile(r"[_\-.:/#@+]+")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul: words are not set apart, or carry endings of their own."""
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"') | {"\u2019": "'"})
_CONTRACTED = re.compile(r"(?<=[^\W\d_])'(?:s|m|re|ve|ll|d|t)\b", re.IGNORECASE)
"""What is left of a word that says nothing: I'm, it's, don't, the driver's."""
_PHRASE = re.compile(r'"([^"]*)"')
_PREFIX = re.compile(rf"(?<!{_SIGN})((?:{_SIGN}){{2,}}+)\*")


class Prepared(msgspec.Struct, frozen=True):
    """A text for the index: `words` in their order, and `names`: compounds as a whole, camelCase in parts."""

    words: list[str]
    names: list[str]


class Term(msgspec.Struct, frozen=True):
    """What the index is asked for: these words in a row; with `prefix` the last is a beginning."""

    words: tuple[str, ...]
    prefix: bool = False
    exact: bool = False
    """It was in quotes: a passage has to have it."""
    forms: tuple[str, ...] = ()
    """Others of the word that are as good: `costs` for `cost`."""


class Question(msgspec.Struct, frozen=True):
    """Terms in the order of the question, each once. `weak` ones say little; they count alone."""

    terms: list[Term]
    weak: list[Term]


def prepare(text: str) -> Prepared:
    """A document's text, or a part of it, for the index."""
    text = clean(text)
    if text.isascii():
        found = [word[:WORD_CHARS_MAX] for word in _ASCII_WORD.findall(text.lower())]
        return Prepared(found, _names(text))
    return Prepared(_words(text), _names(text))


def question(text: str) -> Question:
    """The terms of what somebody typed: `"exact words"` in a row, `begin*`, everything else word by word."""
    text = clean(text[:QUESTION_CHARS_MAX].translate(_QUOTES))
    terms: dict[Term, None] = {}
    for match in _PHRASE.finditer(text):
        words = tuple(prepare(match[1]).words)
        if words:
            terms[Term(words, exact=True)] = None
    text = _PHRASE.sub(" ", text)
    for match in _PREFIX.finditer(text):
        terms[Term((_plain(match[1]),), prefix=True)] = None
    text = _PREFIX.sub(" ", text)
    text = _CONTRACTED.sub(" ", text)
    weak: dict[Term, None] = {}
    umlauts = _spelled(text)
    for word in dict.fromkeys((*_names(text), *_loose(text))):
        if word in WEAK_WORDS:
            weak[Term((word,))] = None
        else:
            terms[Term((word,), forms=(*forms(word), *umlauts.get(word, ())))] = None
    return Question(list(terms)[:TERMS_MAX], list(weak)[:TERMS_MAX])


def normal(text: str) -> str:
    """The same for two texts that differ in case, accents, blanks and punctuation only."""
    text = clean(text)
    return " ".join(in_a_row(text, without_accents(text)))


def in_a_row(text: str, plain: str) -> list[str]:
    """The words of `normal` in their order; of a text that is `clean` and the same `without_accents`."""
    if plain.isascii():
        return plain.encode().translate(_ASCII_BLANKS).decode().split()
    return _words(text)


def names(text: str) -> list[str]:
    """The `names` of `prepare` alone."""
    return _names(clean(text))


def names_line(text: str, plain: str, words: Sequence[str]) -> str:
    """A line of words in which each of these stands that is one of the text's `names`; empty if none can be.

    Of a text that is `clean` and the same `without_accents`. Fast: most texts are not looked through for
    names. What else is in the line are words of the text.
    """
    if plain.isascii():
        squeezed = f" {plain.encode().translate(_ASCII_BLANKS, _JOINING).decode()} "
        near = [word for word in words if word in squeezed]
        if not near:
            return ""
        if plain is text and not _is_special(text, near):
            return squeezed
    return f" {' '.join(_names(text))} "


def clean(text: str) -> str:
    """Without NUL and halves of surrogate pairs, which no database takes, accents joined to their letters."""
    if text.isascii():
        return text.replace("\0", " ")
    text = text.encode("utf-8", "replace").decode().replace("\0", " ")
    text = text.replace("\u2010", "-")
    for sign in _TYPOGRAPHY:
        text = text.replace(sign, " ")
    return text if text.isascii() else unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def without_accents(text: str) -> str:
    """A clean text in ASCII as `_plain` makes its words, as most of Europe's are then; others as they are.

    Its ASCII letters stay what they are. A text has few others, and each time the same ones.
    """
    if text.isascii():
        return text
    plain = text
    for sign in set(text):
        if sign > "\x7f":
            instead = _without_accent(sign)
            if not instead.isascii():
                return text
            plain = plain.replace(sign, instead)
    return plain


def _words(text: str) -> list[str]:
    return [form for raw in _WORD.findall(text) for form in _forms(raw[:WORD_CHARS_MAX])]


@lru_cache(4096)
def _without_accent(sign: str) -> str:
    return _ACCENTS.sub("", unicodedata.normalize("NFD", _OTHERS.sub(" ", sign).casefold()))


def _is_special(text: str, near: Sequence[str]) -> bool:
    """May one of these words be a name in an ASCII text other than by leaving the signs of compounds out?"""
    shape = text.encode().translate(_ASCII_SHAPE)
    if any(torn in shape for torn in _ASCII_TORN) or WORD_CHARS_MAX in map(len, near):
        return True
    lower = text.lower()
    return any(hump in shape for hump in _ASCII_HUMPS) and any(word in lower for word in near)


def _names(text: str) -> list[str]:
    """Compounds as a whole, and the parts of words in camelCase, of a clean text."""
    if text.isascii():
        return _ascii_names(text)
    return _compounds(text, _COMPOUND) + (_parts(text, _WORD) if _HUMP.search(text) else [])


def _ascii_names(text: str) -> list[str]:
    """Only the runs of signs that have something of a name are looked at closely."""
    signs = text.encode()
    compounds: list[str] = []
    parts: list[str] = []
    runs = signs.translate(_ASCII_RUNS).split()
    for run, shape in zip(runs, signs.translate(_ASCII_SHAPE).split(), strict=True):
        if b"-" in shape:
            compounds += _compounds(run.decode(), _ASCII_COMPOUND)
        if b"aA" in shape or b"0A" in shape or b"AAa" in shape:
            parts += _parts(run.decode(), _ASCII_WORD)
    return compounds + parts


def _compounds(text: str, compound: re.Pattern[str]) -> list[str]:
    return [_plain(_JOINTS.sub("", whole)[:WORD_CHARS_MAX]) for whole in compound.findall(text)]


def _parts(text: str, word: re.Pattern[str]) -> list[str]:
    return [
        _plain(part)
        for raw in word.findall(text)
        if _HUMP.search(raw)
        for part in _CAMEL.split(raw[:WORD_CHARS_MAX])
        if part
    ]


def _loose(text: str) -> list[str]:
    """Words of a question; of scripts without blanks only pairs, or the single sign that stands alone."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        for run, unspaced in _runs(_plain(match[0][:WORD_CHARS_MAX])):
            if unspaced and len(run) > 1:
                found += [run[at : at + 2] for at in range(len(run) - 1)]
            else:
                found.append(run)
    return found


def _spelled(text: str) -> dict[str, list[str]]:
    """Words with umlauts -> how keyboards without them have it."""
    found: dict[str, list[str]] = {}
    if not text.isascii():
        for match in _WORD.finditer(text):
            word = match[0][:WORD_CHARS_MAX].casefold()
            plain, other = _plain(word), _plain(spelled(word))
            if other != plain:
                found[plain] = [other]
    return found


def _forms(raw: str) -> list[str]:
    plain = _plain(raw)
    if plain.isascii():
        return [plain]
    found: list[str] = []
    for run, unspaced in _runs(plain):
        if unspaced:
            for at in range(len(run)):
                found.append(run[at])
                if at + 1 < len(run):
                    found.append(run[at : at + 2])
        else:
            found.append(run)
    return found


def _runs(word: str) -> list[tuple[str, bool]]:
    """The word cut where its script changes between one with blanks and one without."""
    if word.isascii():
        return [(word, False)]
    runs: list[tuple[str, bool]] = []
    at = 0
    for match in _UNSPACED.finditer(word):
        if match.start() > at:
            runs.append((word[at : match.start()], False))
        runs.append((match[0], True))
        at = match.end()
    if at < len(word):
        runs.append((word[at:], False))
    return runs


@lru_cache(8192)
def _plain(word: str) -> str:
    """In lower case, without accents and the signs for vowels that Hebrew and Arabic mostly leave out."""
    lower = word.casefold()
    if lower.isascii():
        return lower
    bare = _MARKS.sub("", unicodedata.normalize("NFD", lower)).translate(_ARABIC_LETTERS)
    return unicodedata.normalize("NFC", bare)
