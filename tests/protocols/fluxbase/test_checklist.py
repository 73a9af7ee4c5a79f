"""The acceptance checklist of Fluxbase's protocol (12), point by point, with a client that is like the SDK.

Points that need knowledge bases are not here. Where another file goes deeper, the point is still run once:
when limits reset, and whose they are, is in `test_limits.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import trio

from appliance.engine.bot_entries import bot_id
from appliance.store.secret import load_secret
from tests.support import proxy
from tests.support.model_replies import openai_text, openai_tool_calls, stream, text
from tests.support.sdk import AIChat, ApiError, Client, Ear, Result, create_client
from tests.support.stack import OPEN_BOT, Stack, stack

LOCKED = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")
CODE = "/** A helper\n * @fluxbase:allow-unauthenticated\n */\nexport default `Help.`"
MISSING = "00000000-0000-0000-0000-000000000000"
QUERY = "SELECT id, status FROM orders ORDER BY id LIMIT 2"
SUMMARY = {
    *("id", "name", "namespace", "description", "model", "enabled", "is_public", "source", "version"),
    *("allowed_tables", "allowed_operations", "allowed_schemas", "created_at", "updated_at"),
}
PROVIDER = {
    *("id", "name", "display_name", "provider_type", "is_default", "use_for_embeddings", "embedding_model"),
    *("config", "enabled", "read_only", "from_config", "created_at", "updated_at", "created_by"),
}
TABLE = {"schema", "name", "type", "rls_enabled", "columns", "primary_key", "foreign_keys", "indexes"}
"""Fields that the SDK's own types promise."""


def refused(result: Result) -> tuple[int, str]:
    """Status and code of a refusal; its text is a string, or people read `[object Object]`."""
    data, problem = result
    assert data is None
    assert problem is not None
    assert isinstance(problem.details["error"], str)
    return problem.status, problem.details["code"]


def good(result: Result) -> Any:
    assert result.error is None, result.error
    return result.data


def anon_key(served: Stack) -> str:
    """A key as Fluxbase makes them: a token of nobody."""
    return jwt.encode({"role": "anon", "iss": "supabase"}, load_secret(served.data), "HS256")


@asynccontextmanager
async def admin_of(tmp_path: Path, bots: dict[str, str] | None = None) -> AsyncIterator[tuple[Stack, Client]]:
    """A server with its demo data, and an administrator's client."""
    async with (
        stack(tmp_path, [], bots=bots, demo=True) as served,
        create_client(served.url, served.token("root", role="instance_admin")) as client,
    ):
        yield served, client


async def opened(served: Stack, nursery: trio.Nursery, ear: Ear, **options: Any) -> AIChat:
    chat = served.chat(nursery, ear, **options)
    await chat.connect()
    return chat


def sql_turn(sql: str, *said: str) -> list[Any]:
    return [openai_tool_calls(("execute_sql", {"sql": sql, "description": "it"})), openai_text(*said)]


async def test_1_bots_are_listed_and_looked_up_with_the_anon_key(tmp_path: Path) -> None:
    bots = {
        "shop": OPEN_BOT,
        **{f"{place}/twin/bot.md": OPEN_BOT for place in ("a", "b")},
        **{f"{place}/both/bot.md": OPEN_BOT for place in ("a", "default")},
    }
    async with (
        stack(tmp_path, [], bots=bots) as served,
        create_client(served.url, anon_key(served)) as client,
    ):
        listed = good(await client.ai.list_chatbots())
        assert set(listed[0]) >= SUMMARY
        assert good(await client.ai.lookup_chatbot("shop"))["chatbot"]["namespace"] == "default"
        assert refused(await client.ai.lookup_chatbot("nobody")) == (404, "NOT_FOUND")
        twin = good(await client.ai.lookup_chatbot("twin"))
        assert (twin["ambiguous"], twin["namespaces"]) == (True, ["a", "b"])
        assert good(await client.ai.lookup_chatbot("both"))["chatbot"]["namespace"] == "default"


async def test_2_a_chat_streams_its_deltas_in_order_and_is_done_once_with_its_cost(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("Good ", "mor", "ning.")]) as served,
        create_client(served.url, served.token()) as client,
    ):
        ear = Ear()
        chat = client.ai.create_chat(token=served.token(), **ear.callbacks)
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Hello")
        await ear.until_events("done")
        assert (
            "".join(delta for delta, _ in ear.content) == chat.get_accumulated_content(id) == "Good morning."
        )
        [(usage, of)] = ear.done
        assert of == id
        assert usage
        assert usage["prompt_tokens"] > 0
        assert usage["completion_tokens"] > 0


async def test_3_a_tool_turn_has_its_steps_one_result_its_text_and_its_end(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, sql_turn(QUERY, "Two orders."), demo=True) as served,
        trio.open_nursery() as nursery,
    ):
        ear = Ear()
        chat = await opened(served, nursery, ear)
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Which?")
        await ear.until_events("done")
        assert [step for step, _, _ in ear.progress] == ["thinking", "generating", "querying", "generating"]
        [(query, summary, count, rows, of)] = ear.query_results
        assert (query, count, of) == (QUERY, 2, id)
        assert summary
        assert [set(row) for row in rows] == [{"id", "status"}] * 2
        types = [event["type"] for event in ear.events]
        assert types.index("query_result") < types.index("content") < types.index("done")
        nursery.cancel_scope.cancel()


async def test_4_a_rejected_query_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    replies = [*sql_turn("SELECT * FROM secrets", "I may not."), openai_text("Yes.")]
    async with stack(tmp_path, replies, demo=True) as served, trio.open_nursery() as nursery:
        ear = Ear()
        chat = await opened(served, nursery, ear)
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Secrets?")
        await ear.until_events("done")
        [(_, summary, count, rows, _)] = ear.query_results
        assert (count, rows) == (0, [])
        assert "secrets" in summary
        await chat.send_message(id, "Still there?")
        await ear.until_events("done", 2)
        assert chat.get_accumulated_content(id) == "Yes."
        nursery.cancel_scope.cancel()


async def test_5_cancel_ends_the_text_and_the_next_message_works(tmp_path: Path) -> None:
    endless = stream(*[text("word ")] * 20, then="hang", delay_s=0.01)
    async with stack(tmp_path, [endless, openai_text("Next.")]) as served, trio.open_nursery() as nursery:
        ear = Ear()
        chat = await opened(served, nursery, ear)
        id = await chat.start_chat("shop")
        await chat.send_message(id, "All of it")
        await ear.until_events("content")
        await chat.cancel(id)
        await ear.until_events("cancelled")
        assert [event["type"] for event in ear.events][-2:] == ["done", "cancelled"]
        await chat.send_message(id, "Next?")
        await ear.until_events("done", 2)
        assert chat.get_accumulated_content(id) == "Next."
        nursery.cancel_scope.cancel()


async def test_6_two_conversations_with_two_bots_do_not_mix(tmp_path: Path) -> None:
    def reply(request: Any) -> Any:
        said = request.body["messages"][-1]["content"]
        return openai_text(*[f"{said} "] * 10, delay_s=0.002)

    async with (
        stack(tmp_path, reply, bots={"one": OPEN_BOT, "two": OPEN_BOT}) as served,
        trio.open_nursery() as nursery,
    ):
        ear = Ear()
        chat = await opened(served, nursery, ear)
        ids = [await chat.start_chat(name) for name in ("one", "two")]
        for id, said in zip(ids, ("left", "right"), strict=True):
            await chat.send_message(id, said)
        await ear.until_events("done", 2)
        assert [chat.get_accumulated_content(id) for id in ids] == ["left " * 10, "right " * 10]
        nursery.cancel_scope.cancel()


async def test_7_a_bad_token_is_refused_four_times_and_none_is_a_stranger(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "locked": LOCKED}
    async with stack(tmp_path, [], bots=bots) as served, trio.open_nursery() as nursery:
        refusals = Ear()
        bad = served.chat(nursery, refusals, token="a.b.c", reconnect_delay_s=0.001)
        with pytest.raises(ConnectionError):
            await bad.connect()
        for token in (None, anon_key(served)):
            chat = await opened(served, nursery, Ear(), token=token)
            assert await chat.start_chat("shop")
            with pytest.raises(ApiError):
                await chat.start_chat("locked")
        ear = Ear()
        locked = await opened(served, nursery, ear)
        with pytest.raises(ApiError):
            await locked.start_chat("locked")
        assert [code for _, code, _ in ear.errors] == ["AUTH_REQUIRED"]
        await refusals.until_events("disconnected", 4)
        assert bad.upgrades == 4
        nursery.cancel_scope.cancel()


async def test_8_ones_own_conversation_is_resumed_with_its_history_and_a_foreign_one_is_not(
    tmp_path: Path,
) -> None:
    async with (
        stack(tmp_path, lambda _: openai_text("ok"), bots={"shop": LOCKED}) as served,
        trio.open_nursery() as nursery,
    ):
        ear = Ear()
        chat = await opened(served, nursery, ear, token=served.token("alice"))
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Remember seven")
        await ear.until_events("done")
        again = await opened(served, nursery, ear, token=served.token("alice"))
        assert await again.start_chat("shop", conversation_id=id) == id
        await again.send_message(id, "Which number?")
        await ear.until_events("done", 2)
        assert served.model
        assert "Remember seven" in [m["content"] for m in served.model.requests[-1].body["messages"]]
        stranger = await opened(served, nursery, Ear(), token=served.token("bob"))
        assert await stranger.start_chat("shop", conversation_id=id) != id
        nursery.cancel_scope.cancel()


async def test_9_after_a_cut_the_next_message_works_without_a_start(tmp_path: Path) -> None:
    async with stack(tmp_path, lambda _: openai_text("ok")) as served:
        port = urlsplit(served.url).port
        assert port
        async with proxy.serve(port) as network, trio.open_nursery() as nursery:
            through = Stack(f"http://127.0.0.1:{network.port}", served.data, served.model)
            ear = Ear()
            chat = await opened(through, nursery, ear, reconnect_delay_s=0.01)
            id = await chat.start_chat("shop")
            await network.cut()
            await ear.until_events("connected", 2)
            await chat.send_message(id, "Hello?")
            await ear.until_events("done")
            assert (ear.errors, chat.get_accumulated_content(id)) == ([], "ok")
            nursery.cancel_scope.cancel()


async def test_10_only_admins_act_for_users_and_only_for_known_ones(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, trio.open_nursery() as nursery:
        served.token("target")
        codes = []
        for token, target in (
            (served.token("root", role="instance_admin"), "target"),
            (served.token("alice"), "target"),
            (served.token("root", role="dashboard_admin"), "nobody"),
        ):
            ear = Ear()
            chat = await opened(served, nursery, ear, token=token)
            with suppress(ApiError):
                await chat.start_chat("shop", impersonate_user_id=target)
            codes += [code for _, code, _ in ear.errors] or ["started"]
        assert codes == ["started", "FORBIDDEN", "USER_NOT_FOUND"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("rate-limit: 1\n", "RATE_LIMIT"),
        ("daily-limit: 1\n", "DAILY_LIMIT"),
        ("token-budget: 1\n", "TOKEN_BUDGET"),
    ],
)
async def test_11_each_limit_is_told_by_its_code(tmp_path: Path, limit: str, code: str) -> None:
    name = limit.partition(":")[0]
    lines = [line for line in OPEN_BOT.splitlines(keepends=True) if not line.startswith(name)]
    bot = "".join([lines[0], limit, *lines[1:]])
    async with (
        stack(tmp_path, lambda _: openai_text("ok"), bots={"shop": bot}) as served,
        trio.open_nursery() as nursery,
    ):
        ear = Ear()
        chat = await opened(served, nursery, ear, token=served.token())
        id = await chat.start_chat("shop")
        for count in (1, 2):
            await chat.send_message(id, "hi")
            await ear.until(lambda count=count: len(ear.done) + len(ear.errors) >= count)  # type: ignore[misc]
        assert {told for _, told, _ in ear.errors} == {code}
        nursery.cancel_scope.cancel()


async def test_12_conversations_are_listed_in_default_paged_renamed_and_deleted(tmp_path: Path) -> None:
    async with stack(tmp_path, lambda _: openai_text("ok")) as served, trio.open_nursery() as nursery:
        ear = Ear()
        chat = await opened(served, nursery, ear, token=served.token("alice"))
        ids = []
        for count in (1, 2):
            ids.append(await chat.start_chat("shop"))
            await chat.send_message(ids[-1], f"number {count}")
            await ear.until_events("done", count)
        async with (
            create_client(served.url, served.token("alice")) as alice,
            create_client(served.url, served.token("bob")) as bob,
        ):
            page = good(await alice.ai.list_conversations(namespace="default", limit=1))
            assert (page["conversations"][0]["id"], page["total"], page["has_more"]) == (ids[1], 2, True)
            renamed = good(await alice.ai.update_conversation(ids[0], title="First"))
            assert renamed["title"] == "First"
            for foreign in (
                bob.ai.get_conversation(ids[0]),
                bob.ai.update_conversation(ids[0], title="x"),
                bob.ai.delete_conversation(ids[0]),
            ):
                assert refused(await foreign) == (404, "NOT_FOUND")
            good(await alice.ai.delete_conversation(ids[0]))
            assert refused(await alice.ai.get_conversation(ids[0])) == (404, "NOT_FOUND")
            assert good(await alice.ai.list_conversations())["total"] == 1
        nursery.cancel_scope.cancel()


async def test_13_every_method_for_bots_and_tables_works_and_fails_as_the_sdk_expects(tmp_path: Path) -> None:
    async with admin_of(tmp_path) as (served, client):
        ai, shop = client.admin.ai, bot_id("default", "shop")
        [listed] = good(await ai.list_chatbots("default"))
        assert set(listed) >= SUMMARY
        assert good(await ai.get_chatbot(shop))["code"] == OPEN_BOT
        off = good(await ai.toggle_chatbot(shop, False))
        assert (off["id"], off["enabled"]) == (shop, False)
        table = good(await ai.get_table_details("public", "orders"))
        assert set(table) == TABLE
        good(await ai.delete_chatbot(shop))
        for gone in (
            ai.get_chatbot(MISSING),
            ai.toggle_chatbot(MISSING, True),
            ai.delete_chatbot(shop),
            ai.get_table_details("public", "no table"),
        ):
            assert refused(await gone) == (404, "NOT_FOUND")
        async with create_client(served.url, served.token("alice")) as alice:
            for forbidden in (alice.admin.ai.list_chatbots(), alice.admin.ai.sync()):
                assert refused(await forbidden) == (403, "INSUFFICIENT_PERMISSIONS")
        async with create_client(served.url, anon_key(served)) as anon:
            assert refused(await anon.admin.ai.list_chatbots()) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_13_every_method_for_providers_works_and_fails_as_the_sdk_expects(tmp_path: Path) -> None:
    async with admin_of(tmp_path) as (_, client):
        ai = client.admin.ai
        config = {"api_key": "sk-secret", "model": "m", "organization_id": None}
        made = good(await ai.create_provider(name="own", provider_type="openai", config=config))
        assert set(made) >= PROVIDER
        assert made["config"] == {"api_key": "***masked***", "model": "m"}
        id = made["id"]
        assert id in [one["id"] for one in good(await ai.list_providers())]
        assert good(await ai.get_provider(id)) == made
        assert good(await ai.update_provider(id, config={"model": 4}))["config"]["model"] == "4"
        default = good(await ai.set_default_provider(id))
        assert (default["is_default"], default["isDefault"]) == (True, True)
        assert good(await ai.set_embedding_provider(id)) == {"id": id, "use_for_embeddings": True}
        assert good(await ai.clear_embedding_provider(id)) == {"use_for_embeddings": False}
        assert refused(await ai.create_provider(name="own", provider_type="openai")) == (409, "CONFLICT")
        assert refused(await ai.create_provider(name="x", provider_type="y")) == (400, "INVALID_INPUT")
        assert refused(await ai.delete_provider("FROM_CONFIG")) == (403, "INSUFFICIENT_PERMISSIONS")
        good(await ai.delete_provider(id))
        for gone in (
            ai.get_provider(id),
            ai.update_provider(id, enabled=True),
            ai.set_default_provider(id),
            ai.set_embedding_provider(id),
            ai.clear_embedding_provider(id),
            ai.delete_provider(id),
        ):
            assert refused(await gone) == (404, "NOT_FOUND")


async def test_14_bots_are_synced_from_nested_files_and_from_a_payload(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "eu/shop/bot.md": OPEN_BOT}
    async with admin_of(tmp_path, bots) as (_, client):
        ai = client.admin.ai
        files = good(await ai.sync())
        assert files["summary"] == {"created": 0, "updated": 0, "deleted": 0, "unchanged": 2, "errors": 0}
        assert {bot["namespace"] for bot in good(await ai.list_chatbots())} == {"default", "eu"}
        other = CODE.replace("Help.", "Help more.")
        steps = []
        for chatbots, options in (
            ([{"name": "h", "code": CODE}], {}),
            ([{"name": "h", "code": CODE}], {}),
            ([{"name": "h", "code": other}], {"dry_run": True}),
            ([{"name": "h", "code": other}], {}),
            ([{"name": "i", "code": CODE}], {"delete_missing": True}),
        ):
            details = good(await ai.sync(chatbots=chatbots, **options))["details"]
            steps.append({kind: names for kind, names in details.items() if names})
        assert steps == [
            {"created": ["h"]},
            {"unchanged": ["h"]},
            {"updated": ["h"]},
            {"updated": ["h"]},
            {"created": ["i"], "deleted": ["h"]},
        ]


async def test_16_a_trailing_slash_in_the_url_changes_nothing(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("ok")]) as served,
        create_client(f"{served.url}/", served.token()) as client,
    ):
        ear = Ear()
        assert client.ws_base.endswith("/")
        chat = client.ai.create_chat(**ear.callbacks)
        await chat.connect()
        await chat.send_message(await chat.start_chat("shop"), "hi")
        await ear.until_events("done")
        assert [delta for delta, _ in ear.content] == ["ok"]
