"""The console's streams: what changes in all conversations, and one conversation as it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import trio

from tests.console import people
from tests.console.desk import desk
from tests.support.model_replies import openai_text, stream, text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import text_of, wire

HELPFUL = OPEN_BOT.replace("---\n", "---\nhandoff: true\n", 1)


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"])


async def test_the_live_view_tells_each_change_and_the_counts(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, bots={"shop": HELPFUL}) as served,
        desk(served) as anna,
        anna.listen("/live") as live,
    ):
        name, _, counts = await live.next()
        assert (name, counts) == ("counts", {"live": 0, "waiting": 0, "joined": 0, "running": 0})
        async with wire(served.ws_url, served.token()) as socket:
            id = await socket.start()
            await live.until(event="counts", live=1)
            await socket.ask(id, "Hello")
            told = await live.until(event="conversation", message_count=2, running=False)
            assert (told["id"], told["preview"], told["person"]) == (id, "Hello", "alice")
            await socket.send("handoff", conversation_id=id, wanted=True)
            assert (await live.until(event="counts", waiting=1))["joined"] == 0
            await live.until(event="conversation", id=id, handoff="waiting")
            await anna.join(id)
            assert (await live.until(event="counts", joined=1))["waiting"] == 0
            await live.until(event="conversation", id=id, handoff="joined", operator_name="anna")
            await anna.good("DELETE", f"/conversations/{id}")
            await live.until(event="deleted", id=id)
        await live.until(event="counts", live=0, joined=0)


async def test_a_watched_conversation_is_told_in_full_frames_and_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    async with (
        stack(tmp_path, echo, bots={"shop": HELPFUL}) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        await socket.ask(id, "Hello")
        async with anna.listen(f"/conversations/{id}/stream") as watched:
            _, _, first = await watched.next()
            assert (first["type"], first["handoff"], first["paused"]) == ("resumed", "", False)
            assert (await watched.until(type="user_message"))["content"] == "Hello"
            assert (await watched.until(type="content"))["delta"] == "You said: Hello"
            seen = (await watched.until(type="done"))["seq"]
            frames = await socket.ask(id, "Again")
            said = ""
            while said != text_of(frames):  # in one frame or several, as the watcher is quick
                said += (await watched.until(type="content"))["delta"]
            await anna.join(id)
            await anna.say(id, "It is me")
            assert (await watched.until(type="handoff"))["state"] == "joined"
            assert (await watched.until(type="message"))["content"] == "It is me"
        async with anna.listen(f"/conversations/{id}/stream", after=seen) as again:
            assert (await again.next())[2]["operator_name"] == "anna"
            assert (await again.until(type="user_message"))["content"] == "Again"
        anna.headers["Last-Event-ID"] = str(seen)
        async with anna.listen(f"/conversations/{id}/stream") as again:
            assert (await again.until(type="user_message"))["content"] == "Again"
        del anna.headers["Last-Event-ID"]
        # Who merely watches does not keep a conversation alive for the counts.
        async with anna.listen("/live") as live:
            assert (await live.next())[2] == {"live": 1, "waiting": 0, "joined": 1, "running": 0}
            await socket.close()
            await live.until(event="counts", live=0)
            async with (
                anna.listen(f"/conversations/{id}/stream"),
                wire(served.ws_url, served.token()) as other,
            ):
                await other.start()
                assert (await live.until(event="counts"))["live"] == 1


async def test_a_stream_begins_where_the_reading_ended(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, bots={"shop": HELPFUL}) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        assert (await anna.good("GET", f"/conversations/{id}"))["seq"] == 0
        for words in ("Hello", "Again"):
            await socket.ask(id, words)
        await anna.join(id)
        await anna.say(id, "It is me")
        await anna.leave(id)
        read = await anna.good("GET", f"/conversations/{id}")
        async with anna.listen(f"/conversations/{id}/stream", after=read["seq"]) as watched:
            assert (await watched.next())[2]["seq"] == read["seq"]
            await socket.ask(id, "Once more")
            _, _, first = await watched.next()
            assert (first["type"], first["content"]) == ("user_message", "Once more")
    async with stack(tmp_path, echo, bots={"shop": HELPFUL}) as served, desk(served) as anna:
        read = await anna.good("GET", f"/conversations/{id}")  # it has left the memory
        async with (
            anna.listen(f"/conversations/{id}/stream", after=read["seq"]) as watched,
            wire(served.ws_url, served.token()) as socket,
        ):
            assert (await watched.next())[2]["seq"] == read["seq"]
            assert await socket.start("shop", conversation_id=id) == id
            await socket.ask(id, "After the restart")
            assert (await watched.next())[2]["content"] == "After the restart"


async def test_an_answer_that_is_written_while_it_is_read_is_told_whole_and_once(tmp_path: Path) -> None:
    answers = [openai_text("Hello to you"), stream(text("One "), text("two "), then="hang")]
    async with (
        stack(tmp_path, answers) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        await socket.ask(id, "Hello")
        await socket.send("message", conversation_id=id, content="Count")
        await socket.until("content")
        read = await anna.good("GET", f"/conversations/{id}")
        assert [one["status"] for one in read["messages"][:2]] == ["done", "done"]
        assert read["messages"][3]["status"] in ("queued", "running")
        async with anna.listen(f"/conversations/{id}/stream", after=read["seq"]) as watched:
            assert (await watched.next())[2]["type"] == "resumed"
            assert (await watched.next())[2]["content"] == "Count"  # and nothing of what was before
            said = ""
            while said != "One two ":
                said += (await watched.until(type="content"))["delta"]
                assert "One two ".startswith(said)
            await socket.send("cancel", conversation_id=id)
            await watched.until(type="cancelled")
        after = await anna.good("GET", f"/conversations/{id}")
        async with anna.listen(f"/conversations/{id}/stream", after=after["seq"]) as watched:
            assert (await watched.next())[2]["seq"] == after["seq"] > read["seq"]
            await anna.join(id)
            assert (await watched.next())[2]["type"] == "handoff"


async def test_no_reading_and_the_stream_behind_it_miss_an_answer_or_tell_one_twice(tmp_path: Path) -> None:
    turns = 12
    async with (
        stack(tmp_path, echo) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        checked = 0

        async def read_and_follow() -> None:
            nonlocal checked
            read = await anna.good("GET", f"/conversations/{id}")
            answers = [one for one in read["messages"] if one["role"] == "assistant"]
            told = [one["text"] for one in answers if one["status"] == "done"]
            async with anna.listen(f"/conversations/{id}/stream", after=read["seq"]) as watched:
                said = ""
                while len(told) < turns:
                    _, _, frame = await watched.next()
                    if frame["type"] == "content":
                        said += frame["delta"]
                    if frame["type"] == "done":
                        told, said = [*told, said], ""
            assert told == [f"You said: {number}" for number in range(turns)]
            checked += 1

        async with trio.open_nursery() as nursery:
            for number in range(turns):
                for _ in range(2):
                    nursery.start_soon(read_and_follow)
                await socket.ask(id, str(number))
        assert checked == 2 * turns


async def test_a_head_request_opens_no_stream(tmp_path: Path) -> None:
    async with httpx.AsyncClient() as http, stack(tmp_path, echo) as served:
        headers = {"Authorization": f"Bearer {served.token('anna', 'admin')}"}
        head = await http.head(f"{served.url}/admin/api/live", headers=headers)
        assert head.status_code == 200
        assert head.headers["content-type"] == "text/event-stream"


async def test_who_logs_out_is_told_nothing_more(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, bots={"shop": HELPFUL}) as served,
        people.browser(served) as browser,
        wire(served.ws_url, served.token()) as socket,
    ):
        await people.set_up(served, browser)
        first = await socket.start()
        paths = ("live", f"conversations/{first}/stream")
        ended = []

        async def read(path: str, task_status: trio.TaskStatus[None]) -> None:
            async with browser.stream("GET", path, timeout=60) as answer:
                assert answer.status_code == 200
                told = ""
                async for piece in answer.aiter_text():
                    if not told:
                        task_status.started()
                    told += piece
            ended.append("after the logout" in told)

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                for path in paths:
                    await nursery.start(read, path)
                assert (await browser.post("logout")).status_code < 300
                await socket.ask(first, "after the logout")
        assert ended == [False, False]
