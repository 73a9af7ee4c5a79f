"""What administrators see of the structure of the data: no rule hides it, nothing of ours is in it (3.5)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.sdk import Client, create_client
from tests.support.stack import Stack, stack

TABLES = "/api/v1/admin/ai/tables"
SHOP = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    email VARCHAR(80) NOT NULL UNIQUE, -- where bills go
    secret_note TEXT DEFAULT 'none',
    joined TEXT GENERATED ALWAYS AS (substr(email, 1, 2)) VIRTUAL
);
CREATE TABLE "order lines" (
    order_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    customer INTEGER REFERENCES customers ON DELETE CASCADE,
    PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
CREATE INDEX lines_by_customer ON "order lines" (customer, lower(line));
CREATE VIEW everybody AS SELECT id, email FROM customers;
CREATE VIEW broken AS SELECT * FROM no_such_table;
CREATE VIRTUAL TABLE notes USING fts5 (body);
"""
RULES = """
row-rules:
  customers: id = :user_id
hidden-columns:
  customers: [secret_note]
schema-notes:
  customers.id: Number of the card
data-files:
  stock: {path}
  gone: {gone}
"""


@asynccontextmanager
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Stack, Client]]:
    """A server over such tables, with an attached file, and an administrator."""
    data = tmp_path / "data"
    data.mkdir()
    db = connect(database_path(data))
    db.execute(SHOP)
    db.close()
    stock = tmp_path / "stock.db"
    other = apsw.Connection(str(stock))
    other.execute("CREATE TABLE parts (id TEXT PRIMARY KEY, name TEXT); CREATE TABLE _ours (x)")
    other.close()
    gone = tmp_path / "gone.db"
    gone.write_bytes(stock.read_bytes())
    (data / "data.yaml").write_text(RULES.format(path=stock, gone=gone))
    async with (
        stack(data, []) as served,
        create_client(served.url, served.token("root", role="instance_admin")) as client,
    ):
        gone.unlink()
        yield served, client


async def test_all_tables_and_views_are_listed_and_none_of_ours(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_, client):
        told, problem = await client.request("GET", TABLES)
        assert problem is None
        of_stock, _ = await client.request("GET", f"{TABLES}?schema=STOCK&knowledge_base_id=any")
    rows = [tuple(row.values()) for row in told["tables"]]
    assert told["count"] == len(rows) == 6
    assert rows == [
        ("public", "broken", "view", 0, 0),
        ("public", "customers", "table", 4, 0),
        ("public", "everybody", "view", 2, 0),
        ("public", "notes", "table", 1, 0),
        ("public", "order lines", "table", 3, 1),
        ("stock", "parts", "table", 2, 0),
    ]
    assert [row["name"] for row in of_stock["tables"]] == ["parts"]


async def test_a_table_is_told_with_hidden_columns_keys_and_indexes(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_, client):
        details = [
            await client.admin.ai.get_table_details(*place)
            for place in (("public", "CUSTOMERS"), ("public", "order lines"), ("stock", "parts"))
        ]
        view, _ = await client.admin.ai.get_table_details("public", "everybody")
    customers, lines, parts = (data for data, _ in details)
    columns = {column["name"]: column for column in customers["columns"]}
    assert (customers["name"], customers["type"], customers["rls_enabled"]) == ("customers", "table", True)
    assert list(columns) == ["id", "email", "secret_note", "joined"]
    assert columns["email"] == {
        "name": "email",
        "data_type": "VARCHAR(80)",
        "is_nullable": False,
        "default_value": None,
        "is_primary_key": False,
        "is_foreign_key": False,
        "is_unique": True,
        "max_length": 80,
        "position": 2,
        "description": "where bills go",
    }
    assert (columns["id"]["description"], columns["id"]["is_unique"]) == ("Number of the card", True)
    assert columns["secret_note"]["default_value"] == "'none'"
    assert customers["primary_key"] == ["id"]
    assert lines["primary_key"] == ["order_id", "line"]
    assert lines["foreign_keys"] == [
        {
            "name": "order lines_fkey_1",
            "column_name": "customer",
            "referenced_schema": "public",
            "referenced_table": "customers",
            "referenced_column": "id",
            "on_delete": "CASCADE",
            "on_update": "NO ACTION",
        }
    ]
    indexes = {index["name"]: index for index in lines["indexes"]}
    assert indexes["lines_by_customer"]["columns"] == ["customer", "<expression>"]
    assert [index["columns"] for index in indexes.values() if index["is_primary"]] == [["order_id", "line"]]
    assert not any(column["is_unique"] for column in lines["columns"])
    assert (parts["schema"], parts["rls_enabled"], parts["primary_key"]) == ("stock", False, ["id"])
    assert (view["type"], len(view["columns"]), view["indexes"]) == ("view", 2, [])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/public/no_such_table", 404),
        ("/public/_audit", 404),
        ("/public/sqlite_schema", 404),
        ("/public/notes_data", 404),
        ("/main/customers", 404),
        ("/nowhere/customers", 404),
        ("/stock/_ours", 404),
        ("/public/customers%27)%3B--", 404),
        ("/public", 404),
        ("?schema=nowhere", 404),
        ("/gone/x", 503),
    ],
)
async def test_what_is_not_there_or_ours_is_404(tmp_path: Path, path: str, status: int) -> None:
    async with shop(tmp_path) as (served, client):
        _, problem = await client.request("GET", TABLES + path)
    assert problem is not None
    assert problem.status == status
    assert str(served.data.parent) not in problem.message


async def test_who_is_no_operator_learns_no_structure(tmp_path: Path) -> None:
    async with shop(tmp_path) as (served, _):
        db = connect(database_path(served.data))
        _, other = create_key(db, "service", "other", time.time())
        db.close()
        shown: list[dict[str, Any]] = [
            {},
            {"Authorization": f"Bearer {served.token('alice')}"},
            {"Authorization": f"Bearer {other}"},
            {"Authorization": f"Bearer {served.token('boss', role='tenant_admin')}"},
        ]
        async with httpx.AsyncClient(base_url=served.url) as http:
            statuses = [(await http.get(TABLES, headers=headers)).status_code for headers in shown]
    assert statuses == [401, 403, 403, 200]


async def test_the_data_file_attached_to_itself_is_read_by_the_store_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    db = connect(database_path(data))
    db.execute("CREATE TABLE things (x)")
    db.close()
    (data / "data.yaml").write_text(f"data-files:\n  twin: {database_path(data)}\n")
    async with stack(data, []) as served:
        key = served.token("root", role="admin")
        async with create_client(served.url, key) as client:
            told, problem = await client.request("GET", f"{TABLES}?schema=twin")
            if problem is None:
                assert [row["name"] for row in told["tables"]] == ["things"]
            # Locks are lost when a descriptor of the file is closed: the store still holds its own.
            assert (await client.request("GET", f"{TABLES}?schema=public"))[1] is None
