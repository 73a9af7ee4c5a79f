"""Some rows of one of the team's tables, as an example of what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from appliance.sqltext import quoted

CHARS_MAX = 400
"""Of a text; nobody reads more of an example, and a row may hold a gigabyte."""


def rows(
    db: apsw.Connection, table: str, columns: Sequence[str], limit: int
) -> list[tuple[apsw.SQLiteValue, ...]]:
    """The first rows; `table` and `columns` are the names of a table (no view) and of columns that it has.

    Texts are cut, and of bytes there is only how many: as a text.
    """
    chosen = ", ".join(
        f"CASE typeof({name}) WHEN 'blob' THEN '(' || length({name}) || ' bytes)' "
        f"WHEN 'text' THEN substr({name}, 1, {CHARS_MAX}) ELSE {name} END"
        for name in map(quoted, columns)
    )
    sql = f"SELECT {chosen} FROM main.{quoted(table)} LIMIT ?"  # noqa: S608 - quoted
    return list(db.execute(sql, (limit,)))
