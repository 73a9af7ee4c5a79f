"""People who use the console, as their browsers do: each has a jar of cookies; and a clock to turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from appliance.store import audit, console_accounts, console_links
from appliance.store.console_accounts import Role
from appliance.store.database import connect, database_path
from tests.support.stack import Stack

PASSWORD = "a horse, a battery"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


class Clock:
    """Runs like the real one, from wherever it was turned to."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s

    def turn(self, seconds: float) -> None:
        self.ahead_s += seconds


def browser(served: Stack, **headers: str) -> httpx.AsyncClient:
    """A browser on a page of the console; paths are those below `/admin/api`."""
    return httpx.AsyncClient(
        base_url=f"{served.url}/admin/api/",
        headers={**OWN_PAGE, "User-Agent": "Firefox", **headers},
        timeout=30,
        verify=False,  # there is no TLS here, and to read all certificates takes longer than a request
    )


def first_link(served: Stack, clock: Callable[[], float] = time.time) -> str:
    """What stands in the first link, made like `appliance admin link` does."""
    db = connect(database_path(served.data))
    db.transaction_mode = "IMMEDIATE"  # the server may write between the look and the write
    with db:
        token = console_links.make_first(db, clock())
    db.close()
    assert token is not None
    return token


async def set_up(served: Stack, client: httpx.AsyncClient, name: str = "ann") -> dict[str, Any]:
    """The first account of all, signed in in this browser."""
    body = {"token": first_link(served), "name": name, "display_name": "Ann A.", "password": PASSWORD}
    answer = await client.post("setup", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def invite(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, name: str, role: str = "operator"
) -> None:
    """Somebody more, invited by the admin and signed in in their own browser."""
    made = await admin.post("accounts", json={"name": name, "role": role, "display_name": name.title()})
    assert made.status_code == 201, made.text
    token = made.json()["link"].partition("#setup=")[2]
    came = await client.post("setup", json={"token": token, "password": PASSWORD})
    assert came.status_code == 200, came.text


def add_account(served: Stack, name: str, role: Role = "operator") -> None:
    """An account that nobody has come to yet."""
    db = connect(database_path(served.data))
    db.transaction_mode = "IMMEDIATE"
    with db:
        console_accounts.add(db, name, "", role, time.time())
    db.close()


async def log_in(
    client: httpx.AsyncClient, name: str = "ann", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await client.post("login", json={"name": name, "password": password, **more})


async def state(client: httpx.AsyncClient) -> str:
    answer = await client.get("session")
    assert answer.status_code == 200
    return str(answer.json()["state"])


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


def audited(served: Stack) -> list[audit.AuditEntry]:
    """The audit log, oldest first."""
    db = connect(database_path(served.data))
    found = audit.entries(db, tenant="default", limit=1000)
    db.close()
    return found[::-1]


def everything_stored(served: Stack) -> bytes:
    """All bytes of the database and what stands beside it."""
    return b"".join(path.read_bytes() for path in served.data.glob("*") if path.is_file())
