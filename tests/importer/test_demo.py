"""The demo shop: the same for everybody, consistent, and worth asking about."""

from collections.abc import Iterator
from datetime import date

import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.importer.demo import create_demo

TODAY = date(2026, 11, 22)


@pytest.fixture
def shop() -> Iterator[apsw.Connection]:
    db = apsw.Connection(":memory:")
    assert create_demo(db, TODAY) is True
    yield db
    db.close()


def rows(db: apsw.Connection, sql: str) -> list[tuple[object, ...]]:
    return list(db.execute(sql))


def value(db: apsw.Connection, sql: str) -> object:
    return rows(db, sql)[0][0]


def test_the_shop_has_the_promised_sizes(shop: apsw.Connection) -> None:
    assert value(shop, "SELECT count(*) FROM users") == 60
    assert value(shop, "SELECT count(*) FROM products") == 40
    assert value(shop, "SELECT count(*) FROM orders") == 1200
    assert 2_500 <= value(shop, "SELECT count(*) FROM order_items") <= 3_500  # type: ignore[operator]


def test_the_same_day_gives_the_same_shop_and_another_day_another(shop: apsw.Connection) -> None:
    dump = "SELECT * FROM orders ORDER BY id"
    for day, same in ((TODAY, True), (date(2025, 1, 1), False)):
        other = apsw.Connection(":memory:")
        create_demo(other, day)
        assert (rows(other, dump) == rows(shop, dump)) is same
        other.close()


def test_creating_it_again_changes_nothing(shop: apsw.Connection) -> None:
    before = rows(shop, "SELECT * FROM order_items")
    assert create_demo(shop, date(2030, 1, 1)) is False
    assert rows(shop, "SELECT * FROM order_items") == before


def test_more_tables_beside_a_whole_demo_do_no_harm(shop: apsw.Connection) -> None:
    shop.execute("CREATE TABLE mine (a)")
    assert create_demo(shop, TODAY) is False


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("CREATE TABLE orders (mine)", "orders"),
        ("CREATE TABLE a (mine); CREATE TABLE Orders (id INTEGER PRIMARY KEY)", "Orders"),
        ("CREATE TABLE flights (mine)", "flights"),
        ("CREATE VIEW users AS SELECT 1 AS id", "users"),
    ],
)
def test_demo_data_is_never_mixed_with_tables_of_the_team(sql: str, table: str) -> None:
    db = apsw.Connection(":memory:")
    list(db.execute(sql))
    before = rows(db, "SELECT name, sql FROM sqlite_master")
    with pytest.raises(InvalidInput, match=f"already has a table {table}; choose another --data"):
        create_demo(db, TODAY)
    assert rows(db, "SELECT name, sql FROM sqlite_master") == before
    db.close()


def test_all_keys_lead_somewhere(shop: apsw.Connection) -> None:
    assert rows(shop, "PRAGMA foreign_key_check") == []


def test_totals_are_the_sums_of_their_items(shop: apsw.Connection) -> None:
    wrong = """
        SELECT orders.id FROM orders JOIN order_items ON order_id = orders.id GROUP BY orders.id
        HAVING abs(total - sum(quantity * unit_price)) > 0.001"""
    assert rows(shop, wrong) == []
    assert value(shop, "SELECT count(*) FROM orders WHERE id NOT IN (SELECT order_id FROM order_items)") == 0


def test_nobody_orders_before_joining_or_in_the_future(shop: apsw.Connection) -> None:
    early = """SELECT count(*) FROM orders JOIN users ON users.id = user_id
               WHERE orders.created_at < users.created_at"""
    assert value(shop, early) == 0
    assert str(value(shop, "SELECT max(created_at) FROM orders")) < "2026-11-22 01:00"


def test_the_last_two_years_have_orders_in_every_month(shop: apsw.Connection) -> None:
    assert value(shop, "SELECT count(DISTINCT substr(created_at, 1, 7)) FROM orders") == 25


def test_customers_differ(shop: apsw.Connection) -> None:
    counts = [
        row[0] for row in rows(shop, "SELECT count(*) AS n FROM orders GROUP BY user_id ORDER BY n DESC")
    ]
    assert len(counts) == 55
    assert sum(counts[:11]) > 0.4 * 1200
    assert {row[0] for row in rows(shop, "SELECT DISTINCT status FROM orders")} == {
        "pending",
        "paid",
        "shipped",
        "delivered",
        "cancelled",
    }
