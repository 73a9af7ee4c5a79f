"""Words that mean something by their form: options, single letters, dotted names, names with a number."""

from __future__ import annotations

import re

OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
LETTER = re.compile(r"(?<![\w.'\u2019/&-])[B-HJ-Z](?![\w.'\u2019/&-])")
"""No article, no "I"; no initial, nor a part of a word with dashes."""
DOTTED = re.compile(r"(?<![\w.@/])[A-Za-z]\w+(?:[._]\w{2,})+")
"""Names that programs use: gc.auto, order_items."""
NUMBERED = re.compile(r"([^\W\d_]\w*)[ \u00a0](?=(\d+)\b)")
NAMED = re.compile(
    r"\b([A-Z]\w*|version|release|chapter|section|article|error|code|region|type|model|step|level)"
    r"[ \u00a0](\d+)\b"
)
CODES_MAX = 400
"""So many of one text are looked at."""


def codes(text: str) -> frozenset[str]:
    """The codes that stand in a text of a document; `debian 14` for each word with a number behind it."""
    found = [match.group().casefold() for match in OPTION.finditer(text)][:CODES_MAX]
    found += [match.group().casefold() for match in LETTER.finditer(text)][:CODES_MAX]
    found += [match.group().casefold() for match in DOTTED.finditer(text)][:CODES_MAX]
    found += [f"{word} {number}".casefold() for word, number in NUMBERED.findall(text)][:CODES_MAX]
    return frozenset(found)


def asked_codes(question: str) -> list[str]:
    """Those of a question, in their order; a number belongs to a name only where that is written as one."""
    found = [match.group().casefold() for match in OPTION.finditer(question)]
    found += [match.group().casefold() for match in LETTER.finditer(question)]
    found += [match.group().casefold() for match in DOTTED.finditer(question)]
    found += [f"{word} {number}".casefold() for word, number in NAMED.findall(question)]
    return list(dict.fromkeys(found))


def number_of(code: str) -> str:
    """The number of a name with one, '' for any other code."""
    return code.rpartition(" ")[2] if " " in code else ""
