"""What models write for a filter although it is none, and what to write instead.

Unless it is refused, such text is a value that no row has: an empty answer that looks like a true one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

MISTAKEN = {
    "ne": "neq", "equals": "eq", "equal": "eq", "ge": "gte", "le": "lte", "notin": "nin",
    "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "==": "eq", "!=": "neq", "<>": "neq",
}  # fmt: skip
"""The operator that is meant, by what is written; small, and words without underscores."""

_TEXT = "ilike.*text* for text, or cs.{text} for a JSON array"
_PATTERN = "a pattern with * for any text, like ilike.*text*; regular expressions are not understood"
_WORDS = "ilike.*word*; there is no full-text search"
INSTEAD = {
    "between": 'a list of two conditions, like ["gte.1", "lte.3"]',
    "and": 'a list of conditions, like ["gt.1", "lt.3"]',
    "or": "in.(a,b) for one of several values, and ask twice, or use SQL, for other conditions",
    "not": "not. before an operator, like not.eq.5",
    "contains": _TEXT, "includes": _TEXT, "icontains": _TEXT,
    "startswith": "ilike.text*", "istartswith": "ilike.text*", "beginswith": "ilike.text*",
    "endswith": "ilike.*text", "iendswith": "ilike.*text",
    "match": _PATTERN, "imatch": _PATTERN, "matches": _PATTERN, "regex": _PATTERN, "regexp": _PATTERN,
    "rlike": _PATTERN, "similar": _PATTERN, "glob": _PATTERN,
    "fts": _WORDS, "plfts": _WORDS, "phfts": _WORDS, "wfts": _WORDS,
    "notlike": "not.like.*text*", "notilike": "not.ilike.*text*",
    "isdistinct": "neq.5, or isnot.null",
    "isnull": "is.null", "isnotnull": "isnot.null", "notnull": "isnot.null", "null": "is.null",
}  # fmt: skip
"""What to write instead of words that have no operator of the same kind."""

_SYMBOL = re.compile(r"(<=|>=|<>|!=|==|<|>|=)\s*(.*)", re.DOTALL)
_WORD = re.compile(r"(not\.)?([A-Za-z_]{1,20})\.(.*)", re.DOTALL)
_CALL = re.compile(r"((?i:not)[.\s])?([A-Za-z_]{1,20}|(?i:in)\s)(\(.*\).*)", re.DOTALL)
_SQL = re.compile(
    r"(is)\s+(not\s+)?(null|true|false)|(between)\s+['\"\d-].{0,80}\sand\s.*|(?:not\s+)?(i?like)\s+['\"%].*",
    re.DOTALL | re.IGNORECASE,
)
_LISTING = ("in", "nin", "cs", "cd", "ov")
_NEAR_OPERATOR = 0.75
_NEAR_WORD = 0.85
_LONG = [word for word in (*MISTAKEN, *INSTEAD) if len(word) >= 5]


def mistake(text: str, operators: Sequence[str]) -> str:
    """What is wrong with a condition that has none of `operators`, in a sentence; '' for a mere value."""
    if found := _SYMBOL.fullmatch(text):
        return _meant(found[1], f"{MISTAKEN[found[1]]}.{found[2]}")
    if found := _CALL.fullmatch(text):
        return _of_call(found[2].strip(), found[1] or "", found[3], operators)
    if found := _WORD.fullmatch(text):
        word = _plain(found[2])
        close = difflib.get_close_matches(found[2].lower(), operators, n=1, cutoff=_NEAR_OPERATOR)
        return _of_word(found[2], found[1] or "", found[3], _known(word) or next(iter(close), ""))
    return _of_sql(text)


def _of_call(written: str, negation: str, value: str, operators: Sequence[str]) -> str:
    """Conditions as calls: `in(1,2)`, `between(1,3)`, `eq(any).{1,2}`."""
    word = _plain(written)
    if word not in operators:
        return _of_word(written, negation, value, _known(word))
    if value.startswith(("(any)", "(all)")):
        return f"there is no {written}{value[:5]}. Write in.(a,b) for one of several values."
    inner = value if word in _LISTING or not value.endswith(")") else value[1:-1]
    return f"{written} needs a dot. Did you mean {'not.' if negation else ''}{word}.{short(inner)}?"


def _of_sql(text: str) -> str:
    """Conditions as they stand in SQL, such as `is not null`."""
    found = _SQL.fullmatch(text.strip())
    if found is None:
        return ""
    if found[1]:
        return f"that is SQL. Write {'isnot' if found[2] else 'is'}.{found[3].lower()}."
    word = "between" if found[4] else found[5].lower()
    return f"that is SQL. Write {INSTEAD.get(word) or word + '.*text*'}."


def _known(word: str) -> str:
    """The mistaken word that this one is, or is nearly."""
    if word in MISTAKEN or word in INSTEAD:
        return word
    return next(iter(difflib.get_close_matches(word, _LONG, n=1, cutoff=_NEAR_WORD)), "")


def _of_word(written: str, negation: str, value: str, known: str) -> str:
    """The sentence for a word that is nearly, or stands for, `known`; '' when that is ''."""
    if not known:
        return ""
    if known not in INSTEAD:
        meant = MISTAKEN.get(known, known)
        return _meant(written, f"{'not.' if negation else ''}{meant}.{value}")
    if negation and known in ("between", "and", "or"):
        return f"not.{written} cannot be written. Ask twice, as with lt.1 and then gt.3, or use SQL."
    turned = ", with not. before it" if negation else ""
    return f"there is no operator {written}. Write {INSTEAD[known]}{turned}."


def _meant(written: str, meant: str) -> str:
    return f"there is no operator {written}. Did you mean {short(meant)}?"


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def short(text: str) -> str:
    """A part of a message: cut, and with nothing in it that cannot be seen."""
    shown = text if len(text) <= 60 else text[:59] + "…"
    return shown if shown.isprintable() else repr(shown)
