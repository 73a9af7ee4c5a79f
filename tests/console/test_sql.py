"""SQL of administrators: the team's tables to read, none of ours, nothing to write; as a file, too."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from appliance.store.database import connect, database_path
from tests.console.signed_in import SignedIn, admin_of
from tests.support.stack import stack

RULES = "row-rules:\n  orders: none\n  users: id = :user_id\ndata-files:\n  warehouse: ./warehouse.db\n"


async def run(admin: SignedIn, sql: str) -> list[list[object]]:
    return (await admin.post("sql", {"sql": sql}))["rows"]  # type: ignore[no-any-return]


async def test_all_tables_can_be_read_whatever_rules_hide_from_bots(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "warehouse.db"))
    other.execute("CREATE TABLE shelves (x INTEGER); INSERT INTO shelves VALUES (1), (2)")
    other.close()
    (tmp_path / "data.yaml").write_text(RULES)
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        tables = {one["name"]: one for one in await admin.get("sql/tables")}
        assert {"orders", "users", "products", "warehouse.shelves"} <= tables.keys()
        assert not [name for name in tables if name.startswith("_")]
        assert tables["warehouse.shelves"] == {
            "name": "warehouse.shelves",
            "columns": [{"name": "x", "type": "INTEGER"}],
            "rows": 2,
        }
        assert await run(admin, "SELECT sum(x) FROM warehouse.shelves") == [[3]]
        found = await admin.post("sql", {"sql": "SELECT id, total FROM orders ORDER BY id LIMIT 2"})
        assert (found["columns"], found["row_count"], found["truncated"]) == (["id", "total"], 2, False)
        assert len(found["types"]) == 2
        assert (await run(admin, "SELECT count(*) FROM orders")) == [[tables["orders"]["rows"]]]
        (entry,) = (await admin.get("audit", action="sql.console", q="LIMIT 2"))["items"]
        assert entry["details"]["rows"] == 2
        assert entry["actor"] == "admin:ann"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "UPDATE users SET name = 'x'",
        "INSERT INTO products (id) VALUES (999)",
        "DROP TABLE orders",
        "CREATE TABLE t (x)",
        "PRAGMA table_info(orders)",
        "ATTACH '/etc/passwd' AS p",
        "SELECT * FROM _api_keys",
        "SELECT * FROM main._admins",
        "SELECT * FROM sqlite_schema",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "",
        "   ",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "x" * 200_000,
    ],
)
async def test_what_does_not_only_read_the_teams_tables_is_refused(tmp_path: Path, sql: str) -> None:
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        before = dump(tmp_path)
        body = {"sql": sql, "timeout_s": 0.3}
        status, code, text = await admin.refused("POST", "sql", body)
        assert (status, code) == (400, "INVALID_INPUT")
        assert text
        assert (
            (await admin.refused("POST", "sql/export", {"sql": sql}))[0] == 400
            if "RECURSIVE" not in sql
            else True
        )
        assert dump(tmp_path) == before


async def test_deadlines_have_bounds(tmp_path: Path) -> None:
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        for timeout_s in (0, -1, 31, 1e300, "x"):
            assert (await admin.refused("POST", "sql", {"sql": "SELECT 1", "timeout_s": timeout_s}))[0] == 400


async def test_a_file_has_more_rows_than_a_page_and_no_formulas(tmp_path: Path) -> None:
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000) "
        assert (await admin.post("sql", {"sql": f"{numbers} SELECT x FROM n"}))["truncated"]
        text = await admin.post("sql/export", {"sql": f"{numbers} SELECT x, '=1+1' AS f FROM n"})
        lines = text.split("\r\n")
        assert (lines[0], lines[1], len(lines)) == ("x,f", "1,'=1+1", 3002)
        answer = await admin.client.post("sql/export", json={"sql": "SELECT 1"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="result.csv"'


def dump(data: Path) -> list[object]:
    db = connect(database_path(data))
    names = [
        str(row[0]) for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    ]
    found = [
        (name, list(db.execute(f'SELECT * FROM "{name}"')))
        for name in names
        if not name.startswith(("_", "sqlite"))
    ]
    db.close()
    return [names, found]
