"""Listening over real sockets: what is told to whom, what keeps a stream alive, what ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from appliance.protocols.botpress import conversations
from appliance.protocols.botpress.listen import ListenCodec
from tests.protocols.botpress.chat_api import Person, chat_api
from tests.support.model_replies import openai_text, stream, text

IMAGE = {"type": "image", "imageUrl": "u"}


async def test_headers_come_at_once_and_the_first_signal_is_not_lost(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            assert ear.status == 200
            assert ear.headers["content-type"].startswith("text/event-stream")
            assert ear.headers["cache-control"] == "no-cache, no-transform"
            assert ear.headers["x-accel-buffering"] == "no"
            assert "content-length" not in ear.headers
            said = await ann.say(mine, **IMAGE)  # while signals are still held back
            assert (await ear.next())[1]["id"] == said["id"]


async def test_nothing_is_told_again_to_who_comes_back(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            await ann.say(mine)
            await ear.take(2)
            await ann.say(mine, **IMAGE)
        await ann.say(mine, **IMAGE)
        async with ann.listen(mine) as ear:
            newest = await ann.say(mine, **IMAGE)
            assert (await ear.next())[1]["id"] == newest["id"]


async def test_who_comes_in_the_middle_of_an_answer_gets_it_whole(tmp_path: Path) -> None:
    async with chat_api(tmp_path, [openai_text(*(f"{n} " for n in range(30)), delay_s=0.02)]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as first:
            await ann.say(mine)
            await first.next()
            async with ann.listen(mine) as second:
                (_, answered) = await second.next()
            assert answered["payload"]["text"] == "".join(f"{n} " for n in range(30))
            assert (await first.next())[1] == answered


async def test_a_long_answer_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListenCodec, "heartbeat_s", 0.1)
    async with chat_api(tmp_path, [openai_text(*(["word "] * 100), delay_s=0.02)]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            await ann.say(mine)
            heard = b""
            with trio.fail_after(20):
                while b'"isBot":true' not in heard:
                    heard += await ear.piece()
        assert heard.count(b":\n\n") >= 5  # each delta wakes the stream, and none of them is told
        assert b"data: ping" in heard


async def test_a_removed_listener_hears_nothing_more_here_and_all_elsewhere(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="bob")
        here, there = await ann.open(id="here"), await ann.open(id="there")
        async with ann.listen(here) as hers:
            for room in (here, there):
                await ann.good("POST", f"/conversations/{room}/participants", {"userId": "bob"})
                await ann.good("POST", f"/conversations/{room}/participants", {"userId": "bob"})
            joined = {"conversationId": "here", "participantId": "bob"}
            assert await hers.next() == ("participant_added", joined)
            async with bob.listen(here) as his, bob.listen(there) as elsewhere:
                await ann.good("DELETE", "/conversations/here/participants/bob")
                assert await his.is_over()
                assert await hers.next() == ("participant_removed", joined)
                said = await ann.say(there, **IMAGE)
                assert (await elsewhere.next())[1]["id"] == said["id"]
            assert await bob.refused("GET", "/conversations/here/listen") == "Forbidden"
            await ann.good("POST", "/conversations/here/participants", {"userId": "bob"})
            async with bob.listen(here) as his:
                said = await ann.say(here, **IMAGE)
                assert (await his.next())[1]["id"] == said["id"]


async def test_a_stream_ends_with_its_conversation(tmp_path: Path) -> None:
    async with chat_api(tmp_path, [stream(text("a"), then="hang")]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            await ann.say(mine)
            await ear.next()
            await ann.good("DELETE", f"/conversations/{mine}")
            with trio.fail_after(10):
                heard = []
                while not await _is_over(ear, heard):
                    pass
        assert all(data["isBot"] for _, data in heard)  # what there was of the answer, if anything


async def test_ids_with_slashes_may_stand_in_the_path_as_they_are(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        for id in ("a/b/c", "a/listen", "/a/", "a%2Fb"):
            mine = await ann.open(id=id.replace("%2F", "/"))
            async with ann.listen(id) as ear:
                said = await ann.say(mine, **IMAGE)
                assert (await ear.next())[1]["id"] == said["id"]


async def test_nobody_is_refused_a_stream_with_a_status_that_makes_clients_retry_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, eve = await stranger.join(), await stranger.join()
        mine = await ann.open()
        path = f"/conversations/{mine}/listen"
        assert await stranger.refused("GET", path) == "Unauthorized"
        assert await eve.refused("GET", path) == "Forbidden"
        assert await eve.refused("GET", "/conversations//listen") == "Forbidden"
        assert (
            await Person(ann.url, ann.http, ann.key, path="/nobody").refused("GET", path)
            == "ResourceNotFound"
        )
        await eve.good("DELETE", "/users/me")
        assert await eve.refused("GET", path) == "ResourceNotFound"

        def broken(*_: object) -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(conversations.rooms, "member", broken)
        answer = await ann.call("GET", path)
        assert (answer.status_code, answer.json()["type"]) == (429, "RateLimited")
        assert "fault" not in answer.text
        assert int(answer.headers["Retry-After"]) >= 1


async def _is_over(ear: object, heard: list[object]) -> bool:
    try:
        heard.append(await ear.next())  # type: ignore[attr-defined]
    except EOFError:
        return True
    return False
