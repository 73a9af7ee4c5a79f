"""`client.admin.ai.*` for bots as the SDK calls it: what administrators see, choose and delete."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.bot import Bot
from appliance.engine.bot_entries import bot_id
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.admin_bots import (
    BOTS,
    CODE,
    EVERYTHING,
    FIELDS,
    OTHER,
    AdminAI,
    active,
    admin_token,
    appears,
    asked,
    bot,
    done,
    trail,
)
from tests.support.model_replies import openai_text, stream, text
from tests.support.sdk import AI, Ear, create_client
from tests.support.stack import OPEN_BOT, stack, write_bots

# -- reading -----------------------------------------------------------------------------------------


async def test_the_list_has_all_bots_with_their_allow_lists_also_disabled_and_bad_ones(
    tmp_path: Path,
) -> None:
    bots = {
        "shop": OPEN_BOT,
        "off": OPEN_BOT.replace("description", "enabled: false\ndescription"),
        "team/broken/bot.md": "---\ntemprature: 1\n---\np",
    }
    async with stack(tmp_path, bots=bots) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        off, shop, broken = await admin.list_chatbots()
        assert (off["name"], off["enabled"], shop["enabled"], broken["enabled"]) == (
            "off",
            False,
            True,
            False,
        )
        assert shop["allowed_tables"] == ["users", "orders"]
        assert shop["allowed_operations"] == ["SELECT"]
        assert shop["allowed_schemas"] == ["public"]
        assert (shop["source"], shop["is_public"], shop["version"]) == ("filesystem", True, 1)
        assert shop["id"] == bot_id("default", "shop")
        assert "unknown setting temprature" in broken["errors"][0]
        assert [one["name"] for one in await admin.list_chatbots("team")] == ["broken"]
        assert await admin.list_chatbots("nowhere") == []


async def test_a_chatbot_has_every_field_of_the_protocol(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        shop, error = await admin.get_chatbot("shop")
        assert error is None
        assert set(FIELDS.split()) <= set(shop)
        assert shop["code"] == shop["original_code"] == OPEN_BOT
        assert (shop["conversation_ttl_hours"], shop["max_conversation_turns"]) == (24, 50)
        assert (shop["persist_conversations"], shop["daily_request_limit"]) == (True, 10_000)
        assert (shop["provider_id"], shop["bundle_error"], shop["created_by"]) == (None, None, None)
        assert shop["updated_at"].endswith("Z")


async def test_a_saved_file_moves_when_its_bot_was_updated_and_not_when_it_came(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        before = (await admin.get_chatbot("shop")).data
        write_bots(tmp_path / "bots", {"shop": OPEN_BOT + "Be brief."})
        await admin.sync()
        saved = (await admin.get_chatbot("shop")).data
        assert saved["updated_at"] > before["updated_at"]
        assert saved["created_at"] == before["created_at"]
        chosen = (await admin.update_chatbot("shop", max_tokens=5)).data
        assert chosen["updated_at"] > chosen["created_at"]
        [told] = (await client.ai.list_chatbots()).data
        assert {key: told[key] for key in ("created_at", "updated_at")} == {
            key: chosen[key] for key in ("created_at", "updated_at")
        }


async def test_numbers_and_rules_have_the_form_that_they_were_given_in(tmp_path: Path) -> None:
    code = (
        "/** A helper\n * @fluxbase:conversation-ttl 24\n"
        ' * @fluxbase:intent-rules [{"keywords":["a"],"requiredTable":"users"}]\n */\nexport default `x`'
    )
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("ruled", code))
        told = (await admin.get_chatbot("ruled")).data
        assert told["intent_rules"] == [{"keywords": ["a"], "requiredTable": "users"}]
        assert repr(told["conversation_ttl_hours"]) == "24"
        half = (await admin.update_chatbot("ruled", conversation_ttl_hours=0.5)).data
        assert half["conversation_ttl_hours"] == 0.5


async def test_an_unknown_bot_is_404_for_every_method(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        for result in (
            await admin.get_chatbot("nobody"),
            await admin.toggle_chatbot("nobody", True),
            await admin.update_chatbot("nobody", max_tokens=5),
            await admin.delete_chatbot("nobody"),
        ):
            assert result.error.status == 404
            assert result.error.details["code"] == "NOT_FOUND"


async def test_only_operators_may_and_tenant_admins_all_but_sync(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        db = connect(database_path(tmp_path))
        db.execute("INSERT INTO _tenants (name, created_at) VALUES ('other', 0)")
        _, service = create_key(db, "service", "default", time.time())
        _, foreign = create_key(db, "service", "other", time.time())
        db.close()
        statuses: dict[str, list[int]] = {}
        for who, token in {
            "user": served.token("alice"),
            "tenant admin": served.token("tina", role="tenant_admin"),
            "dashboard": served.token("dora", role="dashboard_admin"),
            "service": service,
            "foreign": foreign,
        }.items():
            async with create_client(served.url, token) as client:
                results = [
                    await client.request("GET", BOTS),
                    await client.request(
                        "PUT", f"{BOTS}/{bot_id('default', 'shop')}/toggle", {"enabled": True}
                    ),
                    await client.request("POST", f"{BOTS}/sync", {}),
                ]
            statuses[who] = [result.error.status if result.error else 200 for result in results]
        assert statuses == {
            "user": [403, 403, 403],
            "tenant admin": [200, 200, 403],
            "dashboard": [200, 200, 200],
            "service": [200, 200, 200],
            "foreign": [403, 403, 403],
        }
        async with httpx.AsyncClient() as anybody:
            assert (await anybody.get(served.url + BOTS)).status_code == 401


# -- choosing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_toggle_answers_the_whole_bot_and_holds_at_once(tmp_path: Path, method: str) -> None:
    async with (
        trio.open_nursery() as nursery,
        stack(tmp_path) as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        admin = AdminAI(client)
        shop, error = await admin.toggle_chatbot("shop", False, method)
        assert error is None
        assert set(FIELDS.split()) <= set(shop)
        assert (shop["id"], shop["enabled"], shop["version"]) == (bot_id("default", "shop"), False, 2)
        assert (await AI(client, nursery).list_chatbots()).data == []
        ((row),) = trail(served)
        assert (row.action, row.actor, row.target) == ("bot.toggle", "user:root", shop["id"])
        assert (row.details["ip"], row.details["changes"]) == ("127.0.0.1", {"enabled": False})
        for body in ({}, {"enabled": "yes"}, {"enabled": None}):
            result = await client.request(method, f"{BOTS}/{shop['id']}/toggle", body)
            assert result.error.status == 400
        nursery.cancel_scope.cancel()


async def test_an_update_changes_exactly_what_is_given_and_the_file_keeps_the_rest(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        before = (await admin.get_chatbot("shop")).data
        after = (await admin.update_chatbot("shop", **EVERYTHING)).data
        assert {name: after[name] for name in EVERYTHING} == EVERYTHING
        touched = {*EVERYTHING, "version", "updated_at"}
        assert {k: v for k, v in after.items() if k not in touched} == {
            k: v for k, v in before.items() if k not in touched
        }
        assert after["version"] == 2
        again = (await admin.update_chatbot("shop", max_tokens=77, temperature=None)).data
        assert again == after, "what is chosen already is no update"
        assert (await admin.update_chatbot("shop", max_tokens=78)).data["version"] == 3
        assert [row.details["changes"] for row in trail(served)] == [EVERYTHING, {"max_tokens": 78}]


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": 2.1},
        {"temperature": -0.1},
        {"max_tokens": 0},
        {"max_tokens": -1},
        {"max_tokens": 1.5},
        {"max_tokens": "many"},
        {"conversation_ttl_hours": 0},
        {"conversation_ttl_hours": 1e300},
        {"max_conversation_turns": 0},
        {"rate_limit_per_minute": 0},
        {"daily_request_limit": -5},
        {"daily_token_budget": 10**12},
        {"enabled": "no"},
        {"description": "x" * 3000},
        {"description": "a\u0000b"},
        {"provider_id": "nobody's"},
        {"max_tokens": 5, "temperature": 9},
    ],
)
async def test_an_update_out_of_bounds_is_400_and_changes_nothing(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        before = (await admin.get_chatbot("shop")).data
        assert (await admin.update_chatbot("shop", **body)).error.status == 400
        assert (await admin.get_chatbot("shop")).data == before
        assert trail(served) == []


async def test_a_chosen_provider_counts_from_the_next_turn_and_an_empty_one_clears_it(tmp_path: Path) -> None:
    async with (
        trio.open_nursery() as nursery,
        stack(tmp_path, [openai_text("Hi")] * 2) as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        assert served.model is not None
        admin = AdminAI(client)
        config = {"api_key": "k", "model": "chosen", "base_url": f"{served.model.url}/v1"}
        made = await client.request(
            "POST",
            "/api/v1/admin/ai/providers",
            {"name": "mine", "provider_type": "openai", "config": config},
        )
        await client.request("PUT", "/api/v1/admin/ai/providers/FROM_CONFIG/default", {})
        chosen = (await admin.update_chatbot("shop", provider_id=made.data["id"])).data
        assert chosen["provider_id"] == made.data["id"]
        await asked(served, nursery, "shop")
        cleared = (await admin.update_chatbot("shop", provider_id="")).data
        assert (cleared["provider_id"], cleared["version"]) == (None, 3)
        assert served.model.requests[-1].body["model"] == "chosen"
        nursery.cancel_scope.cancel()


async def test_choices_survive_saved_files_syncs_and_restarts(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("sent", CODE))
        await admin.toggle_chatbot("sent", False)
        await admin.update_chatbot("sent", max_tokens=9)
        await admin.toggle_chatbot("shop", False)
        await admin.update_chatbot("shop", daily_request_limit=8)
        await admin.sync(bot("sent", OTHER, enabled=True, max_tokens=1000))
        (served.data / "bots/shop/bot.md").write_text(OPEN_BOT.replace("You are", "Be"))
        await admin.sync()
    async with stack(tmp_path, bots={}) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        sent, shop = (await admin.get_chatbot("sent")).data, (await admin.get_chatbot("shop")).data
        assert (sent["enabled"], sent["max_tokens"], sent["code"]) == (False, 9, OTHER)
        assert (sent["version"], sent["created_by"], sent["source"]) == (4, "root", "sdk")
        assert (shop["enabled"], shop["daily_request_limit"], shop["version"]) == (False, 8, 3)
        assert "Be the shop" in shop["code"]


# -- deleting --------------------------------------------------------------------------------------------


async def test_a_deleted_bot_takes_its_conversations_along_and_stops_its_turns(tmp_path: Path) -> None:
    async with (
        trio.open_nursery() as nursery,
        stack(tmp_path, [stream(text("Hi"), then="hang")]) as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        admin = AdminAI(client)
        ear = Ear()
        chat = served.chat(nursery, ear)
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, "hi")
        await ear.until_events("content")
        with trio.fail_after(30):
            deleted = await admin.delete_chatbot("shop")
            assert deleted.data == {"deleted": True, "id": bot_id("default", "shop")}
            await ear.until_events("cancelled")
        assert active(served) == []
        assert await admin.names() == []
        assert (await admin.delete_chatbot("shop")).error.status == 404
        ((row),) = trail(served)
        assert (row.action, row.details) == (
            "bot.delete",
            {"bot": ["default", "shop"], "conversations": 1, "ip": "127.0.0.1"},
        )
        nursery.cancel_scope.cancel()


async def test_a_deleted_bot_of_a_file_stays_away_over_saves_and_restarts_until_a_sync(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.update_chatbot("shop", max_tokens=9)
        await admin.delete_chatbot("shop")
        (served.data / "bots/shop/bot.md").write_text(OPEN_BOT + "More.")
        (served.data / "bots/new.ts").write_text(CODE)
        await appears(admin, "new")
        assert await admin.names() == ["new"]
    async with stack(tmp_path, bots={}) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        assert await admin.names() == ["new"]
        assert done(await admin.sync(dry_run=True)) == {"created": ["shop"], "unchanged": ["new"]}
        assert done(await admin.sync()) == {"created": ["shop"], "unchanged": ["new"]}
        shop = (await admin.get_chatbot("shop")).data
        assert (shop["version"], shop["max_tokens"]) == (1, Bot(name="x").max_tokens), "it is a new one"


async def test_a_deleted_bot_whose_file_went_and_came_back_is_there(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.delete_chatbot("shop")
        (served.data / "bots/shop/bot.md").unlink()
        (served.data / "bots/mark.ts").write_text(CODE)
        await appears(admin, "mark")
        (served.data / "bots/shop/bot.md").write_text(OPEN_BOT)
        await appears(admin, "shop")


async def test_deleting_a_sent_bot_does_not_bring_back_the_file_below_it(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("shop"))
        await admin.delete_chatbot("shop")
        assert await admin.names() == []
