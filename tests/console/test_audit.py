"""The audit log: searched, filtered, page by page, and as a file without formulas."""

from __future__ import annotations

import time
from pathlib import Path

from appliance.store import audit
from appliance.store.database import connect, database_path
from tests.console.signed_in import admin_of
from tests.support.stack import stack


def write(data: Path, count: int, **fields: str) -> None:
    db = connect(database_path(data))
    with db:
        for number in range(count):
            told = {"tenant": "default", "actor": "user:bob", "action": "thing.done", "target": "", **fields}
            audit.record(db, at=time.time(), details={"number": number, "sql": "SELECT 100%_\\"}, **told)
    db.close()


async def test_lines_are_found_by_text_action_and_actor(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        write(tmp_path, 2)
        write(tmp_path, 1, actor="=cmd", action="other.thing", target="bot:x")
        write(tmp_path, 1, tenant="acme", action="secret.thing")
        assert (await admin.get("audit", action="thing.done"))["total"] == 2
        assert (await admin.get("audit", actor="=cmd"))["total"] == 1
        assert (await admin.get("audit", q="100%_"))["total"] == 3
        assert (await admin.get("audit", q="100x_"))["total"] == 0
        assert (await admin.get("audit", q="bot:x", action="thing.done"))["total"] == 0
        assert (await admin.get("audit", q="secret"))["total"] == 0
        names = await admin.get("audit/actions")
        assert {"thing.done", "other.thing"} <= set(names)
        assert "secret.thing" not in names
        assert names == sorted(names)


async def test_pages_follow_each_other_while_lines_are_added(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        write(tmp_path, 5)
        first = await admin.get("audit", action="thing.done", limit=2)
        write(tmp_path, 1)
        second = await admin.get("audit", action="thing.done", limit=2, before=first["next"])
        third = await admin.get("audit", action="thing.done", limit=2, before=second["next"])
        numbers = [one["details"]["number"] for page in (first, second, third) for one in page["items"]]
        assert numbers == [4, 3, 2, 1, 0]
        assert third["next"] is None
        for bad in ("limit=0", "limit=x", "before=-1", "before=x", f"q={'x' * 300}", f"actor={'x' * 300}"):
            assert (await admin.refused("GET", f"audit?{bad}"))[0] == 400, bad


async def test_the_file_is_safe_for_spreadsheets_and_is_written_down(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        write(tmp_path, 1, actor="=cmd|' /C calc'!A0", action="thing.done")
        answer = await admin.client.get("audit/export", params={"action": "thing.done"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        head, line, rest = answer.text.split("\r\n")
        assert head == "id,at,actor,action,target,details"
        assert ",'=cmd|' /C calc'!A0,thing.done," in line
        assert rest == ""
        assert (await admin.actions())[-1] == "audit.export"
