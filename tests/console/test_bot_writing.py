"""Bots written in the console: made, changed, given back to their file, deleted; and what may not be."""

from __future__ import annotations

from pathlib import Path

import httpx

from appliance.engine.bot_entries import bot_id
from tests.console.signed_in import admin_of, operator_of
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

SHOP = bot_id("default", "shop")
DESK = bot_id("default", "desk")
CODE = """---
title: Front desk
description: Greets.
persist-conversations: true
allow-unauthenticated: true
---
You sit at the front desk.
"""


async def test_a_bot_that_is_made_here_answers_at_once_and_is_deleted_with_its_conversations(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        made = await admin.post("bots", {"name": "desk", "code": CODE})
        assert (made["id"], made["title"], made["source"]) == (DESK, "Front desk", "api")
        assert (made["prompt"], made["errors"], made["has_file"]) == ("You sit at the front desk.", [], False)
        async with wire(served.ws_url) as socket:
            conversation = await socket.start("desk")
            await socket.ask(conversation, "Is anybody there?")
        assert (await admin.get("conversations", bot="desk"))["total"] == 1
        await admin.delete(f"bots/{DESK}")
        assert [one["name"] for one in (await admin.get("bots"))["items"]] == ["shop"]
        assert (await admin.get("conversations", bot="desk"))["total"] == 0
        assert [one for one in await admin.actions() if one.startswith("bot.")] == [
            "bot.create",
            "bot.delete",
        ]


async def test_a_bots_file_is_changed_here_and_counts_again_when_it_is_taken_back(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        code = OPEN_BOT.replace("shop's assistant", "shop's best friend")
        bot = await admin.put(f"bots/{SHOP}/code", {"code": code, "before": OPEN_BOT})
        assert (bot["prompt"], bot["has_file"], bot["version"]) == (
            "You are the shop's best friend.",
            True,
            2,
        )
        assert "written in the console" in bot["warnings"][0]
        diff = [one for one in (await admin.get(f"bots/{SHOP}/diff"))["lines"] if one["kind"] != "same"]
        assert [one["text"] for one in diff] == [
            "You are the shop's assistant.",
            "You are the shop's best friend.",
        ]
        bot = await admin.delete(f"bots/{SHOP}/code")
        assert (bot["prompt"], bot["source"], bot["warnings"]) == (
            "You are the shop's assistant.",
            "filesystem",
            [],
        )
        assert (await admin.refused("DELETE", f"bots/{SHOP}/code"))[:2] == (404, "NOT_FOUND")
        assert (await admin.actions())[-2:] == ["bot.write", "bot.from_file"]


async def test_bad_code_and_names_are_refused_with_the_line_and_change_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        status, _, text = await admin.refused(
            "PUT", f"bots/{SHOP}/code", {"code": "---\nmax-tokens: much\n---\n"}
        )
        assert status == 400
        assert "line 2" in text
        near = "---\nhttp-allowed-domains: [localhost]\n---\nHello.\n"
        status, _, text = await admin.refused("POST", "bots", {"name": "x", "code": near})
        assert (status, "own machine" in text) == (400, True)
        for name in ("", "a/b", "..", " x", "x" * 101, "a\nb"):
            assert (await admin.refused("POST", "bots", {"name": name, "code": CODE}))[0] == 400, name
        assert (await admin.refused("POST", "bots", {"name": "shop", "code": CODE}))[:2] == (409, "CONFLICT")
        assert (await admin.refused("PUT", f"bots/{DESK}/code", {"code": CODE}))[0] == 404
        assert (await admin.get(f"bots/{SHOP}"))["code"] == OPEN_BOT


async def test_of_two_who_write_at_a_time_the_second_is_told(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        await admin.put(f"bots/{SHOP}/code", {"code": CODE, "before": OPEN_BOT})
        status, _, text = await admin.refused(
            "PUT", f"bots/{SHOP}/code", {"code": OPEN_BOT + "!", "before": OPEN_BOT}
        )
        assert (status, "Somebody changed" in text) == (409, True)
        assert (await admin.get(f"bots/{SHOP}"))["code"] == CODE


async def test_the_bases_that_the_code_names_are_linked_before_the_answer_comes(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        await add_base(served, "handbook", {"a.md": "# Tea\n\nIt is hot."})
        code = CODE.replace("title:", "knowledge-base: handbook\ntitle:")
        made = await admin.post("bots", {"name": "desk", "code": code})
        assert [one["name"] for one in made["knowledge_bases"]] == ["handbook"]


async def test_operators_write_no_bots(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin, operator_of(served, admin) as operator:
        for method, path in (("POST", "bots"), ("PUT", f"bots/{SHOP}/code"), ("DELETE", f"bots/{SHOP}")):
            body = {"name": "x", "code": CODE}
            assert (await operator.refused(method, path, body))[0] == 403
        assert (await admin.get(f"bots/{SHOP}"))["code"] == OPEN_BOT


async def test_programs_need_an_address_that_may_sync_bots_and_people_do_not(tmp_path: Path) -> None:
    async with stack(tmp_path, sync_allowed_ips="10.0.0.0/8") as served, admin_of(served) as admin:
        assert (await admin.post("bots", {"name": "desk", "code": CODE}))["id"] == DESK
        headers = {"Authorization": f"Bearer {served.token('boss', role='admin')}"}
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/", headers=headers) as program:
            assert (await program.get("bots")).status_code == 200
            answer = await program.post("bots", json={"name": "other", "code": CODE})
            assert (answer.status_code, "APPLIANCE_SYNC_ALLOWED_IPS" in answer.text) == (403, True)
