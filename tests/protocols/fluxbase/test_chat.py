"""The AI WebSocket, through real sockets, a real database and a scripted model server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.model_replies import Reply, openai_text, openai_tool_calls, stream, text
from tests.support.model_server import Recorded
from tests.support.sdk import Ear
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import text_of, wire

LOCKED_BOT = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")
SQL = "SELECT name, city FROM users ORDER BY id LIMIT 2"
TOOL_TURN = [
    openai_tool_calls(("execute_sql", {"sql": SQL, "description": "two users"})),
    openai_text("Here ", "they are."),
]


async def test_a_tool_turn_tells_its_steps_its_result_its_text_and_its_cost_in_order(tmp_path: Path) -> None:
    async with stack(tmp_path, TOOL_TURN, demo=True) as served, trio.open_nursery() as nursery:
        ear = Ear()
        chat = served.chat(nursery, ear)
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, "Which users are there?")
        await ear.until(lambda: bool(ear.done or ear.errors))
        assert not ear.errors
        assert [step for step, _, _ in ear.progress] == ["thinking", "generating", "querying", "generating"]
        assert ("querying", "Executing: two users", id) in ear.progress
        [(query, summary, row_count, data, _)] = ear.query_results
        assert query == SQL
        assert row_count == 2
        assert len(data) == 2
        assert set(data[0]) == {"name", "city"}
        assert "2 rows" in summary
        assert chat.get_accumulated_content(id) == "Here they are."
        [(usage, _)] = ear.done
        assert usage == {"prompt_tokens": 22, "completion_tokens": 14, "total_tokens": 36}
        nursery.cancel_scope.cancel()


async def test_the_model_gets_the_schema_the_rules_and_the_rows(tmp_path: Path) -> None:
    async with stack(tmp_path, TOOL_TURN, demo=True) as served, wire(served.ws_url) as client:
        await client.ask(await client.start(), "Which users are there?")
        assert served.model
        first, second = (request.body for request in served.model.requests)
        system = first["messages"][0]["content"]
        assert "## Table public.users" in system
        assert "## Table public.orders" in system
        assert "order_items" not in system
        assert first["messages"][-1] == {"role": "user", "content": "Which users are there?"}
        assert [tool["function"]["name"] for tool in first["tools"]] == ["execute_sql"]
        call, result = second["messages"][-2:]
        assert call["tool_calls"][0]["function"]["name"] == "execute_sql"
        assert result["tool_call_id"] == call["tool_calls"][0]["id"]
        assert json.loads(result["content"])["row_count"] == 2


async def test_a_refused_query_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    replies = [
        openai_tool_calls(("execute_sql", {"sql": "SELECT * FROM products", "description": "x"})),
        openai_text("Sorry."),
        openai_text("Still here."),
    ]
    async with stack(tmp_path, replies, demo=True) as served, wire(served.ws_url) as client:
        id = await client.start()
        [result] = [f for f in await client.ask(id) if f["type"] == "query_result"]
        assert result["row_count"] == 0
        assert result["data"] == []
        assert "Table not allowed: products" in result["error"]
        assert text_of(await client.ask(id)) == "Still here."


async def test_several_tool_calls_run_in_order_and_bad_ones_are_told_to_the_model(tmp_path: Path) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("execute_sql", {"sql": "SELECT count(*) AS n FROM users", "description": "first"}),
        ("no_such_tool", {}),
        ("execute_sql", {"description": "no sql"}),
        ("execute_sql", {"sql": "SELECT 2 AS two", "description": "last"}),
    ]
    replies = [openai_tool_calls(*calls), openai_text("Done.")]
    async with stack(tmp_path, replies, demo=True) as served, wire(served.ws_url) as client:
        frames = await client.ask(await client.start())
        assert [f["query"] for f in frames if f["type"] == "query_result"] == [
            "SELECT count(*) AS n FROM users",
            "",
            "SELECT 2 AS two",
        ]
        assert served.model
        results = [m for m in served.model.requests[1].body["messages"] if m["role"] == "tool"]
        assert len(results) == 4
        assert "no tool 'no_such_tool'" in results[1]["content"]
        assert "Missing arguments: sql" in results[2]["content"]


async def test_at_the_iteration_cap_the_model_answers_once_more_without_tools(tmp_path: Path) -> None:
    def reply(request: Recorded) -> Reply:
        if request.body.get("tools"):
            return openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS x", "description": "again"}))
        return openai_text("That is all I know.")

    bot = OPEN_BOT.replace("rate-limit", "max-iterations: 3\nrate-limit")
    async with stack(tmp_path, reply, bots={"shop": bot}) as served, wire(served.ws_url) as client:
        frames = await client.ask(await client.start())
        assert sum(f["type"] == "query_result" for f in frames) == 3
        assert text_of(frames) == "That is all I know."
        assert served.model
        assert len(served.model.requests) == 4


async def test_cancel_stops_the_text_and_closes_the_providers_connection(tmp_path: Path) -> None:
    endless = stream(*[text("word ")] * 20, then="hang", delay_s=0.01)
    async with stack(tmp_path, [endless, openai_text("Next.")]) as served, wire(served.ws_url) as client:
        id = await client.start()
        await client.say(id, "Tell me everything")
        await client.until("content")
        await client.send("cancel", conversation_id=id)
        await client.until("done")
        await client.until("cancelled")
        types = [frame["type"] for frame in client.frames]
        assert types[-2:] == ["done", "cancelled"]
        assert served.model
        with trio.fail_after(5):
            await served.model.requests[0].closed.wait()
        assert text_of(await client.ask(id, "And now?")) == "Next."
        history = served.model.requests[1].body["messages"]
        assert history[1]["content"] == "Tell me everything"
        assert history[2]["content"].startswith("word ")


async def test_cancel_of_nothing_and_of_a_strangers_conversation_answer_alike(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, wire(served.ws_url) as client:
        mine = await client.start()
        for id in (mine, "nobody's"):
            await client.send("cancel", conversation_id=id)
            assert await client.receive() == {"type": "cancelled", "conversation_id": id}


async def test_two_conversations_with_two_bots_on_one_socket_do_not_mix(tmp_path: Path) -> None:
    def reply(request: Recorded) -> Reply:
        name = "A" if "Alpha" in request.body["messages"][0]["content"] else "B"
        return openai_text(*[name] * 30, delay_s=0.003)

    bots = {name: OPEN_BOT.replace("the shop's", name) for name in ("Alpha", "Beta")}
    async with stack(tmp_path, reply, bots=bots) as served, wire(served.ws_url) as client:
        a, b = await client.start("Alpha"), await client.start("Beta")
        await client.say(a)
        await client.say(b)
        await client.until("done")
        await client.until("done")
        for id, letter in ((a, "A"), (b, "B")):
            mine = [frame for frame in client.frames if frame.get("conversation_id") == id]
            assert text_of(mine) == letter * 30


async def test_messages_sent_during_a_turn_wait_their_turn_and_too_many_are_refused(tmp_path: Path) -> None:
    replies = [openai_text("one", "!", delay_s=0.2), *[openai_text(str(n)) for n in range(2, 5)]]
    async with stack(tmp_path, replies, queue_max=3) as served, wire(served.ws_url) as client:
        id = await client.start()
        for _ in range(5):
            await client.say(id)
        refused = await client.until("error")
        assert refused["code"] == "BUSY"
        for _ in range(4):
            await client.until("done")
        assert text_of(client.frames) == "one!234"


async def test_cancel_ends_the_running_turn_and_those_that_wait(tmp_path: Path) -> None:
    endless = stream(text("x"), then="hang")
    async with stack(tmp_path, [endless, openai_text("Next.")]) as served, wire(served.ws_url) as client:
        id = await client.start()
        for n in range(3):
            await client.say(id, f"question {n}")
        await client.until("content")
        await client.send("cancel", conversation_id=id)
        await client.until("done")
        await client.until("cancelled")
        # Those that waited have nothing to tell, so that the next `done` is the next turn's.
        frames = await client.ask(id, "And now?")
        assert text_of(frames) == "Next."
        assert [f["type"] for f in frames].count("cancelled") == 0
        assert served.model
        assert len(served.model.requests) == 2
        await client.send("resume", conversation_id=id, after=0)
        await client.until("resumed")
        questions = [(await client.until("user_message"))["content"] for _ in range(4)]
        assert questions == ["question 0", "question 1", "question 2", "And now?"]


async def test_a_bad_token_is_refused_at_the_upgrade_and_no_token_is_anonymous(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "locked": LOCKED_BOT}
    async with stack(tmp_path, [], bots=bots) as served, trio.open_nursery() as nursery:
        chat = served.chat(nursery, Ear(), token="bad.bad.bad", reconnect_delay_s=0.01)
        with pytest.raises(ConnectionError):
            await chat.connect()
        await trio.sleep(0.3)
        assert chat.upgrades == 4
        anonymous = served.chat(nursery, Ear())
        await anonymous.connect()
        assert await anonymous.start_chat("shop")
        with pytest.raises(Exception, match="signed-in") as refused:
            await anonymous.start_chat("locked")
        assert refused.value
        nursery.cancel_scope.cancel()


async def test_ones_own_conversation_is_resumed_and_a_strangers_is_not(tmp_path: Path) -> None:
    replies = [openai_text("Nice to meet you."), openai_text("You are Al.")]
    async with stack(tmp_path, replies, bots={"shop": LOCKED_BOT}) as served:
        async with wire(served.ws_url, served.token("alice")) as client:
            id = await client.start()
            await client.ask(id, "I am Al.")
        async with wire(served.ws_url, served.token("bob")) as stranger:
            assert await stranger.start(conversation_id=id) != id
            await stranger.say(id, "hi")
            assert (await stranger.until("error"))["code"] == "NO_SESSION"
            await stranger.send("resume", conversation_id=id, after=0)
            assert (await stranger.until("error"))["code"] == "NO_SESSION"
        async with wire(served.ws_url, served.token("alice")) as client:
            assert await client.start(conversation_id=id) == id
            assert await client.silent(0.1) == []  # no history is replayed
            await client.ask(id, "Who am I?")
        assert served.model
        told = [message["content"] for message in served.model.requests[1].body["messages"][1:]]
        assert told == ["I am Al.", "Nice to meet you.", "Who am I?"]


async def test_a_message_on_a_new_socket_needs_no_start_chat(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("one"), openai_text("two")]) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
            await client.ask(id)
        async with wire(served.ws_url) as client:
            assert text_of(await client.ask(id)) == "two"


async def test_only_admins_act_for_others_and_only_for_known_users(tmp_path: Path) -> None:
    replies = [openai_text("Hello.")]
    async with stack(tmp_path, replies, bots={"shop": LOCKED_BOT}) as served:
        served.token("target")
        async with wire(served.ws_url, served.token("alice")) as user:
            await user.send("start_chat", chatbot="shop", impersonate_user_id="target")
            assert (await user.until("error"))["code"] == "FORBIDDEN"
        async with wire(served.ws_url, served.token("root", "admin")) as admin:
            await admin.send("start_chat", chatbot="shop", impersonate_user_id="nobody")
            assert (await admin.until("error"))["code"] == "USER_NOT_FOUND"
            id = await admin.start(impersonate_user_id="target")
            await admin.ask(id)
        assert served.model
        assert "Current user id: target" in served.model.requests[0].body["messages"][0]["content"]
        async with wire(served.ws_url, served.token("target")) as target:
            assert await target.start(conversation_id=id) == id


async def test_frames_that_are_wrong_get_a_code_and_a_sentence_and_the_socket_goes_on(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Fine.")]) as served, wire(served.ws_url) as client:
        id = await client.start()
        wrong: list[tuple[str | bytes, str]] = [
            ("", "INVALID_MESSAGE"),
            ("hello", "INVALID_MESSAGE"),
            ("[]", "INVALID_MESSAGE"),
            ("{}", "INVALID_MESSAGE"),
            ('{"type": 5}', "INVALID_MESSAGE"),
            ("[" * 5000, "INVALID_MESSAGE"),
            ('{"type": "dance"}', "UNKNOWN_TYPE"),
            ('{"type": "message"}', "INVALID_MESSAGE"),
            ('{"type": "message", "conversation_id": 5, "content": "x"}', "INVALID_MESSAGE"),
            (json.dumps({"type": "message", "conversation_id": id, "content": "  "}), "INVALID_MESSAGE"),
            ('{"type": "message", "conversation_id": "x", "content": "x"}', "NO_SESSION"),
            ('{"type": "start_chat"}', "INVALID_MESSAGE"),
            ('{"type": "start_chat", "chatbot": "nobody"}', "CHATBOT_NOT_FOUND"),
            ('{"type": "resume", "conversation_id": "x", "after": "y"}', "INVALID_MESSAGE"),
            (b"\xff\xfe", "INVALID_MESSAGE"),
            (b"", "INVALID_MESSAGE"),
        ]
        for frame, code in wrong:
            await client.send_raw(frame)
            answer = await client.receive()
            assert (answer["type"], answer["code"]) == ("error", code), (frame, answer)
            assert len(answer["error"]) > 10
        await client.send_raw(
            json.dumps({"type": "message", "conversation_id": id, "content": "ok"}).encode()
        )
        await client.until("done")


async def test_the_same_message_id_a_hundred_times_at_once_is_one_message_and_one_call(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, [openai_text("Once", " only.", delay_s=0.05)]) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
        answers: list[str] = []

        async def send() -> None:
            async with wire(served.ws_url) as client:
                answers.append(text_of(await client.ask(id, "Hi", message_id="m-1")))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(send)
        assert answers == ["Once only."] * 100
        assert served.model
        assert len(served.model.requests) == 1


async def test_a_trailing_slash_in_the_clients_url_and_a_plain_get_are_fine(tmp_path: Path) -> None:
    import httpx

    async with stack(tmp_path, []) as served:
        async with wire(served.ws_url.replace("/ai/ws", "//ai/ws")) as client:
            assert await client.start()
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{served.url}/ai/ws")).status_code == 426


async def test_an_expired_token_stops_new_messages_but_not_the_socket(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots={"shop": LOCKED_BOT}) as served:
        token = served.token("alice", lifetime_s=-4)  # within the leeway of the check
        async with wire(served.ws_url, token) as client:
            await client.send("start_chat", chatbot="shop")
            assert (await client.until("error"))["code"] == "AUTH_REQUIRED"
            await client.send("cancel", conversation_id="x")
            assert (await client.receive())["type"] == "cancelled"
