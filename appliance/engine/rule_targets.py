"""Do the tables that rules name exist? A rule for one that does not protects nothing, and nobody notices."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

import apsw

from appliance.botfiles.fields import hint
from appliance.datarules import OTHERS, DataRules
from appliance.sqlguard import PUBLIC, fold, is_reserved
from appliance.tools.sql_schema import open_read_only

TABLES_MAX = 20_000
"""Of one file; of one with more nothing is said."""
HINTS_FROM_MAX = 2_000
FINDINGS_MAX = 20
"""Of one file of rules; the others are counted."""

Tables = Mapping[str, list[str] | None]
"""Schema -> its tables and views in the file's spelling; None when they cannot be told."""


def tables_of(db: apsw.Connection) -> list[str] | None:
    """The team's tables and views in the file of a connection; None when there are too many to look at."""
    rows = db.execute(
        "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') LIMIT ?", (TABLES_MAX + 1,)
    )
    names = [str(name) for (name,) in rows]
    return None if len(names) > TABLES_MAX else [name for name in names if not is_reserved(name)]


def tables_in_file(path: str) -> list[str] | None:
    """The same of an attached file; None also when it cannot be read. Blocks for as long as its disk does."""
    if not os.path.isfile(path):  # opening a pipe would wait for a writer
        return None
    try:
        with closing(open_read_only(Path(path))) as db:
            return tables_of(db)
    except (apsw.Error, OSError, ValueError):  # UnicodeDecodeError is a ValueError
        return None


def faults(rules: DataRules, tables: Tables) -> list[str]:
    """A sentence for each name in `rules` that no table has, the first ones only; none when all are there."""
    known = _Known(tables)
    named = [
        *(("row-rules", name) for name in rules.row_rules),
        *(("hidden-columns", name) for name in rules.hidden_columns),
    ]
    lost = [(key, name) for key, name in named if not known.has(name)]
    told = [
        f"{key} names a table that is not there: {name}; {_effect(key, rules)}{known.close(name)}"
        for key, name in lost[:FINDINGS_MAX]
    ]
    if len(lost) > len(told):
        told.append(f"names {len(lost) - len(told)} more tables that are not there")
    return told


def named_tables(rules: DataRules) -> tuple[int, bool]:
    """How many tables the rules name, and whether they have rules for all others (`*`, `schema.*`) too."""
    names = {fold(name).removeprefix(f"{PUBLIC}.") for name in (*rules.row_rules, *rules.hidden_columns)}
    stars = {name for name in names if name.rpartition(".")[2] == OTHERS}
    return len(names - stars), bool(stars)


def _effect(key: str, rules: DataRules) -> str:
    if key == "row-rules" and OTHERS in rules.row_rules:
        return f'what was meant falls under "{OTHERS}"'
    return "nothing protects what was meant"


class _Known:
    """The names under which rules find a table."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._forms = {OTHERS, *map(fold, _forms(tables))}
        self._untold = [schema for schema, names in tables.items() if names is None]

    def has(self, name: str) -> bool:
        """Whether there is such a table, or may be one in a file that could not be looked at."""
        folded = fold(name)
        if folded in self._forms:
            return True
        if "." not in folded:
            return bool(self._untold)
        return any(folded.startswith(f"{fold(schema)}.") for schema in self._untold)

    def close(self, name: str) -> str:
        """`; did you mean x?`, or nothing."""
        names = (form for form in _forms(self._tables) if ("." in form) == ("." in name))
        return hint(name, tuple(islice((form for form in names if OTHERS not in form), HINTS_FROM_MAX)))


def _forms(tables: Tables) -> Iterator[str]:
    for schema, names in tables.items():
        yield f"{schema}.{OTHERS}"
        yield from _both(schema, names or ())


def _both(schema: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (name, f"{schema}.{name}")
