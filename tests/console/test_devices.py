"""Who guesses at a name stays bounded, and cannot keep out whom the name belongs to."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pyotp
from argon2 import PasswordHasher

from appliance.store.database import connect, database_path
from tests.console.people import (
    PASSWORD,
    Clock,
    browser,
    everything_stored,
    invite,
    log_in,
    refused,
    set_up,
    state,
)
from tests.support.stack import Stack, stack


class Still(Clock):
    """Stands until it is turned: how long a login takes is no matter."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.time()

    def __call__(self) -> float:
        return self._begun + self.ahead_s


WRONG = "no horse and no battery"
DEVICE = "appliance_device"


@asynccontextmanager
async def console(data: Path, clock: Clock | None = None) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """A server behind a proxy, with its first admin signed in from a network of her own."""
    async with (
        stack(data, clock=clock or Still(), trusted_proxies="127.0.0.1") as served,
        browser(served, **{"X-Forwarded-For": "9.9.9.9"}) as ann,
    ):
        await set_up(served, ann)
        yield served, ann


def quick_password(data: Path, name: str = "ann") -> None:
    """The same password at a cost that lets a test guess for an hour; the server makes it dear again."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    db = connect(database_path(data))
    db.execute("UPDATE _admins SET password = ? WHERE name = ?", (hashed, name))
    db.close()


class Crowd:
    """Strangers who guess, each from another network unless told otherwise."""

    def __init__(self, served: Stack) -> None:
        self._served = served
        self._number = 0

    async def guess(self, name: str = "ann", network: str = "") -> int:
        """The status of one guess."""
        self._number += 1
        came_from = network or f"6.{self._number // 250}.{self._number % 250}.1"
        async with browser(self._served, **{"X-Forwarded-For": came_from}) as eve:
            return (await log_in(eve, name, WRONG)).status_code

    async def lock(self, name: str = "ann") -> None:
        """Until strangers have to wait for that name."""
        quick_password(self._served.data, name)
        while await self.guess(name) == 401:
            pass


async def test_a_browser_that_was_in_before_comes_in_while_strangers_guess_from_everywhere(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as (served, ann):
        await ann.post("logout")
        await Crowd(served).lock()
        async with browser(served) as new:
            assert refused(await log_in(new)) == (429, "RATE_LIMIT")  # no browser of hers that is known
        assert (await log_in(ann)).status_code == 200
        assert await state(ann) == "in"
        assert await Crowd(served).guess(network="8.8.8.8") == 429  # her login gave the strangers nothing


async def test_a_known_browser_has_attempts_of_its_own_and_no_more_of_them(tmp_path: Path) -> None:
    clock = Still()
    async with console(tmp_path, clock) as (served, ann):
        assert [(await log_in(ann, "ann", WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
        assert (await log_in(ann)).status_code == 429  # the right one is not even looked at
        assert await Crowd(served).guess() == 401  # nor do strangers wait because of it
        clock.turn(16)
        assert (await log_in(ann)).status_code == 200
        assert [(await log_in(ann, "ann", WRONG)).status_code for _ in range(4)] == [401] * 4


async def test_the_guesses_of_all_strangers_at_a_name_are_bounded_for_each_hour(tmp_path: Path) -> None:
    clock = Still()
    async with console(tmp_path, clock) as (served, ann):
        quick_password(tmp_path)
        crowd, hours = Crowd(served), []
        for _ in range(3):
            looked_at = 0
            for minute in range(60):
                while await crowd.guess() == 401:
                    looked_at += 1
                if minute % 20 == 7:
                    # That she comes and goes herself meanwhile gives them no further guess.
                    assert (await log_in(ann)).status_code == 200
                clock.turn(60)
            hours.append(looked_at)
        assert hours == [20 + 8, 4, 4]  # free ones; then waits of 15 s, 30 s … 15 min
        assert await state(ann) == "in"


async def test_one_stranger_makes_nobody_wait_in_another_network(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _):
        crowd = Crowd(served)
        statuses = [await crowd.guess(network="6.6.6.6") for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        async with browser(served, **{"X-Forwarded-For": "7.7.7.7"}) as new:
            assert (await log_in(new)).status_code == 200
        assert await crowd.guess(network="6.6.6.6") == 429


async def test_the_name_that_nobody_has_is_told_the_same_from_everywhere(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, _):
        crowd = Crowd(served)
        quick_password(tmp_path)
        for name in ("ann", "nobody"):
            assert [await crowd.guess(name) for _ in range(22)] == [401] * 20 + [429] * 2


async def test_a_browser_is_known_for_those_who_came_in_there_and_for_nobody_else(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as shared:
        await invite(ann, shared, "bob")
        await invite(ann, shared, "cid")
        crowd = Crowd(served)
        for name in ("ann", "bob", "cid"):
            await crowd.lock(name)
        assert (await log_in(shared, "bob")).status_code == 200  # cid came later, and bob is still known
        assert (await log_in(shared, "cid")).status_code == 200
        assert (await log_in(shared, "ann")).status_code == 429


async def test_what_makes_a_browser_known_is_new_at_each_login_and_opens_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as thief:
        copied = ann.cookies[DEVICE]
        assert copied.encode() not in everything_stored(served)
        thief.cookies.set(DEVICE, copied)
        thief.cookies.set("appliance_console", copied)
        assert await state(thief) == "login"
        thief.cookies.delete("appliance_console")
        came = await log_in(ann)
        (text,) = [one for one in came.headers.get_list("Set-Cookie") if one.startswith(DEVICE)]
        cookie = SimpleCookie(text)[DEVICE]
        assert cookie.value != copied
        assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "34560000")
        await Crowd(served).lock()
        assert (await log_in(thief)).status_code == 429
        for nonsense in ("", "x" * 4000, '"', "%00"):
            thief.cookies.set(DEVICE, nonsense)
            assert (await log_in(thief)).status_code == 429


async def test_codes_of_the_second_factor_are_bounded_and_the_known_browser_comes_in(tmp_path: Path) -> None:
    clock = Still()
    async with console(tmp_path, clock) as (served, ann):
        secret = (await ann.post("account/totp")).json()["secret"]
        totp = pyotp.TOTP(secret)
        assert (
            await ann.post("account/totp/confirm", json={"code": totp.at(int(clock()))})
        ).status_code == 204
        await ann.post("logout")
        quick_password(tmp_path)
        looked_at = 0
        for network in range(60):  # somebody has the password and tries codes from many networks
            async with browser(served, **{"X-Forwarded-For": f"6.6.{network}.1"}) as eve:
                answer = await log_in(eve, code="000000")
                assert answer.status_code in (401, 429)
                looked_at += answer.status_code == 401
                # To ask for no code at all is no way to begin anew.
                assert (await log_in(eve)).status_code in (401, 429)
        assert looked_at == 20
        clock.turn(31)
        assert refused(await log_in(ann)) == (401, "CODE_NEEDED")
        assert (await log_in(ann, code=totp.at(int(clock())))).status_code == 200


async def test_who_is_signed_in_changes_the_password_while_strangers_guess(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann):
        await Crowd(served).lock()
        body = {"old": PASSWORD, "new": "another horse, a battery"}
        wrong = {**body, "old": WRONG}
        statuses = [(await ann.put("account/password", json=wrong)).status_code for _ in range(3)]
        assert statuses == [401] * 3
        assert (await ann.put("account/password", json=body)).status_code == 204
        statuses = [(await ann.put("account/password", json=wrong)).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]


async def test_a_new_link_makes_strangers_of_all_browsers_but_its_own(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as old, browser(served) as new:
        await invite(ann, old, "bob")
        link = (await ann.post("accounts/bob/link")).json()["link"].partition("#setup=")[2]
        assert (await new.post("setup", json={"token": link, "password": PASSWORD})).status_code == 200
        await Crowd(served).lock("bob")
        assert (await log_in(old, "bob")).status_code == 429
        assert (await log_in(new, "bob")).status_code == 200


async def test_an_account_is_known_in_twenty_browsers_at_most_and_forgotten_after_long(
    tmp_path: Path,
) -> None:
    clock = Still()
    async with console(tmp_path, clock) as (served, ann):
        quick_password(tmp_path)
        for _ in range(20):
            async with browser(served) as other:
                assert (await log_in(other)).status_code == 200
            clock.turn(1)
        db = connect(database_path(tmp_path))
        assert db.execute("SELECT count(*) FROM _admin_devices").get == 20
        db.close()
        await Crowd(served).lock()
        assert (await log_in(ann)).status_code == 429  # hers was the one seen longest ago
        clock.turn(3600)
        assert (await log_in(ann)).status_code == 200
        clock.turn(401 * 86_400)
        await Crowd(served).lock()
        assert (await log_in(ann)).status_code == 429


async def test_a_removed_account_leaves_no_known_browser_to_the_next_of_its_name(tmp_path: Path) -> None:
    async with console(tmp_path) as (served, ann), browser(served) as old, browser(served) as new:
        await invite(ann, old, "bob")
        assert (await ann.delete("accounts/bob")).status_code == 204
        await invite(ann, new, "bob")
        await Crowd(served).lock("bob")
        assert (await log_in(old, "bob")).status_code == 429
