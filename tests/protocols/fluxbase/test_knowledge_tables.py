"""Tables as documents: what is told, what the rules of the data keep out, and again on demand (6.8, 11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.engine.knowledge import export_sync, table_exports
from appliance.store.database import connect, database_path
from tests.support.knowledge import ADMIN, Desk, good, settled
from tests.support.stack import stack

SHOP = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    email VARCHAR(80) NOT NULL UNIQUE, -- where bills go
    secret_note TEXT DEFAULT 'hush'
);
CREATE INDEX customers_by_note ON customers (secret_note);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), total REAL, scan BLOB, remark TEXT
);
CREATE TABLE salaries (person TEXT, amount REAL);
CREATE VIEW everybody AS SELECT id, email, secret_note FROM customers;
INSERT INTO customers VALUES (1, 'ann@example.org', 'owes money');
INSERT INTO invoices VALUES (1, 1, 9.5, x'0011', 'a | b' || char(10) || 'c');
INSERT INTO invoices VALUES (2, 1, 7.25, NULL, printf('%.*c', 5000, 'x'));
"""
RULES = """
row-rules:
  customers: id = :user_id
  salaries: none
hidden-columns:
  customers: [secret_note]
schema-notes:
  customers: People who buy
"""
NAMED = "/api/v1/admin/ai/tables/public"


@asynccontextmanager
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Desk, str]]:
    """An administrator over such tables, and a base."""
    data = tmp_path / "data"
    data.mkdir()
    db = connect(database_path(data))
    db.execute(SHOP)
    db.close()
    (data / "data.yaml").write_text(RULES)
    async with (
        stack(data, [], embedding_provider="none") as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        desk = Desk(client, served.token("root", role="admin"), ADMIN)
        yield desk, await desk.base()


async def text_of(desk: Desk, base: str, document: str) -> str:
    await settled(desk, base)
    return str((await desk.get(f"/{base}/documents/{document}"))["content"])


async def test_an_export_tells_columns_keys_and_rows(tmp_path: Path) -> None:
    async with shop(tmp_path) as (desk, base):
        body = {"schema": "public", "table": "invoices", "include_sample_rows": True}
        made = await desk.post(f"/{base}/tables/export", body)
        text = await text_of(desk, base, made["document_id"])
        assert "| customer | INTEGER |" in text
        assert "`invoices.customer` references `customers.id`" in text
        assert "| 1 | 1 | 9.5 | (2 bytes) | a \\| b c |" in text
        assert len(text) < 2_000  # long values are cut
        assert await desk.found(base, "invoices customer")
        (entity,) = [
            one
            for one in (await desk.get(f"/{base}/entities?type=table"))["entities"]
            if one["id"] == made["entity_id"]
        ]
        assert entity["name"] == "invoices"
        lines = (await desk.get(f"/{base}/entities/{made['entity_id']}/relationships"))["relationships"]
        assert [
            (one["relationship_type"], one["target_entity"]["name"])
            for one in lines
            if one["id"] in made["relationship_ids"]
        ] == [("foreign_key", "customers")]


async def test_options_choose_what_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path) as (desk, base):
        body = {"table": "invoices", "columns": ["ID", "total"], "include_foreign_keys": False}
        made = await desk.post(f"/{base}/tables/export", body)
        text = await text_of(desk, base, made["document_id"])
        assert "| total | REAL |" in text
        assert "customer" not in text
        assert "Sample rows" not in text
        for wrong in (
            {"table": "nothing"},
            {"table": "_documents"},
            {"table": "invoices", "schema": "elsewhere"},
        ):
            assert (await desk.ask("POST", f"/{base}/tables/export", json=wrong)).status_code == 404
        for wrong in (
            {"table": "invoices", "columns": ["nothing"]},
            {"table": "invoices", "sample_row_count": 0},
            {"table": "invoices", "sample_row_count": 10_000},
            {},
        ):
            assert (await desk.ask("POST", f"/{base}/tables/export", json=wrong)).status_code == 400


async def test_the_rules_of_the_data_hold_for_documents_too(tmp_path: Path) -> None:
    async with shop(tmp_path) as (desk, base):
        path = f"/{base}/tables/export"
        made = await desk.post(path, {"table": "customers"})
        text = await text_of(desk, base, made["document_id"])
        assert "People who buy" in text
        assert "where bills go" in text
        assert "secret" not in text
        assert "hush" not in text
        for table in ("customers", "everybody"):
            rows = await desk.ask("POST", path, json={"table": table, "include_sample_rows": True})
            assert (rows.status_code, rows.json()["code"]) == (400, "INVALID_INPUT")
        hidden = await desk.ask("POST", path, json={"table": "customers", "columns": ["secret_note"]})
        assert hidden.status_code == 400
        forbidden = await desk.ask("POST", path, json={"table": "salaries"})
        assert forbidden.status_code == 403
        assert (await desk.get(f"/{base}/documents"))["total"] == 1


async def test_exporting_again_replaces_the_document_also_by_the_tables_own_path(tmp_path: Path) -> None:
    async with shop(tmp_path) as (desk, base):
        first = await desk.post(f"/{base}/tables/export", {"table": "invoices"})
        second = await desk.post(f"{NAMED}/INVOICES/export", {"knowledge_base_id": base, "columns": ["id"]})
        assert second["document_id"] == first["document_id"]
        await settled(desk, base)
        assert "total" not in await text_of(desk, base, first["document_id"])
        tables = {
            one["name"]: one.get("last_export")
            for one in (await desk.get(f"/api/v1/admin/ai/tables?knowledge_base_id={base}"))["tables"]
        }
        assert [name for name, at in tables.items() if at] == ["invoices"]
        good(await desk.ask("DELETE", f"/{base}/documents/{first['document_id']}"))
        third = await desk.post(f"/{base}/tables/export", {"table": "invoices"})
        assert third["document_id"] != first["document_id"]
        other = await desk.ask("POST", f"{NAMED}/invoices/export", json={"knowledge_base_id": "none"})
        assert other.status_code == 404


async def test_kept_tables_are_exported_when_somebody_says_so(tmp_path: Path) -> None:
    async with shop(tmp_path) as (desk, base):
        configs = f"/{base}/sync-configs"
        made = await desk.ask("POST", configs, json={"schema_name": "public", "table_name": "invoices"})
        assert made.status_code == 201
        config = made.json()
        assert (config["table"], config["last_sync_at"], config["document_id"]) == ("invoices", None, None)
        again = await desk.ask("POST", configs, json={"table": "invoices"})
        assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
        for wrong in ({}, {"table": "invoices", "sync_mode": "sometimes"}):
            assert (await desk.ask("POST", configs, json=wrong)).status_code == 400
        one = f"{configs}/{config['id']}"
        changed = good(await desk.ask("PATCH", one, json={"include_sample_rows": True}))
        assert (changed["include_sample_rows"], changed["include_foreign_keys"]) == (True, True)
        done = good(await desk.ask("POST", f"{one}/trigger"))
        (kept,) = (await desk.get(configs))["sync_configs"]
        assert (kept["document_id"], kept["last_sync_status"]) == (done["document_id"], "success")
        assert "Sample rows" in await text_of(desk, base, done["document_id"])
        good(await desk.ask("PATCH", one, json={"columns": ["no_more"]}))
        assert (await desk.ask("POST", f"{one}/trigger")).status_code == 400
        (kept,) = (await desk.get(configs))["sync_configs"]
        assert (kept["last_sync_status"], "no_more" in kept["last_sync_error"]) == ("failed", True)
        assert (await desk.ask("DELETE", one)).status_code == 204
        for method in ("PATCH", "DELETE"):
            assert (await desk.ask(method, one, json={})).status_code == 404
        assert (await desk.get(f"/{base}/documents"))["total"] == 1


async def until(desk: Desk, configs: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The only kept table, once it is so."""
    with trio.fail_after(20):
        while not holds(config := (await desk.get(configs))["sync_configs"][0]):  # noqa: ASYNC110 (no event)
            await trio.sleep(0.02)
    return config


async def test_an_automatic_one_is_exported_when_it_would_read_differently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, looks = table_exports.renew, []

    async def noted(*given: Any) -> bool:
        looks.append(done := await renew(*given))
        return done

    monkeypatch.setattr(export_sync, "SYNC_S", 0.05)
    monkeypatch.setattr(table_exports, "renew", noted)
    async with shop(tmp_path) as (desk, base):
        configs = f"/{base}/sync-configs"
        body = {"table": "invoices", "columns": ["id", "total"], "include_sample_rows": True}
        manual = (await desk.ask("POST", configs, json=body)).json()
        assert manual["sync_mode"] == "manual"
        one = f"{configs}/{manual['id']}"
        assert good(await desk.ask("PATCH", one, json={"sync_mode": "automatic"}))["sync_mode"] == "automatic"
        first = await until(desk, configs, lambda config: config["document_id"])
        assert "| 1 | 9.5 |" in await text_of(desk, base, first["document_id"])
        db = connect(database_path(tmp_path / "data"))
        db.execute("UPDATE invoices SET remark = 'not told' WHERE id = 1")
        db.execute("UPDATE customers SET email = 'new@example.org'")
        seen = len(looks)
        await until(desk, configs, lambda _: len(looks) > seen + 2)
        assert looks.count(True) == 1
        db.execute("UPDATE invoices SET total = 11.75 WHERE id = 1")
        second = await until(desk, configs, lambda config: config["last_sync_at"] != first["last_sync_at"])
        assert second["document_id"] == first["document_id"]
        assert "| 1 | 11.75 |" in await text_of(desk, base, second["document_id"])
        db.execute("ALTER TABLE invoices RENAME TO bills")
        failed = await until(desk, configs, lambda config: config["last_sync_status"] == "failed")
        assert failed["last_sync_error"]
        db.execute("ALTER TABLE bills RENAME TO invoices")
        db.close()
        mended = await until(desk, configs, lambda config: config["last_sync_status"] == "success")
        assert mended["last_sync_error"] is None


async def test_an_automatic_one_tells_nothing_that_the_rules_come_to_hide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_sync, "SYNC_S", 0.05)
    async with shop(tmp_path) as (desk, base):
        configs = f"/{base}/sync-configs"
        body = {"table": "invoices", "include_sample_rows": True, "sync_mode": "automatic"}
        await desk.ask("POST", configs, json=body)
        await until(desk, configs, lambda config: config["document_id"])
        (tmp_path / "data" / "data.yaml").write_text("row-rules:\n  invoices: customer = :user_id\n")
        gone = await until(desk, configs, lambda config: not config["document_id"])
        assert gone["last_sync_status"] == "failed"
        assert (await desk.get(f"/{base}/documents"))["total"] == 0


LATER = "row-rules:\n  customers: id = :user_id\nhidden-columns:\n  customers: [secret_note]\n"


@pytest.mark.parametrize(
    "rules",
    [
        "row-rules:\n  customers: id = :user_id\n",
        "hidden-columns:\n  customers: [SECRET_NOTE]\n",
        "row-rules:\n  customers: none\n",
    ],
)
async def test_what_the_rules_come_to_hide_leaves_the_documents(tmp_path: Path, rules: str) -> None:
    async with open_shop(tmp_path) as (desk, base):
        body = {"table": "customers", "include_sample_rows": True}
        made = await desk.post(f"/{base}/tables/export", body)
        other = await desk.post(f"/{base}/tables/export", {"table": "invoices"})
        assert "owes money" in await text_of(desk, base, made["document_id"])
        (tmp_path / "data.yaml").write_text(rules)
        await _until_gone(desk, base, made["document_id"])
        assert not [text for text in await desk.found(base, "customers secret_note") if "owes" in text]
        if "none" not in rules:  # what was told of the other one may still be told
            assert "invoices" in await text_of(desk, base, other["document_id"])


async def test_rules_that_change_while_nothing_is_served_hold_from_the_start(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as (desk, base):
        made = await desk.post(f"/{base}/sync-configs", {"table": "customers", "include_sample_rows": True})
        done = good(await desk.ask("POST", f"/{base}/sync-configs/{made['id']}/trigger"))
        await settled(desk, base)
    (tmp_path / "data.yaml").write_text(LATER)
    async with open_shop(tmp_path) as (desk, _):
        await _until_gone(desk, base, done["document_id"])
        (kept,) = (await desk.get(f"/{base}/sync-configs"))["sync_configs"]
        assert (kept["document_id"], kept["last_sync_status"]) == (None, "failed")
        assert "deleted" in kept["last_sync_error"]


async def test_a_kept_table_that_the_rules_refuse_now_loses_its_document(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as (desk, base):
        made = await desk.post(f"/{base}/sync-configs", {"table": "customers", "include_sample_rows": True})
        one = f"/{base}/sync-configs/{made['id']}"
        done = good(await desk.ask("POST", f"{one}/trigger"))
        await settled(desk, base)
        (tmp_path / "data.yaml").write_text(LATER)
        refused = await desk.ask("POST", f"{one}/trigger")
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_INPUT")
        assert (await desk.ask("GET", f"/{base}/documents/{done['document_id']}")).status_code == 404
        good(await desk.ask("PATCH", one, json={"include_sample_rows": False}))
        again = good(await desk.ask("POST", f"{one}/trigger"))
        assert "secret" not in await text_of(desk, base, again["document_id"])


@asynccontextmanager
async def open_shop(tmp_path: Path) -> AsyncIterator[tuple[Desk, str]]:
    """Such tables without rules, and a base."""
    if not database_path(tmp_path).exists():
        db = connect(database_path(tmp_path))
        db.execute(SHOP)
        db.close()
        (tmp_path / "data.yaml").write_text("schema-notes:\n  customers: People\n")
    async with (
        stack(tmp_path, [], embedding_provider="none") as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        desk = Desk(client, served.token("root", role="admin"), ADMIN)
        yield desk, await desk.base()


async def _until_gone(desk: Desk, base: str, document: str) -> None:
    with trio.fail_after(20):
        while True:
            if (await desk.ask("GET", f"/{base}/documents/{document}")).status_code == 404:
                return
            await trio.sleep(0.05)
