"""The console's page of bots: what is served, what was chosen, what differs, and tests of bots."""

from __future__ import annotations

from pathlib import Path

import httpx

from appliance.engine.bot_entries import bot_id
from appliance.store.database import connect, database_path
from tests.console.signed_in import admin_of, operator_of
from tests.server.fuzz_worlds import bearer
from tests.support.model_replies import error
from tests.support.stack import OPEN_BOT, stack

SHOP = bot_id("default", "shop")
TESTS = """
- ask: How many orders are there?
  tables: orders
  rows: 1
- ask: How many orders are there?
  says: no such words
"""


async def test_a_bot_is_told_with_all_that_is_in_effect(tmp_path: Path) -> None:
    async with stack(tmp_path, demo=True) as served, admin_of(served) as admin:
        (item,) = (await admin.get("bots"))["items"]
        assert (item["id"], item["title"], item["enabled"], item["messages_today"]) == (SHOP, "shop", True, 0)
        assert item["provider"] == "offline"
        bot = await admin.get(f"bots/{SHOP}")
        assert sorted(bot["tables"]) == ["orders", "users"]
        assert bot["limits"]["rate_limit_per_minute"] == 1000
        assert bot["embed"] == f'<script src="{served.url}/widget.js" data-bot="shop" defer></script>'
        assert bot["code"] == OPEN_BOT
        assert bot["prompt"] == "You are the shop's assistant."
        assert bot["settings"]["allowed_tables"] == ["users", "orders"]


async def test_what_is_chosen_acts_and_is_shown_as_a_difference(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        assert all(one["kind"] == "same" for one in (await admin.get(f"bots/{SHOP}/diff"))["lines"])
        bot = await admin.patch(f"bots/{SHOP}", {"max_tokens": 77, "description": "Chosen"})
        assert (bot["overrides"], bot["limits"]["max_tokens"]) == (
            {"max_tokens": 77, "description": "Chosen"},
            77,
        )
        diff = await admin.get(f"bots/{SHOP}/diff")
        told = [(one["kind"], one["text"]) for one in diff["lines"] if one["kind"] != "same"]
        assert ("removed", "max-tokens: 4096") in told
        assert ("added", "max-tokens: 77") in told
        assert ("added", 'description: "Chosen"') in told
        assert {"from", "to"} < diff.keys()
        assert not (await admin.post(f"bots/{SHOP}/toggle", {"enabled": False}))["enabled"]
        assert (await admin.actions())[-2:] == ["bot.update", "bot.toggle"]


async def test_what_was_chosen_is_taken_back_one_by_one_or_all_at_once(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, bots={"shop": OPEN_BOT}) as served,
        admin_of(served) as admin,
        operator_of(served, admin) as olga,
    ):
        before = await admin.get(f"bots/{SHOP}")
        assert (before["overrides"], before["instead"]) == ({}, {})
        chosen = {"max_tokens": 77, "description": "Chosen", "conversation_ttl_hours": 2, "is_public": False}
        bot = await admin.patch(f"bots/{SHOP}", chosen)
        assert bot["instead"] == {
            "max_tokens": 4096,
            "description": "Answers anybody about the shop.",
            "conversation_ttl_hours": 24.0,
            "is_public": True,
        }
        assert (await olga.refused("DELETE", f"bots/{SHOP}/overrides"))[0] == 403
        bot = await admin.delete(f"bots/{SHOP}/overrides/max_tokens")
        assert (bot["limits"]["max_tokens"], "max_tokens" in bot["overrides"]) == (4096, False)
        assert bot["description"] == "Chosen"
        assert bot["version"] > before["version"]
        for setting in ("max_tokens", "prompt", "nonsense", "%00"):
            assert (await admin.refused("DELETE", f"bots/{SHOP}/overrides/{setting}"))[0] == 404
        assert (await admin.refused("DELETE", "bots/nobody/overrides"))[0] == 404
        await admin.post(f"bots/{SHOP}/toggle", {"enabled": False})
        bot = await admin.delete(f"bots/{SHOP}/overrides")
        assert (bot["overrides"], bot["enabled"], bot["settings"]["public"]) == ({}, True, True)
        assert {**bot["settings"], "version": 0} == {**before["settings"], "version": 0}
        actions = await admin.actions()
        await admin.delete(f"bots/{SHOP}/overrides")  # there is nothing left
        assert await admin.actions() == actions
        (last, first) = [
            one for one in (await admin.get("audit"))["items"] if one["action"] == "bot.take_back"
        ]
        assert first["details"]["settings"] == ["max_tokens"]
        assert last["details"]["settings"] == [
            "conversation_ttl_hours",
            "description",
            "enabled",
            "is_public",
        ]
    async with stack(tmp_path, bots={"shop": OPEN_BOT}) as served, httpx.AsyncClient() as client:
        found = await client.get(f"{served.url}/api/v1/ai/chatbots", headers=bearer(served.token()))
        assert found.json()["chatbots"][0]["name"] == "shop"


async def test_bad_choices_and_unknown_bots_are_refused(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        assert (await admin.refused("PATCH", f"bots/{SHOP}", {"max_tokens": -1}))[0] == 400
        assert (await admin.refused("PATCH", f"bots/{SHOP}", {"provider_id": "nobody"}))[0] == 400
        assert (await admin.refused("POST", f"bots/{SHOP}/toggle", {}))[0] == 400
        for method, path in (("GET", ""), ("GET", "/diff"), ("GET", "/tests"), ("POST", "/tests/run")):
            assert (await admin.refused(method, f"bots/nobody{path}"))[:2] == (404, "NOT_FOUND")
        assert (await admin.get(f"bots/{SHOP}"))["overrides"] == {}


async def test_the_tests_of_the_file_and_of_the_console_are_asked_and_judged(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT}
    (tmp_path / "bots" / "shop").mkdir(parents=True)
    (tmp_path / "bots" / "shop" / "tests.yaml").write_text(TESTS)
    async with stack(tmp_path, bots=bots, demo=True) as served, admin_of(served) as admin:
        kept = {"items": [{"ask": "How many users are there?", "tables": "users", "not_says": ["sorry"]}]}
        items = (await admin.put(f"bots/{SHOP}/tests", kept))["items"]
        assert [one["source"] for one in items] == ["file", "file", "console"]
        assert items[2]["tables"] == ["users"]
        run = await admin.post(f"bots/{SHOP}/tests/run")
        assert (run["passed"], run["failed"]) == (2, 1), run
        assert run["results"][1]["problems"] == ["It does not say “no such words”."]
        assert run["results"][0]["answer"]
        assert (await admin.actions())[-2:] == ["sql.execute", "bot.test"]
    db = connect(database_path(tmp_path))
    for table in ("_conversations", "_messages", "_usage", "_knowledge_gaps"):
        assert db.execute(f"SELECT count(*) FROM {table}").get == 0, table
    db.close()


async def test_a_bad_file_of_tests_is_told_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "bots" / "shop").mkdir(parents=True)
    bad = "- ask: Hello?\n- ask: And?\n  cite: returns\n- cites: x\n- ask: Rows?\n  rows: many\n"
    (tmp_path / "bots" / "shop" / "tests.yaml").write_text(bad)
    async with stack(tmp_path) as served, admin_of(served) as admin:
        found = await admin.get(f"bots/{SHOP}/tests")
        assert [one["ask"] for one in found["items"]] == ["Hello?"]
        assert [line.partition("tests.yaml:")[2][:2] for line in found["errors"]] == ["2:", "4:", "5:"]
        status, _, text = await admin.refused("POST", f"bots/{SHOP}/tests/run")
        assert status == 400
        assert "'cite' is no key" in text


async def test_an_answer_that_fails_is_a_failed_test_and_a_disabled_bot_has_none(tmp_path: Path) -> None:
    async with stack(tmp_path, [error(401, "no such key")]) as served, admin_of(served) as admin:
        await admin.put(f"bots/{SHOP}/tests", {"items": [{"ask": "Hello?"}]})
        (result,) = (await admin.post(f"bots/{SHOP}/tests/run"))["results"]
        assert not result["passed"]
        assert result["problems"][0].startswith("No answer came: ")
        await admin.post(f"bots/{SHOP}/toggle", {"enabled": False})
        assert (await admin.refused("POST", f"bots/{SHOP}/tests/run"))[:2] == (409, "CONFLICT")
        too_many = {"items": [{"ask": "Hello?"}] * 201}
        assert (await admin.refused("PUT", f"bots/{SHOP}/tests", too_many))[0] == 400
        assert (await admin.refused("PUT", f"bots/{SHOP}/tests", {"items": [{"ask": " "}]}))[0] == 400
        assert len((await admin.get(f"bots/{SHOP}/tests"))["items"]) == 1
