"""Messages and events through the whole appliance: kept, answered, told, listed; all the same object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import trio

from appliance.store.database import database_path
from tests.protocols.botpress.chat_api import BOTS, chat_api, refusal, without_is_bot
from tests.support.model_replies import (
    chunk,
    error,
    openai_text,
    openai_tool_calls,
    stream,
    text,
    tool_then_text,
)
from tests.support.stack import OPEN_BOT

IMAGE = {"type": "image", "imageUrl": "u"}


async def test_the_answer_the_signal_and_the_list_hold_the_same_objects(tmp_path: Path) -> None:
    async with chat_api(tmp_path, [openai_text("Hel", "lo.")]) as stranger:
        ann = await stranger.join(id="ann")
        mine = await ann.open(id="a/b")
        payload = {"type": "text", "text": "hi 😀\u0000", "own": {"kept": [None, 1.5, 10**18]}}
        metadata = {"a": None, "b": {"c": [True]}}
        async with ann.listen("a/b") as ear:  # not encoded, as clients send it
            body = {"conversationId": mine, "payload": payload, "metadata": metadata}
            said = (await ann.good("POST", "/messages", body))["message"]
            (_, posted), (_, answered) = await ear.take(2)
        assert (said["payload"], said["metadata"], said["userId"]) == (payload, metadata, "ann")
        assert without_is_bot(posted) == said
        assert (posted["isBot"], answered["isBot"]) == (False, True)
        assert answered["payload"] == {"type": "text", "text": "Hello."}
        assert "metadata" not in answered
        listed = (await ann.good("GET", "/conversations/a%2Fb/messages"))["messages"]
        assert listed == [without_is_bot(answered), said]
        for one in listed:
            assert (await ann.good("GET", f"/messages/{one['id']}"))["message"] == one


async def test_what_has_no_words_is_kept_told_and_not_answered(tmp_path: Path) -> None:
    async with chat_api(tmp_path, [openai_text("I see.")]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        carousel = {"type": "carousel", "items": [{"title": "t", "actions": []}]}
        async with ann.listen(mine) as ear:
            image = await ann.say(mine, **IMAGE)
            cards = await ann.say(mine, **carousel)
            await ann.say(mine, "what is it?")
            signals = await ear.take(4)
        assert image["payload"] == IMAGE
        assert cards["payload"]["items"] == [{"title": "t", "actions": [], "type": "card"}]
        assert [data["isBot"] for _, data in signals] == [False, False, False, True]
        assert without_is_bot(signals[1][1]) == cards
        assert len(await ann.messages(mine)) == 4


async def test_markdown_and_words_in_a_bloc_are_answered(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: Any) -> Any:
        asked.append(request.body["messages"][-1]["content"])
        return openai_text("Well.")

    async with chat_api(tmp_path, reply) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            for payload in (
                {"type": "markdown", "markdown": "*one*"},
                {"type": "bloc", "items": [IMAGE, {"type": "text", "text": "two"}]},
            ):
                await ann.say(mine, **payload)
                assert [data["isBot"] for _, data in await ear.take(2)] == [False, True]
    assert [content.splitlines()[-1] for content in asked] == ["*one*", "two"]


async def test_half_an_emoji_is_mended(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        texts = (
            (r"\ud83d", "\ufffd"),
            (r"x\udc00y", "x\ufffdy"),
            (r"\ud83d\ude00", "😀"),
            (r"\\ud83d", "\\ud83d"),
        )
        for sent, kept in texts:
            body = f'{{"conversationId": "{mine}", "payload": {{"type": "text", "text": "{sent}"}}}}'
            said = (await ann.good("POST", "/messages", body.encode()))["message"]
            assert said["payload"]["text"] == kept


DEEP = json.loads("[" * 90 + "]" * 90)


CHANGES: list[dict[str, Any]] = [
    {"payload": None},
    {"payload": []},
    {"payload": {"type": "text", "text": ""}},
    {"payload": {"type": "custom"}},
    {"payload": {"type": "text", "text": "hi", "own": DEEP}},
    {"metadata": None},
    {"metadata": []},
    {"metadata": {"own": DEEP}},
    {"conversationId": 5},
]


async def test_a_message_of_another_form_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        for change in CHANGES:
            body = {"conversationId": mine, "payload": {"type": "text", "text": "hi"}, **change}
            assert await ann.refused("POST", "/messages", body) == "InvalidPayload"
        assert await ann.messages(mine) == []


async def test_large_messages_are_taken_up_to_the_servers_limit(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        text = "x" * 1_000_000
        assert (await ann.say(mine, text))["payload"]["text"] == text
        body = {"conversationId": mine, "payload": {"type": "text", "text": "x" * 2_100_000}}
        assert await ann.refused("POST", "/messages", body) == "PayloadTooLarge"


async def test_a_failed_answer_says_why_in_the_signal_and_in_the_list(tmp_path: Path) -> None:
    async with chat_api(
        tmp_path, [error(401, "the key of the operator is wrong")], provider_retries=0
    ) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            await ann.say(mine)
            answered = (await ear.take(2))[1][1]
        assert answered["payload"]["text"].startswith("Provider authentication failed.")
        assert "key of the operator" not in answered["payload"]["text"]
        assert answered["isBot"]
        assert (await ann.messages(mine))[0] == without_is_bot(answered)
        assert (await ann.good("GET", f"/messages/{answered['id']}"))["message"] == without_is_bot(answered)


async def test_tools_are_not_told_only_the_words_after_them(tmp_path: Path) -> None:
    replies = tool_then_text("execute_sql", {"sql": "SELECT 42 AS n", "description": "n"}, "It is 42.")
    async with chat_api(tmp_path, replies) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        async with ann.listen(mine) as ear:
            await ann.say(mine)
            assert (await ear.take(2))[1][1]["payload"]["text"] == "It is 42."
        assert [one["payload"]["text"] for one in await ann.messages(mine)] == ["It is 42.", "hi"]


async def test_an_answer_that_is_being_written_is_not_listed_yet(tmp_path: Path) -> None:
    slow = stream(text("We"), text("ll"), then="hang")
    async with chat_api(tmp_path, [slow]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        said = await ann.say(mine)
        await _until_some_is_stored(tmp_path)
        assert await ann.messages(mine) == [said]
        id = await _answer_id(tmp_path)
        assert await ann.refused("GET", f"/messages/{id}") == "ResourceNotFound"


async def test_an_answer_is_finished_though_nobody_listens(tmp_path: Path) -> None:
    slow = openai_text(*"abcdefghij", delay_s=0.05)
    async with chat_api(tmp_path, [slow], orphan_grace_s=0.02) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        await ann.say(mine)
        for _ in range(400):
            said = await ann.messages(mine)
            if len(said) > 1:
                break
            await trio.sleep(0.05)
        assert [one["payload"]["text"] for one in said] == ["abcdefghij", "hi"]


async def test_several_people_are_each_answered_once(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="bob")
        mine = await ann.open(participants=["bob"])
        async with ann.listen(mine) as hers, bob.listen(mine) as his:
            said = [await ann.say(mine, "from ann"), await bob.say(mine, "from bob")]
            heard = await hers.take(4)
            assert await his.take(4) == heard
        by_bot = [data for _, data in heard if data["isBot"]]
        assert sorted(data["payload"]["text"] for data in by_bot) == ["Answer 0.", "Answer 1."]
        assert [without_is_bot(data) for _, data in heard if not data["isBot"]] == said
        listed = await bob.messages(mine)
        assert sorted(one["userId"] for one in listed if one["userId"] != by_bot[0]["userId"]) == [
            "ann",
            "bob",
        ]
        times = [one["createdAt"] for one in listed]
        assert times == sorted(times, reverse=True)
        # What somebody else said is theirs to delete, and the bot's words are nobody's.
        assert await bob.refused("DELETE", f"/messages/{said[0]['id']}") == "Forbidden"
        assert await ann.refused("DELETE", f"/messages/{by_bot[0]['id']}") == "Forbidden"


async def test_a_deleted_message_is_gone_for_all_and_for_good(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join(id="ann")
        mine = await ann.open(id="mine")
        async with ann.listen(mine) as ear:
            said = await ann.say(mine, **IMAGE)
            assert await ann.good("DELETE", f"/messages/{said['id']}", {}) == {}
            signals = await ear.take(2)
        assert signals[1] == (
            "message_deleted",
            {"id": said["id"], "conversationId": "mine", "userId": "ann"},
        )
        assert await ann.messages(mine) == []
        assert await ann.refused("DELETE", f"/messages/{said['id']}") == "ResourceNotFound"
        assert await ann.refused("GET", f"/messages/{said['id']}") == "ResourceNotFound"


async def test_pages_of_messages_are_newest_first_and_stay_as_they_are(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        said = [await ann.say(mine, type="image", imageUrl=f"{number}") for number in range(50)]
        newest_first = said[::-1]
        first = await ann.good("GET", f"/conversations/{mine}/messages")
        assert first["messages"] == newest_first[:20]
        await ann.say(mine, **IMAGE)
        await ann.good("DELETE", f"/messages/{newest_first[25]['id']}")
        del newest_first[25]
        token = first["meta"]["nextToken"]
        second = await ann.good("GET", f"/conversations/{mine}/messages?nextToken={token}")
        assert second["messages"] == newest_first[20:40]
        third = await ann.good(
            "GET", f"/conversations/{mine}/messages?nextToken={second['meta']['nextToken']}"
        )
        assert (third["messages"], third["meta"]) == (newest_first[40:], {})
        exact = await ann.open()
        for number in range(20):
            await ann.say(exact, type="image", imageUrl=f"{number}")
        assert (await ann.good("GET", f"/conversations/{exact}/messages"))["meta"] == {}


async def test_events_are_told_and_given_back_and_never_listed(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="bob")
        mine = await ann.open(id="mine", participants=["bob"])
        payload = {"type": "anything", "n": [1, None, {"a": 1e300}]}
        async with bob.listen(mine) as ear:
            event = (await ann.good("POST", "/events", {"conversationId": mine, "payload": payload}))["event"]
            assert await ear.next() == ("event_created", {**event, "isBot": False})
        assert (event["payload"], event["userId"], event["conversationId"]) == (payload, "ann", "mine")
        assert (await bob.good("GET", f"/events/{event['id']}"))["event"] == event
        assert await ann.messages(mine) == []
        for bad in ([], "x", None, 5, DEEP):
            assert (
                await ann.refused("POST", "/events", {"conversationId": mine, "payload": bad})
                == "InvalidPayload"
            )


async def test_limits_say_when_to_come_back(tmp_path: Path) -> None:
    bots = {
        "often": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1"),
        "daily": OPEN_BOT.replace("daily-limit: 10000", "daily-limit: 1"),
    }
    async with chat_api(tmp_path, bots={**BOTS, **bots}) as stranger:
        ann = await stranger.join()
        for bot, type, status in (("/often", "RateLimited", 429), ("/daily", "QuotaExceeded", 403)):
            there = ann.at(bot)
            mine = await there.open()
            await there.say(mine)
            body = {"conversationId": mine, "payload": {"type": "text", "text": "again"}}
            answer = await there.call("POST", "/messages", body)
            assert (refusal(answer), answer.status_code) == (type, status)
            assert int(answer.headers["Retry-After"]) >= 1
            assert len([one for one in await there.messages(mine) if one["userId"] == ann.id]) == 1
            event = {"conversationId": mine, "payload": {}}  # they are stored, too, and anybody may come
            assert await there.refused("POST", "/events", event) == type


async def test_too_many_waiting_messages_are_refused(tmp_path: Path) -> None:
    async with chat_api(tmp_path, [stream(text("a"), then="hang")], queue_max=0) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        await ann.say(mine)
        body = {"conversationId": mine, "payload": {"type": "text", "text": "again"}}
        assert await ann.refused("POST", "/messages", body) == "RateLimited"


async def test_an_answer_that_asks_tools_and_says_nothing_is_not_shown(tmp_path: Path) -> None:
    calls = openai_tool_calls(("execute_sql", {"sql": "SELECT 1", "description": "n"}), then="end")
    async with chat_api(tmp_path, [calls, stream(chunk({"role": "assistant"}), then="hang")]) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        said = await ann.say(mine)
        await _until_some_is_stored(tmp_path)
        await ann.good("DELETE", f"/messages/{said['id']}")  # stops the answer
        assert await _stored_answers(tmp_path) == ["cancelled"]
        assert await ann.messages(mine) == []


async def _until_some_is_stored(data: Path) -> None:
    for _ in range(200):
        if await _stored_answers(data) == ["running"]:
            return
        await trio.sleep(0.05)
    raise AssertionError("nothing of the answer was stored")


async def _stored_answers(data: Path) -> list[str]:
    return [row[0] for row in await _rows(data, "SELECT status FROM _messages WHERE role = 'assistant'")]


async def _answer_id(data: Path) -> str:
    return str((await _rows(data, "SELECT id FROM _messages WHERE role = 'assistant'"))[0][0])


async def _rows(data: Path, sql: str) -> list[Any]:
    db = apsw.Connection(str(database_path(data)), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
