"""The socket end to end (sections 3 to 6): who comes in, what is told to whom, and how connections end."""

from __future__ import annotations

import json
import re
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
import trio

from appliance.store.database import connect, database_path
from appliance.store.users import user_exists
from tests.protocols.lexicon.stage import Stage, stage
from tests.support.model_replies import Reply, openai_text, stream, text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT

MEMBERS = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NO_CHAT = "Chat with chat_id '{}' not found or does not belong to your tenant"


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_type"] for event in events]


def tokens(events: list[dict[str, Any]]) -> str:
    return "".join(event["token"] for event in events if event["event_type"] == "message_stream_token")


def echo(request: Recorded) -> Reply:
    """The model says what it was asked, word by word."""
    return openai_text(*re.split(r"(?= )", str(request.body["messages"][-1]["content"])))


async def refusal(lexicon: Stage, **asked: Any) -> tuple[dict[str, Any], tuple[int, str]]:
    """The only event of a connection that is refused, and its close."""
    async with lexicon.raw_socket(**asked) as socket:
        close = await socket.closed()
    assert types(socket.events) == ["error"]
    assert TIME.fullmatch(socket.timestamps[0])
    return socket.events[0], close


# -- opening (3) -------------------------------------------------------------------------------------


async def test_a_good_connection_is_told_who_it_is_for(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.raw_socket(api_key=lexicon.key, user_id="user123", chat_id=chat) as socket:
            assert await socket.until("user_created") == [
                {
                    "event_type": "connection_established",
                    "user_id": "user123",
                    "chat_id": chat,
                    "tenant_id": "default",
                },
                {"event_type": "user_created", "user_id": "user123"},
            ]
            assert all(map(TIME.fullmatch, socket.timestamps))


@pytest.mark.parametrize("path", ["/ws/chat", "/ws/chat/", "//ws/chat"])
async def test_each_parameter_may_stand_in_the_query_or_in_a_header(tmp_path: Path, path: str) -> None:
    async with stage(tmp_path, []) as lexicon:
        user = "Ünï 🌍"
        chat = await lexicon.new_chat(user)
        query = {"api_key": lexicon.key, "user_id": user, "chat_id": chat}
        headers = {"X-API-Key": lexicon.key, "X-User-ID": user, "X-Chat-ID": chat}
        wrong = {"X-API-Key": "wrong", "X-User-ID": "other", "X-Chat-ID": "nope"}
        for in_query in ((), ("user_id",), ("api_key", "chat_id"), tuple(query)):
            shown = {name: query[name] for name in in_query}
            more = wrong if len(in_query) == 3 else headers  # the query comes first
            async with lexicon.raw_socket(path, more, **shown) as socket:
                assert (await socket.receive())["user_id"] == user
        empty = {"api_key": "", "user_id": "", "chat_id": ""}
        async with lexicon.raw_socket(path, headers, **empty) as socket:
            assert (await socket.receive())["event_type"] == "connection_established"


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"api_key": ""}, "AUTH_ERROR", "Missing api_key parameter"),
        ({"api_key": "", "user_id": ""}, "AUTH_ERROR", "Missing api_key parameter"),
        ({"api_key": "wrong", "user_id": ""}, "AUTH_ERROR", "Invalid API key"),
        ({"api_key": "tk_" + "A" * 43}, "AUTH_ERROR", "Invalid API key"),
        ({"api_key": "a.b.c"}, "AUTH_ERROR", "Invalid API key"),
        ({"user_id": "", "chat_id": ""}, "AUTH_ERROR", "Missing user_id parameter"),
        ({"chat_id": ""}, "AUTH_ERROR", "Missing chat_id parameter"),
        ({"user_id": "a\x00b"}, "AUTH_ERROR", "Invalid user_id parameter"),
        ({"user_id": "x" * 257}, "AUTH_ERROR", "Invalid user_id parameter"),
        ({"chat_id": "nope"}, "CHAT_NOT_FOUND", NO_CHAT.format("nope")),
        ({"chat_id": "'; --\x00"}, "CHAT_NOT_FOUND", NO_CHAT.format("'; --\x00")),
        ({"chat_id": str(uuid.UUID(int=7))}, "CHAT_NOT_FOUND", NO_CHAT.format(uuid.UUID(int=7))),
        ({"user_id": "mallory"}, "CHAT_NOT_FOUND", "not found or does not belong to your tenant"),
    ],
)
async def test_a_refusal_is_an_event_and_a_close(
    tmp_path: Path, changed: dict[str, str], code: str, message: str
) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat()
        good = {"api_key": lexicon.key, "user_id": "user123", "chat_id": chat}
        error, close = await refusal(lexicon, **{**good, **changed})
        assert error["error_code"] == code
        assert error["error_message"].startswith(message) or message in error["error_message"]
        assert list(error["details"]) == ["fix"]
        assert error["details"]["fix"]
        assert close[0] == 1008
        assert 0 < len(close[1].encode()) < 123


async def test_the_documented_fixes_are_told(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        missing, _ = await refusal(lexicon, api_key=lexicon.key)
        assert missing["details"]["fix"] == "Add user_id parameter: ?user_id=your_user_id or X-User-ID header"
        unknown, _ = await refusal(lexicon, api_key=lexicon.key, user_id="u", chat_id="x")
        assert unknown["details"]["fix"].startswith(
            "Create the chat first using POST /api/v1/chats/ endpoint"
        )
        bad, _ = await refusal(lexicon, api_key="tk_nobodys")
        assert bad["details"]["fix"].startswith("Check your tenant API key value. Each tenant has")


async def test_keys_of_other_kinds_and_tenants_open_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat("alice")
        for key in (
            lexicon.new_key("anon"),
            lexicon.served.token("alice"),
            lexicon.served.token("root", role="admin"),
        ):
            error, close = await refusal(lexicon, api_key=key, user_id="alice", chat_id=chat)
            assert (error["error_message"], close[0]) == ("Invalid API key", 1008)
        foreign = lexicon.new_key(tenant="acme")
        error, _ = await refusal(lexicon, api_key=foreign, user_id="alice", chat_id=chat)
        assert error["error_message"] == NO_CHAT.format(chat)
        async with lexicon.raw_socket(
            api_key=lexicon.new_key("service"), user_id="alice", chat_id=chat
        ) as socket:
            assert (await socket.receive())["event_type"] == "connection_established"


async def test_a_credential_elsewhere_does_not_stand_in_the_keys_way(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat()
        headers = {"Authorization": "Bearer something-of-a-proxy"}
        async with lexicon.raw_socket(
            headers=headers, api_key=lexicon.key, user_id="user123", chat_id=chat
        ) as socket:
            assert (await socket.receive())["event_type"] == "connection_established"


async def test_others_may_come_in_where_the_setting_allows_it(tmp_path: Path) -> None:
    async with stage(tmp_path, echo, lexicon_owner_only=False) as lexicon:
        chat = await lexicon.new_chat("alice")
        async with lexicon.raw_socket(api_key=lexicon.key, user_id="bob", chat_id=chat) as socket:
            assert (await socket.receive())["user_id"] == "bob"
            assert await socket.receive() == {"event_type": "user_created", "user_id": "bob"}
            events = await socket.ask("Hello")
            assert {event["user_id"] for event in events if "user_id" in event} == {"alice"}


async def test_a_request_without_an_upgrade_is_told_how_to_connect(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        got = await lexicon.client.get("/ws/chat")
        assert (got.status_code, got.json()["error_code"]) == (426, "UPGRADE_REQUIRED")
        assert got.headers["Upgrade"] == "websocket"


# -- users by themselves (5) -------------------------------------------------------------------------


async def test_a_user_is_created_once_however_many_connect_first(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat("new")
        created = []

        async def connect_once() -> None:
            async with lexicon.raw_socket(api_key=lexicon.key, user_id="new", chat_id=chat) as socket:
                await socket.send({"type": "ping"})
                events = await socket.until("pong")
                created.append(types(events).count("user_created"))

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(connect_once)
        assert sorted(created) == [0] * 7 + [1]
        async with lexicon.socket(chat, "new") as again:
            await again.send({"type": "ping"})
            assert types(await again.until("pong")) == ["pong"]


async def test_the_same_name_in_another_tenant_is_another_user(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        for key in (lexicon.key, lexicon.new_key(tenant="acme")):
            lexicon.client.headers["X-API-Key"] = key
            chat = await lexicon.new_chat("twin")
            async with lexicon.raw_socket(api_key=key, user_id="twin", chat_id=chat) as socket:
                await socket.until("user_created")


async def test_a_user_known_from_elsewhere_is_not_new_and_a_refused_one_is_not_made(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        lexicon.served.token("alice")
        chat = await lexicon.new_chat("alice")
        async with lexicon.socket(chat, "alice") as socket:
            await socket.send({"type": "ping"})
            assert types(await socket.until("pong")) == ["pong"]
        await refusal(lexicon, api_key=lexicon.key, user_id="mallory", chat_id=chat)
        db = connect(database_path(tmp_path))
        assert not user_exists(db, "default", "mallory")
        db.close()


# -- messages (4) ------------------------------------------------------------------------------------


async def test_a_message_is_answered_in_pieces_that_make_up_the_whole(tmp_path: Path) -> None:
    async with stage(tmp_path, echo, bots={"members": MEMBERS}) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.until("user_created")
            content = "  What  is\nthis 🌍?  "
            events = await socket.ask(content)
            middle = ["message_stream_token"] * (len(events) - 3)
            assert types(events) == [
                *("message_received", "message_stream_started"),
                *middle,
                "message_stream_ended",
            ]
            assert events[0]["content"] == content
            assert tokens(events) == events[-1]["content"] == content
            assert socket.timestamps == sorted(socket.timestamps)


async def test_messages_during_an_answer_are_received_at_once_and_answered_in_order(tmp_path: Path) -> None:
    async with stage(tmp_path, _slow_first) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.send({"content": "slow"})
            await socket.until("message_stream_token")
            for content in ("second", "third"):
                await socket.send({"content": content})
            events = await socket.until("message_stream_ended", count=3)
            received = [event["content"] for event in events if event["event_type"] == "message_received"]
            assert received == ["second", "third"]
            first_end = types(events).index("message_stream_ended")
            assert types(events[:first_end]).count("message_received") == 2
            ends = [event["content"] for event in events if event["event_type"] == "message_stream_ended"]
            assert ends == ["One two three four five", "second", "third"]
            steps = [name for name in types(events) if name in _STEPS]
            assert steps == ["message_stream_ended", *_STEPS, *_STEPS]


_STEPS = ["message_stream_started", "message_stream_ended"]


async def _ended_answer(lexicon: Stage, chat: str) -> dict[str, Any]:
    for _ in range(400):
        last = (await lexicon.messages(chat))[-1]
        if last["sender_role"] == "assistant" and last["metadata"].get("status") != "running":
            return last
        await trio.sleep(0.05)
    raise AssertionError("the answer did not end")


def _slow_first(request: Recorded) -> Reply:
    if request.body["messages"][-1]["content"] == "slow":
        return openai_text("One", " two", " three", " four", " five", delay_s=0.2)
    return echo(request)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", "INVALID_MESSAGE"),
        ("[1]", "INVALID_MESSAGE"),
        ({"content": "  "}, "INVALID_MESSAGE"),
        ({"content": "x", "metadata": 1}, "INVALID_MESSAGE"),
        (b'{"content": "binary"}', "INVALID_MESSAGE"),
        (b"\xff\xfe", "INVALID_MESSAGE"),
        ({"content": "x" * 32_001}, "MESSAGE_TOO_LONG"),
    ],
)
async def test_a_bad_frame_is_an_error_to_its_sender_and_the_connection_stays(
    tmp_path: Path, frame: Any, code: str
) -> None:
    async with stage(tmp_path, echo) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as other, lexicon.socket(chat) as socket:
            await other.until("user_created")
            await socket.send(frame)
            error = await socket.receive()
            assert (error["event_type"], error["error_code"]) == ("error", code)
            assert error["error_message"]
            assert error["details"]["fix"]
            events = await socket.ask("Still here")
            assert events[-1]["content"] == "Still here"
            assert types(await other.until("message_stream_ended"))[0] == "message_received"
        assert len(await lexicon.messages(chat)) == 2


async def test_every_connection_of_a_chat_is_told_all_of_it(tmp_path: Path) -> None:
    async with stage(tmp_path, echo) as lexicon:
        chat, other_chat = await lexicon.new_chat(), await lexicon.new_chat()
        async with (
            lexicon.socket(chat) as one,
            lexicon.socket(chat) as two,
            lexicon.socket(other_chat) as elsewhere,
        ):
            await one.until("user_created")
            sent = await one.ask("To everybody")
            seen = await two.until("message_stream_ended")
            assert (seen[0], seen[1], seen[-1]) == (sent[0], sent[1], sent[-1])
            assert tokens(seen) == "To everybody"
            await elsewhere.send({"type": "ping"})
            assert types(await elsewhere.until("pong")) == ["pong"]


async def test_who_connects_during_an_answer_is_told_it_from_its_start(tmp_path: Path) -> None:
    async with stage(tmp_path, _slow_first) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as one:
            await one.send({"content": "slow"})
            await one.until("message_stream_token", count=2)
            async with lexicon.socket(chat) as two:
                events = await two.until("message_stream_ended")
                assert events[0]["event_type"] == "message_stream_started"
                assert tokens(events) == events[-1]["content"] == "One two three four five"


async def test_a_cut_connection_does_not_stop_its_answer(tmp_path: Path) -> None:
    async with stage(tmp_path, _slow_first) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.send({"content": "slow"})
            await socket.until("message_stream_token")
        async with lexicon.socket(chat) as again:  # it still runs, or is over
            await again.ask("second")
        said = await lexicon.messages(chat)
        answer = next(one for one in said if one["sender_role"] == "assistant")
        assert answer["content"] == "One two three four five"
        assert "status" not in answer["metadata"]


async def test_an_answer_is_finished_though_nobody_comes_back_to_read_it(tmp_path: Path) -> None:
    async with stage(tmp_path, _slow_first, orphan_grace_s=0.02) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.send({"content": "slow"})
            await socket.until("message_stream_token")
        answer = await _ended_answer(lexicon, chat)
        assert answer["content"] == "One two three four five"
        assert "status" not in answer["metadata"]


async def test_a_model_that_fails_is_an_error_and_the_next_message_is_answered(tmp_path: Path) -> None:
    replies = [stream(text("Half"), then="reset"), openai_text("Whole")]
    async with stage(tmp_path, replies, provider_retries=0) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            events = await socket.ask("Hello")
            assert tokens(events) == "Half"
            assert events[-1]["error_code"] == "AI_ERROR"
            assert lexicon.served.model.url not in json.dumps(events)  # type: ignore[union-attr]
            assert (await socket.ask("Again"))[-1]["content"] == "Whole"


async def test_a_paused_bot_says_nothing_and_says_that_it_is_done(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat()
        db = connect(database_path(tmp_path))
        db.execute("UPDATE _conversations SET paused = 1 WHERE id = ?", (chat,))
        db.close()
        async with lexicon.socket(chat) as socket:
            await socket.until("user_created")
            events = await socket.ask("Anybody?")
            assert types(events) == ["message_received", *_STEPS]
            assert events[-1]["content"] == ""
        assert [one["content"] for one in await lexicon.messages(chat)] == ["Anybody?"]


# -- limits (6) --------------------------------------------------------------------------------------


async def test_the_eleventh_message_within_a_second_is_refused_and_only_that(tmp_path: Path) -> None:
    async with stage(tmp_path, echo, queue_max=100) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.until("user_created")
            # Junk counts as well; pings do not.
            for frame in ["junk"] * 9 + [{"type": "ping"}] * 5 + ["more junk"] * 2 + [{"content": "late"}]:
                await socket.send(frame)
            events = await socket.until("error", count=12)
            codes = [event["error_code"] for event in events if event["event_type"] == "error"]
            assert codes == ["INVALID_MESSAGE"] * 10 + ["RATE_LIMIT_EXCEEDED"] * 2
            assert types(events).count("pong") == 5
            assert re.fullmatch(r"Send it again in [01]\.\d s\.", events[-1]["details"]["fix"])
            assert await lexicon.messages(chat) == []


async def test_the_window_slides_and_can_be_set(tmp_path: Path) -> None:
    settings = {"lexicon_messages_per_second_max": 1}
    async with stage(tmp_path, echo, **settings) as lexicon, lexicon.socket() as socket:
        await socket.send({"content": "first"})
        await socket.send({"content": "second"})
        await socket.until("error")
        async with lexicon.socket() as other:
            await other.send({"content": "of another connection"})
            await other.until("message_received")
        await socket.until("message_stream_ended")
        while True:  # the refused ones do not count: there is room after a second
            await socket.send({"content": "third"})
            events = await socket.until("message_received", "error")
            if events[-1]["event_type"] == "message_received":
                return
            await trio.sleep(0.1)


async def test_a_limit_of_the_bot_says_when_it_ends(tmp_path: Path) -> None:
    strict = OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1")
    async with stage(tmp_path, echo, bots={"strict": strict}) as lexicon, lexicon.socket() as socket:
        await socket.ask("One")
        error = (await socket.ask("Two"))[-1]
        assert error["error_code"] == "RATE_LIMIT_EXCEEDED"
        assert re.search(r"in \d+ s, at 20\d\d-", error["details"]["fix"])


async def test_connections_are_counted_per_tenant_and_given_back(tmp_path: Path) -> None:
    async with stage(tmp_path, echo, lexicon_sockets_per_tenant_max=2) as lexicon:
        chat = await lexicon.new_chat()
        good = {"api_key": lexicon.key, "user_id": "user123", "chat_id": chat}
        async with lexicon.socket(chat) as one, lexicon.socket(chat):
            error, close = await refusal(lexicon, **good)
            assert (error["error_code"], close[0]) == ("CONNECTION_LIMIT_EXCEEDED", 1013)
            unknown, _ = await refusal(lexicon, **{**good, "chat_id": "nope"})
            assert unknown["error_code"] == "CHAT_NOT_FOUND"  # the checks come first
            lexicon.client.headers["X-API-Key"] = foreign = lexicon.new_key(tenant="acme")
            other = await lexicon.new_chat()
            async with lexicon.raw_socket(api_key=foreign, user_id="user123", chat_id=other) as socket:
                assert (await socket.receive())["event_type"] == "connection_established"
            await one.close()
            await _comes_in(lexicon, good)
        for _ in range(3):
            await _comes_in(lexicon, good)


async def _comes_in(lexicon: Stage, good: dict[str, str]) -> None:
    """A place is free as soon as the server has seen the end of a connection."""
    with trio.fail_after(20):
        while True:
            async with lexicon.raw_socket(**good) as socket:
                if (await socket.receive())["event_type"] == "connection_established":
                    return
            await trio.sleep(0.02)


# -- ends --------------------------------------------------------------------------------------------


async def test_a_chat_that_is_deleted_elsewhere_closes_its_connections(tmp_path: Path) -> None:
    async with stage(tmp_path, echo) as lexicon:
        chat = await lexicon.new_chat("alice")
        async with lexicon.socket(chat, "alice") as socket:
            headers = {"X-API-Key": "", "Authorization": f"Bearer {lexicon.served.token('alice')}"}
            gone = await lexicon.client.delete(f"/api/v1/ai/conversations/{chat}", headers=headers)
            assert gone.status_code == 200, gone.text
            assert await socket.closed() == (1008, "The chat was deleted.")


async def test_a_frame_that_is_too_large_closes_with_1009(tmp_path: Path) -> None:
    async with stage(tmp_path, echo, message_bytes_max=70_000) as lexicon, lexicon.socket() as socket:
        await socket.send({"content": "x" * 80_000})
        assert (await socket.closed())[0] == 1009


async def test_every_connection_is_closed_as_the_server_stops(tmp_path: Path) -> None:
    async with stage(tmp_path, echo) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as one, lexicon.socket(chat) as two:
            signal.raise_signal(signal.SIGTERM)
            for socket in (one, two):
                assert await socket.closed() == (1001, "The server is stopping.")
