"""The events of section 4, frame by frame, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.engine.log import Entry
from appliance.errors import (
    ApplianceError,
    Busy,
    ConversationNotFound,
    InvalidInput,
    LimitReached,
    ProviderBroken,
    ShuttingDown,
    StoreFull,
)
from appliance.events import (
    ConversationDeleted,
    LogEvent,
    MessageDeleted,
    MessagePosted,
    Progress,
    SendMessage,
    TextDelta,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Usage
from appliance.protocols.base import Answer
from appliance.protocols.lexicon.codec import CONTENT_CHARS_MAX, ChatCodec
from appliance.protocols.lexicon.words import InvalidMessage, MessageTooLong, iso

CHAT = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"
NOW = 1_705_314_600.1239
AT = "2024-01-15T10:30:00.123Z"


@pytest.fixture
def codec() -> ChatCodec:
    return ChatCodec(chat_id=CHAT, user_id="user123", clock=lambda: NOW)


def told(codec: ChatCodec, *events: LogEvent) -> list[dict[str, Any]]:
    """What is sent for these events, without timestamps; each must have the same."""
    frames = [frame for event in events for frame in codec.encode(CHAT, Entry(1, event), full=False, after=0)]
    said = [json.loads(frame) for frame in frames]
    assert all(event.pop("timestamp") == AT for event in said)
    return said


def posted(message_id: str = "m1", turn_id: str = "t1", **more: Any) -> MessagePosted:
    return MessagePosted(
        message_id=message_id, turn_id=turn_id, content="Hi", author="user:user123", at=1.0, **more
    )


def started(turn_id: str = "t1") -> TurnStarted:
    return TurnStarted(turn_id=turn_id, message_id="m1", content="Hi")


def done(turn_id: str = "t1", message_id: str = "a1") -> TurnDone:
    return TurnDone(turn_id=turn_id, message_id=message_id, usage=Usage())


def shapes(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_type"].removeprefix("message_").removeprefix("stream_") for event in events]


def test_one_message_and_its_answer_are_told_as_documented(codec: ChatCodec) -> None:
    texts = ("I'd", " be", " happy.\n")
    events = told(codec, posted(), started(), *(TextDelta(text=text) for text in texts), done())
    chat = {"chat_id": CHAT}
    user = {"chat_id": CHAT, "user_id": "user123"}
    assert events == [
        {"event_type": "message_received", "message_id": "m1", **user, "content": "Hi"},
        {"event_type": "message_stream_started", **user},
        {"event_type": "message_stream_token", **chat, "token": "I'd"},
        {"event_type": "message_stream_token", **chat, "token": " be"},
        {"event_type": "message_stream_token", **chat, "token": " happy.\n"},
        {"event_type": "message_stream_ended", "message_id": "a1", **user, "content": "I'd be happy.\n"},
    ]


def test_event_type_and_timestamp_come_first_in_every_event(codec: ChatCodec) -> None:
    frame = codec.greeting(user_id="u", tenant="t", created=False)[0]
    assert list(json.loads(frame)) == ["event_type", "timestamp", "user_id", "chat_id", "tenant_id"]


def test_the_next_answer_begins_with_nothing_of_the_one_before(codec: ChatCodec) -> None:
    told(codec, started(), TextDelta(text="one"), done())
    events = told(codec, started("t2"), TextDelta(text="two"), done("t2"))
    assert events[-1]["content"] == "two"


def test_an_answer_without_text_is_started_and_ended(codec: ChatCodec) -> None:
    events = told(codec, started(), Progress(step="thinking", message="…"), done())
    assert shapes(events) == ["started", "ended"]
    assert events[-1]["content"] == ""


def test_a_message_that_comes_while_an_answer_runs_is_received_between_its_tokens(codec: ChatCodec) -> None:
    events = told(
        codec, started(), TextDelta(text="a"), posted("m2", "t2"), TextDelta(text="b"), done(), started("t2")
    )
    assert shapes(events) == ["started", "token", "received", "token", "ended", "started"]
    assert events[4]["content"] == "ab"


def test_a_cancelled_answer_ends_with_what_there_is(codec: ChatCodec) -> None:
    end = TurnCancelled(turn_id="t1", message_id="a1", usage=Usage())
    assert told(codec, started(), TextDelta(text="half"), end)[-1]["content"] == "half"


def test_a_failed_answer_is_an_error_and_nothing_of_it_is_in_the_next(codec: ChatCodec) -> None:
    end = TurnFailed(
        turn_id="t1", message_id="a1", usage=Usage(), code="provider_broken", message="It broke off."
    )
    events = told(codec, started(), TextDelta(text="half"), end, started("t2"), done("t2"))
    assert shapes(events) == ["started", "token", "error", "started", "ended"]
    error = events[2]
    assert (error["error_code"], error["error_message"]) == ("AI_ERROR", "It broke off.")
    assert error["details"]["fix"]
    assert events[-1]["content"] == ""


def test_a_fault_of_ours_is_no_error_of_the_model(codec: ChatCodec) -> None:
    end = TurnFailed(turn_id="t1", message_id="a1", usage=Usage(), code="internal", message="Oh.")
    assert told(codec, started(), end)[-1]["error_code"] == "INTERNAL_ERROR"


def test_who_writes_to_a_paused_bot_need_not_wait_for_the_end(codec: ChatCodec) -> None:
    events = told(codec, posted(turn_id="", paused=True))
    assert shapes(events) == ["received", "started", "ended"]
    assert events[2]["content"] == ""
    assert events[2]["message_id"] not in ("", "m1")


def test_the_end_for_a_paused_bot_never_stands_within_an_answer(codec: ChatCodec) -> None:
    events = told(
        codec, started(), posted("m2", "", paused=True), TextDelta(text="x"), done(), posted("m3", "t3")
    )
    assert shapes(events) == ["started", "received", "token", "ended", "started", "ended", "received"]
    assert [event["content"] for event in events if "ended" in event["event_type"]] == ["x", ""]


def test_a_message_that_nobody_answers_is_only_received(codec: ChatCodec) -> None:
    assert shapes(told(codec, posted(turn_id=""))) == ["received"]


def test_what_has_no_event_says_nothing(codec: ChatCodec) -> None:
    assert told(codec, MessageDeleted(message_id="m1", author="user:user123")) == []
    assert codec.closing is None


def test_a_deleted_chat_closes_the_connection(codec: ChatCodec) -> None:
    assert told(codec, ConversationDeleted()) == []
    assert codec.closing == (1008, "The chat was deleted.")


# -- what clients send -------------------------------------------------------------------------------


def test_a_message_is_taken_with_its_metadata(codec: ChatCodec) -> None:
    frame = '{"content": " Hi ", "metadata": {"category": "billing", "n": [1, null]}, "other": 1}'
    assert codec.decode(frame) == SendMessage(
        conversation_id=CHAT, content=" Hi ", metadata={"category": "billing", "n": [1, None]}, polled=True
    )


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        '"text"',
        "{}",
        "null",
        '{"content": null}',
        '{"content": 7}',
        '{"content": ""}',
        '{"content": " \\n\\t"}',
        '{"content": "x", "metadata": []}',
        '{"content": "x", "metadata": null}',
        '{"content": "x", "metadata": {"n": NaN}}',
        '{"content": "x"',
        "[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(codec: ChatCodec, frame: str) -> None:
    with pytest.raises(InvalidMessage):
        codec.decode(frame)


def test_deep_metadata_is_refused_in_time(codec: ChatCodec) -> None:
    frame = '{"content": "x", "metadata": {"n": %s}}'
    assert codec.decode(frame % ("[" * 62 + "]" * 62))
    with pytest.raises(InvalidInput, match="nested more than 64 levels"):
        codec.decode(frame % ("[" * 900 + "]" * 900))


def test_half_an_emoji_is_mended(codec: ChatCodec) -> None:
    read = codec.decode('{"content": "x\\ud83d", "metadata": {"cut": "\\udc00", "whole": "\\ud83d\\ude00"}}')
    assert isinstance(read, SendMessage)
    assert read.content == "x\ufffd"
    assert read.metadata == {"cut": "\ufffd", "whole": "😀"}


def test_content_is_bounded_in_characters(codec: ChatCodec) -> None:
    assert codec.decode(json.dumps({"content": "🌍" * CONTENT_CHARS_MAX}))
    with pytest.raises(MessageTooLong, match="32001 characters; at most 32000"):
        codec.decode(json.dumps({"content": "x" * (CONTENT_CHARS_MAX + 1)}))


def test_a_ping_is_answered_and_a_message_of_that_type_is_a_message(codec: ChatCodec) -> None:
    answer = codec.decode('{"type": "ping"}')
    assert isinstance(answer, Answer)
    assert json.loads(answer.frames[0]) == {"event_type": "pong", "timestamp": AT}
    assert isinstance(codec.decode('{"type": "ping", "content": "Hi"}'), SendMessage)


# -- errors ------------------------------------------------------------------------------------------


def limit(resets_at: float | None, retry_after_s: float | None, which: str = "rate") -> LimitReached:
    return LimitReached(
        "Too many.", which=which, limit=1, used=1, retry_after_s=retry_after_s, resets_at=resets_at
    )


@pytest.mark.parametrize(
    ("error", "code", "fix"),
    [
        (limit(NOW + 20, 20.0), "RATE_LIMIT_EXCEEDED", "Send it again in 20 s, at 2024-01-15T10:30:20.123Z."),
        (limit(None, None, "turns"), "RATE_LIMIT_EXCEEDED", "Start a new chat with POST /api/v1/chats/."),
        (Busy("Slow down.", retry_after=0.25), "RATE_LIMIT_EXCEEDED", "Send it again in 0.2 s."),
        (Busy("Full."), "RATE_LIMIT_EXCEEDED", "Send it again in a moment."),
        (ProviderBroken("private"), "AI_ERROR", None),
        (ShuttingDown("Stopping."), "INTERNAL_ERROR", None),
        (StoreFull("/private/path"), "INTERNAL_ERROR", None),
        (ConversationNotFound("Gone."), "CHAT_NOT_FOUND", None),
        (ApplianceError("Oh."), "INTERNAL_ERROR", None),
        (InvalidMessage("No."), "INVALID_MESSAGE", None),
        (MessageTooLong("No."), "MESSAGE_TOO_LONG", None),
    ],
)
def test_each_error_has_its_word_and_says_what_to_do(
    codec: ChatCodec, error: ApplianceError, code: str, fix: str | None
) -> None:
    event = json.loads(codec.refused(error, None, None)[0])
    assert (event["event_type"], event["timestamp"], event["error_code"]) == ("error", AT, code)
    assert "private" not in event["error_message"]
    assert event["details"]["fix"] == fix if fix else event["details"]["fix"]


def test_times_are_utc_to_the_millisecond() -> None:
    assert [iso(0.0), iso(NOW), iso(1_705_314_600)] == [
        "1970-01-01T00:00:00.000Z",
        AT,
        "2024-01-15T10:30:00.000Z",
    ]
