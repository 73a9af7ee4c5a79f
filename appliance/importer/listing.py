"""The team's own tables, as `appliance data tables` shows them."""

from __future__ import annotations

import apsw

from appliance.importer.names import quoted
from appliance.schema import Column, Table


def team_tables(db: apsw.Connection) -> list[Table]:
    """All tables that are not the appliance's own, by name, with their columns and number of rows."""
    names = db.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') "
        r"AND name NOT LIKE '\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' "
        "ORDER BY name COLLATE NOCASE"
    ).fetchall()
    return [_table(db, str(name)) for (name,) in names]


def _table(db: apsw.Connection, name: str) -> Table:
    columns = db.execute('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?)', (name,))
    return Table(
        name=name,
        columns=[
            Column(name=column, type=type_, nullable=not not_null, primary_key=bool(pk))
            for column, type_, not_null, pk in columns
        ],
        row_count=db.execute(f"SELECT count(*) FROM {quoted(name)}").get,  # noqa: S608 quoted
    )
