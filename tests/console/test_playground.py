"""Trying a bot as somebody else: rules see that person, limits and the audit log see who plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from appliance.engine.bot_entries import bot_id
from tests.console.signed_in import admin_of
from tests.support.stack import OPEN_BOT, stack

RULED = """---
allowed-tables: users
row-rules:
  users: id = :user_id OR :claims.team = 'all'
require-roles: [staff]
---
Help.
"""
BOTS = {"shop": OPEN_BOT, "ruled": RULED}


async def test_the_bot_answers_as_it_would_answer_that_person(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS, demo=True) as served, admin_of(served) as admin:

        async def rows(**asked: Any) -> int:
            token = (await admin.post("playground", {"bot": "ruled", **asked}))["token"]
            body = {"model": "ruled", "messages": [{"role": "user", "content": "How many users are there?"}]}
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as client:
                answer = await client.post("/v1/chat/completions", json=body)
            if answer.status_code != 200:
                return -answer.status_code
            digits = "".join(filter(str.isdigit, answer.json()["choices"][0]["message"]["content"]))
            return int(digits or 0)

        assert await rows(user_id="1", role="staff") == 1
        assert await rows(user_id="1", role="staff", claims={"team": "all"}) > 1
        assert await rows(user_id="1") == -403
        acts = (await admin.get("audit", action="playground.act"))["items"]
        assert [one["target"] for one in acts] == ["user:1"] * 3
        assert {one["actor"] for one in acts} == {"admin:ann"}
        ran = (await admin.get("audit", action="sql.execute"))["items"]
        assert {one["actor"] for one in ran} == {"admin:ann"}
        assert {one["details"]["acting_for"] for one in ran} == {"1"}
        assert (await admin.get("users"))["items"] == []


async def test_a_role_alone_is_somebody_whom_nobody_knows(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, admin_of(served) as admin:
        for bot in ("ruled", bot_id("default", "ruled"), "default:ruled", "default/ruled"):
            made = await admin.post("playground", {"bot": bot, "role": "staff"})
            assert (made["user_id"], made["role"]) == ("playground-ann", "staff")


async def test_nobody_gets_more_rights_by_playing(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, admin_of(served) as admin:
        for bad, status in (
            ({"bot": "nobody"}, 404),
            ({}, 400),
            ({"bot": "shop", "role": "admin"}, 400),
            ({"bot": "shop", "role": "service_role"}, 400),
            ({"bot": "shop", "role": "Tenant_Service"}, 400),
            ({"bot": "shop", "role": "a b"}, 400),
            ({"bot": "shop", "user_id": "x" * 300}, 400),
            ({"bot": "shop", "user_id": "a\nb"}, 400),
            ({"bot": "shop", "claims": {"role": "admin"}}, 400),
            ({"bot": "shop", "claims": {"tenant_id": "acme"}}, 400),
            ({"bot": "shop", "claims": {"deep": {"x": 1}}}, 400),
        ):
            assert (await admin.refused("POST", "playground", bad))[0] == status, bad
        assert "playground.act" not in await admin.actions()
