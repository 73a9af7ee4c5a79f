"""Names of tables and columns, made from whatever a file calls them. Pure.

A name that needs no quoting is a name that a model gets right: letters, digits and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from appliance.errors import InvalidInput

NAME_CHARACTERS_MAX = 128
_SUFFIXES = re.compile(r"(\.(csv|tsv|txt|json|ndjson|jsonl|sqlite3?|db|gz))+$", re.IGNORECASE)
_NOT_WORD = re.compile(r"\W+")


def table_name(path: PurePath) -> str:
    """A table's name from a file's: `Sales 2024.csv.gz` is `Sales_2024`, `2024.csv` is `table_2024`."""
    stem = _SUFFIXES.sub("", path.name)
    return _cleaned(stem, digits_prefix="table_") or "table_1"


def given_table_name(name: str) -> str:
    """A name somebody chose, cleaned like a file's; raises `InvalidInput` when nothing usable is left."""
    cleaned = _cleaned(check_table_name(name), digits_prefix="table_")
    if not cleaned:
        raise InvalidInput(
            f"The table name {name!r} has no letter and no digit. Choose another with --table NAME."
        )
    return check_table_name(cleaned)


def check_table_name(name: str) -> str:
    """The name itself; raises `InvalidInput` when the team's data cannot be called so."""
    lower = name.lower()
    if lower.startswith(("_", "sqlite_")):
        raise InvalidInput(
            f"The table name {name!r} is reserved: names that start with _ are the appliance's own, "
            "those with sqlite_ are SQLite's. Choose another with --table NAME."
        )
    if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidInput(
            f"The table name {name!r} must be 1 to {NAME_CHARACTERS_MAX} printable characters. "
            "Choose another with --table NAME."
        )
    return name


def column_names(header: Sequence[str]) -> list[str]:
    """One usable name for each header cell, unlike all others (SQLite ignores case in names).

    Runs of other characters become one underscore, an empty name is `column_<position>`, a leading digit
    gets `c_` before it, and a name that is taken gets `_2`, `_3`, … behind it.
    """
    names: list[str] = []
    taken: set[str] = set()
    for position, cell in enumerate(header, 1):
        name = _cleaned(cell, digits_prefix="c_") or f"column_{position}"
        name = _free(name, taken)
        taken.add(name.lower())
        names.append(name)
    return names


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _cleaned(text: str, *, digits_prefix: str) -> str:
    name = _NOT_WORD.sub("_", text.strip()).strip("_")[: NAME_CHARACTERS_MAX - 8]
    return digits_prefix + name if name[:1].isdigit() else name


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
