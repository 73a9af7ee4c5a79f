"""Another encryption key: it is noticed wherever something was encrypted, and all of it can move to it."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import httpx
import pyotp
import pytest

from tests.console.people import PASSWORD, Clock, browser, invite, log_in, refused, set_up
from tests.console.signed_in import SignedIn
from tests.support.commands import run_command
from tests.support.stack import Stack, stack
from tests.widget.people import person, proof, secret_of


def appliance(*words: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    return run_command(*words, given=given, env=os.environ)


async def second_factor(client: httpx.AsyncClient, clock: Clock) -> pyotp.TOTP:
    """Turned on for who is signed in."""
    totp = pyotp.TOTP((await client.post("account/totp")).json()["secret"])
    code = totp.at(int(clock()))
    assert (await client.post("account/totp/confirm", json={"code": code})).status_code == 204
    return totp


async def is_signed_visitor(served: Stack, secret: str) -> bool:
    """Does the server take what a page signs?"""
    async with httpx.AsyncClient(base_url=served.url) as client:
        return (await person(client, **proof(secret, "zoe"))).kind == "user"


async def test_second_factors_and_signed_visitors_go_on_with_a_new_key(tmp_path: Path) -> None:
    clock = Clock()
    async with stack(tmp_path, clock=clock) as served, browser(served) as ann:
        await set_up(served, ann)
        totp = await second_factor(ann, clock)
        secret = secret_of(served)
        assert await is_signed_visitor(served, secret)
    old = (tmp_path / "secrets.key").rename(tmp_path / "old.key").read_bytes()
    ran = appliance("settings", "rekey", "--data", tmp_path, given=old)
    assert (ran.returncode, "Encrypted 2 values" in ran.stderr) == (0, True), ran.stderr
    assert (tmp_path / "secrets.key").read_bytes() != old
    clock.turn(31)
    async with stack(tmp_path, clock=clock) as served, browser(served) as ann:
        assert refused(await log_in(ann)) == (401, "CODE_NEEDED")
        assert (await log_in(ann, code=totp.at(int(clock())))).status_code == 200
        assert await is_signed_visitor(served, secret)


async def test_a_changed_key_is_told_at_the_start_at_the_login_and_before_anything_is_encrypted_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with (
        stack(tmp_path, clock=clock) as served,
        browser(served) as ann,
        browser(served) as bob,
    ):
        await set_up(served, ann)
        await invite(ann, bob, "bob", "admin")
        totp = await second_factor(ann, clock)
        secret = secret_of(served)
    right = (tmp_path / "secrets.key").read_text()
    (tmp_path / "secrets.key").unlink()
    with caplog.at_level(logging.ERROR):
        async with stack(tmp_path, clock=clock) as served, browser(served) as bob:
            told = caplog.text
            assert "The identity secrets of its pages (1) and the second factors of its console (1)" in told
            assert "another encryption key" in told
            assert "appliance keys identity --rotate" in told
            assert "appliance admin link NAME" in told
            clock.turn(31)
            for _ in range(7):  # it is no failure of Ann's, and costs her no attempt
                answer = await log_in(bob, "ann", code=totp.at(int(clock())))
                assert refused(answer) == (409, "CONFLICT")
                assert "another encryption key" in answer.json()["error"]
            assert (await log_in(bob, "bob")).status_code == 200
            for method, path in (("POST", "account/totp"), ("POST", "settings/identity-secret")):
                status, _, text = await SignedIn(bob).refused(method, path)
                assert (status, "another encryption key" in text) == (409, True)
    made = appliance("keys", "identity", "--data", tmp_path)
    assert (made.returncode, "another encryption key" in made.stderr) == (1, True)
    (tmp_path / "secrets.key").write_text(right)  # the old one is back: nothing was harmed
    async with stack(tmp_path, clock=clock) as served, browser(served) as ann:
        assert (await log_in(ann, code=totp.at(int(clock())))).status_code == 200
        assert await is_signed_visitor(served, secret)


async def test_when_the_key_is_lost_the_ways_that_are_told_lead_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with stack(tmp_path, clock=clock) as served, browser(served) as ann:
        await set_up(served, ann)
        await second_factor(ann, clock)
        secret_of(served)
    (tmp_path / "secrets.key").unlink()
    made = appliance("keys", "identity", "--rotate", "--data", tmp_path)
    assert made.returncode == 0, made.stderr
    link = appliance("admin", "link", "ann", "--data", tmp_path).stdout.strip()
    async with stack(tmp_path, clock=clock) as served, browser(served) as ann:
        token = link.partition("#setup=")[2]
        assert (await ann.post("setup", json={"token": token, "password": PASSWORD})).status_code == 200
        assert await is_signed_visitor(served, made.stdout.strip())
        assert (await ann.post("account/totp")).status_code == 200
    caplog.clear()
    async with stack(tmp_path, clock=clock):
        assert "encryption key" not in caplog.text
