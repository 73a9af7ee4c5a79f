"""Conversations, participants and their pages: ids, rights, races."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trio

from appliance.engine import shared
from tests.protocols.botpress.chat_api import BOTS, Person, chat_api


async def test_a_conversation_is_reached_by_its_makers_id_or_by_ours(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(), await stranger.join()
        made = (await ann.good("POST", "/conversations", {"id": "a/b\\c"}))["conversation"]
        assert made.keys() == {"id", "createdAt", "updatedAt"}
        assert (await ann.good("GET", "/conversations/" + quote("a/b\\c", safe="")))["conversation"] == made
        ours = await ann.open(id="")  # an empty id is none
        assert await bob.refused("POST", "/conversations", {"id": ours}) == "AlreadyExists"
        assert await bob.refused("POST", "/conversations", {"id": "a/b\\c"}) == "AlreadyExists"
        assert await ann.refused("POST", "/conversations", {"id": "a/b\\c"}) == "AlreadyExists"
        for bad in ("a b", "x" * 71, "a\n", "."):
            assert await ann.refused("POST", "/conversations", {"id": bad}) == "InvalidPayload"
            assert await ann.refused("POST", "/conversations/get-or-create", {"id": bad}) == "InvalidPayload"
        assert await ann.refused("POST", "/conversations/get-or-create", {"id": ""}) == "InvalidPayload"
        assert await ann.refused("POST", "/conversations/get-or-create", {}) == "InvalidPayload"


async def test_who_is_not_in_a_conversation_learns_no_more_than_that_it_exists(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, eve = await stranger.join(), await stranger.join()
        mine = await ann.open(id="mine")
        message = await ann.say(mine)
        event = (await ann.good("POST", "/events", {"conversationId": mine, "payload": {}}))["event"]
        text = {"type": "text", "text": "hi"}
        for id, seen in ((mine, "Forbidden"), ("nope", "ResourceNotFound")):
            assert await eve.refused("GET", f"/conversations/{id}") == seen
            assert await eve.refused("DELETE", f"/conversations/{id}", {}) == seen
            assert await eve.refused("POST", f"/conversations/{id}/participants", {"userId": eve.id}) == seen
            assert await eve.refused("GET", f"/conversations/{id}/participants/{ann.id}") == seen
            assert await eve.refused("DELETE", f"/conversations/{id}/participants/{ann.id}") == seen
            assert await eve.refused("GET", f"/conversations/{id}/messages") == "Forbidden"
            assert await eve.refused("GET", f"/conversations/{id}/participants") == "Forbidden"
            assert await eve.refused("GET", f"/conversations/{id}/listen") == "Forbidden"
            assert (
                await eve.refused("POST", "/messages", {"conversationId": id, "payload": text}) == "Forbidden"
            )
            assert await eve.refused("POST", "/events", {"conversationId": id, "payload": {}}) == "Forbidden"
        assert await eve.refused("GET", f"/messages/{message['id']}") == "Forbidden"
        assert await eve.refused("DELETE", f"/messages/{message['id']}") == "Forbidden"
        assert await eve.refused("GET", f"/events/{event['id']}") == "Forbidden"
        assert await eve.refused("GET", "/messages/nope") == "ResourceNotFound"
        assert await eve.refused("GET", "/events/nope") == "ResourceNotFound"
        assert await eve.refused("POST", "/conversations/get-or-create", {"id": mine}) == "Forbidden"
        assert await eve.pages("/conversations", "conversations") == []


async def test_bots_do_not_share_conversations(tmp_path: Path) -> None:
    async with chat_api(tmp_path, bots={**BOTS, "desk": BOTS["shop"]}) as stranger:
        ann = await stranger.join()
        mine = await ann.open(id="same")
        ours = await ann.open()
        message = await ann.say(mine)
        desk = ann.at("/desk")
        assert await desk.refused("GET", f"/conversations/{mine}") == "ResourceNotFound"
        assert await desk.refused("GET", f"/conversations/{ours}") == "ResourceNotFound"
        assert await desk.refused("GET", f"/messages/{message['id']}") == "ResourceNotFound"
        assert await desk.pages("/conversations", "conversations") == []
        assert await desk.open(id="same") == "same"


async def test_get_or_create_called_at_once_gives_all_the_same_one(tmp_path: Path) -> None:
    found = []
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()

        async def want() -> None:
            found.append(await ann.good("POST", "/conversations/get-or-create", {"id": "one"}))

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(want)
    assert len(found) == 8
    assert all(one == found[0] for one in found)


async def test_who_comes_second_gets_the_conversation_of_who_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, asked = shared.find, []

    def late(*args: Any) -> Any:
        """Nothing is there yet at the first look, as for two calls in the same moment."""
        asked.append(args)
        return None if len(asked) == 1 else find(*args)

    async with chat_api(tmp_path) as stranger:
        ann, eve = await stranger.join(), await stranger.join()
        made = (await ann.good("POST", "/conversations", {"id": "one"}))["conversation"]
        monkeypatch.setattr(shared, "find", late)
        found = await ann.good("POST", "/conversations/get-or-create", {"id": "one"})
        assert found["conversation"] == made
        asked.clear()
        assert await eve.refused("POST", "/conversations/get-or-create", {"id": "one"}) == "Forbidden"
        asked.clear()
        assert await eve.refused("POST", "/conversations", {"id": "one"}) == "AlreadyExists"


async def test_a_deleted_conversations_id_is_free_and_nothing_old_comes_back(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(), await stranger.join()
        mine = await ann.open(id="again")
        await ann.good("POST", "/conversations/again/participants", {"userId": bob.id})
        message = await ann.say(mine)
        event = (await ann.good("POST", "/events", {"conversationId": mine, "payload": {}}))["event"]
        assert await bob.refused("DELETE", "/conversations/again") == "Forbidden"
        assert await ann.good("DELETE", "/conversations/again", {}) == {}
        assert await ann.refused("GET", "/conversations/again") == "ResourceNotFound"
        assert await ann.refused("DELETE", "/conversations/again") == "ResourceNotFound"
        assert await ann.refused("GET", f"/messages/{message['id']}") == "ResourceNotFound"
        assert await ann.refused("GET", f"/events/{event['id']}") == "ResourceNotFound"
        await bob.open(id="again")
        assert await bob.messages("again") == []
        assert [
            one["id"] for one in await bob.pages("/conversations/again/participants", "participants")
        ] == [bob.id]
        assert await ann.refused("GET", "/conversations/again") == "Forbidden"


async def test_only_the_owner_says_who_takes_part(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="b/ob", name="Bob")
        mine = await ann.open()
        at = f"/conversations/{mine}/participants"
        added = (await ann.good("POST", at, {"userId": "b/ob"}))["participant"]
        assert added["name"] == "Bob"
        assert (await ann.good("POST", at, {"userId": "b/ob"}))["participant"] == added
        assert (await ann.good("POST", at, {"userId": "ann"}))["participant"]["id"] == "ann"
        assert [one["id"] for one in await bob.pages(at, "participants")] == ["ann", "b/ob"]
        assert (await ann.good("GET", at + "/b%2Fob"))["participant"] == added
        assert await ann.refused("GET", at + "/nobody") == "ResourceNotFound"
        assert await ann.refused("POST", at, {"userId": "nobody"}) == "ResourceNotFound"
        assert await ann.refused("POST", at, {}) == "InvalidPayload"
        assert await bob.refused("POST", at, {"userId": "ann"}) == "Forbidden"
        assert await bob.refused("GET", at + "/b%2Fob") == "Forbidden"
        assert await bob.refused("DELETE", at + "/ann") == "Forbidden"
        assert await bob.refused("POST", "/conversations/get-or-create", {"id": mine}) == "Forbidden"
        assert await ann.refused("DELETE", at + "/ann") == "InvalidPayload"
        assert [one["id"] for one in await bob.pages("/conversations", "conversations")] == [mine]
        assert await ann.good("DELETE", at + "/b%2Fob", {}) == {}
        assert await ann.refused("DELETE", at + "/b%2Fob") == "ResourceNotFound"
        assert await bob.refused("GET", f"/conversations/{mine}") == "Forbidden"


async def test_participants_can_be_named_when_a_conversation_is_made(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="bob")
        mine = await ann.open(participants=["ann", "bob", "bob"])
        assert [
            one["id"] for one in await bob.pages(f"/conversations/{mine}/participants", "participants")
        ] == ["ann", "bob"]
        body = {"id": "x", "participants": ["nobody"]}
        assert await ann.refused("POST", "/conversations", body) == "ReferenceNotFound"
        assert await ann.refused("GET", "/conversations/x") == "ResourceNotFound"
        assert (
            await ann.refused(
                "POST", "/conversations", {"participants": ["p"] * 5 + [f"p{n}" for n in range(201)]}
            )
            == "InvalidPayload"
        )


async def test_who_was_deleted_takes_part_no_more_and_keeps_their_words(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, bob = await stranger.join(id="ann"), await stranger.join(id="bob")
        mine = await ann.open(participants=["bob"])
        await bob.say(mine, "from bob")
        async with ann.listen(mine) as ears, bob.listen(mine) as theirs:
            await bob.good("DELETE", "/users/me")
            assert await theirs.is_over()
            assert await ears.next() == (
                "participant_removed",
                {"conversationId": mine, "participantId": "bob"},
            )
        assert [
            one["id"] for one in await ann.pages(f"/conversations/{mine}/participants", "participants")
        ] == ["ann"]
        assert "from bob" in [one["payload"]["text"] for one in await ann.messages(mine)]
        await bob.good("POST", "/users/get-or-create")
        assert await bob.refused("GET", f"/conversations/{mine}") == "Forbidden"


async def test_pages_neither_repeat_nor_skip_while_others_come_and_go(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        ids = [await ann.open(id=f"c{number}") for number in range(45)]
        first = await ann.good("GET", "/conversations")
        assert [one["id"] for one in first["conversations"]] == ids[:24:-1]
        await ann.open(id="late")
        await ann.good("DELETE", f"/conversations/{ids[40]}")
        token = first["meta"]["nextToken"]
        second = await ann.good("GET", f"/conversations?nextToken={token}")
        assert [one["id"] for one in second["conversations"]] == ids[24:4:-1]
        third = await ann.good("GET", f"/conversations?nextToken={second['meta']['nextToken']}")
        assert [one["id"] for one in third["conversations"]] == ids[4::-1]
        assert third["meta"] == {}


async def test_a_token_that_was_not_given_out_is_refused(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        lists = ("/conversations", f"/conversations/{mine}/messages", f"/conversations/{mine}/participants")
        for token in ("x", "%00", "e30=", "W10=", "é", "a" * 5000, "WyJhIiwxXQ=="):
            for path in lists:
                assert await ann.refused("GET", f"{path}?nextToken={token}") == "InvalidQuery"


async def test_a_token_of_another_list_is_refused(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        one, other = await ann.open(), await ann.open()
        for number in range(21):
            await ann.say(one, type="image", imageUrl=f"{number}")
        token = (await ann.good("GET", f"/conversations/{one}/messages"))["meta"]["nextToken"]
        assert (
            await ann.refused("GET", f"/conversations/{other}/messages?nextToken={token}") == "InvalidQuery"
        )
        assert await ann.refused("GET", f"/conversations?nextToken={token}") == "InvalidQuery"


async def test_routes_errors_and_odd_bodies_have_the_apis_own_form(tmp_path: Path) -> None:
    async with chat_api(tmp_path, body_bytes_max=10_000) as stranger:
        for path in ("/hello", "/hello/"):
            answer = await stranger.call("GET", path)
            assert (answer.status_code, answer.text) == (200, "Hello from the Chat API.")
        ann = await stranger.join()
        nobody = Person(ann.url, ann.http, path="/nobody")
        assert await nobody.refused("GET", "/hello/") == "ResourceNotFound"
        assert await nobody.refused("POST", "/users", {}) == "ResourceNotFound"
        assert await ann.refused("GET", "/no/such/thing") == "ResourceNotFound"
        for method in ("PATCH", "TRACE", "BREW"):
            assert await ann.refused(method, "/users/me") == "MethodNotFound"
            assert await ann.refused(method, "/no/such/thing") == "ResourceNotFound"
        assert await stranger.refused("GET", "/users/me") == "Unauthorized"
        for body in (b"{", b"[]", b"null", b'"x"', b'{"id": NaN}', b"\xff", b"[" * 3000):
            assert await ann.refused("POST", "/conversations", body) == "InvalidPayload"
        for over in (10_001, 39_999):  # read to its end: some clients hang when they are answered earlier
            assert await ann.refused("POST", "/conversations", b" " * over) == "PayloadTooLarge"
        for path in ("/users/me", "/no/such/thing"):
            answer = await ann.call("GET", path)
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert (
            await ann.call("GET", "/users/me", {})
        ).status_code == 200  # 0.4.x sends a body with everything


async def test_browsers_may_send_the_key_and_read_refusals(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        origin = {"Origin": "https://shop.example"}
        ask = {
            **origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "x-user-key",
        }
        preflight = await stranger.http.options(f"{stranger.base}/users/me", headers=ask)
        refused = await stranger.http.get(f"{stranger.base}/users/me", headers=origin)
        assert (preflight.is_success, refused.status_code) == (True, 401)
        for answer in (preflight, refused):
            assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
            assert {"content-type", "x-user-key", "x-chat-key"} <= set(allowed)
            assert answer.headers["Vary"] == "Origin"
