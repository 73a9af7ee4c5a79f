"""The 0.2.x dialect over the same appliance: `/v1`, `x-chat-key`, `fid`, old payloads."""

from __future__ import annotations

from pathlib import Path

from tests.protocols.botpress.chat_api import KEY, chat_api, keyed, signed

OLD = "/shop/v1"


async def test_objects_have_a_fid_and_messages_a_type(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.at(OLD).join(fid="ann", name="Ann")
        assert (await ann.good("GET", "/users/me"))["user"]["fid"] == ann.id == "ann"
        made = await ann.good("POST", "/conversations", {"fid": "mine", "participants": ["ann"]})
        assert made["conversation"]["fid"] == made["conversation"]["id"] == "mine"
        async with ann.listen("mine") as ear:
            image = {"type": "image", "url": "u"}
            said = await ann.say("mine", **image)
            (_, heard) = await ear.next()
        assert (said["type"], said["payload"]) == ("image", image)
        assert {**said, "isBot": False} == heard
        assert await ann.messages("mine") == [said]
        new = keyed(stranger, ann.key)
        assert (await new.messages("mine"))[0]["payload"] == {"type": "image", "imageUrl": "u"}
        assert "type" not in (await new.messages("mine"))[0]
        assert await ann.refused("POST", "/users", {"fid": "ann"}) == "AlreadyExists"


async def test_new_payloads_reach_old_clients_as_words(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        mine = await ann.open()
        old = ann.at(OLD)
        async with old.listen(mine) as ear:
            await ann.good(
                "POST", "/events", {"conversationId": mine, "payload": {}}
            )  # they know no such signal
            choice = {"type": "choice", "text": "Well?", "options": [{"label": "Yes", "value": "y"}]}
            await ann.say(mine, **choice)
            (type, heard) = await ear.next()
        assert (type, heard["payload"]) == ("message_created", {"type": "text", "text": "Well?\n- Yes"})


async def test_buttons_are_answered_and_custom_payloads_are_not(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.at(OLD).join()
        mine = await ann.open()
        button = {"type": "button", "variant": "action", "text": "Yes", "buttonValue": "y"}
        custom = {"type": "custom", "payload": {"a": 1}}
        async with ann.listen(mine) as ear:
            assert (await ann.say(mine, **custom))["payload"] == custom
            assert (await ann.say(mine, **button))["payload"] == button
            heard = [data for _, data in await ear.take(3)]
        assert [data["payload"]["type"] for data in heard] == ["custom", "button", "text"]
        assert (
            await ann.refused("POST", "/messages", {"conversationId": mine, "payload": {"type": "card"}})
            == "InvalidPayload"
        )


async def test_a_message_of_one_fid_is_said_once(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, eve = await stranger.at(OLD).join(), await stranger.at(OLD).join()
        mine, other = await ann.open(), await ann.open()
        body = {"fid": "m", "conversationId": mine, "payload": {"type": "text", "text": "once"}}
        async with ann.listen(mine) as ear:
            first = (await ann.good("POST", "/messages/get-or-create", body))["message"]
            (_, heard) = (await ear.take(2))[0]
        assert (await ann.good("POST", "/messages/get-or-create", body))["message"] == first
        assert (first["id"], first["fid"]) == ("m", "m")
        assert {**first, "isBot": False} == heard
        assert (await ann.good("GET", "/messages/m"))["message"] == first
        assert len(await ann.messages(mine)) == 2
        assert (
            await ann.refused("POST", "/messages/get-or-create", {**body, "conversationId": other})
            == "AlreadyExists"
        )
        assert (
            await ann.refused("POST", "/messages/get-or-create", {**body, "fid": "a b"}) == "InvalidPayload"
        )
        assert await eve.refused("GET", "/messages/m") == "ResourceNotFound"
        assert await eve.refused("POST", "/messages/get-or-create", body) == "Forbidden"


async def test_conversations_and_messages_can_get_another_fid(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann, eve = await stranger.at(OLD).join(), await stranger.at(OLD).join()
        mine, other = await ann.open(), await ann.open(fid="other")
        assert (await ann.good("PUT", f"/conversations/{mine}", {"fid": "new"}))["conversation"][
            "id"
        ] == "new"
        assert (await ann.good("PUT", "/conversations/new", {}))["conversation"]["id"] == "new"
        assert await ann.refused("PUT", "/conversations/new", {"fid": other}) == "AlreadyExists"
        assert await ann.refused("PUT", "/conversations/new", {"fid": "a b"}) == "InvalidPayload"
        assert await eve.refused("PUT", "/conversations/new", {"fid": "x"}) == "Forbidden"
        said = await ann.say("new", type="image", url="u")
        again = await ann.say("new", type="image", url="v")
        assert (await ann.good("PUT", f"/messages/{said['id']}", {"fid": "m"}))["message"]["fid"] == "m"
        assert await ann.refused("PUT", f"/messages/{again['id']}", {"fid": "m"}) == "AlreadyExists"
        assert await eve.refused("PUT", f"/messages/{again['id']}", {"fid": "x"}) == "Forbidden"
        assert await ann.good("DELETE", "/messages/m", {}) == {}
        assert len(await ann.messages("new")) == 1


async def test_whom_the_integrator_vouches_for_is_made_when_they_first_come(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        ann = keyed(stranger, signed(fid="ann", name="Ann", profile="p")).at(OLD)
        told = (await ann.good("GET", "/users/me"))["user"]
        assert (told["id"], told["name"], told["profile"]) == ("ann", "Ann", "p")
        odd = keyed(stranger, signed(fid="a b")).at(OLD)
        assert await odd.refused("GET", "/users/me") == "InvalidPayload"
        assert await stranger.at(OLD).refused("POST", "/users", {}) == "Unauthorized"
