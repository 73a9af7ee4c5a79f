"""Payloads by themselves: what is valid, what the bot reads of it, and how 0.2.x says the same."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.protocols.botpress import old, payloads

CARD = {"type": "card", "title": "t", "actions": [{"action": "say", "label": "Yes", "value": "y"}]}
VALID: list[tuple[dict[str, Any], str, bool]] = [
    ({"type": "text", "text": "hi"}, "hi", True),
    ({"type": "text", "text": " \n"}, " \n", False),
    ({"type": "text", "text": "hi", "extra": {"kept": None}}, "hi", True),
    ({"type": "markdown", "markdown": "*hi*"}, "*hi*", True),
    ({"type": "image", "imageUrl": "no url"}, "[image] no url", False),
    ({"type": "audio", "audioUrl": "u"}, "[audio] u", False),
    ({"type": "video", "videoUrl": "u"}, "[video] u", False),
    ({"type": "file", "fileUrl": "u", "title": "t"}, "[file] t u", False),
    (
        {"type": "location", "latitude": 1, "longitude": -2.5, "title": "", "address": ""},
        "[location] 1.0, -2.5",
        False,
    ),
    (CARD, "t\n- Yes", False),
    ({"type": "card", "title": "t", "actions": []}, "t", False),
    ({"type": "carousel", "items": []}, "[carousel]", False),
    ({"type": "choice", "text": "q", "options": [{"label": "A", "value": "a"}]}, "q\n- A", False),
    ({"type": "dropdown", "text": "q", "options": []}, "q", False),
    ({"type": "bloc", "items": [{"type": "image", "imageUrl": "u"}]}, "[image] u", False),
    (
        {"type": "bloc", "items": [{"type": "text", "text": "hi"}, {"type": "image", "imageUrl": "u"}]},
        "hi\n[image] u",
        True,
    ),
    ({"type": "bloc", "items": []}, "[bloc]", False),
]
INVALID: list[dict[str, Any]] = [
    {},
    {"type": "text"},
    {"type": "text", "text": ""},
    {"type": "text", "text": None},
    {"type": "text", "text": 5},
    {"type": "Text", "text": "hi"},
    {"type": "custom", "payload": {}},
    {"type": "button", "text": "t"},
    {"type": 5, "text": "hi"},
    {"type": "image", "url": "u"},
    {"type": "file", "fileUrl": "u", "title": None},
    {"type": "file", "fileUrl": "u", "title": ""},
    {"type": "location", "latitude": True, "longitude": 1},
    {"type": "location", "latitude": "1", "longitude": 1},
    {"type": "location", "latitude": 1, "longitude": 10**400},
    {"type": "card", "title": "t"},
    {"type": "card", "title": "t", "actions": [{"action": "shout", "label": "l", "value": "v"}]},
    {"type": "card", "title": "t", "actions": [], "subtitle": None},
    {"type": "carousel", "items": [{"type": "text", "title": "t", "actions": []}]},
    {"type": "choice", "text": "q", "options": [{"label": "", "value": "a"}]},
    {"type": "bloc", "items": [CARD]},
    {"type": "bloc", "items": [{"type": "bloc", "items": []}]},
]


@pytest.mark.parametrize(("payload", "content", "answered"), VALID)
def test_a_valid_payload_is_kept_as_it_came(payload: dict[str, Any], content: str, answered: bool) -> None:
    kept, read = payloads.checked(payload)
    assert kept == payload
    assert (read.content, read.answered) == (content, answered)


@pytest.mark.parametrize("payload", INVALID)
def test_anything_else_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="payload"):
        payloads.checked(payload)


def test_the_items_of_a_carousel_get_the_type_that_newer_clients_insist_on() -> None:
    item = {"title": "t", "actions": [], "own": 1}
    kept, _ = payloads.checked({"type": "carousel", "items": [item, CARD]})
    assert kept["items"] == [{**item, "type": "card"}, CARD]
    assert "type" not in item


def test_what_the_bot_reads_is_bounded_and_what_is_kept_is_not() -> None:
    kept, read = payloads.checked({"type": "text", "text": "x" * 200_000})
    assert (len(kept["text"]), len(read.content)) == (200_000, payloads.CONTENT_CHARS_MAX)


def test_deep_nesting_is_refused_in_time() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput, match="nested"):
        payloads.checked({"type": "text", "text": "x", "deep": deep})
    while deep:  # taken apart by hand: freeing it at once would recurse
        deep = deep[0]


OLD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}),
    (
        {"type": "image", "url": "u", "orientation": "portrait"},
        {"type": "image", "imageUrl": "u", "orientation": "portrait"},
    ),
    ({"type": "audio", "url": "u"}, {"type": "audio", "audioUrl": "u"}),
    ({"type": "video", "url": "u"}, {"type": "video", "videoUrl": "u"}),
    ({"type": "file", "url": "u", "title": "t"}, {"type": "file", "fileUrl": "u", "title": "t"}),
    (
        {"type": "location", "latitude": 1, "longitude": 2},
        {"type": "location", "latitude": 1, "longitude": 2},
    ),
]


@pytest.mark.parametrize(("former", "today"), OLD)
def test_old_payloads_and_todays_are_translated_both_ways(
    former: dict[str, Any], today: dict[str, Any]
) -> None:
    assert old.newer(former) == today
    assert payloads.checked(today)[0] == today
    assert old.older(today) == former


@pytest.mark.parametrize(
    "former",
    [
        {"type": "button", "variant": "action", "text": "Yes", "buttonValue": "y", "reusable": True},
        {"type": "custom", "payload": {"a": [1]}},
    ],
)
def test_what_there_is_no_kind_for_today_comes_back_as_it_was(former: dict[str, Any]) -> None:
    today, _ = payloads.checked(old.newer(former))
    assert today["type"] == "text"
    assert old.older(today) == former


@pytest.mark.parametrize(("payload", "_content", "_answered"), VALID)
def test_an_old_client_gets_only_what_it_knows(
    payload: dict[str, Any], _content: str, _answered: bool
) -> None:
    assert old.newer(old.older(payload))["type"] in {"text", "image", "audio", "video", "file", "location"}


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "image", "imageUrl": "u"},
        {"type": "card", "title": "t", "actions": []},
        {"type": "custom"},
        {"type": "custom", "payload": []},
        {"type": "button", "variant": "x", "text": "t", "buttonValue": "v"},
        {"type": "text", "text": ""},
    ],
)
def test_old_payloads_are_checked_too(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        old.newer(bad)


@pytest.mark.parametrize(
    "carried", [5, {"type": "custom"}, {"type": "text", "text": ""}, {"type": "button", "text": 1}]
)
def test_what_a_new_client_smuggles_in_is_not_shown_to_old_ones(carried: Any) -> None:
    payload = {"type": "text", "text": "hi", "v1": carried}
    assert old.older(payload) == payload
