"""Our additions `seq` and `resume`: no token lost and none doubled, whatever happens to the connection."""

from __future__ import annotations

from pathlib import Path

import trio

from appliance.store import message_rows
from appliance.store.database import database_path
from appliance.store.store import Store
from tests.support.model_replies import openai_text, openai_tool_calls, stream, text
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import Frame, Wire, text_of, wire

TOOL = openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS one", "description": "one"}))
STORED = {"user_message", "content", "query_result", "done", "cancelled", "error"}


def stored(frames: list[Frame]) -> list[Frame]:
    """Frames that a rebuilt log has too; neighbouring content is joined."""
    kept: list[Frame] = []
    for frame in frames:
        if frame["type"] not in STORED:
            continue
        if kept and frame["type"] == kept[-1]["type"] == "content":
            kept[-1] = {**frame, "delta": kept[-1]["delta"] + frame["delta"]}
        else:
            kept.append(frame)
    return kept


async def resume(client: Wire, id: str, after: int) -> list[Frame]:
    """All frames behind `after` of a conversation in which nothing runs."""
    await client.send("resume", conversation_id=id, after=after)
    end = (await client.until("resumed"))["seq"]
    begin = len(client.frames)
    position = after
    while position < end:
        position = (await client.receive())["seq"]
    return client.frames[begin:]


async def test_seq_grows_with_each_frame_and_by_the_characters_of_the_text(tmp_path: Path) -> None:
    replies = [TOOL, openai_text("Grüße ", "an ", "alle"), openai_text("Zwei.")]
    async with stack(tmp_path, replies) as served, wire(served.ws_url) as client:
        id = await client.start()
        frames = [*await client.ask(id), *await client.ask(id)]
        positions = [frame["seq"] for frame in frames]
        assert positions == sorted(set(positions))
        before = 0
        for frame in frames:
            if frame["type"] == "content":
                assert frame["seq"] - before == len(frame["delta"])
            before = frame["seq"]


async def test_a_reader_that_resumes_at_every_position_gets_exactly_the_rest(tmp_path: Path) -> None:
    """From the log in memory and from the store alike, also in the middle of a text."""
    async with stack(tmp_path, [TOOL, openai_text("Hello ", "there")]) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
            await client.send("resume", conversation_id=id, after=0)
            await client.until("resumed")
            live = stored(await client.ask(id))
            end = live[-1]["seq"]
            in_memory = [stored(await resume(client, id, after)) for after in range(end + 1)]
        await trio.sleep(0.05)  # the last reader has gone: the log is forgotten
        async with wire(served.ws_url) as client:
            rebuilt = [stored(await resume(client, id, after)) for after in range(end + 1)]
        assert rebuilt == in_memory
        assert rebuilt[0] == live
        for after in range(end + 1):
            texts = text_of(rebuilt[after])
            assert "Hello there".endswith(texts)
            assert [f for f in rebuilt[after] if f["type"] != "content"] == [
                f for f in live if f["type"] != "content" and f["seq"] > after
            ]
        assert [f["type"] for f in live] == ["user_message", "query_result", "content", "done"]


async def test_a_dropped_connection_in_mid_answer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    words = [f"w{n} " for n in range(60)]
    async with stack(tmp_path, [openai_text(*words, delay_s=0.01)]) as served:
        got, last = "", 0
        async with wire(served.ws_url) as client:
            id = await client.start()
            await client.say(id)
            while len(got) < 30:
                frame = await client.receive()
                last = frame["seq"]
                got += frame.get("delta", "")
        await trio.sleep(0.1)
        async with wire(served.ws_url) as client:
            await client.send("resume", conversation_id=id, after=last)
            assert (await client.until("resumed"))["running"] is True
            await client.until("done")
            got += text_of(client.frames)
        assert got == "".join(words)


async def test_two_tabs_read_the_same_answer_and_each_others_questions(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("For both.")]) as served, wire(served.ws_url) as one:
        id = await one.start()
        async with wire(served.ws_url) as two:
            await two.send("resume", conversation_id=id, after=0)
            await two.until("resumed")
            await one.ask(id, "A question", message_id="q1")
            await two.until("done")
            [question] = [f for f in two.frames if f["type"] == "user_message"]
            assert question["content"] == "A question"
            assert question["client_message_id"] == "q1"
            assert text_of(two.frames) == text_of(one.frames) == "For both."
        assert not [f for f in one.frames if f["type"] == "user_message"]


async def test_the_turn_goes_on_without_readers_for_the_grace_and_is_then_cancelled(tmp_path: Path) -> None:
    endless = stream(*[text("x")] * 5, then="hang", delay_s=0.01)
    async with stack(tmp_path, [endless], orphan_grace_s=0.3) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
            await client.say(id)
            await client.until("content")
        assert served.model
        request = served.model.requests[0]
        await trio.sleep(0.1)
        assert not request.closed.is_set()
        with trio.fail_after(5):
            await request.closed.wait()
        async with wire(served.ws_url) as client:
            await client.send("resume", conversation_id=id, after=0)
            await client.until("cancelled")
            types = [frame["type"] for frame in stored(client.frames)]
            assert types == ["user_message", "content", "done", "cancelled"]
            assert text_of(client.frames) == "xxxxx"


async def test_a_reader_that_returns_within_the_grace_saves_the_turn(tmp_path: Path) -> None:
    slow = openai_text(*"abcdefgh", delay_s=0.1)
    async with stack(tmp_path, [slow], orphan_grace_s=0.4) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
            await client.say(id)
            await client.until("content")
        await trio.sleep(0.2)
        async with wire(served.ws_url) as client:
            await client.send("resume", conversation_id=id, after=0)
            await client.until("done")
            assert text_of(client.frames) == "abcdefgh"


async def test_a_message_id_sent_again_after_a_restart_is_answered_from_the_store(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Only once.")]) as served, wire(served.ws_url) as client:
        id = await client.start()
        await client.ask(id, "Hi", message_id="m1")
    async with stack(tmp_path, []) as served:
        async with wire(served.ws_url) as client:
            assert text_of(await client.ask(id, "Hi", message_id="m1")) == "Only once."
        async with wire(served.ws_url) as client:  # also for a client that said `start_chat` first
            assert await client.start(conversation_id=id) == id
            assert text_of(await client.ask(id, "Hi", message_id="m1")) == "Only once."
        assert served.model
        assert not served.model.requests


async def test_conversations_of_a_bot_that_keeps_nothing_go_after_their_silence(tmp_path: Path) -> None:
    now = [1_000_000.0]
    bot = OPEN_BOT.replace("persist-conversations: true", "persist-conversations: false")
    async with stack(
        tmp_path, [openai_text("a"), openai_text("b")], bots={"shop": bot}, clock=lambda: now[0]
    ) as served:
        async with wire(served.ws_url) as client:
            id = await client.start()
            now[0] += 1700
            await client.ask(id)
            now[0] += 1700
            await client.ask(id)
        now[0] += 1801
        async with wire(served.ws_url) as client:
            await client.say(id)
            assert (await client.until("error"))["code"] == "NO_SESSION"
            assert await client.start(conversation_id=id) != id
    async with stack(tmp_path, [], bots={"shop": bot}, clock=lambda: now[0]):
        pass
    async with Store.open(database_path(tmp_path)) as store:
        assert await store.read(message_rows.history, id) == []
