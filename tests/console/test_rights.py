"""Who may ask what of the console: strangers nothing, operators little, tokens of other tenants nothing."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from appliance.protocols.console import face
from appliance.server.tokens import make_user_token
from appliance.store.database import connect, database_path
from appliance.store.secret import load_secret
from appliance.store.tenants import ensure_tenant
from tests.console.signed_in import admin_of, operator_of
from tests.support.stack import stack

MINE = (
    "overview",
    "prices",
    "bots",
    "playground",
    "knowledge-bases",
    "gaps",
    "providers",
    "keys",
    "users",
    "sql",
)
MINE += ("audit", "backups", "settings")


def endpoints() -> list[tuple[str, str, str]]:
    """Method, path with something in its variables, and who may ask."""
    found = []
    for one in face.FACE.endpoints:
        path = one.path.removeprefix("/admin/api/")
        if path.partition("/")[0] in MINE:
            plain = (
                path.replace("<id>", "x").replace("<doc>", "y").replace("<key>", "k").replace("<backup>", "n")
            )
            found.append((one.method, plain, one.access))
    return found


async def status(client: httpx.AsyncClient, method: str, path: str) -> int:
    if path.endswith("/upload"):
        broken = {"Content-Type": "multipart/form-data"}
        return (await client.request(method, path, content=b"{", headers=broken)).status_code
    headers = {"Content-Type": "application/json"}
    return (await client.request(method, path, content=b"{", headers=headers)).status_code


async def test_an_operator_sees_the_overview_and_the_gaps_and_nothing_else(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin, operator_of(served, admin) as operator:
        for method, path, access in endpoints():
            got = await status(operator.client, method, path)
            assert (got == 403) == (access == "admin"), (method, path, got)


async def test_a_stranger_and_another_tenants_admin_get_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        db = connect(database_path(tmp_path))
        ensure_tenant(db, "acme", time.time())
        db.close()
        token = make_user_token(
            load_secret(tmp_path), user_id="eve", role="admin", now=time.time(), lifetime_s=60, tenant="acme"
        )
        foreign = {"Authorization": f"Bearer {token}"}
        base = f"{served.url}/admin/api/"
        async with httpx.AsyncClient(base_url=base, headers={"Sec-Fetch-Site": "same-origin"}) as stranger:
            for method, path, _ in endpoints():
                assert await status(stranger, method, path) == 401, (method, path)
        async with httpx.AsyncClient(base_url=base, headers=foreign) as eve:
            for method, path, _ in endpoints():
                assert await status(eve, method, path) == 403, (method, path)


async def test_an_admins_token_works_without_a_cookie(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        headers = {"Authorization": f"Bearer {served.token('root', role='admin')}"}
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/", headers=headers) as client:
            assert (await client.get("bots")).status_code == 200
            assert (await client.post("keys", json={"type": "anon"})).status_code == 201
