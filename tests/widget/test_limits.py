"""Limits of visitors: each has their own, their network has a multiple, and neither can be filled again."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance import limits
from appliance.errors import LimitReached
from appliance.limits import Policy, Standing
from appliance.server.tokens import make_visitor_token
from appliance.store.database import connect, database_path
from appliance.store.secret import load_secret
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.widget.people import person, proof, secret_of

PER_DAY = 4
FACTOR = 3
BOT = OPEN_BOT.replace("daily-limit: 10000", f"daily-limit: {PER_DAY}")
PROXY = {"trusted_proxies": "127.0.0.1", "network_limit_factor": FACTOR}
ASKED = {"model": "shop", "messages": [{"role": "user", "content": "How many users are there?"}]}


def from_network(address: str) -> dict[str, str]:
    """As a proxy that is trusted tells it."""
    return {"X-Forwarded-For": address}


async def ask(client: httpx.AsyncClient, token: str, address: str = "192.0.2.1") -> int:
    headers = {**from_network(address), **({"Authorization": f"Bearer {token}"} if token else {})}
    got = await client.post("/v1/chat/completions", json=ASKED, headers=headers, timeout=120)
    return got.status_code


def visitor_token(served: Stack) -> str:
    return make_visitor_token(load_secret(served.data), now=time.time())


def served_with(tmp_path: Path, **settings: Any) -> Any:
    return stack(tmp_path, bots={"shop": BOT}, **{**PROXY, **settings})


async def test_a_visitor_who_changes_networks_is_not_filled_again(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        token = visitor_token(served)
        said = [await ask(client, token, f"192.0.2.{number}") for number in range(1, PER_DAY + 3)]
        assert said == [200] * PER_DAY + [429] * 2


async def test_new_tokens_win_no_more_than_the_network_has(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        bound = PER_DAY * FACTOR
        said = [await ask(client, visitor_token(served)) for _ in range(bound + 3)]
        assert said == [200] * bound + [429] * 3
        assert await ask(client, "") == 429  # nor without any
        assert await ask(client, visitor_token(served), "192.0.2.2") == 200


async def test_strangers_without_a_token_have_one_share_of_their_network_together(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        said = [await ask(client, "") for _ in range(PER_DAY + 1)]
        assert said == [200] * PER_DAY + [429]
        assert await ask(client, visitor_token(served)) == 200  # the office is not starved by them


async def test_an_office_starves_no_stranger_before_its_bound(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        for _ in range(PER_DAY + 1):
            assert await ask(client, visitor_token(served)) == 200
        assert await ask(client, "") == 200


async def test_two_hundred_at_once_never_win_more_than_either_bound(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served:
        few = [visitor_token(served) for _ in range(2)]
        tokens = [few[number % 2] if number % 4 == 0 else visitor_token(served) for number in range(200)]
        answers: Counter[int] = Counter()
        by_token: Counter[str] = Counter()
        pool = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=served.url, limits=pool, timeout=120) as client:

            async def one(token: str) -> None:
                status = await ask(client, token)
                answers[status] += 1
                by_token[token] += status == 200

            async with trio.open_nursery() as nursery:
                for token in tokens:
                    nursery.start_soon(one, token)
        assert answers == {200: PER_DAY * FACTOR, 429: 200 - PER_DAY * FACTOR}
        assert max(by_token.values()) <= PER_DAY
        db = connect(database_path(served.data))
        network = db.execute(
            "SELECT requests, reserved_tokens FROM _usage WHERE principal LIKE 'network:%'"
        ).fetchall()
        left = db.execute("SELECT sum(reserved_tokens) FROM _usage").get
        db.close()
        assert network == [(PER_DAY * FACTOR, 0)]
        assert left == 0


async def test_one_visitor_two_hundred_times_at_once_has_their_own_limit(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served:
        token, answers = visitor_token(served), Counter[int]()
        pool = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=served.url, limits=pool, timeout=120) as client:

            async def one(number: int) -> None:
                answers[await ask(client, token, f"198.51.100.{number}")] += 1

            async with trio.open_nursery() as nursery:
                for number in range(200):
                    nursery.start_soon(one, number)
        assert answers == {200: PER_DAY, 429: 200 - PER_DAY}


async def test_to_show_who_one_is_and_to_be_forgotten_fill_nothing_again(tmp_path: Path) -> None:
    async with served_with(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        shown = proof(secret_of(served), "ann")
        visitor = await person(client)
        for _ in range(PER_DAY - 1):
            assert await ask(client, visitor.token) == 200
        ann = await person(client, visitor=visitor.token, **shown)
        assert [await ask(client, ann.token) for _ in "12"] == [200, 429]
        assert (await ann.ask("DELETE", "/me")).status_code == 200
        assert await ask(client, (await person(client, **shown)).token) == 429
        other = await person(client)
        for _ in range(PER_DAY):
            assert await ask(client, other.token) == 200
        assert (await other.ask("DELETE", "/me")).status_code == 200
        assert await ask(client, other.token) == 429


async def test_tokens_count_for_the_network_too(tmp_path: Path) -> None:
    bot = BOT.replace("token-budget: 10000000", "token-budget: 1").replace("daily-limit: 4", "daily-limit: 0")
    async with (
        stack(tmp_path, bots={"shop": bot}, **PROXY) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        token = visitor_token(served)
        assert [await ask(client, token) for _ in "12"] == [200, 429]  # the first one used it up
        assert await ask(client, visitor_token(served)) == 429  # three times one token are used up, too
        assert await ask(client, visitor_token(served), "192.0.2.9") == 200


def test_of_two_refusals_the_longer_one_is_told() -> None:
    own = (Policy(per_minute=1), Standing(in_window=1, oldest_in_window=100.0))
    network = (Policy(per_day=5), Standing(today=5))
    with pytest.raises(LimitReached, match="in your network") as told:
        limits.check_both(own, network, 110.0)
    assert told.value.which == "daily"
    with pytest.raises(LimitReached, match="in the last minute\\."):
        limits.check_both(own, (Policy(per_day=5), Standing(today=4)), 110.0)
    limits.check_both((Policy(), Standing(today=9)), None, 110.0)


def test_no_limit_stays_none_for_a_network() -> None:
    assert limits.widened(Policy(per_minute=0, per_day=7, tokens_per_day=3, turns=5), 4) == Policy(
        per_day=28, tokens_per_day=12
    )
