"""The stream's codec by itself: events of a log in, signals out."""

from __future__ import annotations

import json
from typing import Any

from appliance.engine.log import Entry
from appliance.events import (
    ConversationDeleted,
    EventPosted,
    LogEvent,
    MessageDeleted,
    MessagePosted,
    PersonJoined,
    PersonLeft,
    Progress,
    TextDelta,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Usage
from appliance.protocols.botpress.listen import COMMENT, PING, PING_EVERY, ListenCodec
from appliance.protocols.botpress.telling import Room, bot_user_id

BOT = bot_user_id("default", "shop")
ROOM = Room(id="c/1", owner="guest:ann", bot_user_id=BOT)
POSTED = MessagePosted(message_id="m", turn_id="t", content="hi", author="guest:ann", at=1.5)
STARTED = TurnStarted(turn_id="t", message_id="m", content="hi", answer_id="a")


def done(**more: Any) -> TurnDone:
    return TurnDone(turn_id="t", message_id="a", usage=Usage(), at=2.25, **more)


def tell(*events: LogEvent, told: int = 0, codec: ListenCodec | None = None, old: bool = False) -> list[Any]:
    """The signals of these events, which stand at positions 1, 2, …"""
    room = Room(id=ROOM.id, owner=ROOM.owner, bot_user_id=BOT, old=old)
    codec = codec or ListenCodec(room, "guest:ann", told)
    pieces = [piece for seq, event in enumerate(events, 1) for piece in codec.encode(Entry(seq, event))]
    assert all(piece.startswith("event: message\ndata: ") and piece.endswith("\n\n") for piece in pieces)
    return [json.loads(piece.split("data: ", 1)[1]) for piece in pieces]


def test_a_message_is_told_at_once_and_an_answer_at_its_end() -> None:
    signals = tell(
        POSTED,
        STARTED,
        Progress(step="thinking", message=""),
        TextDelta(text="Hel"),
        TextDelta(text="lo"),
        done(),
    )
    assert signals == [
        {
            "type": "message_created",
            "data": {
                "id": "m",
                "createdAt": "1970-01-01T00:00:01.500Z",
                "conversationId": "c/1",
                "userId": "ann",
                "payload": {"type": "text", "text": "hi"},
                "isBot": False,
            },
        },
        {
            "type": "message_created",
            "data": {
                "id": "a",
                "createdAt": "1970-01-01T00:00:02.250Z",
                "conversationId": "c/1",
                "userId": BOT,
                "payload": {"type": "text", "text": "Hello"},
                "isBot": True,
            },
        },
    ]


def test_who_comes_in_the_middle_of_an_answer_gets_all_of_it_and_nothing_older() -> None:
    left = PersonLeft(person="guest:ann")  # and came back since
    events = (POSTED, left, STARTED, TextDelta(text="Hel"), TextDelta(text="lo"), done(), POSTED)
    signals = tell(*events, told=4)
    assert [signal["data"]["id"] for signal in signals] == ["a", "m"]
    assert signals[0]["data"]["payload"]["text"] == "Hello"


def test_a_failure_without_words_is_told_and_one_with_words_says_them() -> None:
    failed = TurnFailed(turn_id="t", message_id="a", usage=Usage(), code="x", message="It failed.", at=1)
    assert tell(STARTED, failed)[0]["data"]["payload"]["text"] == "It failed."
    assert tell(STARTED, TextDelta(text="Well"), failed)[0]["data"]["payload"]["text"] == "Well"


def test_what_has_no_words_is_not_told() -> None:
    cancelled = TurnCancelled(turn_id="t", message_id="a", usage=Usage(), waited=True)
    assert tell(STARTED, cancelled, STARTED, done()) == []
    assert tell(STARTED, TextDelta(text="We"), cancelled)[0]["data"]["payload"]["text"] == "We"


def test_the_words_of_one_turn_do_not_get_into_the_next() -> None:
    signals = tell(STARTED, TextDelta(text="one"), done(), STARTED, TextDelta(text="two"), done())
    assert [signal["data"]["payload"]["text"] for signal in signals] == ["one", "two"]


def test_what_people_do_is_told_with_public_ids() -> None:
    posted = EventPosted(event_id="e", author="user:bob", payload={"x": None}, at=1)
    deleted = MessageDeleted(message_id="m", author="guest:ann")
    by_bot = MessageDeleted(message_id="n", author="")
    signals = tell(PersonJoined(person="guest:bob"), PersonLeft(person="guest:bob"), deleted, by_bot, posted)
    assert [signal["type"] for signal in signals] == [
        "participant_added",
        "participant_removed",
        "message_deleted",
        "message_deleted",
        "event_created",
    ]
    assert [signal["data"] for signal in signals] == [
        {"conversationId": "c/1", "participantId": "bob"},
        {"conversationId": "c/1", "participantId": "bob"},
        {"id": "m", "conversationId": "c/1", "userId": "ann"},
        {"id": "n", "conversationId": "c/1", "userId": BOT},
        {"id": "e", "createdAt": "1970-01-01T00:00:01.000Z", "conversationId": "c/1", "userId": "bob",
         "payload": {"x": None}, "isBot": False},
    ]  # fmt: skip


def test_who_is_removed_hears_nothing_more_not_even_that() -> None:
    codec = ListenCodec(ROOM, "guest:ann", 0)
    assert tell(PersonLeft(person="guest:ann"), POSTED, codec=codec) == []
    assert codec.ended


def test_a_deleted_conversation_ends_the_stream() -> None:
    codec = ListenCodec(ROOM, "guest:ann", 0)
    assert tell(ConversationDeleted(), codec=codec) == []
    assert codec.ended


def test_a_payload_and_metadata_come_as_they_were_and_nothing_is_null() -> None:
    payload = {"type": "image", "imageUrl": "u", "own": None}
    posted = MessagePosted(
        message_id="m",
        turn_id="",
        content="[image] u",
        author="guest:ann",
        at=1,
        payload=payload,
        metadata={"a": None},
    )
    data = tell(posted)[0]["data"]
    assert (data["payload"], data["metadata"]) == (payload, {"a": None})
    assert "metadata" not in tell(POSTED)[0]["data"]


def test_a_message_of_another_wires_form_is_told_in_its_words() -> None:
    for payload, content, shown in (({"parts": []}, "hi", "hi"), (None, "", "(no text)")):
        posted = MessagePosted(message_id="m", turn_id="", content=content, author="", at=1, payload=payload)
        data = tell(posted)[0]["data"]
        assert (data["payload"], data["userId"]) == ({"type": "text", "text": shown}, "ann")


def test_old_clients_are_told_of_messages_only_and_in_their_form() -> None:
    posted = MessagePosted(
        message_id="m", turn_id="", content="u", author="guest:ann", at=1, client_id="f",
        payload={"type": "image", "imageUrl": "u"},
    )  # fmt: skip
    signals = tell(
        posted, PersonJoined(person="guest:bob"), MessageDeleted(message_id="m", author=""), old=True
    )
    assert [signal["type"] for signal in signals] == ["message_created"]
    data = signals[0]["data"]
    assert (data["id"], data["fid"], data["type"], data["payload"]) == (
        "f",
        "f",
        "image",
        {"type": "image", "url": "u"},
    )


def test_a_quiet_stream_gets_comments_and_now_and_then_an_event() -> None:
    codec = ListenCodec(ROOM, "guest:ann", 0)
    assert codec.heartbeat_s <= 3
    assert 20 <= codec.heartbeat_s * PING_EVERY <= 25
    beats = [codec.heartbeat() for _ in range(2 * PING_EVERY)]
    assert beats == 2 * [*[[COMMENT]] * (PING_EVERY - 1), [PING]]
    codec.heartbeat()
    codec.encode(Entry(1, POSTED))  # an event feeds the watchdog as well
    assert [codec.heartbeat() for _ in range(PING_EVERY)][-1] == [PING]
    assert codec.begin() == [COMMENT]
    assert codec.hold_s >= 0.1
