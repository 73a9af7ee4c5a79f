"""`appliance admin` in a process of its own, and the link that a server prints when it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from appliance.store import audit
from appliance.store.database import connect, database_path
from tests.console.people import PASSWORD, browser, log_in, set_up, state
from tests.support.commands import run_command
from tests.support.stack import stack

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}


def admin(*words: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real command."""
    return run_command("admin", *words, env={**CLEAN, **environ})


async def test_people_are_invited_listed_and_removed_beside_a_running_server(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, browser(served) as bob, browser(served) as ann:
        made = admin("link", "--data", tmp_path, "--url", "https://chat.example.com/")
        first = made.stdout.strip()
        assert first.startswith("https://chat.example.com/admin#setup=")
        assert "once" in made.stderr
        body = {"token": first.partition("=")[2], "name": "ann", "password": PASSWORD}
        assert (await ann.post("setup", json=body)).status_code == 200
        second = admin("link", "--data", tmp_path)
        assert (second.returncode, "There is an admin already" in second.stderr) == (1, True)

        added = admin("add", "Bob", "--data", tmp_path, "--json", APPLIANCE_PUBLIC_URL="http://x.example")
        token = json.loads(added.stdout)["link"].removeprefix("http://x.example/admin#setup=")
        assert (await bob.post("setup", json={"token": token, "password": PASSWORD})).status_code == 200
        listed = json.loads(admin("list", "--data", tmp_path, "--json").stdout)["accounts"]
        assert [(one["name"], one["role"], one["pending"]) for one in listed] == [
            ("ann", "admin", False),
            ("bob", "operator", False),
        ]
        assert "bob" in admin("list", "--data", tmp_path).stdout

        reset = admin("link", "bob", "--data", tmp_path).stdout.strip()
        assert reset.startswith("http://127.0.0.1:8080/admin#setup=")
        assert await state(bob) == "in"
        last = admin("remove", "ann", "--data", tmp_path)
        assert (last.returncode, "last admin" in last.stderr) == (1, True)
        assert admin("remove", "bob", "--data", tmp_path).returncode == 0
        assert await state(bob) == "login"
        gone = admin("remove", "bob", "--data", tmp_path)
        assert (gone.returncode, "no account" in gone.stderr) == (1, True)
    db = connect(database_path(tmp_path))
    told = [one.action for one in audit.entries(db, tenant="default") if one.actor == "cli"]
    db.close()
    assert told == ["account.remove", "account.link", "account.add", "account.link"]


def printed(data: Path) -> str:
    """What `appliance serve` says of the console."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "serve", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=CLEAN,
    )
    try:
        assert process.stdout
        line = next(line for line in process.stdout if line.startswith("  admin"))
        if "#setup=" in line:
            base, _, token = line.split()[1].partition("/admin#setup=")
            told = httpx.post(f"{base}/admin/api/setup/look", json={"token": token}, timeout=20)
            assert told.json() == {"kind": "first", "name": ""}
        return line
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def test_a_server_without_an_admin_prints_a_link_and_later_only_the_page(tmp_path: Path) -> None:
    first, second = printed(tmp_path), printed(tmp_path)
    assert "/admin#setup=" in first
    assert first.rpartition("=")[2] != second.rpartition("=")[2]
    async with stack(tmp_path) as served, browser(served) as ann:
        await set_up(served, ann)
        assert (await log_in(ann)).status_code == 200
    assert printed(tmp_path).strip().endswith("/admin")
