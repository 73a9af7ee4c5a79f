"""`appliance.client.AIChat` over true sockets, with a network that can be cut in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import trio
import trio_websocket

from appliance.client import AIChat, ChatError, ChatEvent, ConnectError
from tests.support.stage import SLOW_TEXT, SQL, Stage, stage

FAST = {"reconnect_delay_s": 0.01}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as scene:
        yield scene


async def until(condition: Callable[[], object]) -> None:
    """Wait for a fact that another task brings about."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 (facts of other tasks have no event)
            await trio.sleep(0.005)


async def until_done(events: AsyncIterator[ChatEvent], answers: int = 1) -> list[ChatEvent]:
    """The events up to the end of the given number of answers."""
    read: list[ChatEvent] = []
    with trio.fail_after(30):
        while [event.type for event in read].count("done") < answers:
            read.append(await anext(events))
    return read


# -- the surface -------------------------------------------------------------------------------------


async def test_the_usage_example_calls_every_callback_with_its_arguments(scene: Stage) -> None:
    calls: list[tuple[object, ...]] = []
    done = trio.Event()

    def on_done(*args: object) -> None:
        calls.append(("done", *args))
        done.set()

    async with AIChat(
        scene.ws_url,
        token=scene.server.token("alice"),
        on_content=lambda *args: calls.append(("content", *args)),
        on_progress=lambda *args: calls.append(("progress", *args)),
        on_query_result=lambda *args: calls.append(("query", *args)),
        on_done=on_done,
        on_error=lambda *args: calls.append(("error", *args)),
    ) as chat:
        conversation = await chat.start_chat("sql-assistant")
        chat.send_message(conversation, "top users")
        with trio.fail_after(20):
            await done.wait()
        assert chat.get_accumulated_content(conversation) == "The top two are shown above."
    assert ("progress", "querying", "Executing: users", conversation) in calls
    (query,) = [call for call in calls if call[0] == "query"]
    _, sql, summary, row_count, rows, where = query
    assert (sql, row_count, where) == (SQL, 2, conversation)
    assert summary
    assert [sorted(row) for row in rows] == [["id", "name"]] * 2  # type: ignore[attr-defined]
    assert "error" not in [call[0] for call in calls]
    name, usage, where = calls[-1]
    assert (name, usage.total_tokens, where) == ("done", 36, conversation)  # type: ignore[attr-defined]


async def test_ask_iterates_over_one_answer_and_goes_on_in_its_conversation(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        first = chat.ask("sql-assistant", "top users")
        types = [event.type async for event in first]
        assert (types[-1], "query_result" in types) == ("done", True)
        assert first.text == "The top two are shown above."
        second = chat.ask("sql-assistant", "thanks", conversation_id=first.conversation_id)
        async for _ in second:
            pass
    assert second.text == "You said: thanks"
    assert second.conversation_id == first.conversation_id
    assert scene.asked() == ["top users", "thanks"]


async def test_overlapping_start_chats_get_their_own_answers_in_order(scene: Stage) -> None:
    got: dict[str, str] = {}
    told: dict[str, str | None] = {}

    async def start(bot: str) -> None:
        try:
            got[bot] = await chat.start_chat(bot)
        except ChatError as error:
            got[bot] = error.code

    def note(event: ChatEvent) -> None:
        if event.type == "chat_started":
            told[event.chatbot] = event.conversation_id

    async with AIChat(scene.ws_url, on_event=note) as chat, trio.open_nursery() as nursery:
        for bot in ("support", "nobody", "sql-assistant", "members"):
            nursery.start_soon(start, bot)
    assert (got.pop("nobody"), got.pop("members")) == ("CHATBOT_NOT_FOUND", "AUTH_REQUIRED")
    assert got == told
    assert len(set(got.values())) == 2


async def test_two_conversations_on_one_socket_do_not_mix(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        one, two = await chat.start_chat("support"), await chat.start_chat("sql-assistant")
        events = chat.events()
        chat.send_message(one, "a")
        chat.send_message(two, "b")
        done = 0
        async for event in events:
            done += event.type == "done"
            if done == 2:
                break
        assert chat.get_accumulated_content(one) == "You said: a"
        assert chat.get_accumulated_content(two) == "You said: b"


async def test_cancel_ends_the_answer_and_the_socket_stays_good(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        answer = chat.ask("support", "stuck")
        async for event in answer:
            if event.type == "content":
                answer.cancel()
        assert answer.is_cancelled
        assert answer.text.startswith("Well")
        after = chat.ask("support", "next", conversation_id=answer.conversation_id)
        async for _ in after:
            pass
        assert after.text == "You said: next"


async def test_a_refused_message_raises_with_the_time_to_wait(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        first = chat.ask("strict", "one")
        async for _ in first:
            pass
        with pytest.raises(ChatError, match="Rate limit") as caught:
            async for _ in chat.ask("strict", "two", conversation_id=first.conversation_id):
                pass
    assert caught.value.code == "RATE_LIMIT"
    assert 0 < (caught.value.retry_after_s or 0) <= 60


async def test_a_failed_answer_raises_and_keeps_what_came(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        answer = chat.ask("support", "break")
        with pytest.raises(ChatError) as caught:
            async for _ in answer:
                pass
    assert caught.value.code == "STREAM_ERROR"
    assert answer.text == "Half an ans"


async def test_a_callback_that_raises_is_logged_and_the_chat_goes_on(
    scene: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("mine")

    async with AIChat(scene.ws_url, on_content=fail) as chat:
        answer = chat.ask("support", "hello")
        async for _ in answer:
            pass
    assert answer.text == "You said: hello"
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * len(caplog.records)
    assert "mine" in caplog.text


async def test_an_exception_in_the_body_leaves_unwrapped(scene: Stage) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with AIChat(scene.ws_url):
            raise KeyError("mine")


async def test_misuse_says_what_to_do() -> None:
    chat = AIChat("ws://127.0.0.1:1/ai/ws")
    with pytest.raises(RuntimeError, match="async with"):
        await chat.connect()
    with pytest.raises(ConnectError, match="connect"):
        chat.send_message("c1", "hello")
    assert not chat.is_connected()


# -- connecting --------------------------------------------------------------------------------------


async def test_no_server_is_a_clear_error(scene: Stage) -> None:
    scene.network.open = False
    with pytest.raises(ConnectError, match=scene.ws_url):
        async with AIChat(scene.ws_url):
            pass


async def test_a_refused_token_tells_the_servers_reason_but_not_the_token(scene: Stage) -> None:
    with pytest.raises(ConnectError, match="credential") as caught:
        async with AIChat(scene.ws_url, token="made-up"):
            pass
    assert (caught.value.status, scene.network.accepted) == (401, 1)
    assert "made-up" not in str(caught.value)


async def test_disconnect_does_not_reconnect(scene: Stage) -> None:
    events: list[str] = []
    async with AIChat(scene.ws_url, on_event=lambda event: events.append(event.type), **FAST) as chat:
        chat.disconnect()
        await until(lambda: not chat.is_connected())
        await trio.sleep(0.05)
    assert (events, scene.network.accepted) == (["connected", "disconnected"], 1)


async def test_after_the_last_attempt_waiters_and_iterators_are_told(scene: Stage) -> None:
    errors: list[tuple[object, ...]] = []
    async with AIChat(
        scene.ws_url, reconnect_attempts=2, on_error=lambda *args: errors.append(args), **FAST
    ) as chat:
        conversation = await chat.start_chat("support")
        events = chat.events(conversation)
        scene.network.open = False
        await scene.network.cut()
        with pytest.raises(ConnectError), trio.fail_after(20):
            async for _ in events:
                pass
        with pytest.raises(ConnectError, match="connect"):
            chat.send_message(conversation, "anybody?")
    assert scene.network.accepted == 3
    assert len(errors) == 1


async def test_a_server_that_accepts_and_closes_is_not_tried_for_ever() -> None:
    accepted = 0

    async def accept_and_close(request: trio_websocket.WebSocketRequest) -> None:
        nonlocal accepted
        accepted += 1
        await (await request.accept()).aclose()

    serve = partial(trio_websocket.serve_websocket, ssl_context=None)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve, accept_and_close, "127.0.0.1", 0)
        async with AIChat(f"ws://127.0.0.1:{server.port}/", **FAST) as chat:
            with pytest.raises(ConnectError), trio.fail_after(20):
                async for _ in chat.events():
                    pass
        nursery.cancel_scope.cancel()
    assert accepted == 4


# -- reconnecting ------------------------------------------------------------------------------------


async def test_a_cut_in_mid_answer_loses_and_doubles_nothing(scene: Stage) -> None:
    deltas: list[str] = []
    async with AIChat(scene.ws_url, on_content=lambda delta, _: deltas.append(delta), **FAST) as chat:
        answer = chat.ask("support", "slow")
        async for event in answer:
            if event.type == "content" and scene.network.accepted < 4:
                await scene.network.cut()
    assert "".join(deltas) == answer.text == SLOW_TEXT
    assert scene.network.accepted >= 3
    assert scene.asked() == ["slow"]


async def test_a_message_sent_while_offline_arrives_once_after_the_reconnect(scene: Stage) -> None:
    async with AIChat(scene.ws_url, **FAST) as chat:
        conversation = await chat.start_chat("support")
        scene.network.open = False
        await scene.network.cut()
        await until(lambda: not chat.is_connected())
        events = chat.events(conversation)
        message_id = chat.send_message(conversation, "hello")
        scene.network.open = True
        taken = [event for event in await until_done(events) if event.type == "user_message"]
        assert chat.get_accumulated_content(conversation) == "You said: hello"
    assert [event.client_message_id for event in taken] == [message_id]
    assert scene.asked() == ["hello"]


async def test_a_message_that_got_lost_is_sent_again_and_one_that_did_not_runs_once(
    scene: Stage,
) -> None:
    async with AIChat(scene.ws_url, **FAST) as chat:
        conversation = await chat.start_chat("support")
        events = chat.events(conversation)
        chat.send_message(conversation, "arrives", message_id="one")
        await until(lambda: scene.asked() == ["arrives"])
        scene.network.deaf = True
        chat.send_message(conversation, "is lost", message_id="two")
        await trio.sleep(0.05)
        scene.network.deaf = False
        await scene.network.cut()
        texts = [event.content for event in await until_done(events, 2) if event.content]
        assert chat.get_accumulated_content(conversation) == "You said: is lost"
    assert texts == scene.asked() == ["arrives", "is lost"]


async def test_a_start_that_waits_when_the_line_drops_is_answered_later(scene: Stage) -> None:
    async def drop() -> None:
        await trio.sleep(0.05)
        scene.network.deaf = False
        await scene.network.cut()

    async with AIChat(scene.ws_url, **FAST) as chat, trio.open_nursery() as nursery:
        scene.network.deaf = True
        nursery.start_soon(drop)
        with trio.fail_after(20):
            assert await chat.start_chat("support")


async def test_resume_from_the_beginning_rebuilds_the_history(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        answer = chat.ask("sql-assistant", "top users")
        async for _ in answer:
            pass
    history: list[ChatEvent] = []
    async with AIChat(scene.ws_url, on_event=history.append) as chat:
        resumed = await chat.resume(answer.conversation_id or "")
        assert not resumed.running
        await until(lambda: history[-1].type == "done")
        assert chat.get_accumulated_content(answer.conversation_id or "") == answer.text
        with pytest.raises(ChatError) as caught:
            await chat.resume("unknown")
    assert caught.value.code == "NO_SESSION"
    assert next(e.content for e in history if e.type == "user_message") == "top users"


async def test_a_slow_iterator_gets_waiting_text_in_one_piece(scene: Stage) -> None:
    async with AIChat(scene.ws_url) as chat:
        conversation = await chat.start_chat("support")
        events = chat.events(conversation)
        chat.send_message(conversation, "hello")
        await until(lambda: chat.get_accumulated_content(conversation) == "You said: hello")
        texts = []
        async for event in events:
            if event.type == "content":
                texts.append(event.delta)
            if event.type == "done":
                break
    assert texts == ["You said: hello"]


async def test_a_message_that_is_too_long_is_refused_once_and_the_next_is_answered(scene: Stage) -> None:
    async with AIChat(scene.ws_url, **FAST) as chat:
        conversation = await chat.start_chat("support")
        with pytest.raises(ChatError) as refused:
            chat.send_message(conversation, "x" * 100_001)
        assert refused.value.code == "INVALID_MESSAGE"
        events = chat.events(conversation)
        long = chat.send_message(conversation, "🌍" * 90_000)  # few characters, but a frame over the limit
        with trio.fail_after(20):
            while (error := await anext(events)).type != "error":
                pass
        assert (error.code, error.client_message_id) == ("INVALID_MESSAGE", long)
        chat.send_message(conversation, "hello")
        told = await until_done(events)
        assert "error" not in [event.type for event in told]
    assert scene.asked() == ["hello"]
