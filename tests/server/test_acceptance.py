"""Promises of the chat wire that no other file holds, each a sentence that clients may rely on."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
import trio

from appliance.store.audit import entries
from appliance.store.database import connect, database_path
from appliance.store.secret import load_secret
from tests.support import proxy
from tests.support.model_replies import error, openai_text, openai_tool_calls, stream, text
from tests.support.sdk import Ear, create_client
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import text_of, wire

LOCKED = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")
ROOT_BOTS = Path(__file__).parents[2] / "bots"

FLUXBASE_BOT = """/**
 * @fluxbase:description Answers for one shop
 * @fluxbase:allowed-tables users,orders
 * @fluxbase:allow-unauthenticated true
 * @fluxbase:temperature 0
 * @fluxbase:max-tokens 321
 * @fluxbase:model special-model
 * @fluxbase:response-language Norwegian
 * @fluxbase:default-table orders
 */
export default `You work for {{namespace}}. User: [{{user_id}}]. Unset: [{{no.such.key}}].`
"""


def signed(served: Stack, **claims: object) -> str:
    """A token with these claims, by the appliance's own secret."""
    return jwt.encode(claims, load_secret(served.data), "HS256")


def with_settings(*lines: str) -> str:
    """The open bot with further lines in its front matter."""
    return OPEN_BOT.replace("rate-limit", "\n".join([*lines, "rate-limit"]), 1)


# -- who is who --------------------------------------------------------------------------------------


async def test_an_anon_key_as_token_is_the_same_as_no_token(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "locked": LOCKED}
    async with (
        stack(tmp_path, [openai_text("Hello.")], bots=bots) as served,
        wire(served.ws_url, signed(served, role="anon", iss="supabase")) as client,
    ):
        assert text_of(await client.ask(await client.start())) == "Hello."
        await client.send("start_chat", chatbot="locked")
        assert (await client.until("error"))["code"] == "AUTH_REQUIRED"


async def test_an_anonymous_user_with_an_id_is_a_user(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hello.")], bots={"shop": LOCKED}) as served:
        token = signed(served, role="anon", sub="guest-1", is_anonymous=True)
        async with wire(served.ws_url, token) as client:
            assert text_of(await client.ask(await client.start())) == "Hello."


async def test_a_service_key_is_no_user_unless_it_acts_for_one(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hello.")], bots={"shop": LOCKED}) as served:
        served.token("alice")
        async with wire(served.ws_url, signed(served, role="service_role", iss="supabase")) as client:
            await client.send("start_chat", chatbot="shop")
            assert (await client.until("error"))["code"] == "AUTH_REQUIRED"
            id = await client.start(impersonate_user_id="alice")
            assert text_of(await client.ask(id)) == "Hello."


@pytest.mark.parametrize("role", ["admin", "instance_admin", "dashboard_admin"])
async def test_acting_for_a_user_is_audited_and_counts_against_the_admin(tmp_path: Path, role: str) -> None:
    bots = {"shop": OPEN_BOT.replace("daily-limit: 10000", "daily-limit: 1")}
    async with stack(tmp_path, lambda _: openai_text("ok"), bots=bots) as served:
        target = served.token("target")
        async with wire(served.ws_url, served.token("root", role)) as admin:
            acting = await admin.start(impersonate_user_id="target")
            own = await admin.start()
            assert (await admin.ask(acting))[-1]["type"] == "done"
            assert (await admin.ask(own))[-1]["code"] == "DAILY_LIMIT"
        async with wire(served.ws_url, target) as user:
            assert (await user.ask(await user.start()))[-1]["type"] == "done"
        db = connect(database_path(served.data))
        [row] = entries(db, tenant="default")
        db.close()
        assert (row.actor, row.action, row.target) == ("user:root", "chat.impersonate", "user:target")


async def test_impersonation_is_of_one_conversation_and_not_of_the_connection(tmp_path: Path) -> None:
    async with stack(tmp_path, lambda _: openai_text("ok")) as served:
        served.token("target")
        async with wire(served.ws_url, served.token("root", "admin")) as admin:
            acting = await admin.start(impersonate_user_id="target")
            own = await admin.start()
            await admin.ask(own)
            await admin.ask(acting)
        assert served.model
        prompts = [request.body["messages"][0]["content"] for request in served.model.requests]
        assert "Current user id: root" in prompts[0]
        assert "Current user id: target" in prompts[1]


async def test_a_bot_with_required_roles_talks_to_those_roles_only(tmp_path: Path) -> None:
    bots = {"staff": with_settings("require-roles: [Editor, admin]")}
    async with stack(tmp_path, [], bots=bots) as served:
        for role, may in (("authenticated", False), ("editor", True), ("admin", True)):
            async with wire(served.ws_url, served.token("alice", role)) as client:
                await client.send("start_chat", chatbot="staff")
                answer = await client.until("chat_started", "error")
                assert answer.get("code") == (None if may else "FORBIDDEN")


async def test_a_bad_credential_is_refused_at_the_upgrade_with_a_json_body(tmp_path: Path) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with stack(tmp_path, []) as served:
        for query, headers in (
            ("?token=bad.bad.bad", {}),
            ("", {"X-Service-Key": "sk_wrong"}),
            ("", {"Authorization": "ServiceKey sk_wrong"}),
            ("", {"clientkey": "a.b.c"}),
            ("?clientkey=a.b.c", {}),
            ("", {"apikey": "a.b.c"}),
            (f"?token={served.token('alice', lifetime_s=-60)}", {}),
        ):
            async with httpx.AsyncClient() as http:
                answer = await http.get(f"{served.url}/ai/ws{query}", headers={**upgrade, **headers})
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()["code"] == "INVALID_TOKEN"
            assert isinstance(answer.json()["error"], str)


# -- opening and resuming ----------------------------------------------------------------------------


async def test_starts_are_answered_at_once_and_in_order_while_an_answer_streams(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "help": OPEN_BOT}
    replies = [stream(text("x"), then="hang")]
    async with stack(tmp_path, replies, bots=bots) as served, wire(served.ws_url) as client:
        await client.say(await client.start())
        await client.until("content")
        for bot in ("help", "nobody", "shop"):
            await client.send("start_chat", chatbot=bot)
        answers = [await client.receive(2) for _ in range(3)]
        told = [answer.get("chatbot") or answer["code"] for answer in answers]
        assert told == ["help", "CHATBOT_NOT_FOUND", "shop"]


async def test_a_bot_that_is_not_listed_still_answers_to_its_name(tmp_path: Path) -> None:
    bots = {"hidden": with_settings("public: false"), "off": with_settings("enabled: false")}
    async with stack(tmp_path, [], bots=bots) as served, wire(served.ws_url) as client:
        assert await client.start("hidden")
        await client.send("start_chat", chatbot="off")
        assert (await client.until("error"))["code"] == "CHATBOT_NOT_FOUND"


async def test_a_conversation_with_another_bot_is_not_resumed(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "help": OPEN_BOT}
    async with stack(tmp_path, [], bots=bots) as served, wire(served.ws_url) as client:
        id = await client.start("shop")
        assert await client.start("help", conversation_id=id) != id
        assert await client.start("shop", conversation_id=id) == id


async def test_a_message_for_a_bot_that_has_gone_gets_no_chatbot(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, wire(served.ws_url) as client:
        id = await client.start()
        (served.data / "bots" / "shop" / "bot.md").write_text(with_settings("enabled: false"))
        with trio.fail_after(10):
            code = ""
            while code != "CHATBOT_NOT_FOUND":  # until the change of the file has been seen
                await trio.sleep(0.1)
                await client.send("start_chat", chatbot="shop")
                code = (await client.until("chat_started", "error")).get("code", "")
        await client.say(id, "Are you there?")
        refusal = await client.until("error")
        assert (refusal["code"], refusal["conversation_id"]) == ("NO_CHATBOT", id)


async def test_a_conversation_expires_its_time_after_the_last_message_and_is_gone_everywhere(
    tmp_path: Path,
) -> None:
    now = [1_780_000_000.0]
    bots = {"shop": with_settings("conversation-ttl: 2")}
    async with stack(tmp_path, lambda _: openai_text("ok"), bots=bots, clock=lambda: now[0]) as served:
        token = signed(served, sub="alice", role="authenticated")
        async with wire(served.ws_url, token) as client, create_client(served.url, token) as rest:
            id = await client.start()
            now[0] += 7000
            await client.ask(id)
            now[0] += 7000
            assert await client.start(conversation_id=id) == id
            assert (await rest.ai.list_conversations()).data["total"] == 1
            now[0] += 201
            assert (await rest.ai.list_conversations()).data["total"] == 0
            missing = (await rest.ai.get_conversation(id)).error
            assert missing is not None
            assert missing.status == 404
            assert await client.start(conversation_id=id) != id
            await client.say(id)
            assert (await client.until("error"))["code"] == "NO_SESSION"


async def test_conversations_of_a_bot_that_does_not_keep_them_are_never_listed(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("persist-conversations: true", "persist-conversations: false")}
    async with stack(tmp_path, [openai_text("ok")], bots=bots) as served:
        token = served.token()
        async with wire(served.ws_url, token) as client:
            await client.ask(await client.start())
        async with create_client(served.url, token) as rest:
            assert (await rest.ai.list_conversations()).data["conversations"] == []


# -- the SDK's own habits ----------------------------------------------------------------------------


async def test_an_unmodified_client_with_a_trailing_slash_finds_a_bot_in_any_namespace(
    tmp_path: Path,
) -> None:
    bots = {"eu/shop/bot.md": OPEN_BOT, "eu/twin/bot.md": OPEN_BOT, "us/twin/bot.md": OPEN_BOT}
    async with (
        stack(tmp_path, [openai_text("Bonjour", " !")], bots=bots) as served,
        create_client(f"{served.url}/", served.token()) as client,
    ):
        ear = Ear()
        chat = client.ai.create_chat(token=served.token(), **ear.callbacks)
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Hello")
        await ear.until(lambda: bool(ear.done or ear.errors))
        assert "".join(delta for delta, _ in ear.content) == chat.get_accumulated_content(id) == "Bonjour !"
        [(usage, _)] = ear.done
        assert usage
        assert usage["total_tokens"] > 0
        with pytest.raises(Exception, match="eu, us"):
            await chat.start_chat("twin")
        with pytest.raises(Exception, match="no chatbot 'nobody'"):
            await chat.start_chat("nobody")


async def test_a_client_whose_socket_was_killed_goes_on_without_a_new_start(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("one"), openai_text("two")]) as served:
        port = urlsplit(served.url).port
        assert port
        async with proxy.serve(port) as network, trio.open_nursery() as nursery:
            ear = Ear()
            through = Stack(f"http://127.0.0.1:{network.port}", served.data, served.model)
            chat = through.chat(nursery, ear, reconnect_delay_s=0.05)
            await chat.connect()
            id = await chat.start_chat("shop")
            await chat.send_message(id, "1")
            await ear.until_events("done")
            await network.cut()
            await ear.until_events("connected", 2)
            await chat.send_message(id, "2")
            await ear.until_events("done", 2)
            assert chat.get_accumulated_content(id) == "two"
            nursery.cancel_scope.cancel()


async def test_the_question_of_the_demo_is_answered_with_no_key_by_the_bundled_bot(tmp_path: Path) -> None:
    bots = {"sql-assistant/index.ts": (ROOT_BOTS / "sql-assistant" / "index.ts").read_text()}
    async with stack(tmp_path, bots=bots, demo=True) as served, wire(served.ws_url) as client:
        frames = await client.ask(
            await client.start("sql-assistant"), "Show me the top 10 users by order count"
        )
        steps = [frame["step"] for frame in frames if frame["type"] == "progress"]
        assert steps == ["thinking", "generating", "querying", "generating"]
        [result] = [frame for frame in frames if frame["type"] == "query_result"]
        assert result["row_count"] == len(result["data"]) == 10
        counts = [row["orders"] for row in result["data"]]
        assert counts == sorted(counts, reverse=True)
        assert result["data"][0]["user"] in text_of(frames)
        assert frames[-1]["usage"]["total_tokens"] > 0


# -- a turn ------------------------------------------------------------------------------------------


async def test_what_a_fluxbase_file_sets_reaches_the_model(tmp_path: Path) -> None:
    bots = {"acme/shop/index.ts": FLUXBASE_BOT}
    async with stack(tmp_path, lambda _: openai_text("ok"), bots=bots, demo=True) as served:
        for token in (served.token("alice"), None):
            async with wire(served.ws_url, token) as client:
                await client.send("start_chat", chatbot="shop", namespace="acme")
                id = (await client.until("chat_started"))["conversation_id"]
                await client.ask(id)
        assert served.model
        first, second = (request.body for request in served.model.requests)
        assert first["temperature"] == 0
        assert first["max_tokens"] == 321
        assert first["model"] == "special-model"
        prompt = first["messages"][0]["content"]
        assert prompt.startswith("You work for acme. User: [alice]. Unset: [].")
        assert "about the table orders" in prompt
        assert "Norwegian" in prompt
        assert "User: []." in second["messages"][0]["content"]


async def test_no_usable_provider_is_told_after_the_first_step(tmp_path: Path) -> None:
    bots = {"shop": with_settings("provider: azure")}
    async with stack(tmp_path, [], bots=bots) as served, wire(served.ws_url) as client:
        step, error = await client.ask(await client.start())
        assert step["step"] == "thinking"
        assert error["code"] == "PROVIDER_ERROR"
        assert error["error"].startswith("No AI provider configured")


async def test_a_prompt_that_cannot_fit_is_told_after_the_first_step(tmp_path: Path) -> None:
    async with stack(tmp_path, [], context_tokens=1000) as served, wire(served.ws_url) as client:
        step, error = await client.ask(await client.start(), "word " * 5000)
        assert step["step"] == "thinking"
        assert error["code"] == "PROMPT_ERROR"


async def test_a_cancelled_answer_is_kept_as_interrupted_with_its_text_and_its_cost(tmp_path: Path) -> None:
    async with stack(tmp_path, [stream(text("Half a sen"), then="hang")]) as served:
        token = served.token()
        async with wire(served.ws_url, token) as client:
            id = await client.start()
            await client.say(id)
            await client.until("content")
            await client.send("cancel", conversation_id=id)
            done = await client.until("done")
            assert done["interrupted"] is True
            assert done["usage"]["completion_tokens"] > 0
            assert (await client.receive())["type"] == "cancelled"
        async with create_client(served.url, token) as rest:
            answer = (await rest.ai.get_conversation(id)).data["messages"][-1]
            assert (answer["id"], answer["content"]) == (done["message_id"], "Half a sen")
            assert answer["status"] == "cancelled"


async def test_deleting_a_conversation_stops_what_runs_in_it(tmp_path: Path) -> None:
    async with stack(tmp_path, [stream(text("x"), then="hang")]) as served:
        token = served.token()
        async with wire(served.ws_url, token) as client, create_client(served.url, token) as rest:
            id = await client.start()
            await client.say(id)
            await client.until("content")
            assert (await rest.ai.delete_conversation(id)).error is None
            await client.until("cancelled")
            assert served.model
            with trio.fail_after(5):
                await served.model.requests[0].closed.wait()


async def test_a_title_comes_from_the_first_message_and_one_given_by_hand_stays(tmp_path: Path) -> None:
    async with stack(tmp_path, lambda _: openai_text("ok")) as served:
        token = served.token()
        async with wire(served.ws_url, token) as client, create_client(served.url, token) as rest:
            named, other = await client.start(), await client.start()
            await client.ask(other, "Grüße " * 20)
            assert (await rest.ai.update_conversation(named, title="Mine")).error is None
            await client.ask(named, "First question")
            await client.ask(named, "Second question")
            assert (await rest.ai.get_conversation(named)).data["title"] == "Mine"
            title = (await rest.ai.get_conversation(other)).data["title"]
            assert title == "Grüße " * 7 + "Grüße..."


async def test_the_turn_limit_is_told_before_the_others(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1\nmax-turns: 1")}
    async with stack(tmp_path, [openai_text("ok")], bots=bots) as served, wire(served.ws_url) as client:
        full, fresh = await client.start(), await client.start()
        await client.ask(full)
        assert (await client.ask(full))[-1]["code"] == "TURN_LIMIT"
        assert (await client.ask(fresh))[-1]["code"] == "RATE_LIMIT"


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM users", "Operation not allowed"),
        ("SELECT * FROM products", "Table not allowed"),
        ("SELECT * FROM _users", "Table not allowed"),
    ],
)
async def test_a_refused_query_says_why_in_the_words_that_users_know(
    tmp_path: Path, sql: str, says: str
) -> None:
    replies = [openai_tool_calls(("execute_sql", {"sql": sql, "description": "x"})), openai_text("Sorry.")]
    async with stack(tmp_path, replies, demo=True) as served, wire(served.ws_url) as client:
        frames = await client.ask(await client.start())
        [result] = [frame for frame in frames if frame["type"] == "query_result"]
        assert result["query"] == sql
        assert result["error"].startswith(says)
        assert "rejected" in result["summary"]
        assert frames[-1]["type"] == "done"
        assert served.model
        assert says in served.model.requests[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("WITH u AS (SELECT id FROM users) SELECT count(*) AS n FROM u", [{"n": 60}]),
        ("SELECT '-- pg_catalog /* xp_' AS s -- a remark", [{"s": "-- pg_catalog /* xp_"}]),
        ("SELECT count(*) AS n FROM public.users;", [{"n": 60}]),
    ],
)
async def test_ctes_comments_literals_and_the_public_schema_are_no_reason_to_refuse(
    tmp_path: Path, sql: str, rows: list[dict[str, object]]
) -> None:
    replies = [openai_tool_calls(("execute_sql", {"sql": sql, "description": "x"})), openai_text("ok")]
    async with stack(tmp_path, replies, demo=True) as served, wire(served.ws_url) as client:
        frames = await client.ask(await client.start())
        [result] = [frame for frame in frames if frame["type"] == "query_result"]
        assert result["data"] == rows


async def test_a_turn_that_waits_for_a_free_slot_can_be_cancelled(tmp_path: Path) -> None:
    endless = stream(text("x"), then="hang")
    async with stack(tmp_path, [endless], turns_max=1) as served, wire(served.ws_url) as client:
        busy, waiting = await client.start(), await client.start()
        await client.say(busy)
        await client.until("content")
        await client.say(waiting)
        await client.silent(0.2)
        await client.send("cancel", conversation_id=waiting)
        assert (await client.until("cancelled"))["conversation_id"] == waiting


async def test_a_tools_export_without_a_description_still_lets_queries_run(tmp_path: Path) -> None:
    parameters = '{type: "object", properties: {sql: {type: "string"}}, required: ["sql"]}'
    tools = f'\nexport const tools = [{{name: "execute_sql", parameters: {parameters}}}]'
    replies = [openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS x"})), openai_text("ok")]
    bots = {"shop/index.ts": FLUXBASE_BOT + tools}
    async with stack(tmp_path, replies, bots=bots, demo=True) as served, wire(served.ws_url) as client:
        [result] = [f for f in await client.ask(await client.start()) if f["type"] == "query_result"]
        assert result["data"] == [{"x": 1}]


async def test_every_query_leaves_an_audit_row_unless_the_bot_says_otherwise(tmp_path: Path) -> None:
    call = openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS x", "description": "one"}))
    quiet = OPEN_BOT.replace("rate-limit", "disable-execution-logs: true\nrate-limit")
    replies = [call, openai_text("ok")] * 2
    async with (
        stack(tmp_path, replies, bots={"loud": OPEN_BOT, "quiet": quiet}) as served,
        wire(served.ws_url) as client,
    ):
        await client.ask(await client.start("loud"))
        await client.ask(await client.start("quiet"))
    db = connect(database_path(tmp_path))
    rows = db.execute("SELECT action, target, details ->> 'sql' FROM _audit").fetchall()
    db.close()
    assert rows == [("sql.execute", "bot:default/loud", "SELECT 1 AS x")]


async def test_the_same_id_again_on_the_same_socket_is_told_its_end_again(tmp_path: Path) -> None:
    async with stack(tmp_path, [error(401, "no")]) as served, wire(served.ws_url) as client:
        id = await client.start()
        await client.ask(id, "Hi", message_id="m1")
        again = await client.ask(id, "Hi", message_id="m1")
        assert again[-1]["code"] == "PROVIDER_AUTH_FAILED"
        assert served.model
        assert len(served.model.requests) == 1
