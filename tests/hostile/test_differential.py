"""Made-up statements give exactly what plain SQLite gives on a copy of what the caller may see."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apsw

from appliance.changes import ChangePlan
from appliance.messages import QueryOutcome
from appliance.store import changes
from appliance.tools.sql_pool import SqlPool
from tests.hostile import data
from tests.hostile.twin import twin

READS = 300
WRITES = 60
COLUMNS = {
    "orders": ["id", "user_id", "item", "total", "note", "twice"],
    "tasks": ["id", "team", "title"],
    "members": ["team", "user_id"],
    "products": ["id", "title", "price"],
    "shared_orders": ["id", "item", "total"],
}
VALUES = ["1", "3", "7", "424242", "'bob'", "'alice'", "NULL", "'tea'", "5", "6", "0.5"]


class Maker:
    """Makes statements from a seed; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def read(self) -> str:
        pick = self._random.choice
        one, two = pick(list(COLUMNS)), pick(list(COLUMNS))
        other = next(name for name in COLUMNS if name != one)
        a, b, c = pick(COLUMNS[one]), pick(COLUMNS[two]), pick(COLUMNS[one])
        return pick(
            [
                f"SELECT * FROM {one} a WHERE {self.condition('a', one)} ORDER BY 1, 2",
                f"SELECT count(*), max(a.{a}), min(a.{c}), count(a.{a}) FROM {one} a "
                f"WHERE {self.condition('a', one)}",
                f"SELECT a.{a}, b.{b} FROM {one} a {pick(['', 'LEFT', 'INNER', 'FULL'])} JOIN {two} b "
                f"ON a.{a} = b.{b} AND {self.condition('b', two)} ORDER BY 1, 2",
                f"SELECT a.{a}, count(*) FROM {one} a, {two} b GROUP BY 1 HAVING count(*) > 1 ORDER BY 1",
                f"SELECT a.{a}, (SELECT count(*) FROM {two} b WHERE b.{b} IS a.{a}) FROM {one} a",
                f"SELECT {a} FROM {one} a WHERE EXISTS (SELECT 1 FROM {two} b WHERE b.{b} = a.{c})",
                f"SELECT {a} FROM {one} WHERE {c} NOT IN (SELECT {b} FROM {two} WHERE {b} IS NOT NULL)",
                f"SELECT {a} FROM {one} {pick(['UNION', 'EXCEPT', 'INTERSECT', 'UNION ALL'])} "
                f"SELECT {b} FROM {two} ORDER BY 1",
                f"SELECT a.{a}, rank() OVER (ORDER BY a.{a}) FROM {one} a ORDER BY 1, 2",
                f"WITH x AS (SELECT {a} AS v FROM {one}), {other} AS (SELECT * FROM x) "
                f"SELECT v FROM {other} ORDER BY 1",
                f"SELECT count(*) FROM {one} NATURAL JOIN {two}",
            ]
        )

    def condition(self, alias: str, table: str) -> str:
        pick = self._random.choice
        column, other = (f"{alias}.{pick(COLUMNS[table])}" for _ in "12")
        value = pick(VALUES)
        return pick(
            [
                f"{column} {pick(['=', '<>', '<', '>=', 'IS', 'IS NOT'])} {value}",
                f"({column} = {value} OR {other} IS NOT NULL)",
                f"CASE WHEN {column} = {value} THEN {other} IS NOT NULL ELSE 1 END",
                f"{column} IN ({value}, {other})",
                f"NOT ({column} > {value} AND {other} < 9)",
            ]
        )

    def write(self) -> str:
        pick = self._random.choice
        table = pick(["orders", "tasks"])
        text = {"orders": "item", "tasks": "title"}[table]
        owner = {"orders": "user_id", "tasks": "team"}[table]
        where = self.condition(table, table)
        return pick(
            [
                f"UPDATE {table} SET {text} = {pick(VALUES)} WHERE {where}",
                f"UPDATE {table} SET {text} = upper({text}) || id WHERE {where}",
                f"UPDATE {table} SET {text} = (SELECT max({text}) FROM {table}) WHERE {where}",
                f"DELETE FROM {table} WHERE {where}",
                f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table}) AND {where}",
                f"INSERT INTO {table} (id, {owner}, {text}) "
                f"SELECT id + 100, {owner}, {text} FROM {table} WHERE {where}",
            ]
        )


async def test_reads_are_those_of_a_copy_with_only_what_the_caller_may_see(tmp_path: Path) -> None:
    path, maker = data.make(tmp_path), Maker(1)
    policy, copy, some = data.policies(tmp_path)["alice"], twin(path, "alice"), 0
    async with SqlPool(path, workers_max=1) as pool:
        for _ in range(READS):
            sql = maker.read()
            given = await pool.query(sql, policy)
            assert isinstance(given, QueryOutcome)
            assert given.error is None, f"{sql}: {given.error}"
            # Rows that sort alike may come in any order.
            assert sorted(given.rows, key=repr) == sorted(rows(copy, sql), key=repr), sql
            some += bool(given.rows)
    copy.close()
    assert some > READS / 3


async def test_writes_are_those_of_a_copy_and_leave_all_else_as_it_was(tmp_path: Path) -> None:
    maker, some = Maker(2), 0
    (tmp_path / "first").mkdir()
    path = data.make(tmp_path / "first")
    policy = data.policies(tmp_path / "first")["writer"]
    others = "SELECT * FROM orders WHERE user_id <> 'alice'", "SELECT * FROM tasks WHERE team <> 5"
    before = content(path, others)
    async with SqlPool(path, workers_max=1) as pool:
        for _ in range(WRITES):
            sql, copy = maker.write(), twin(path, "alice")
            plan = await pool.query(sql, policy)
            assert isinstance(plan, ChangePlan), f"{sql}: {plan.error}"
            db = apsw.Connection(str(path))
            db.execute("BEGIN IMMEDIATE")
            changes.apply(db, plan, rows_max=10)
            copy.execute(sql).fetchall()
            for table in ("orders", "tasks"):
                mine = {"orders": "user_id = 'alice'", "tasks": "team = 5"}[table]
                columns = ", ".join(COLUMNS[table])
                asked = f"SELECT {columns} FROM {table} WHERE {mine} ORDER BY id"
                assert rows(db, asked) == rows(copy, f"SELECT {columns} FROM {table} ORDER BY id"), sql
            db.execute("ROLLBACK")
            db.close()
            copy.close()
            some += bool(plan.rows)
    assert content(path, others) == before
    assert some > WRITES / 4


def rows(db: apsw.Connection, sql: str) -> list[list[Any]]:
    return [[f"x'{v.hex()}'" if isinstance(v, bytes) else v for v in row] for row in db.execute(sql)]


def content(path: Path, questions: tuple[str, ...]) -> list[Any]:
    db = apsw.Connection(str(path))
    found = [rows(db, sql) for sql in questions]
    db.close()
    return found
