import apsw

from appliance.importer.listing import team_tables
from tests.importer.conftest import Take


def test_only_the_teams_tables_are_listed(take: Take, db: apsw.Connection) -> None:
    assert team_tables(db) == []
    take("b.csv", "id,x\n1,a\n2,b\n")
    take("A.csv", "y\n1.5\n")
    db.execute("CREATE TABLE _import_left (x)")
    found = team_tables(db)
    assert [(table.name, table.row_count) for table in found] == [("A", 1), ("b", 2)]
    assert [(c.name, c.type, c.primary_key) for c in found[1].columns] == [
        ("id", "INTEGER", True),
        ("x", "TEXT", False),
    ]
