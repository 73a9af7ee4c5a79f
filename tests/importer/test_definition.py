import apsw

from appliance.importer.definition import Column, Definition


def test_the_sql_makes_and_fills_a_table_whatever_its_names_are() -> None:
    definition = Definition(
        columns=[
            Column(name='we"ird, name', type="INTEGER"),
            Column(name="select", type="TEXT", extra="NOT NULL", expression="upper({0})"),
            Column(name="free"),
        ],
        constraints=['UNIQUE ("select")'],
        key_guess='we"ird, name',
    )
    db = apsw.Connection(":memory:")
    db.execute(definition.create_sql("or'der"))
    db.execute(definition.insert_sql("or'der"), ("7", "x", "007"))
    assert db.execute('SELECT * FROM "or\'der"').fetchall() == [(7, "X", "007")]
    assert db.execute("SELECT name, pk FROM pragma_table_info(?) WHERE pk", ("or'der",)).fetchall() == [
        ('we"ird, name', 1)
    ]
