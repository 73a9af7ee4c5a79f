"""The people of the console: the first by a one-time link, others by invitation; what each may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.console.people import (
    PASSWORD,
    Clock,
    add_account,
    audited,
    browser,
    everything_stored,
    first_link,
    invite,
    log_in,
    refused,
    set_up,
    state,
)
from tests.support.stack import Stack, stack


@asynccontextmanager
async def console(data: Path, **settings: Any) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """A server with its first admin signed in."""
    async with stack(data, **settings) as served, browser(served) as admin:
        await set_up(served, admin)
        yield served, admin


# -- the first one -------------------------------------------------------------------------------------


async def test_the_first_link_makes_the_first_admin_and_signs_in(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, browser(served) as ann:
        assert await state(ann) == "setup"
        token = first_link(served)
        told = await ann.post("setup/look", json={"token": token})
        assert told.json() == {"kind": "first", "name": ""}
        body = {"token": token, "name": " Ann ", "display_name": "Ann A.", "password": PASSWORD}
        came = await ann.post("setup", json=body)
        me = {"name": "ann", "display_name": "Ann A.", "role": "admin", "totp": False}
        assert (came.json()["state"], came.json()["account"]) == ("in", me)
        assert (await ann.get("session")).json()["account"] == me
        # It worked once, and there is no second first admin.
        assert refused(await ann.post("setup/look", json={"token": token})) == (404, "NOT_FOUND")
        assert refused(await ann.post("setup", json={**body, "name": "bob"})) == (404, "NOT_FOUND")
        async with browser(served) as other:
            assert await state(other) == "login"
        assert PASSWORD.encode() not in everything_stored(served)
        assert token.encode() not in everything_stored(served)
    assert [(one.actor, one.action) for one in audited(served)] == [("admin:ann", "console.setup")]


@pytest.mark.usefixtures("dear_passwords")
async def test_two_who_use_the_same_link_at_once_make_one_account(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        token = first_link(served)
        statuses: list[int] = []

        async def come(name: str) -> None:
            async with browser(served) as client:
                body = {"token": token, "name": name, "password": PASSWORD}
                statuses.append((await client.post("setup", json=body)).status_code)

        async with trio.open_nursery() as nursery:
            for name in ("ann", "bob", "cy"):
                nursery.start_soon(come, name)
        assert sorted(statuses) == [200, 404, 404]
        async with browser(served) as client:
            good = [name for name in ("ann", "bob", "cy") if (await log_in(client, name)).status_code == 200]
        assert len(good) == 1


async def test_a_link_is_good_for_a_day_and_until_the_next_one_is_made(tmp_path: Path) -> None:
    clock = Clock()
    async with stack(tmp_path, clock=clock) as served, browser(served) as client:
        first, second = first_link(served, clock), first_link(served, clock)
        assert (await client.post("setup/look", json={"token": first})).status_code == 404
        assert (await client.post("setup/look", json={"token": second})).status_code == 200
        clock.turn(24 * 3600 - 60)
        assert (await client.post("setup/look", json={"token": second})).status_code == 200
        clock.turn(120)
        body = {"token": second, "name": "ann", "password": PASSWORD}
        assert refused(await client.post("setup", json=body)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "too short"}, "at least 10"),
        ({"password": "x" * 1001}, "at most 1000"),
        ({"password": "aaaaaaaaaaaa"}, "repeats"),
        ({"password": "Annabelle-1", "name": "annabelle-1"}, "account's name"),
        ({"password": "\ud800" + PASSWORD}, ""),
        ({"name": ""}, "small letters"),
        ({"name": "a b"}, "small letters"),
        ({"name": "../x"}, "small letters"),
        ({"name": "x" * 101}, "small letters"),
        ({"display_name": "x" * 81}, "display name"),
        ({"display_name": "a\u202eb"}, "display name"),
        ({"password": None}, "expected form"),
    ],
)
async def test_a_bad_account_is_refused_and_the_link_stays_good(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    async with stack(tmp_path) as served, browser(served) as client:
        good = {"token": first_link(served), "name": "ann", "password": PASSWORD}
        bad = await client.post(
            "setup",
            content=_json({**good, **changed}),
            headers={"Content-Type": "application/json"},
        )
        assert bad.status_code == 400
        assert said in bad.json()["error"]
        assert (await client.post("setup", json=good)).status_code == 200


def _json(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()


async def test_another_sites_page_uses_no_link_and_signs_nobody_in(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        body = {"token": first_link(served), "name": "ann", "password": PASSWORD}
        async with browser(served, **{"Sec-Fetch-Site": "cross-site"}) as page:
            assert refused(await page.post("setup", json=body)) == (403, "INSUFFICIENT_PERMISSIONS")
        async with browser(served) as own:
            assert (await own.post("setup", json=body)).status_code == 200
        plain = {"Content-Type": "text/plain"}
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/") as form:
            body = {"name": "ann", "password": PASSWORD}
            answer = await form.post("login", content=_json(body), headers=plain)
            assert refused(answer) == (403, "INSUFFICIENT_PERMISSIONS")


# -- others --------------------------------------------------------------------------------------------


async def test_an_invited_person_comes_by_link_and_is_listed(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob:
        made = await admin.post("accounts", json={"name": "Bob", "display_name": "Bob B."})
        assert made.status_code == 201
        link, account = made.json()["link"], made.json()["account"]
        assert link.startswith(f"{served.url}/admin#setup=")
        assert (account["name"], account["role"], account["pending"]) == ("bob", "operator", True)
        assert refused(await log_in(bob, "bob", "")) == (401, "WRONG_LOGIN")
        token = link.partition("=")[2]
        assert (await bob.post("setup/look", json={"token": token})).json() == {
            "kind": "invite",
            "name": "bob",
        }
        other = {"token": token, "password": PASSWORD, "name": "root"}
        came = await bob.post("setup", json=other)
        assert came.json()["account"]["name"] == "bob"  # the name is the link's, whatever is sent
        listed = (await admin.get("accounts")).json()
        assert listed["total"] == 2
        [ann, bobs] = listed["items"]
        assert (ann["name"], bobs["name"], bobs["pending"], bobs["role"]) == ("ann", "bob", False, "operator")
        assert bobs["seen_at"] is not None
        taken = await admin.post("accounts", json={"name": "bob"})
        assert refused(taken) == (409, "CONFLICT")
        bad = await admin.post("accounts", json={"name": "eve", "role": "root"})
        assert bad.status_code == 400


async def test_an_operator_may_keep_their_own_account_and_no_other(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob:
        await invite(admin, bob, "bob")
        asked = [
            await bob.get("accounts"),
            await bob.post("accounts", json={"name": "eve", "role": "admin"}),
            await bob.post("accounts", json={"broken": True}),  # nor what is wrong with it
            await bob.patch("accounts/bob", json={"role": "admin"}),
            await bob.post("accounts/ann/link"),
            await bob.post("accounts/nobody/link"),
            await bob.delete("accounts/ann"),
        ]
        assert {refused(one) for one in asked} == {(403, "INSUFFICIENT_PERMISSIONS")}
        renamed = await bob.put("account", json={"display_name": "  Bobby   B. "})
        assert renamed.json()["account"]["display_name"] == "Bobby B."
        async with browser(served) as nobody:
            asked = [await nobody.get("accounts"), await nobody.put("account", json={"display_name": "x"})]
            assert {refused(one) for one in asked} == {(401, "AUTHENTICATION_REQUIRED")}
        assert [one["name"] for one in (await admin.get("accounts")).json()["items"]] == ["ann", "bob"]


async def test_a_new_role_counts_at_once_and_a_disabled_account_is_out(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob:
        await invite(admin, bob, "bob")
        raised = await admin.patch("accounts/bob", json={"role": "admin", "display_name": "B"})
        assert (raised.json()["role"], raised.json()["display_name"]) == ("admin", "B")
        assert (await bob.get("accounts")).status_code == 200
        out = await admin.patch("accounts/bob", json={"disabled": True})
        assert out.json()["disabled"] is True
        assert refused(await bob.get("accounts")) == (401, "INVALID_TOKEN")
        assert await state(bob) == "login"
        assert refused(await log_in(bob, "bob")) == (401, "WRONG_LOGIN")
        back = await admin.patch("accounts/bob", json={"disabled": False})
        assert back.json()["disabled"] is False
        assert await state(bob) == "login"  # the old session does not come back with the account
        assert (await log_in(bob, "bob")).status_code == 200
        assert (await admin.delete("accounts/bob")).status_code == 204
        assert refused(await bob.get("accounts")) == (401, "INVALID_TOKEN")
        gone = [
            await admin.delete("accounts/bob"),
            await admin.patch("accounts/bob", json={}),
            await admin.post("accounts/bob/link"),
        ]
        assert {refused(one) for one in gone} == {(404, "NOT_FOUND")}
        told = [(one.action, one.target) for one in audited(served) if one.actor == "admin:ann"]
    assert told[1:] == [
        ("account.add", "account:bob"),
        ("account.change", "account:bob"),
        ("account.change", "account:bob"),
        ("account.change", "account:bob"),
        ("account.remove", "account:bob"),
    ]


async def test_the_last_admin_stays_one(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob:
        await invite(admin, bob, "bob")
        add_account(served, "cy", "admin")  # invited: an admin who never came is nobody to rely on
        asked = [
            await admin.delete("accounts/ann"),
            await admin.patch("accounts/ann", json={"role": "operator"}),
            await admin.patch("accounts/ann", json={"disabled": True}),
        ]
        assert {refused(one) for one in asked} == {(409, "CONFLICT")}
        assert (await admin.patch("accounts/bob", json={"role": "admin"})).status_code == 200
        assert (await admin.patch("accounts/ann", json={"role": "operator"})).status_code == 200
        assert refused(await admin.get("accounts")) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_of_two_admins_who_lower_each_other_at_once_one_stays(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob:
        await invite(admin, bob, "bob", "admin")
        statuses: list[int] = []

        async def lower(client: httpx.AsyncClient, name: str) -> None:
            statuses.append((await client.patch(f"accounts/{name}", json={"role": "operator"})).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lower, admin, "bob")
            nursery.start_soon(lower, bob, "ann")
        assert statuses.count(200) == 1
        seen = [(await client.get("accounts")).status_code for client in (admin, bob)]
        assert sorted(seen) == [200, 403]


async def test_a_new_link_resets_password_second_factor_and_sessions(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, admin), browser(served) as bob, browser(served) as again:
        await invite(admin, bob, "bob")
        token = (await admin.post("accounts/bob/link")).json()["link"].partition("=")[2]
        assert await state(bob) == "in"  # until it is used
        assert (await again.post("setup/look", json={"token": token})).json() == {
            "kind": "reset",
            "name": "bob",
        }
        fresh = "another horse, no battery"
        came = await again.post("setup", json={"token": token, "password": fresh})
        assert came.json()["account"]["name"] == "bob"
        assert (await state(bob), await state(again)) == ("login", "in")
        assert refused(await log_in(bob, "bob")) == (401, "WRONG_LOGIN")
        assert (await log_in(bob, "bob", fresh)).status_code == 200


async def test_an_admins_token_or_service_key_works_here_and_others_do_not(tmp_path: Path) -> None:
    from tests.server.fuzz_worlds import bearer, key

    async with console(tmp_path) as (served, _), browser(served) as program:
        good = [bearer(served.token("root", role="admin")), {"X-Service-Key": key(served, "service")}]
        for headers in good:
            assert (await program.get("accounts", headers=headers)).status_code == 200
            own = await program.put("account", json={"display_name": "x"}, headers=headers)
            assert refused(own) == (403, "INSUFFICIENT_PERMISSIONS")  # they have no account
        # A token that merely names a role of ours opens nothing.
        bad = [bearer(served.token("eve", role=role)) for role in ("operator", "authenticated")]
        bad.append({"X-API-Key": key(served, "tenant")})
        for headers in bad:
            assert (await program.get("accounts", headers=headers)).status_code == 403
            assert (await program.get("account/sessions", headers=headers)).status_code == 403


async def test_links_have_the_address_that_people_use(tmp_path: Path) -> None:
    async with console(tmp_path, public_url="https://chat.example.com/") as (_, admin):
        made = await admin.post("accounts", json={"name": "bob"})
        assert made.json()["link"].startswith("https://chat.example.com/admin#setup=")
