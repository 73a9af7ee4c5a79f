"""Pause and feedback."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.protocols.chatbase.api import SHOP, api, of, text_of
from tests.support.model_replies import openai_text

INVALID = (400, "VALIDATION_INVALID_BODY")


async def test_a_paused_conversation_keeps_what_is_said_and_answers_nothing(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one"), openai_text("two")]) as caller:
        first = await caller.ask("a")
        id = first["metadata"]["conversationId"]
        for _ in range(2):
            assert (await caller.good("PATCH", of(first), {"paused": True}))["data"] == {
                "id": id,
                "status": "paused",
            }
        silent = await caller.go_on(first, "b")
        assert silent["parts"] == []
        assert silent["metadata"]["finishReason"] == "stop"
        assert silent["metadata"]["usage"] == {"credits": 0}
        whole = (await caller.good("GET", of(first)))["data"]
        assert whole["status"] == "paused"
        assert [text_of(message) for message in whole["messages"]] == ["a", "one", "b"]
        assert whole["messages"][2]["id"] == silent["metadata"]["userMessageId"]
        go_on = {"conversationId": id, "stream": False}
        assert await caller.refused("POST", f"{SHOP}/chat", go_on) == (400, "CHAT_CONVERSATION_NOT_ONGOING")
        resumed = await caller.good("PATCH", of(first), {"paused": False})
        assert resumed["data"] == {"id": id, "status": "ongoing"}
        assert text_of(await caller.go_on(first, "c")) == "two"


async def test_a_pause_is_a_boolean_and_nothing_else(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one")]) as caller:
        first = await caller.ask("a")
        for body, field in (
            ({}, "paused"),
            ({"paused": None}, "paused"),
            ({"paused": "yes"}, "paused"),
            ({"paused": 1}, "paused"),
            ({"paused": True, "more": 1}, "more"),
            ([], "body"),
        ):
            assert await caller.refused("PATCH", of(first), body, field=field) == INVALID
        missing = await caller.refused("PATCH", f"{SHOP}/conversations/none", {"paused": True})
        assert missing == (404, "RESOURCE_NOT_FOUND")
        assert (await caller.good("GET", of(first)))["data"]["status"] == "ongoing"


async def test_answers_are_valued_and_messages_of_people_are_not(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one"), openai_text("two")]) as caller:
        first, other = await caller.ask("a"), await caller.ask("b")

        def path(id: str) -> str:
            return f"{of(first)}/messages/{id}/feedback"

        for feedback in ("positive", "negative", None):
            told = (await caller.good("PATCH", path(first["id"]), {"feedback": feedback}))["data"]
            stored = (await caller.good("GET", of(first)))["data"]["messages"][1]
            assert told == stored
            assert stored["feedback"] == feedback
        users = await caller.refused("PATCH", path(first["metadata"]["userMessageId"]), {"feedback": None})
        assert users == (422, "RESOURCE_MESSAGE_NOT_ASSISTANT")
        for id in ("msg_none", "msg_", other["id"], "%00"):
            gone = await caller.refused("PATCH", path(id), {"feedback": "positive"})
            assert gone == (404, "RESOURCE_MESSAGE_NOT_FOUND")
        for body, field in (
            ({}, "feedback"),
            ({"feedback": "so so"}, "feedback"),
            ({"feedback": True}, "feedback"),
            ({"feedback": "positive", "more": 1}, "more"),
        ):
            assert await caller.refused("PATCH", path(first["id"]), body, field=field) == INVALID


async def test_feedback_by_many_at_once_ends_with_one_of_them(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one")]) as caller:
        first = await caller.ask("a")
        path = f"{of(first)}/messages/{first['id']}/feedback"
        async with trio.open_nursery() as nursery:
            for feedback in ("positive", "negative", None) * 4:
                nursery.start_soon(caller.good, "PATCH", path, {"feedback": feedback})
        stored = (await caller.good("GET", of(first)))["data"]["messages"][1]
    assert stored["feedback"] in ("positive", "negative", None)
