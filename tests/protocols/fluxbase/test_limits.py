"""Limits of (bot, caller): exact under concurrency, told with figures, reset at the right moment."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import Frame, wire

MIDNIGHT = 1_780_012_800.0
"""2026-05-29 00:00:00 UTC."""


def limited(**settings: object) -> dict[str, str]:
    """The open bot with these settings, spelt with underscores for dashes."""
    text = OPEN_BOT
    for name, value in settings.items():
        key = name.replace("_", "-")
        lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
        text = "\n".join([lines[0], f"{key}: {value}", *lines[1:]])
    return {"shop": text}


async def test_two_hundred_clients_at_once_against_a_limit_of_fifty_get_exactly_fifty(tmp_path: Path) -> None:
    bots = limited(daily_limit=50)
    outcomes: list[str] = []
    async with stack(tmp_path, lambda _: openai_text("ok"), bots=bots) as served:
        token = served.token("alice")
        gate = trio.Event()
        ready = 0

        async def one() -> None:
            nonlocal ready
            async with wire(served.ws_url, token) as client:
                id = await client.start()
                ready += 1
                if ready == 200:
                    gate.set()
                with trio.fail_after(60):
                    await gate.wait()
                await client.say(id)
                frame = await client.until("done", "error", timeout_s=60)
                outcomes.append(frame.get("code", "done"))

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(one)
        assert outcomes.count("done") == 50
        assert outcomes.count("DAILY_LIMIT") == 150
        assert served.model
        assert len(served.model.requests) == 50


async def test_the_rate_limit_slides_and_says_when_to_come_back(tmp_path: Path) -> None:
    now = [MIDNIGHT + 100]
    async with (
        stack(
            tmp_path, lambda _: openai_text("ok"), bots=limited(rate_limit=2), clock=lambda: now[0]
        ) as served,
        wire(served.ws_url) as client,
    ):
        id = await client.start()
        await client.ask(id)
        now[0] += 20
        await client.ask(id)
        now[0] += 20
        [refusal] = await client.ask(id)
        assert refusal["code"] == "RATE_LIMIT"
        assert refusal["error"].startswith("Rate limit exceeded")
        assert (refusal["limit"], refusal["used"], refusal["retry_after"]) == (2, 2, 20.0)
        assert refusal["conversation_id"] == id
        now[0] += 20.1
        assert (await client.ask(id))[-1]["type"] == "done"


async def test_the_daily_limit_resets_at_midnight_utc_and_survives_a_restart(tmp_path: Path) -> None:
    now = [MIDNIGHT - 30]
    bots = limited(daily_limit=1, rate_limit=100)

    async def ask() -> Frame:
        async with (
            stack(tmp_path, lambda _: openai_text("ok"), bots=bots, clock=lambda: now[0]) as served,
            wire(served.ws_url) as client,
        ):
            return (await client.ask(await client.start()))[-1]

    assert (await ask())["type"] == "done"
    refusal = await ask()
    assert refusal["code"] == "DAILY_LIMIT"
    assert refusal["error"].startswith("Daily limit exceeded")
    assert refusal["resets_at"] == "2026-05-29T00:00:00+00:00"
    now[0] += 31
    assert (await ask())["type"] == "done"


async def test_the_token_budget_holds_back_what_running_turns_may_cost(tmp_path: Path) -> None:
    bots = limited(token_budget=5000, max_tokens=4000)
    async with stack(
        tmp_path, lambda _: openai_text("a", "b", tokens=(400, 100), delay_s=0.2), bots=bots
    ) as served:
        token = served.token("alice")
        async with wire(served.ws_url, token) as client:
            ids = [await client.start() for _ in range(3)]
            for id in ids:
                await client.say(id)
            ends = [await client.until("done", "error") for _ in range(3)]
            # Two reserve about 4,000 each: the second is admitted below the budget, the third is not.
            assert sorted(end.get("code", "done") for end in ends) == ["TOKEN_BUDGET", "done", "done"]
            last = (await client.ask(ids[0]))[-1]
            assert last["type"] == "done"  # settled: 1,000 of 5,000


async def test_when_the_budget_runs_out_within_a_turn_the_answer_says_so(tmp_path: Path) -> None:
    from tests.support.model_replies import openai_tool_calls

    call = ("execute_sql", {"sql": "SELECT 1 AS x", "description": "x"})
    bots = limited(token_budget=1000, max_tokens=100)
    async with (
        stack(tmp_path, lambda _: openai_tool_calls(call, tokens=(900, 200)), bots=bots) as served,
        wire(served.ws_url) as client,
    ):
        id = await client.start()
        frames = await client.ask(id)
        assert frames[-1]["type"] == "done"
        assert "token budget" in next(f["delta"] for f in frames if f["type"] == "content")
        assert served.model
        assert len(served.model.requests) == 1
        [refusal] = await client.ask(id)
        assert refusal["code"] == "TOKEN_BUDGET"
        assert refusal["error"].startswith("Token budget exceeded")
        assert refusal["used"] == 1100


async def test_the_turn_limit_counts_the_messages_of_one_conversation(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, lambda _: openai_text("ok"), bots=limited(max_turns=2)) as served,
        wire(served.ws_url) as client,
    ):
        id = await client.start()
        await client.ask(id)
        await client.ask(id)
        [refusal] = await client.ask(id)
        assert (refusal["code"], refusal["limit"], refusal["used"]) == ("TURN_LIMIT", 2, 2)
        assert (await client.ask(await client.start()))[-1]["type"] == "done"


async def test_anonymous_callers_of_different_addresses_do_not_share_a_bucket(tmp_path: Path) -> None:
    async with stack(
        tmp_path, lambda _: openai_text("ok"), bots=limited(daily_limit=1), trusted_proxies="127.0.0.1"
    ) as served:
        for address, code in (("203.0.113.1", None), ("203.0.113.2", None), ("203.0.113.1", "DAILY_LIMIT")):
            async with wire(served.ws_url, headers={"X-Forwarded-For": address}) as client:
                assert (await client.ask(await client.start()))[-1].get("code") == code


async def test_service_role_callers_are_counted_but_not_limited(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, lambda _: openai_text("ok"), bots=limited(daily_limit=1)) as served,
        wire(served.ws_url, served.token("svc", "service_role")) as client,
    ):
        for _ in range(3):
            assert (await client.ask(await client.start()))[-1]["type"] == "done"


async def test_a_failed_turn_costs_what_the_model_did_and_its_question_is_forgotten(tmp_path: Path) -> None:
    from tests.support.model_replies import error

    replies = [error(401, "bad key"), openai_text("Fine.")]
    async with stack(tmp_path, replies) as served, wire(served.ws_url) as client:
        id = await client.start()
        [*_, failure] = await client.ask(id, "lost")
        assert failure["code"] == "PROVIDER_AUTH_FAILED"
        assert failure["error"].startswith("Provider authentication failed")
        await client.ask(id, "found")
        assert served.model
        contents = [message["content"] for message in served.model.requests[1].body["messages"][1:]]
        assert contents == ["found"]
