"""The team's own tables, as `appliance data tables` shows them."""

from __future__ import annotations

import json

import apsw

from appliance.importer.names import quoted
from appliance.schema import Column, Table


def team_tables(db: apsw.Connection) -> list[Table]:
    """All tables that are not the appliance's own, by name, with their columns and number of rows."""
    return [_table(db, name) for name in team_names(db, "table", "virtual")]


def team_names(db: apsw.Connection, *types: str) -> list[str]:
    """Names of all that is not the appliance's own, in order; of these `types` (`table`, `view`, …) alone."""
    names = db.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' "
        r"AND name NOT LIKE '\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' "
        "AND type IN (SELECT value FROM json_each(?)) ORDER BY name COLLATE NOCASE",
        (json.dumps(types),),
    )
    return [str(name) for (name,) in names]


def columns_of(db: apsw.Connection, table: str) -> list[Column]:
    """The columns of one table as declared; none when there is no such table."""
    columns = db.execute('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?)', (table,))
    return [
        Column(name=column, type=type_, nullable=not not_null, primary_key=bool(pk))
        for column, type_, not_null, pk in columns
    ]


def _table(db: apsw.Connection, name: str) -> Table:
    return Table(
        name=name,
        columns=columns_of(db, name),
        row_count=db.execute(f"SELECT count(*) FROM {quoted(name)}").get,  # noqa: S608 quoted
    )
