"""A plan changes exactly its rows or nothing; a proposal is decided once, by its owner, in time."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import trio
import trio.testing

from appliance.changes import ChangePlan, PlannedRow, Proposal, preview, still_allows, summary_of, to_change
from appliance.errors import ChangeRefused, Conflict, NotFound
from appliance.identity import Caller
from appliance.messages import RowChange
from appliance.store import changes, conversations, migrate
from appliance.store.database import connect, database_path
from appliance.store.store import Store

SCRIPT = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL, total REAL, secret TEXT, UNIQUE (secret));
INSERT INTO orders VALUES (1, 'tea', 3.5, 'a'), (2, 'cup', 7.0, 'b'), (3, 'pot', 20.0, 'c');
CREATE TABLE stock (place TEXT, item TEXT, amount INTEGER CHECK (amount >= 0), PRIMARY KEY (place, item))
    WITHOUT ROWID;
INSERT INTO stock VALUES ('north', 'tea', 5), ('south', 'tea', 6);
CREATE TABLE odd (rowid TEXT, data);
INSERT INTO odd VALUES ('x', x'00ff'), ('y', 9007199254740993), ('z', 1e999);
CREATE TABLE once (name TEXT UNIQUE ON CONFLICT REPLACE);
INSERT INTO once VALUES ('first'), ('second');
CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id REFERENCES orders (id) ON DELETE CASCADE);
INSERT INTO lines (order_id) VALUES (1), (1), (1), (2);
CREATE TABLE tags (id INTEGER PRIMARY KEY, order_id REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO tags VALUES (1, 3);
CREATE VIEW cheap AS SELECT * FROM orders WHERE total < 5;
"""
ENDLESS = (
    "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"
)
COLUMNS = ["id", "item", "total"]
TEA = {"id": 1, "item": "tea", "total": 3.5}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    path = database_path(tmp_path)
    db = connect(path)
    db.execute(SCRIPT).fetchall()
    db.close()
    async with Store.open(path) as store:
        yield store


def plan(operation: Any, *rows: PlannedRow, table: str = "orders", **more: Any) -> ChangePlan:
    fields = {"columns": COLUMNS, "key_columns": ["rowid"], **more}
    return ChangePlan(sql="…", operation=operation, table=table, rows=list(rows), **fields)


def update(key: int, before: dict[str, Any], **after: Any) -> PlannedRow:
    return PlannedRow(key=[key], before=before, after=after)


async def apply(store: Store, plan: ChangePlan, rows_max: int = 10) -> list[RowChange]:
    return await store.write(changes.apply, plan, rows_max=rows_max)


async def query(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return await store.read(lambda db: db.execute(sql).fetchall())


async def run(store: Store, sql: str) -> None:
    await store.write(lambda db: db.execute(sql).fetchall())


async def test_an_update_changes_only_its_columns_of_its_row(store: Store) -> None:
    [row] = await apply(store, plan("UPDATE", update(1, TEA, total=4.0)))
    assert row == RowChange(before=TEA, after=TEA | {"total": 4.0})
    assert await query(store, "SELECT * FROM orders") == [
        (1, "tea", 4.0, "a"),
        (2, "cup", 7.0, "b"),
        (3, "pot", 20.0, "c"),
    ]


async def test_an_insert_gives_the_row_as_it_is_with_its_defaults(store: Store) -> None:
    [row] = await apply(store, plan("INSERT", PlannedRow(after={"item": "jug"})))
    assert row == RowChange(after={"id": 4, "item": "jug", "total": None})


async def test_a_delete_removes_its_row_and_what_hangs_on_it(store: Store) -> None:
    assert await apply(
        store, plan("DELETE", PlannedRow(key=[2], before={"id": 2, "item": "cup", "total": 7.0}))
    )
    assert await query(store, "SELECT id FROM orders") == [(1,), (3,)]
    assert await query(store, "SELECT count(*) FROM lines") == [(3,)]


@pytest.mark.parametrize(
    "before", [TEA | {"total": 4.5}, TEA | {"id": 1.0}, TEA | {"item": b"tea"}, TEA | {"total": None}]
)
async def test_a_row_that_is_not_what_it_was_is_left_alone(store: Store, before: dict[str, Any]) -> None:
    good = update(2, {"id": 2, "item": "cup", "total": 7.0}, total=0.0)
    with pytest.raises(ChangeRefused, match="changed meanwhile"):
        await apply(store, plan("UPDATE", good, update(1, before, total=0.0)))
    assert await query(store, "SELECT total FROM orders") == [(3.5,), (7.0,), (20.0,)]


async def test_a_row_that_is_gone_is_not_deleted_again(store: Store) -> None:
    with pytest.raises(ChangeRefused, match="is gone"):
        await apply(store, plan("DELETE", PlannedRow(key=[9], before=TEA)))


async def test_a_table_without_rowids_is_changed_by_its_primary_key(store: Store) -> None:
    row = PlannedRow(
        key=["north", "tea"], before={"place": "north", "item": "tea", "amount": 5}, after={"place": "east"}
    )
    stock = {"table": "stock", "columns": ["place", "item", "amount"], "key_columns": ["place", "item"]}
    [changed] = await apply(store, plan("UPDATE", row, **stock))
    assert changed.after == {"place": "east", "item": "tea", "amount": 5}
    [added] = await apply(
        store, plan("INSERT", PlannedRow(after={"place": "west", "item": "tea", "amount": 1}), **stock)
    )
    assert added.after == {"place": "west", "item": "tea", "amount": 1}


async def test_values_are_kept_exactly_and_shown_as_json_has_them(store: Store) -> None:
    odd: dict[str, Any] = {"table": "odd", "columns": ["rowid", "data"], "key_columns": ["_rowid_"]}
    rows = [
        PlannedRow(key=[1], before={"rowid": "x", "data": b"\x00\xff"}, after={"data": 2**62}),
        PlannedRow(key=[2], before={"rowid": "y", "data": 2**53 + 1}, after={"data": b"\x01"}),
        PlannedRow(key=[3], before={"rowid": "z", "data": math.inf}, after={"data": -math.inf}),
    ]
    told = await apply(store, plan("UPDATE", *rows, **odd))
    assert [(row.before, row.after) for row in told] == [
        ({"rowid": "x", "data": "x'00ff'"}, {"rowid": "x", "data": str(2**62)}),
        ({"rowid": "y", "data": str(2**53 + 1)}, {"rowid": "y", "data": "x'01'"}),
        ({"rowid": "z", "data": None}, {"rowid": "z", "data": None}),
    ]
    assert await query(store, "SELECT data FROM odd") == [(2**62,), (b"\x01",), (-math.inf,)]


@pytest.mark.parametrize(
    "table", ["_settings", "_nothing", "sqlite_schema", "cheap", "missing", "pragma_table_list"]
)
async def test_only_ordinary_tables_of_the_team_can_be_changed(store: Store, table: str) -> None:
    with pytest.raises(ChangeRefused, match="not a table that can be changed"):
        await apply(store, plan("INSERT", PlannedRow(after={"key": "x"}), table=table, columns=["key"]))


@pytest.mark.parametrize("keys", [[], ["item"], ["id", "item"], ["rowid", "id"]])
async def test_a_plan_whose_key_is_not_the_tables_key_is_refused(store: Store, keys: list[str]) -> None:
    row = PlannedRow(key=["tea"] * len(keys), before=TEA, after={"total": 0.0})
    with pytest.raises(ChangeRefused, match="another key"):
        await apply(store, plan("UPDATE", row, key_columns=keys))


async def test_a_plan_with_columns_that_are_gone_is_refused(store: Store) -> None:
    await run(store, "DROP VIEW cheap")
    await run(store, "ALTER TABLE orders DROP COLUMN total")
    with pytest.raises(ChangeRefused, match="total is not there any more"):
        await apply(store, plan("UPDATE", update(1, TEA, item="x")))


REFUSED = [
    (PlannedRow(after={"id": 1, "item": "x"}), "the same id already"),
    (PlannedRow(after={"item": None}), "item of orders must have a value"),
    (PlannedRow(after={"id": "words", "item": "x"}), "does not have the type"),
]


@pytest.mark.parametrize(("row", "text"), REFUSED)
async def test_what_the_table_refuses_is_told(store: Store, row: PlannedRow, text: str) -> None:
    with pytest.raises(ChangeRefused, match=text):
        await apply(store, plan("INSERT", row))


async def test_a_constraint_of_a_hidden_column_is_not_named(store: Store) -> None:
    await run(
        store, "CREATE TABLE strict_one (id INTEGER PRIMARY KEY, secret TEXT NOT NULL, CHECK (secret > 'a'))"
    )
    for row in (PlannedRow(after={"id": 1}), PlannedRow(after={"id": 2})):
        with pytest.raises(ChangeRefused) as caught:
            await apply(store, plan("INSERT", row, table="strict_one", columns=["id"]))
        assert "secret" not in caught.value.text
    await run(
        store,
        "CREATE TRIGGER t AFTER UPDATE ON orders BEGIN UPDATE orders SET secret = 'b' WHERE id = 1; END",
    )
    with pytest.raises(ChangeRefused) as caught:
        await apply(store, plan("UPDATE", update(1, TEA, total=1.0)))
    assert "secret" not in caught.value.text


async def test_a_conflict_clause_of_the_table_removes_no_other_row(store: Store) -> None:
    row = PlannedRow(key=[2], before={"name": "second"}, after={"name": "first"})
    once = {"table": "once", "columns": ["name"]}
    with pytest.raises(ChangeRefused, match="the same name"):
        await apply(store, plan("UPDATE", row, **once))
    with pytest.raises(ChangeRefused, match="the same name"):
        await apply(store, plan("INSERT", PlannedRow(after={"name": "first"}), **once))
    assert await query(store, "SELECT rowid, name FROM once") == [(1, "first"), (2, "second")]


async def test_triggers_and_cascades_count_for_the_cap(store: Store) -> None:
    row = PlannedRow(key=[1], before=TEA)
    with pytest.raises(ChangeRefused, match="4 rows would change; at most 3"):
        await apply(store, plan("DELETE", row), rows_max=3)
    assert await query(store, "SELECT count(*) FROM lines") == [(4,)]
    await apply(store, plan("DELETE", row), rows_max=4)
    assert await query(store, "SELECT count(*) FROM lines") == [(1,)]


async def test_a_trigger_of_the_team_may_write_its_own_tables(store: Store) -> None:
    await run(store, "CREATE TABLE log (what)")
    await run(store, "CREATE TRIGGER t AFTER UPDATE ON orders BEGIN INSERT INTO log VALUES (NEW.item); END")
    await apply(store, plan("UPDATE", update(1, TEA, item="x")))
    assert await query(store, "SELECT * FROM log") == [("x",)]


async def test_no_trigger_or_foreign_key_reaches_a_reserved_table(store: Store) -> None:
    await run(store, "CREATE TABLE _kept (order_id REFERENCES orders (id) ON DELETE CASCADE)")
    await run(store, "INSERT INTO _kept VALUES (1)")
    await run(store, "DELETE FROM lines")
    with pytest.raises(ChangeRefused, match="reserved table"):
        await apply(store, plan("DELETE", PlannedRow(key=[1], before=TEA)))
    assert await query(store, "SELECT count(*) FROM _kept") == [(1,)]
    await run(store, "CREATE TRIGGER t AFTER UPDATE ON orders BEGIN DELETE FROM _audit; END")
    with pytest.raises(ChangeRefused, match="reserved table"):
        await apply(store, plan("UPDATE", update(1, TEA, total=0.0)))
    # The writer itself goes on as before.
    await run(store, "INSERT INTO _settings VALUES ('default', '', 'a', x'62', 0, 1, 0)")


async def test_a_trigger_that_refuses_or_ignores_is_told(store: Store) -> None:
    await run(
        store, "CREATE TRIGGER t BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'closed in May'); END"
    )
    with pytest.raises(ChangeRefused, match="refused: closed in May"):
        await apply(store, plan("UPDATE", update(1, TEA, total=0.0)))
    await run(store, "CREATE TRIGGER i BEFORE INSERT ON orders BEGIN SELECT RAISE(IGNORE); END")
    with pytest.raises(ChangeRefused, match="kept a row from being changed"):
        await apply(store, plan("INSERT", PlannedRow(after={"item": "x"})))


async def test_a_trigger_that_rolls_back_takes_no_other_write_with_it(store: Store) -> None:
    await run(store, "CREATE TRIGGER t BEFORE UPDATE ON orders BEGIN SELECT RAISE(ROLLBACK, 'never'); END")
    with pytest.raises(ChangeRefused, match="never"):
        await apply(store, plan("UPDATE", update(1, TEA, total=0.0)))
    assert (await apply(store, plan("INSERT", PlannedRow(after={"item": "x"}))))[0].after


async def test_a_change_that_undoes_the_transaction_neither_loses_nor_repeats_other_writes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "APPLY_S", 0.2)
    await run(store, "CREATE TABLE seen (n)")
    await run(store, "CREATE TRIGGER r BEFORE INSERT ON orders BEGIN SELECT RAISE(ROLLBACK, 'never'); END")
    await run(store, f"CREATE TRIGGER slow BEFORE UPDATE ON orders BEGIN {ENDLESS}; END")
    refused: list[str] = []

    async def see(n: int) -> None:
        await run(store, f"INSERT INTO seen VALUES ({n})")

    async def refuse(change: ChangePlan) -> None:
        with pytest.raises(ChangeRefused) as caught:
            await apply(store, change)
        refused.append(caught.value.text)

    opened, hold = threading.Event(), threading.Event()

    def wait(_db: apsw.Connection) -> None:
        opened.set()
        hold.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.write, wait)
        await trio.to_thread.run_sync(opened.wait)
        # All of these wait now, so they share the next commit.
        for n, change in enumerate(
            (plan("INSERT", PlannedRow(after={"item": "x"})), plan("UPDATE", update(1, TEA, total=0.0)))
        ):
            nursery.start_soon(see, 2 * n)
            nursery.start_soon(refuse, change)
            nursery.start_soon(see, 2 * n + 1)
        await trio.testing.wait_all_tasks_blocked()
        hold.set()
    assert sorted(await query(store, "SELECT n FROM seen")) == [(0,), (1,), (2,), (3,)]
    assert sorted("longer than 0.2 s" in text for text in refused) == [False, True]
    assert await query(store, "SELECT id, total FROM orders") == [(1, 3.5), (2, 7.0), (3, 20.0)]


async def test_a_change_that_takes_too_long_is_run_once_and_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "APPLY_S", 0.1)
    await run(store, f"CREATE TRIGGER slow AFTER DELETE ON orders BEGIN {ENDLESS}; END")
    tried: list[int] = []

    def once(db: apsw.Connection) -> list[RowChange]:
        tried.append(1)
        return changes.apply(db, plan("DELETE", PlannedRow(key=[1], before=TEA)), rows_max=10)

    with pytest.raises(ChangeRefused, match=r"took longer than 0\.1 s"):
        await store.write(once)
    assert tried == [1]
    assert await query(store, "SELECT count(*) FROM orders") == [(3,)]
    # The deadline was for that change only.
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
    await run(store, f"{counting} SELECT count(*) FROM n")


async def test_many_short_statements_are_also_too_long_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "APPLY_S", -1.0)
    with pytest.raises(ChangeRefused, match="longer"):
        await apply(store, plan("INSERT", PlannedRow(after={"item": "x"})))
    assert await query(store, "SELECT count(*) FROM orders") == [(3,)]


async def test_a_row_and_those_that_hang_on_it_in_the_same_table_can_be_deleted(store: Store) -> None:
    await run(
        store,
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up REFERENCES tree (id) ON DELETE CASCADE);"
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL)",
    )
    rows = [PlannedRow(key=[id], before={"id": id, "up": up}) for id, up in ((1, None), (2, 1), (3, 2))]
    tree = {"table": "tree", "columns": ["id", "up"]}
    gone = PlannedRow(key=[9], before={"id": 9, "up": 1})
    with pytest.raises(ChangeRefused, match="is gone"):
        await apply(store, plan("DELETE", *rows, gone, **tree))
    with pytest.raises(ChangeRefused, match="changed meanwhile"):
        await apply(store, plan("DELETE", *rows[:2], PlannedRow(key=[3], before={"id": 3, "up": 1}), **tree))
    told = await apply(store, plan("DELETE", *rows, **tree))
    assert [row.before for row in told] == [{"id": 1, "up": None}, {"id": 2, "up": 1}, {"id": 3, "up": 2}]
    assert await query(store, "SELECT id FROM tree") == [(4,)]


@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
async def test_what_a_trigger_writes_into_a_row_is_not_told(store: Store, when: str) -> None:
    await run(
        store,
        f"CREATE TABLE deals (id INTEGER PRIMARY KEY, owner TEXT, note TEXT DEFAULT 'new', n REAL,"
        f" about TEXT GENERATED ALWAYS AS (owner || note));"
        f"INSERT INTO deals VALUES (1, 'ann', 'mine', 1);"
        f"CREATE TRIGGER u {when} UPDATE ON deals WHEN OLD.owner = 'ann' BEGIN"
        f" UPDATE deals SET owner = 'bob', note = 'hush' WHERE id = NEW.id; END;"
        f"CREATE TRIGGER i AFTER INSERT ON deals BEGIN"
        f" UPDATE deals SET owner = 'bob', note = 'hush' WHERE id = NEW.id; END",
    )
    deals = {"table": "deals", "columns": ["id", "owner", "note", "n", "about"]}
    mine = {"id": 1, "owner": "ann", "note": "mine", "n": 1.0, "about": "annmine"}
    [row] = await apply(store, plan("UPDATE", update(1, mine, n="2"), **deals))
    assert row.after == {"id": 1, "owner": "ann", "note": "mine", "n": 2.0}
    [row] = await apply(store, plan("INSERT", PlannedRow(after={"owner": "ann", "n": 3}), **deals))
    assert row.after == {"id": 2, "owner": "ann", "note": "new", "n": 3.0, "about": "annnew"}
    assert await query(store, "SELECT owner, note FROM deals") == [("bob", "hush")] * 2


async def test_a_trigger_of_another_table_that_a_foreign_key_wakes_is_not_told(store: Store) -> None:
    await run(
        store,
        "CREATE TABLE teams (code TEXT PRIMARY KEY, owner TEXT); INSERT INTO teams VALUES ('a', 'ann');"
        "CREATE TABLE seats (team REFERENCES teams (code) ON UPDATE CASCADE); INSERT INTO seats VALUES ('a');"
        "CREATE TRIGGER t AFTER UPDATE ON seats BEGIN UPDATE Teams SET owner = 'bob'; END",
    )
    row = update(1, {"code": "a", "owner": "ann"}, code="b")
    [told] = await apply(store, plan("UPDATE", row, table="teams", columns=["code", "owner"]))
    assert told.after == {"code": "b", "owner": "ann"}
    assert await query(store, "SELECT * FROM teams") == [("b", "bob")]


async def test_a_deferred_foreign_key_is_refused_before_the_commit(store: Store) -> None:
    pot = PlannedRow(key=[3], before={"id": 3, "item": "pot", "total": 20.0})
    with pytest.raises(ChangeRefused, match="does not exist"):
        await apply(store, plan("DELETE", pot))
    assert await query(store, "SELECT count(*) FROM orders") == [(3,)]


# -- pure ------------------------------------------------------------------------------------------------


def test_what_was_agreed_to_is_the_same_in_any_order_and_with_exact_types() -> None:
    one = plan("UPDATE", update(1, TEA, total=1), update(2, TEA, total=2))
    assert still_allows(
        one, plan("UPDATE", update(2, TEA, total=2), update(1, TEA, total=1), description="again")
    )
    assert not still_allows(one, plan("UPDATE", update(1, TEA, total=1.0), update(2, TEA, total=2)))
    assert not still_allows(one, plan("UPDATE", update(1, TEA, total=1)))
    assert not still_allows(one, plan("DELETE", *one.rows))


def test_new_values_may_differ_where_no_row_rule_looks_at_them() -> None:
    one = plan("UPDATE", update(1, TEA, total=1, item="x"))
    again = update(1, TEA, item="x", total=2)
    assert still_allows(one, plan("UPDATE", again, judged=[]))
    assert still_allows(one, plan("UPDATE", again, judged=["item"]))
    assert not still_allows(one, plan("UPDATE", again, judged=["total"]))
    assert not still_allows(one, plan("UPDATE", again))
    shouted = plan("UPDATE", update(1, TEA, TOTAL=1), columns=["id", "item", "TOTAL"])
    other = plan("UPDATE", update(1, TEA, TOTAL=2), columns=["id", "item", "TOTAL"], judged=["total"])
    assert not still_allows(shouted, other)
    # What the rules of then looked at says nothing about those of now.
    assert not still_allows(plan("UPDATE", *one.rows, judged=[]), plan("UPDATE", again, judged=["total"]))


@pytest.mark.parametrize(
    "again",
    [
        update(1, TEA, total=2, item="x"),
        update(1, TEA),
        update(1, TEA | {"total": 9.0}, total=2),
        update(2, TEA, total=2),
    ],
)
def test_other_rows_or_columns_are_another_change(again: PlannedRow) -> None:
    assert not still_allows(plan("UPDATE", update(1, TEA, total=1)), plan("UPDATE", again, judged=[]))


def test_new_rows_are_judged_as_a_whole_in_any_order() -> None:
    def added(*rows: tuple[str, int], **more: Any) -> ChangePlan:
        return plan("INSERT", *(PlannedRow(after={"item": item, "total": n}) for item, n in rows), **more)

    one = added(("a", 1), ("b", 2))
    assert still_allows(one, added(("b", 4), ("a", 3), judged=["item"]))
    assert not still_allows(one, added(("b", 4), ("b", 3), judged=["item"]))
    assert not still_allows(one, added(("a", 2), ("b", 1), judged=["item", "total"]))
    assert not still_allows(one, added(("a", 1), judged=[]))


def test_a_plan_is_shown_with_whole_rows() -> None:
    assert preview(plan("UPDATE", update(1, TEA, total=b"\x01"))) == [
        RowChange(before=TEA, after=TEA | {"total": "x'01'"})
    ]
    change = to_change(
        plan("DELETE", PlannedRow(key=[1], before=TEA)), id="c", status="proposed", expires_at=5.0
    )
    assert (change.rows, change.id, change.expires_at) == ([RowChange(before=TEA)], "c", 5.0)
    assert summary_of(plan("INSERT", PlannedRow(after={"id": 5}))) == "insert 1 row of orders"
    msgspec.json.encode(change)


# -- proposals -------------------------------------------------------------------------------------------

ANN = Caller(role="authenticated", user_id="ann")
PLAN = plan("UPDATE", update(1, TEA, total=b"\x00"), parameters={"id": 1})


def proposal(**more: Any) -> Proposal:
    fields = {
        "id": "p1",
        "tenant": ANN.tenant,
        "owner": ANN.owner,
        "conversation_id": "c1",
        "namespace": "default",
        "bot": "shop",
        "plan": PLAN,
        "created_at": 10.0,
        "expires_at": 100.0,
    }
    return Proposal(**(fields | more))


@pytest.fixture
def db(tmp_path: Path) -> Any:
    db = connect(database_path(tmp_path))
    for id, expires_at in (("c1", None), ("c2", None)):
        conversations.create(
            db,
            id=id,
            caller=ANN,
            namespace="default",
            bot="shop",
            persist=True,
            expires_at=expires_at,
            now=1.0,
        )
    changes.propose(db, proposal())
    yield db
    db.close()


def find(db: apsw.Connection, id: str = "p1", owner: str = ANN.owner, tenant: str = ANN.tenant) -> Any:
    return changes.find(db, id, tenant=tenant, owner=owner)


def test_a_proposal_is_found_by_its_owner_only(db: apsw.Connection) -> None:
    assert find(db) == proposal()
    assert find(db, id="p2") is None
    assert find(db, owner="user:bob") is None
    assert find(db, tenant="other") is None


def test_a_proposal_is_decided_once(db: apsw.Connection) -> None:
    assert changes.take(db, "p1", now=99.0) == proposal()
    changes.settle(db, "p1", "applied", 99.0)
    assert find(db) == proposal(status="applied", decided_at=99.0)
    with pytest.raises(Conflict, match="applied already"):
        changes.take(db, "p1", now=99.0)
    with pytest.raises(Conflict):
        changes.settle(db, "p1", "declined", 99.0)
    with pytest.raises(NotFound):
        changes.take(db, "p2", now=99.0)


def test_a_proposal_that_waited_too_long_cannot_be_taken(db: apsw.Connection) -> None:
    assert [one.id for one in changes.open_in(db, "c1", 99.0)] == ["p1"]
    assert changes.open_in(db, "c1", 100.0) == []
    with pytest.raises(Conflict, match="too long"):
        changes.take(db, "p1", now=100.0)
    assert (changes.expire(db, 99.0), changes.expire(db, 100.0), changes.expire(db, 100.0)) == (0, 1, 0)
    assert find(db).status == "expired"


def test_open_proposals_come_oldest_first_and_per_conversation(db: apsw.Connection) -> None:
    changes.propose(db, proposal(id="p0", created_at=11.0))
    changes.propose(db, proposal(id="p2", conversation_id="c2"))
    changes.propose(db, proposal(id="p3", status="declined", decided_at=12.0))
    assert [one.id for one in changes.open_in(db, "c1", 20.0)] == ["p1", "p0"]


def test_a_deleted_conversation_takes_its_proposals_with_it(db: apsw.Connection) -> None:
    conversations.delete(db, "c1", ANN, 50.0)
    assert find(db) is None
    assert changes.open_in(db, "c1", 50.0) == []
    with pytest.raises(NotFound):
        changes.take(db, "p1", now=50.0)
    conversations.purge(db, 50.0 + conversations.DELETED_KEPT_S, busy=frozenset())
    assert db.execute("SELECT count(*) FROM _changes").get == 0


def test_a_database_from_before_keeps_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: known[:1])
    old = connect(database_path(tmp_path))
    old.execute(
        "INSERT INTO _conversations (id, tenant, owner, namespace, bot, persist, created_at, updated_at, "
        "last_message_at) VALUES ('c1', ?, ?, 'default', 'shop', 1, 1.0, 1.0, 1.0)",
        (ANN.tenant, ANN.owner),
    )
    old.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)").fetchall()
    assert not old.table_exists("main", "_changes")
    old.close()
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    db = connect(database_path(tmp_path))
    changes.propose(db, proposal())
    assert find(db) == proposal()
    assert db.execute("SELECT id FROM orders").get == 7
    db.close()
