"""Backups in the console: made beside chats, checked, downloaded from the disk, deleted; no other file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import apsw
import pytest

from appliance.store import backup
from appliance.store.database import database_path
from tests.console.signed_in import admin_of
from tests.support.stack import stack


async def test_a_backup_is_made_checked_downloaded_and_restored(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with stack(data, demo=True) as served, admin_of(served) as admin:
        answer = await admin.client.post("backups")
        assert answer.status_code == 201
        made = answer.json()
        assert (await admin.get("backups"))["items"] == [made]
        verdict = await admin.post(f"backups/{made['name']}/verify")
        assert verdict["ok"]
        assert "orders" in verdict["detail"]
        file = await admin.client.get(f"backups/{made['name']}")
        assert file.headers["content-length"] == str(made["bytes"]) == str(len(file.content))
        assert file.headers["content-disposition"] == f'attachment; filename="{made["name"]}"'
        (tmp_path / "got").write_bytes(file.content)
        again = await admin.post("backups")
        assert again["name"] != made["name"]
        await admin.delete(f"backups/{made['name']}")
        assert [one["name"] for one in (await admin.get("backups"))["items"]] == [again["name"]]
        told = [one for one in await admin.actions() if one.startswith("backup.")]
        assert told == ["backup.create", "backup.download", "backup.create", "backup.delete"]
    restored = backup.restore(tmp_path / "got", tmp_path / "other", 0.0)
    assert "orders" in restored.tables
    db = apsw.Connection(str(database_path(tmp_path / "other")))
    assert db.execute("SELECT count(*) FROM _admins").get == 1
    db.close()


async def test_a_damaged_backup_is_told_as_such(tmp_path: Path) -> None:
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        made = await admin.post("backups")
        path = tmp_path / "backups" / made["name"]
        whole = bytearray(path.read_bytes())
        whole[8192:60_000] = b"\xff" * (60_000 - 8192)
        path.write_bytes(whole)
        verdict = await admin.post(f"backups/{made['name']}/verify")
        assert not verdict["ok"]
        assert str(tmp_path) not in verdict["detail"]
        path.write_bytes(b"no database")
        assert not (await admin.post(f"backups/{made['name']}/verify"))["ok"]
        foreign = apsw.Connection(str(tmp_path / "backups" / "foreign.backup"))
        foreign.execute("CREATE TABLE t (x)")
        foreign.close()
        assert "not a backup" in (await admin.post("backups/foreign.backup/verify"))["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "../appliance.db",
        "..%2fappliance.db",
        "appliance.db",
        ".hidden.backup",
        "link.backup",
        "folder.backup",
        "notes.txt",
        "a\0.backup",
        "x" * 300 + ".backup",
    ],
)
async def test_no_other_file_is_reached(tmp_path: Path, name: str) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        folder = tmp_path / "backups"
        (folder / "folder.backup").mkdir(parents=True)
        (folder / "notes.txt").write_text("x")
        (folder / ".hidden.backup").write_text("x")
        (folder / "link.backup").symlink_to(database_path(tmp_path))
        assert (await admin.get("backups"))["items"] == []
        path = f"backups/{quote(name, safe='%')}"
        for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/verify")):
            assert (await admin.refused(method, where))[0] == 404
        assert database_path(tmp_path).exists()
        assert (folder / "notes.txt").exists()
