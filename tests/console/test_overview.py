"""The overview counts what was asked and what it cost, and prices make a budget that warns and stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from appliance.store.database import connect, database_path
from tests.console.people import Clock, log_in
from tests.console.signed_in import SignedIn, admin_of
from tests.support.model_replies import error, openai_text
from tests.support.stack import Stack, stack

ITEM = {"model": "scripted", "prompt_per_million": 1_000_000.0, "completion_per_million": 1_000_000.0}
HOUR_S = 3600


async def ask(served: Stack, user: str = "alice") -> httpx.Response:
    headers = {"Authorization": f"Bearer {served.token(user, lifetime_s=86_400)}"}
    body = {"model": "shop", "messages": [{"role": "user", "content": "Hello?"}]}
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def overview(admin: SignedIn, days: str = "7") -> Any:
    return await admin.get("overview", days=days)


async def test_answers_tokens_money_and_errors_are_counted_by_bot_model_and_time(tmp_path: Path) -> None:
    clock = Clock()
    replies = [openai_text("Hi", tokens=(10, 5)), error(401, "no"), openai_text("Hi", tokens=(20, 1))]
    async with stack(tmp_path, replies, clock=clock) as served, admin_of(served) as admin:
        await admin.put("prices", {"currency": "CHF", "items": [ITEM]})
        assert (await ask(served)).status_code == 200
        assert (await ask(served)).status_code >= 500
        clock.turn(2 * HOUR_S)
        assert (await ask(served)).status_code == 200
        found = await overview(admin, "1")
        totals = found["totals"]
        assert (totals["messages"], totals["tokens"], totals["errors"]) == (3, 36, 1)
        assert (totals["cost"], found["currency"]) == (36.0, "CHF")
        assert totals["conversations"] == 3
        assert totals["latency_ms_p50"] > 0
        assert totals["latency_ms_p95"] >= totals["latency_ms_p50"]
        assert len(found["series"]) == 24
        assert [one["messages"] for one in found["series"] if one["messages"]] == [2, 1]
        (bot,) = found["bots"]
        assert (bot["name"], bot["messages"], bot["cost"], bot["errors"]) == ("shop", 3, 36.0, 1)
        (model,) = [one for one in found["models"] if one["tokens"]]
        assert (model["model"], model["tokens"]) == ("scripted", 36)
        assert found["before"]["messages"] == 0
        assert found["now"] == {"live": 0, "waiting": 0, "joined": 0, "running": 0}
        clock.turn(40 * 24 * HOUR_S)
        await log_in(admin.client)
        assert (await overview(admin, "30"))["totals"]["messages"] == 0
        assert (await overview(admin, "30"))["before"]["messages"] == 3
        assert len((await overview(admin, "30"))["series"]) == 30


async def test_a_conversation_of_several_answers_counts_once_and_stays_counted(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        headers = {"Authorization": f"Bearer {served.token()}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as client:
            said = {"model": "shop", "store": True, "messages": [{"role": "user", "content": "Hello?"}]}
            await client.post("/v1/chat/completions", json=said)
        db = connect(database_path(tmp_path))
        db.execute("DELETE FROM _conversations")
        db.close()
        totals = (await overview(admin))["totals"]
        assert (totals["conversations"], totals["messages"]) == (1, 1)


async def test_a_budget_warns_at_eighty_percent_and_stops_every_wire_when_told_to(tmp_path: Path) -> None:
    replies = [openai_text("Hi", tokens=(8, 0)), openai_text("Hi", tokens=(4, 0)), openai_text("Hi")]
    async with stack(tmp_path, replies) as served, admin_of(served) as admin:
        prices = {"currency": "EUR", "items": [ITEM], "month_budget": 10, "stop": True}
        assert (await admin.put("prices", prices)) == {**prices, "month_budget": 10.0}
        assert not told(await overview(admin), "budget")
        await ask(served)
        found = await overview(admin)
        assert found["budget"] == {"month_limit": 10.0, "month_cost": 8.0, "share": 0.8}
        assert told(found, "budget") == ["This month's budget is used to 80 %."]
        assert (await ask(served)).status_code == 200
        stopped = await ask(served)
        assert stopped.status_code == 429
        assert "budget for answers is used up" in stopped.text
        assert told(await overview(admin), "budget") == ["This month's budget is used up."]
        await admin.put("prices", {**prices, "stop": False})
        assert (await ask(served)).status_code == 200


async def test_bad_prices_and_periods_are_refused(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        for bad in (
            {"currency": "euro"},
            {"items": [{"model": " "}]},
            {"items": [{**ITEM, "prompt_per_million": -1}]},
            {"items": [ITEM, {**ITEM, "model": "SCRIPTED"}]},
            {"month_budget": 0},
            {"stop": True},
            {"items": [{"model": "m"}] * 300},
        ):
            assert (await admin.refused("PUT", "prices", bad))[:2] == (400, "INVALID_INPUT"), bad
        assert (await admin.get("prices"))["items"] == []
        for days in ("0", "2", "x", "-1"):
            assert (await admin.refused("GET", f"overview?days={days}"))[0] == 400


async def test_what_needs_looking_after_is_told(tmp_path: Path) -> None:
    bots = {"shop": "---\nno-such-key: 1\n---\n", "other": "Help."}
    async with stack(tmp_path, bots=bots) as served, admin_of(served) as admin:
        found = await overview(admin)
        assert next(one["page"] for one in found["warnings"]) == "providers"
        assert told(found, "backup") == ["There is no backup of the last 7 days."]
        await admin.post("backups")
        await admin.post("providers", {"name": "mine", "provider_type": "openai", "config": {}})
        found = await overview(admin)
        assert not told(found, "backup")
        assert told(found, "mine cannot be used")


def told(found: Any, word: str) -> list[str]:
    """Warnings in which a word is."""
    return [one["text"] for one in found["warnings"] if word in one["text"]]
