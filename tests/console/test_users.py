"""Users in the console: found by id and name, a token in their name, erased with all that is theirs."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from appliance.store import people
from appliance.store.database import connect, database_path
from appliance.store.tenants import ensure_tenant
from appliance.store.users import remember_user
from tests.console.signed_in import SignedIn, admin_of
from tests.support.stack import Stack, stack

KINDS = {"conversations", "messages", "files", "documents", "knowledge_bases", "grants", "settings"}


def known(data: Path, *ids: str, tenant: str = "default") -> None:
    db = connect(database_path(data))
    with db:
        ensure_tenant(db, tenant, time.time())
        for id in ids:
            remember_user(db, tenant, id, time.time())
    db.close()


def anywhere(data: Path, word: str) -> set[str]:
    """Our tables in which a word stands, but for the audit trail."""
    db = connect(database_path(data))
    names = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = set()
    for name in names:
        if name.startswith("_") and not name.startswith(("_audit", "_words", "_widget_words", "_migrations")):
            rows = db.execute(f'SELECT * FROM "{name}"')
            if any(
                word.encode() in (cell if isinstance(cell, bytes) else str(cell).encode())
                for row in rows
                for cell in row
            ):
                found.add(name)
    db.close()
    return found


async def test_users_are_found_by_a_part_of_their_id_or_name(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        known(tmp_path, "ann_1", "bob", "carl")
        known(tmp_path, "dora", tenant="acme")
        db = connect(database_path(tmp_path))
        people.create(db, "default", "user:bob", people.Details(name="Robert"), time.time())
        db.close()
        assert {one["id"] for one in (await admin.get("users"))["items"]} == {"ann_1", "bob", "carl"}
        for q, found in (("ROBERT", ["bob"]), ("n_", ["ann_1"]), ("%", []), ("'", []), ("dora", [])):
            assert [one["id"] for one in (await admin.get("users", q=q))["items"]] == found, q
        first = await admin.get("users", limit=2)
        rest = await admin.get("users", limit=2, after=first["next"])
        assert (first["total"], rest["next"], len(first["items"]), len(rest["items"])) == (3, None, 2, 1)
        assert (await admin.get("users/bob"))["name"] == "Robert"
        for id in ("dora", "nobody"):
            assert (await admin.refused("GET", f"users/{id}"))[:2] == (404, "NOT_FOUND")
            assert (await admin.refused("DELETE", f"users/{id}"))[:2] == (404, "NOT_FOUND")
            assert (await admin.refused("POST", f"users/{id}/token", {}))[:2] == (404, "NOT_FOUND")


async def test_a_token_makes_its_bearer_that_user_and_is_written_down(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        known(tmp_path, "bob")
        made = await admin.post("users/bob/token", {"lifetime_s": 600})
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {made['token']}"}) as bob:
            assert (await bob.get(f"{served.url}/api/v1/ai/conversations")).status_code == 200
        assert (await admin.actions())[-1] == "token.create"
        for lifetime_s in (0, -5, 10**9, "x"):
            body = {"lifetime_s": lifetime_s}
            assert (await admin.refused("POST", "users/bob/token", body))[0] == 400


async def test_erasing_a_user_leaves_nothing_of_theirs_and_all_of_the_others(tmp_path: Path) -> None:
    async with stack(tmp_path, embedding_provider="none") as served, admin_of(served) as admin:
        for user in ("zacharias", "bob"):
            await live(served, user)
            await admin.put(f"settings/of.{user}", {"value": "kept"})
        before = await admin.get("users/zacharias")
        assert (before["conversations"], before["documents"]) == (1, 1)
        assert anywhere(tmp_path, "zacharias")
        counts = await admin.delete("users/zacharias")
        assert set(counts) == KINDS
        assert (counts["conversations"], counts["messages"], counts["documents"]) == (1, 2, 1)
        assert counts["knowledge_bases"] == 1
        await admin.delete("settings/of.zacharias")
        assert anywhere(tmp_path, "zacharias") == set()
        assert (await admin.refused("GET", "users/zacharias"))[0] == 404
        after = await admin.get("users/bob")
        assert (after["conversations"], after["documents"]) == (1, 1)
        await check_audit(admin)


async def check_audit(admin: SignedIn) -> None:
    (entry,) = (await admin.get("audit", action="user.erase"))["items"]
    assert entry["target"] == "user:zacharias"
    assert entry["details"]["conversations"] == 1


async def live(served: Stack, user: str) -> None:
    """A conversation, a base of their own with a private document in it, and one that is shared with them."""
    headers = {"Authorization": f"Bearer {served.token(user)}"}
    question = {"role": "user", "content": f"I am {user}. Who are you?"}
    body = {"model": "shop", "store": True, "messages": [question]}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as client:
        (await client.post("/v1/chat/completions", json=body)).raise_for_status()
        made = await client.post("/api/v1/ai/knowledge-bases", json={"name": f"base of {user}"})
        path = f"/api/v1/ai/knowledge-bases/{made.json()['id']}/documents/upload"
        files = {"file": ("mine.txt", f"All about {user}.".encode())}
        (await client.post(path, files=files, data={"private": "true"})).raise_for_status()
