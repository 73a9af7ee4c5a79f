from __future__ import annotations

import string
from pathlib import Path

import apsw
import pytest

from appliance.datarules import DataRules
from appliance.schema import Column, ForeignKey, Table
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_schema import open_attached, read_schema
from tests.tools import data


def flights() -> apsw.Connection:
    """Tables as an import of CSV files makes them: no keys declared; some flights go to unknown airports."""
    db = apsw.Connection(":memory:")
    db.execute("""
        CREATE TABLE airlines (carrier TEXT, name TEXT);
        CREATE TABLE airports (faa TEXT, name TEXT, alt INTEGER);
        CREATE TABLE planes (tailnum TEXT, year INTEGER, manufacturer TEXT);
        CREATE TABLE weather (origin TEXT, year INTEGER, temp REAL);
        CREATE TABLE flights (year INT, carrier TEXT, flight INT, tailnum TEXT, origin TEXT, dest TEXT);
        INSERT INTO airlines VALUES ('UA', 'United'), ('B6', 'JetBlue'), ('EV', 'Express'), ('XX', 'None');
    """).fetchall()
    codes = [f"{letter}BC" for letter in string.ascii_uppercase]
    db.executemany("INSERT INTO airports VALUES (?, ?, 0)", [(code, f"Airport {code}") for code in codes])
    db.executemany(
        "INSERT INTO planes VALUES (?, ?, 'BOEING')", [(f"N{n}", 2000 + n % 5) for n in range(300)]
    )
    db.executemany("INSERT INTO weather VALUES (?, 2013, 1.5)", [(codes[n % 3],) for n in range(100)])
    db.executemany(
        "INSERT INTO flights VALUES (2013, ?, ?, ?, ?, ?)",
        [
            (["UA", "B6", "EV"][n % 3], n, f"N{n % 290}", codes[n % 3], [*codes, "SJU"][n % 27])
            for n in range(2000)
        ],
    )
    return db


def tables(db: apsw.Connection, policy: SqlPolicy | None = None) -> dict[str, Table]:
    return {table.name: table for table in read_schema({PUBLIC: db}, policy or SqlPolicy()).tables}


def column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


@pytest.fixture
def db(tmp_path: Path) -> apsw.Connection:
    return apsw.Connection(str(data.make(tmp_path)))


def test_only_allowed_tables_of_the_team_are_shown(db: apsw.Connection) -> None:
    assert set(tables(db)) == {*data.TABLES, "users", "salaries", "all_users", "keys_in_disguise"}
    some = SqlPolicy(allowed_tables=["orders", "public.customers", "_api_keys", "notes"])
    assert list(tables(db, some)) == ["customers", "orders"]


def test_columns_have_types_keys_comments_and_samples(db: apsw.Connection) -> None:
    customers = tables(db)["customers"]
    assert customers.comment == "people who bought something"
    assert [(c.name, c.type, c.nullable, c.primary_key) for c in customers.columns] == [
        ("id", "INTEGER", False, True),
        ("name", "TEXT", False, False),
        ("email", "TEXT", True, False),
        ("city", "TEXT", True, False),
    ]
    assert column(customers, "name").comment == "as on the invoice"
    assert column(customers, "city").samples == ["London", "Paris"]
    assert customers.row_count == 3


def test_declared_and_named_keys_are_found(db: apsw.Connection) -> None:
    assert tables(db)["orders"].foreign_keys == [
        ForeignKey(column="customer_id", target_table="customers", target_column="id"),
        ForeignKey(column="product_id", target_table="products", target_column="id", declared=False),
    ]


def test_a_key_to_a_forbidden_table_or_hidden_column_is_not_shown(db: apsw.Connection) -> None:
    assert tables(db, SqlPolicy(allowed_tables=["orders"]))["orders"].foreign_keys == []
    hidden = SqlPolicy(
        allowed_tables=["orders", "customers"], rules=[DataRules(hidden_columns={"customers": ["id"]})]
    )
    assert tables(db, hidden)["orders"].foreign_keys == []


def test_keys_of_imported_tables_are_inferred_from_names_and_values() -> None:
    found = {
        (name, key.column): f"{key.target_table}.{key.target_column}"
        for name, table in tables(flights()).items()
        for key in table.foreign_keys
    }
    assert found == {
        ("flights", "carrier"): "airlines.carrier",
        ("flights", "tailnum"): "planes.tailnum",
        ("flights", "origin"): "airports.faa",
        ("flights", "dest"): "airports.faa",
        ("weather", "origin"): "airports.faa",
    }


def test_samples_are_few_frequent_and_short() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE t (kind TEXT, prose TEXT, code TEXT, n INTEGER)")
    rows = [("often" if i % 2 else f"rare{i % 7}", "long " * 50, f"code{i}", i) for i in range(200)]
    db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    table = tables(db)["t"]
    assert column(table, "kind").samples[0] == "often"
    assert len(column(table, "kind").samples) == 5
    assert column(table, "prose").samples == []
    assert column(table, "code").samples == []
    assert column(table, "n").samples == []


def test_rows_of_restricted_tables_show_neither_samples_nor_counts(db: apsw.Connection) -> None:
    policy = SqlPolicy(
        rules=[DataRules(row_rules={"customers": "id = :user_id"}, hidden_columns={"customers": ["email"]})]
    )
    customers = tables(db, policy)["customers"]
    assert [c.name for c in customers.columns] == ["id", "name", "city"]
    assert customers.row_count is None
    assert not any(c.samples for c in customers.columns)


def test_odd_files_do_not_stop_the_reading() -> None:
    db = apsw.Connection(":memory:")
    db.execute("""
        CREATE TABLE "a ""b" ("x y" TEXT, "select" TEXT);
        INSERT INTO "a ""b" VALUES ('v', CAST(x'ff' AS TEXT));
        CREATE TABLE gone (a);
        CREATE VIEW broken AS SELECT * FROM gone;
        DROP TABLE gone;
        CREATE TABLE slim (k TEXT PRIMARY KEY, gen TEXT AS (k || '!')) WITHOUT ROWID;
        CREATE TABLE pairs (a INTEGER, b INTEGER, PRIMARY KEY (a, b), FOREIGN KEY (a) REFERENCES nowhere);
    """).fetchall()
    found = tables(db)
    assert set(found) == {'a "b', "slim", "pairs"}
    assert [c.name for c in found["slim"].columns] == ["k", "gen"]
    assert found["pairs"].foreign_keys == []


@pytest.mark.parametrize("rows", [0, 5, 150_000])
def test_rows_are_counted(rows: int) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE t (a)")
    db.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(rows)))
    assert tables(db)["t"].row_count == rows


def test_keys_that_are_no_counters_give_no_row_count() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db.executemany("INSERT INTO t VALUES (?)", ((n * 1_000_000,) for n in range(110_000)))
    assert tables(db)["t"].row_count is None


async def test_the_pool_gives_the_schema_that_queries_can_use(tmp_path: Path) -> None:
    policy = SqlPolicy()
    async with SqlPool(data.make(tmp_path), workers_max=1) as pool:
        schema = await pool.schema(policy)
        assert await pool.schema(policy) == schema
        # A view over a reserved table is refused to queries, so nobody is told of it.
        assert [table.name for table in schema.tables] == sorted(
            [*data.TABLES, "users", "salaries", "all_users"]
        )
        for table in schema.tables:
            names = ", ".join(f'"{c.name}"' for c in table.columns)
            outcome = await pool.query(f'SELECT {names} FROM public."{table.name}"', policy)
            assert outcome.error is None
            assert table.row_count in (None, outcome.row_count)


async def test_the_schema_follows_the_file(tmp_path: Path) -> None:
    path = data.make(tmp_path)
    async with SqlPool(path, workers_max=1) as pool:
        before = await pool.schema(SqlPolicy())
        server = apsw.Connection(str(path))
        server.execute("ALTER TABLE customers ADD COLUMN phone TEXT")
        server.close()
        after = await pool.schema(SqlPolicy())
    assert after.version > before.version
    customers = next(table for table in after.tables if table.name == "customers")
    assert "phone" in [c.name for c in customers.columns]


# -- attached files ----------------------------------------------------------------------------------


def warehouse() -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.execute("""
        CREATE TABLE places (id INTEGER PRIMARY KEY, city TEXT);
        CREATE TABLE sales (id INTEGER PRIMARY KEY, place_id INTEGER, customer_id INTEGER, amount REAL);
        INSERT INTO places VALUES (1, 'Rome');
        INSERT INTO sales VALUES (1, 1, 1, 9.5);
    """).fetchall()
    return db


def test_tables_of_attached_files_follow_and_keys_stay_within_a_file(db: apsw.Connection) -> None:
    policy = SqlPolicy(allowed_tables=["customers", "stock.*"], files={"stock": "/somewhere"})
    schema = read_schema({"stock": warehouse(), PUBLIC: db}, policy)
    assert [table.sql_name for table in schema.tables] == ["customers", "stock.places", "stock.sales"]
    assert schema.tables[2].foreign_keys == [
        ForeignKey(column="place_id", target_table="places", target_column="id", declared=False)
    ]
    assert column(schema.tables[1], "city").samples == ["Rome"]
    assert schema.version == db.pragma("schema_version")


def test_rules_and_the_catalogue_hold_for_attached_files(db: apsw.Connection) -> None:
    rules = [DataRules(row_rules={"stock.sales": "id = 1"}, hidden_columns={"stock.places": ["city"]})]
    policy = SqlPolicy(allowed_tables=["stock.*"], rules=rules)
    places, sales = read_schema({PUBLIC: db, "stock": warehouse()}, policy).tables
    assert [c.name for c in places.columns] == ["id"]
    assert (sales.restricted, sales.row_count) == (True, None)
    catalogue = {"places": ["id", "city"], "stock.sales": ["id", "amount"]}
    [only] = read_schema({PUBLIC: db, "stock": warehouse()}, policy, catalogue).tables
    assert (only.sql_name, [c.name for c in only.columns]) == ("stock.sales", ["id", "amount"])


def test_an_attached_file_that_cannot_be_read_is_left_out(db: apsw.Connection, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 1000)
    good = tmp_path / "good.db"
    apsw.Connection(str(good)).execute("CREATE TABLE parts (id INTEGER PRIMARY KEY)")
    files = {"a": str(tmp_path / "broken.db"), "b": str(tmp_path / "missing.db"), "c": str(good)}
    policy = SqlPolicy(allowed_tables=["customers", "a.*", "b.*", "c.*"], files=files)
    with open_attached(files) as attached:
        assert set(attached) == {"a", "c"}
        schema = read_schema({**attached, PUBLIC: db}, policy)
    assert [table.sql_name for table in schema.tables] == ["customers", "c.parts"]


def test_comments_and_generated_copies_of_hidden_columns_are_not_told() -> None:
    db = apsw.Connection(":memory:")
    db.execute("""CREATE TABLE staff (
      id INTEGER PRIMARY KEY, -- the number
      salary REAL, -- HUSH in euros
      -- HUSH, see above
      name TEXT, -- as on the door
      copy TEXT AS ('p' || salary) -- HUSH again
    )""")
    db.execute("INSERT INTO staff (salary, name) VALUES (98765, 'Ann')")
    hidden = SqlPolicy(rules=[DataRules(hidden_columns={"staff": ["salary"]})])
    staff = tables(db, hidden)["staff"]
    assert [(c.name, c.comment) for c in staff.columns] == [("id", "the number"), ("name", "as on the door")]
    assert "HUSH" not in str(staff)
    assert "98765" not in str(staff)
