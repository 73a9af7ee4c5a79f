"""Sessions of the console, logins and what keeps others from guessing, and the second factor."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import trio
from argon2 import PasswordHasher

from appliance.store.database import connect, database_path
from tests.console.people import (
    PASSWORD,
    Clock,
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
from tests.server.fuzz_worlds import bearer
from tests.support.stack import Stack, stack

WRONG = "no horse and no battery"


@asynccontextmanager
async def console(
    data: Path, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """A server with its first admin signed in."""
    clock = clock or Clock()
    async with stack(data, clock=clock, **settings) as served, browser(served) as admin:
        await set_up(served, admin)
        yield served, admin


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """The session's cookie as it was set."""
    (text,) = [one for one in answer.headers.get_list("Set-Cookie") if one.startswith("appliance_console=")]
    cookie = SimpleCookie(text)["appliance_console"]
    return {"value": cookie.value, **{key: value for key, value in cookie.items() if value}}


# -- login ---------------------------------------------------------------------------------------------


async def test_a_login_sets_a_cookie_that_no_script_and_no_other_site_gets(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _), browser(served) as other:
        came = await log_in(other, " ANN ")
        assert (came.status_code, came.json()["state"]) == (200, "in")
        cookie = cookie_of(came)
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", cookie["value"])
        assert cookie["httponly"] is True
        assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Strict", "/", "604800")
        assert "secure" not in cookie  # it came by http
        assert cookie["value"].encode() not in everything_stored(served)


@pytest.mark.parametrize(("trusted", "secure"), [("127.0.0.1", True), ("10.0.0.1", False), ("", False)])
async def test_behind_a_trusted_proxy_with_tls_the_cookie_is_for_tls_only(
    tmp_path: Path, trusted: str, secure: bool
) -> None:
    async with console(tmp_path, trusted_proxies=trusted) as (served, _):
        async with browser(served, **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}) as other:
            assert ("secure" in cookie_of(await log_in(other))) is secure
        async with browser(served) as plain:
            assert "secure" not in cookie_of(await log_in(plain))


async def test_a_wrong_password_and_an_unknown_name_look_the_same(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _), browser(served) as eve:
        wrong = await log_in(eve, "ann", WRONG)
        unknown = await log_in(eve, "nobody", WRONG)
        long = await log_in(eve, "ann", "x" * 5000)
        assert refused(wrong) == (401, "WRONG_LOGIN")
        assert wrong.content == unknown.content == long.content
        assert "Set-Cookie" not in wrong.headers
        for name in ("\0", "x" * 10_000, "'; DROP TABLE _admins; --", "ann\n"):
            assert (await log_in(eve, name, WRONG)).status_code in (401, 429)
        assert WRONG.encode() not in everything_stored(served)
        failures = [one for one in audited(served) if one.action == "console.login_failed"]
    assert [one.target for one in failures[:3]] == ["account:ann", "", "account:ann"]
    assert failures[0].actor == "ip:127.0.0.1"


async def test_whoever_guesses_waits_longer_and_longer_also_over_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, admin):
        async with browser(served) as eve:
            assert [(await log_in(eve, "ann", WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
            waiting = await log_in(eve)  # the right one is not even looked at
            assert refused(waiting) == (429, "RATE_LIMIT")
            wait_s = waiting.json()["details"]["retry_after"]
            assert 10 <= wait_s <= 15
            assert waiting.headers["Retry-After"] == str(wait_s)
            # A name that nobody has is told the same.
            assert [(await log_in(eve, "nobody", WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
        assert await state(admin) == "in"  # who is in stays in
    async with stack(tmp_path, clock=clock) as served, browser(served) as eve:
        assert (await log_in(eve)).status_code == 429
        clock.turn(16)
        assert (await log_in(eve, "ann", WRONG)).status_code == 401
        clock.turn(16)
        later = await log_in(eve)
        assert refused(later) == (429, "RATE_LIMIT")  # the wait has doubled
        clock.turn(16)
        assert (await log_in(eve)).status_code == 200
        # All is forgiven: four mistakes cost nothing again.
        assert [(await log_in(eve, "ann", WRONG)).status_code for _ in range(4)] == [401] * 4
        assert (await log_in(eve)).status_code == 200


@pytest.mark.usefixtures("dear_passwords")
async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _):
        statuses: list[int] = []

        async def guess(number: int) -> None:
            async with browser(served) as eve:
                statuses.append((await log_in(eve, "ann", f"guess number {number}")).status_code)

        async with trio.open_nursery() as nursery:
            for number in range(25):
                nursery.start_soon(guess, number)
        assert (statuses.count(401), statuses.count(429)) == (5, 20)


async def test_a_network_that_tries_many_names_has_to_wait_and_others_need_not(tmp_path: Path) -> None:
    async with console(tmp_path, trusted_proxies="127.0.0.1") as (served, _):
        async with browser(served, **{"X-Forwarded-For": "6.6.6.6"}) as eve:
            statuses = [(await log_in(eve, f"name{number}", WRONG)).status_code for number in range(21)]
            assert statuses == [401] * 20 + [429]
            assert (await log_in(eve)).status_code == 429
        async with browser(served, **{"X-Forwarded-For": "7.7.7.7"}) as ann:
            assert (await log_in(ann)).status_code == 200


@pytest.mark.usefixtures("dear_passwords")
async def test_a_password_that_was_hashed_with_less_is_hashed_anew_at_login(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _), browser(served) as other:
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        db = connect(database_path(tmp_path))
        db.execute("UPDATE _admins SET password = ?", (weak,))
        assert (await log_in(other)).status_code == 200
        now = db.execute("SELECT password FROM _admins").get
        db.close()
        assert now != weak
        assert now.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert (await log_in(other)).status_code == 200


# -- sessions ------------------------------------------------------------------------------------------


async def test_sessions_are_listed_and_one_can_be_ended(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served, **{"User-Agent": "Phone"}) as phone:
        await log_in(phone)
        listed = (await ann.get("account/sessions")).json()
        assert listed["total"] == 2
        by_agent = {one["user_agent"]: one for one in listed["items"]}
        assert (by_agent["Firefox"]["current"], by_agent["Phone"]["current"]) == (True, False)
        assert by_agent["Phone"]["ip"] == "127.0.0.1"
        assert by_agent["Phone"]["expires_at"] - by_agent["Phone"]["created_at"] == 7 * 86_400
        assert (await ann.delete(f"account/sessions/{by_agent['Phone']['id']}")).status_code == 204
        assert (await state(ann), await state(phone)) == ("in", "login")
        again = await ann.delete(f"account/sessions/{by_agent['Phone']['id']}")
        assert refused(again) == (404, "NOT_FOUND")


async def test_the_id_of_a_session_opens_nothing_and_ends_nobody_elses(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as bob, browser(served) as eve:
        await invite(ann, bob, "bob")
        [of_ann] = (await ann.get("account/sessions")).json()["items"]
        foreign = await bob.delete(f"account/sessions/{of_ann['id']}")
        missing = await bob.delete("account/sessions/0")
        assert foreign.content == missing.content
        assert refused(foreign) == (404, "NOT_FOUND")
        assert await state(ann) == "in"
        eve.cookies.set("appliance_console", of_ann["id"])
        assert refused(await eve.get("accounts")) == (401, "INVALID_TOKEN")
        assert await state(eve) == "login"


async def test_a_logout_ends_the_session_and_not_only_the_cookie(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as thief:
        thief.cookies.set("appliance_console", ann.cookies["appliance_console"])
        assert await state(thief) == "in"
        gone = await ann.post("logout")
        assert (gone.json()["state"], cookie_of(gone)["max-age"]) == ("login", "0")
        assert (await state(thief), await state(ann)) == ("login", "login")
        assert (await ann.post("logout")).status_code == 200  # nothing is left to end
        assert audited(served)[-1].action == "console.logout"


async def test_a_session_ends_after_half_a_day_of_silence_and_after_a_week(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann), browser(served) as idle:
        await log_in(idle)
        clock.turn(11 * 3600)
        assert await state(ann) == "in"
        clock.turn(2 * 3600)
        assert (await state(ann), await state(idle)) == ("in", "login")
        for _ in range(14):
            clock.turn(11 * 3600)
            assert await state(ann) == "in"
        clock.turn(11 * 3600)
        assert await state(ann) == "login"  # 167 h and 1 h more: a week, however busy


async def test_a_new_login_in_the_same_browser_ends_its_old_session(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as thief:
        thief.cookies.set("appliance_console", ann.cookies["appliance_console"])
        assert (await log_in(ann)).status_code == 200
        assert (await state(ann), await state(thief)) == ("in", "login")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/json"}, 201),
    ],
)
async def test_the_cookie_changes_something_for_own_pages_only(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with console(tmp_path) as (served, ann):
        cookies = {"appliance_console": ann.cookies["appliance_console"]}
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/", cookies=cookies) as page:
            answer = await page.post("accounts", content=b'{"name": "bob"}', headers=headers)
            assert answer.status_code == status
            read = await page.get("accounts", headers={"Origin": "https://evil.example"})
            assert "Access-Control-Allow-Credentials" not in read.headers


async def test_the_cookie_counts_for_the_console_and_for_no_other_face(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann):
        token = ann.cookies["appliance_console"]
        cookies = {"appliance_console": token}
        async with httpx.AsyncClient(base_url=served.url, cookies=cookies) as page:
            assert (await page.get("/api/v1/admin/ai/chatbots")).status_code == 401
            assert (await page.get("/api/v1/ai/conversations")).status_code == 401
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/") as other:
            # Nor is a session a token, nor a token a session, nor another face's cookie one of ours.
            assert (await other.get("accounts", headers=bearer(token))).status_code == 401
            admin = served.token("root", role="admin")
            for name in ("appliance_console", "fluxbase_access_token"):
                answer = await other.get("accounts", headers={"Cookie": f"{name}={admin}"})
                assert answer.status_code == 401


# -- the own account -----------------------------------------------------------------------------------


async def test_a_new_password_ends_all_other_sessions(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as phone:
        await log_in(phone)
        fresh = "quite another sentence"
        wrong = await ann.put("account/password", json={"old": WRONG, "new": fresh})
        assert refused(wrong) == (401, "WRONG_LOGIN")
        short = await ann.put("account/password", json={"old": PASSWORD, "new": "short"})
        assert short.status_code == 400
        assert await state(phone) == "in"
        done = await ann.put("account/password", json={"old": PASSWORD, "new": fresh})
        assert done.status_code == 204
        assert (await state(ann), await state(phone)) == ("in", "login")
        assert refused(await log_in(phone)) == (401, "WRONG_LOGIN")
        assert (await log_in(phone, "ann", fresh)).status_code == 200
        assert ("account.password", "account:ann") in [(one.action, one.target) for one in audited(served)]


async def test_a_stolen_session_cannot_guess_the_password(tmp_path: Path) -> None:
    async with console(tmp_path) as (_, ann):
        statuses = []
        for number in range(7):
            body = {"old": f"guess number {number}", "new": PASSWORD}
            statuses.append((await ann.put("account/password", json=body)).status_code)
        assert statuses == [401] * 5 + [429] * 2


# -- second factor -------------------------------------------------------------------------------------


async def with_totp(ann: httpx.AsyncClient, clock: Clock) -> pyotp.TOTP:
    """A second factor taken into an app and confirmed; the clock then stands at the next code."""
    offer = (await ann.post("account/totp")).json()
    totp = pyotp.TOTP(offer["secret"])
    done = await ann.post("account/totp/confirm", json={"code": totp.at(int(clock()))})
    assert done.status_code == 204, done.text
    clock.turn(30)
    return totp


async def test_a_second_factor_is_offered_as_a_picture_and_counts_once_confirmed(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann), browser(served) as other:
        offer = (await ann.post("account/totp")).json()
        assert pyotp.parse_uri(offer["uri"]).provisioning_uri() == offer["uri"]
        assert "Chat%20appliance:ann" in offer["uri"]
        assert {len(row) for row in offer["qr"]} == {len(offer["qr"])}
        assert {module for row in offer["qr"] for module in row} == {0, 1}
        assert offer["qr"][0][:8] == [1, 1, 1, 1, 1, 1, 1, 0]  # a corner that finds it
        assert (await log_in(other)).status_code == 200  # not yet
        for code in ("000000x", "", "12345", "\u0661" * 6):
            bad = await ann.post("account/totp/confirm", json={"code": code})
            assert bad.status_code == 400
        totp = pyotp.TOTP(offer["secret"])
        spaced = totp.at(int(clock()))
        done = await ann.post("account/totp/confirm", json={"code": f"{spaced[:3]} {spaced[3:]}"})
        assert done.status_code == 204
        assert (await ann.get("session")).json()["account"]["totp"] is True
        assert refused(await log_in(other)) == (401, "CODE_NEEDED")
        assert refused(await ann.post("account/totp")) == (409, "CONFLICT")
        again = await ann.post("account/totp/confirm", json={"code": totp.at(int(clock()))})
        assert refused(again) == (409, "CONFLICT")
        assert offer["secret"].encode() not in everything_stored(served)


async def test_a_code_works_once_and_for_a_moment(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann), browser(served) as other:
        totp = await with_totp(ann, clock)
        assert refused(await log_in(other, code="000000")) == (401, "WRONG_LOGIN")
        code = totp.at(int(clock()))
        assert (await log_in(other, code=code)).status_code == 200
        assert refused(await log_in(other, code=code)) == (401, "WRONG_LOGIN")
        before = totp.at(int(clock()) - 30)  # it has not been used, but a newer one has
        assert refused(await log_in(other, code=before)) == (401, "WRONG_LOGIN")
        clock.turn(300)
        old = totp.at(int(clock()) - 120)
        assert refused(await log_in(other, code=old)) == (401, "WRONG_LOGIN")
        assert (await log_in(other, code=totp.at(int(clock())))).status_code == 200


@pytest.mark.usefixtures("dear_passwords")
async def test_a_code_that_two_use_at_once_lets_one_in(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann):
        totp = await with_totp(ann, clock)
        code = totp.at(int(clock()))
        statuses: list[int] = []

        async def come() -> None:
            async with browser(served) as other:
                statuses.append((await log_in(other, code=code)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(come)
        assert sorted(statuses) == [200, 401, 401, 401]


async def test_codes_cannot_be_guessed_with_the_right_password(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann), browser(served) as eve:
        await with_totp(ann, clock)
        for _ in range(8):  # asking whether a code is wanted costs nothing
            assert refused(await log_in(eve)) == (401, "CODE_NEEDED")
        statuses = [(await log_in(eve, code=f"{number:06}")).status_code for number in range(6)]
        assert statuses == [401] * 5 + [429]


async def test_the_second_factor_goes_with_the_password_or_by_a_link(tmp_path: Path) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (served, ann), browser(served) as other:
        await with_totp(ann, clock)
        wrong = await ann.request("DELETE", "account/totp", json={"password": WRONG})
        assert refused(wrong) == (401, "WRONG_LOGIN")
        gone = await ann.request("DELETE", "account/totp", json={"password": PASSWORD})
        assert gone.status_code == 204
        assert (await log_in(other)).status_code == 200
        none = await ann.request("DELETE", "account/totp", json={"password": PASSWORD})
        assert refused(none) == (409, "CONFLICT")
        await with_totp(ann, clock)
        token = (await ann.post("accounts/ann/link")).json()["link"].partition("=")[2]
        came = await other.post("setup", json={"token": token, "password": PASSWORD})
        assert came.json()["account"]["totp"] is False
        assert (await state(ann), await state(other)) == ("login", "in")


async def test_a_second_factor_that_another_key_sealed_lets_nobody_in_and_the_log_tells_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with console(tmp_path, clock) as (_, ann):
        totp = await with_totp(ann, clock)
    async with stack(tmp_path, clock=clock, encryption_key="k" * 40) as served, browser(served) as other:
        answer = await log_in(other, code=totp.at(int(clock())))
        assert answer.status_code == 409
        assert "Set-Cookie" not in answer.headers
    assert "encryption key" in caplog.text


async def test_no_first_link_is_made_once_there_is_an_admin(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _):
        with pytest.raises(AssertionError):
            first_link(served)
