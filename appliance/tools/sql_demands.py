"""Whether a statement does what a bot's own rules ask of it, judged by what it reads. Pure.

These rules steer a model towards the right tables and columns; they protect nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.sqlguard import PUBLIC, Demands, fold

Touched = Mapping[str, set[str]]
"""The tables of a statement as the catalogue spells them, and the columns (folded) that it reads of them."""
Catalogue = Mapping[str, list[str]]

NOTHING = Demands()


def fault_of_demands(demands: Demands, touched: Callable[[], Touched], catalogue: Catalogue) -> str:
    """What the statement should do instead; '' for one that does as asked.

    What asks for tables or columns that the caller cannot see is ignored: it could never be met.
    """
    if demands == NOTHING:
        return ""
    tables = touched()
    return (
        _forbidden(demands, tables, catalogue)
        or _required(demands, tables, catalogue)
        or _columns(demands, tables, catalogue)
    )


def _forbidden(demands: Demands, touched: Touched, catalogue: Catalogue) -> str:
    forbidden = _known(demands.forbidden_tables, catalogue)
    if used := [name for name in touched if name in forbidden]:
        others = [name for name in _known(demands.required_tables, catalogue) if name not in forbidden]
        others = others or [name for name in catalogue if name not in forbidden]
        return (
            f"This question must be answered without {_list(used)}. Use {_list(others) or 'no table'} instead"
        )
    return ""


def _required(demands: Demands, touched: Touched, catalogue: Catalogue) -> str:
    if lacking := [name for name in _known(demands.required_tables, catalogue) if name not in touched]:
        used = f", not only from {_list(list(touched))}" if touched else ""
        names = _list(lacking)
        return f"This question must be answered from {names}{used}. Read {names} in the statement"
    return ""


def _columns(demands: Demands, touched: Touched, catalogue: Catalogue) -> str:
    for table, columns in demands.required_columns.items():
        for name in _known([table], catalogue):
            if name not in touched:
                continue
            wanted = {fold(column) for column in columns}
            lacking = [
                column
                for column in catalogue[name]
                if fold(column) in wanted and fold(column) not in touched[name]
            ]
            if lacking:
                return f"A statement that reads {name} must also read its columns {_list(lacking)}; add them"
    return ""


def _known(names: list[str], catalogue: Catalogue) -> list[str]:
    """The tables of the catalogue that are meant, by name with or without a schema."""
    wanted = [fold(name).removeprefix(f"{PUBLIC}.") for name in names]
    return [name for name in catalogue if any(_is_meant(fold(name), one) for one in wanted)]


def _is_meant(name: str, wanted: str) -> bool:
    return name == wanted or name.partition(".")[2] == wanted


def _list(names: list[str]) -> str:
    more = ", …" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
