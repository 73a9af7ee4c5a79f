"""Users and their keys in both modes: who may be whom, and who may become whom."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import jwt
import pytest
import trio

from appliance.identity import Caller
from appliance.store import conversations
from appliance.store import settings as stored_settings
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.tenants import ensure_tenant
from appliance.store.vault import Vault
from tests.protocols.botpress.chat_api import KEY, Person, chat_api, keyed, signed
from tests.server.test_guest_keys import raw_signed
from tests.support.stack import stack


async def test_anybody_becomes_a_guest_with_a_key(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        made = await stranger.good("POST", "/users", {"id": "ann", "name": "Ann", "profile": "{}"})
        assert made["user"].keys() == {"id", "name", "profile", "createdAt", "updatedAt"}
        assert made["user"]["createdAt"].endswith("Z")
        ann = keyed(stranger, made["key"])
        assert (await ann.good("GET", "/users/me"))["user"] == made["user"]
        assert jwt.get_unverified_header(made["key"])["alg"] == "HS256"
        nobody = await stranger.call("POST", "/users")  # no body at all
        assert nobody.status_code == 200
        assert nobody.json()["user"]["id"].startswith("user_")


async def test_of_many_who_want_one_id_exactly_one_gets_it(tmp_path: Path) -> None:
    statuses: list[int] = []
    async with chat_api(tmp_path) as stranger, trio.open_nursery() as nursery:

        async def want() -> None:
            answer = await stranger.call("POST", "/users", {"id": "one"})
            statuses.append(answer.status_code)
            assert ("key" in answer.json()) == (answer.status_code == 200)

        for _ in range(8):
            nursery.start_soon(want)
    assert sorted(statuses) == [200] + [409] * 7


async def test_an_id_of_other_characters_is_refused(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        for id in ("a b", "é", "x" * 71, "a\n", "a.b", "a@b"):
            assert await stranger.refused("POST", "/users", {"id": id}) == "InvalidPayload"


async def test_a_bots_id_is_nobodys(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        conversation = await ann.open()
        async with ann.listen(conversation) as ear:
            await ann.say(conversation)
            bot = (await ear.take(2))[1][1]["userId"]
        assert await stranger.refused("POST", "/users", {"id": bot}) == "AlreadyExists"


async def test_what_is_not_given_stays_and_null_is_as_if_absent(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join(name="Ann", pictureUrl="http://x/a.png")
        before = (await ann.good("GET", "/users/me"))["user"]
        told = (await ann.good("PUT", "/users/me", {"profile": "p", "name": None, "unknown": 1}))["user"]
        assert (told["name"], told["pictureUrl"], told["profile"]) == ("Ann", "http://x/a.png", "p")
        again = (await ann.good("POST", "/users/get-or-create", {"name": "Anna"}))["user"]
        assert (again["name"], again["profile"], again["createdAt"]) == ("Anna", "p", before["createdAt"])
        assert again["updatedAt"] >= before["updatedAt"]


async def test_what_one_tells_of_oneself_has_bounds(tmp_path: Path) -> None:
    too_much = ({"profile": "x" * 1001}, {"name": "x" * 201}, {"pictureUrl": "x" * 40001}, {"name": 1})
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        for body in too_much:
            assert await ann.refused("PUT", "/users/me", body) == "InvalidPayload"
        assert (await ann.call("PUT", "/users/me", {"profile": "😀" * 1000})).status_code == 200


async def test_a_deleted_guest_comes_back_by_their_key_only(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join(id="ann", name="Ann", pictureUrl="u", profile="p")
        conversation = await ann.open()
        assert await ann.good("DELETE", "/users/me", {}) == {}
        db = connect(database_path(tmp_path))
        assert db.execute("SELECT name, picture_url, profile FROM _profiles").get == (None, None, None)
        db.close()
        assert await ann.refused("GET", "/users/me") == "ResourceNotFound"
        payload = {"type": "text", "text": "hi"}
        body = {"conversationId": conversation, "payload": payload}
        assert await ann.refused("POST", "/messages", body) == "ResourceNotFound"
        assert await ann.refused("DELETE", "/users/me") == "ResourceNotFound"
        # Somebody else with this id would share it with whoever holds the old key.
        assert await stranger.refused("POST", "/users", {"id": "ann"}) == "AlreadyExists"
        back = (await ann.good("POST", "/users/get-or-create"))["user"]
        assert (back["id"], "name" in back) == ("ann", False)


BAD_KEYS = {
    "garbage": "garbage",
    "another secret": signed("another-secret-that-is-long-enough-for-all", id="ann"),
    "no id": signed(sub="ann"),
    "an id that is no text": signed(id=7),
    "expired": signed(id="ann", exp=int(time.time()) - 5),
    "not yet": signed(id="ann", nbf=int(time.time()) + 50_000),
    "two ids": signed(id="ann", fid="bob"),
    "no signature": jwt.encode({"id": "ann"}, "", algorithm="none"),
    "another algorithm": jwt.encode({"id": "ann"}, KEY * 2, algorithm="HS512"),
    "nothing": "",
    "very long": "a" * 9000,
}


async def test_whatever_is_wrong_with_a_key_is_unauthorized(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        for wrong, key in BAD_KEYS.items():
            somebody = keyed(stranger, key)
            assert await somebody.refused("POST", "/users/get-or-create") == "Unauthorized", wrong


async def test_a_tenants_own_key_makes_users_and_the_open_door_is_shut(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        assert await stranger.refused("POST", "/users", {}) == "Unauthorized"
        # Libraries put in all sorts of claims: they mean nothing here.
        odd = {"aud": ["x"], "iat": int(time.time()) + 900, "sub": 7, "iss": {"a": 1}, "jti": 5}
        ann = keyed(stranger, signed(**{"id": "ann", **{k: v for k, v in odd.items() if k != "iss"}}))
        assert await ann.refused("GET", "/users/me") == "ResourceNotFound"
        statuses = []

        async def come() -> None:
            statuses.append((await ann.call("POST", "/users/get-or-create", {"name": "Ann"})).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(come)
        assert statuses == [200] * 5
        members = ann.at("/members")  # users may talk to bots that guests may not
        conversation = await members.open()
        await members.say(conversation)
    db = connect(database_path(tmp_path))
    assert db.execute("SELECT owner FROM _conversations").get == "user:ann"
    assert db.execute("SELECT id FROM _users").get == "ann"
    db.close()


@pytest.mark.parametrize("secret", ["s", "-----BEGIN PUBLIC KEY-----", "0" * 64])
async def test_any_text_can_be_the_secret(tmp_path: Path, secret: str) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=secret) as stranger:
        ann = keyed(stranger, raw_signed(secret.encode(), id="ann"))
        assert (await ann.good("POST", "/users/get-or-create"))["user"]["id"] == "ann"


async def test_an_id_that_breaks_the_rule_is_told_when_the_user_would_be_made(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        for id in ("ann@example.com", "a b", "x" * 71):
            somebody = keyed(stranger, signed(id=id))
            assert await somebody.refused("POST", "/users/get-or-create") == "InvalidPayload"
            assert await somebody.refused("GET", "/users/me") == "ResourceNotFound"


async def test_keys_of_guests_mean_nothing_once_the_tenant_has_its_own(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        key = (await stranger.join(id="ann")).key
    async with chat_api(tmp_path) as stranger:  # they outlive a restart
        assert (await keyed(stranger, key).call("GET", "/users/me")).status_code == 200
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        assert await keyed(stranger, key).refused("GET", "/users/me") == "Unauthorized"


async def test_another_tenant_has_its_own_users_and_key(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join(id="ann")
        db = connect(database_path(tmp_path))
        ensure_tenant(db, "acme", time.time())
        assert await stranger.at("/nobody@shop").refused("GET", "/hello") == "ResourceNotFound"
        acme = stranger.at("/acme@shop")
        assert await ann.at("/acme@shop").refused("GET", "/users/me") == "Unauthorized"
        theirs = await acme.join(id="ann")  # the name is free there
        assert theirs.key != ann.key
        vault = Vault(load_encryption_key(tmp_path))
        stored_settings.put(
            db, vault, tenant="acme", key="botpress_encryption_key", value=KEY, secret=True, now=time.time()
        )
        assert await theirs.refused("GET", "/users/me") == "Unauthorized"
        assert await acme.refused("POST", "/users", {}) == "Unauthorized"
        bob = keyed(stranger, signed(id="bob")).at("/acme@shop")
        assert (await bob.good("POST", "/users/get-or-create"))["user"]["id"] == "bob"
        assert (await ann.call("GET", "/users/me")).status_code == 200
        # A key that cannot be read any more must not open the door to everybody.
        db.execute("UPDATE _settings SET value = x'010203'")
        db.close()
        assert await acme.refused("POST", "/users", {}) == "Internal"


async def test_guests_get_no_key_for_a_bot_that_wants_users(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        assert await stranger.at("/members").refused("POST", "/users", {}) == "Unauthorized"
        ann = await stranger.join()
        assert await ann.at("/members").refused("POST", "/conversations", {}) == "Unauthorized"


async def test_a_guest_is_no_user_of_that_name(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        guest = await stranger.join(id="alice")
        conversation = await guest.open()
        await guest.say(conversation)
    db = connect(database_path(tmp_path))
    owners = db.execute(
        "SELECT owner FROM _conversations UNION SELECT owner FROM _messages WHERE role = 'user'"
    )
    assert [row[0] for row in owners] == ["guest:alice"]
    assert db.execute("SELECT count(*) FROM _users").get == 0
    db.close()


async def test_a_fluxbase_user_finds_their_conversation_by_its_id(tmp_path: Path) -> None:
    async with stack(tmp_path, [], botpress_encryption_key=KEY) as served:
        db = connect(database_path(served.data))
        id = "0b7e6a3e-6f6a-4c8e-9d4a-3d2f1c5b7a90"
        conversations.create(
            db,
            id=id,
            caller=Caller(user_id="alice", role="authenticated"),
            namespace="default",
            bot="shop",
            persist=True,
            expires_at=None,
            now=time.time(),
        )
        db.close()
        async with httpx.AsyncClient() as client:
            alice = Person(served.url, client, signed(id="alice"))
            await alice.good("POST", "/users/get-or-create")
            assert (await alice.good("GET", f"/conversations/{id}"))["conversation"]["id"] == id
            assert [one["id"] for one in await alice.pages("/conversations", "conversations")] == [id]
            bob = Person(served.url, client, signed(id="bob"))
            await bob.good("POST", "/users/get-or-create")
            assert await bob.refused("GET", f"/conversations/{id}") == "Forbidden"
            assert await bob.refused("POST", "/conversations", {"id": id}) == "AlreadyExists"
            assert await bob.refused("POST", "/conversations/get-or-create", {"id": id}) == "Forbidden"


async def test_nobody_speaks_as_a_person_of_the_team(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        for id in ("operator_ann", "Operator_ann", "operator_"):
            for dialect, key in (("/shop", "id"), ("/shop/v1", "fid")):
                assert await stranger.at(dialect).refused("POST", "/users", {key: id}) == "AlreadyExists"
        eve = await stranger.join(id="eve")
        body = {
            "conversationId": await eve.open(),
            "payload": {"type": "text", "text": "Send me your password"},
            "metadata": {"operator_name": "Ann A.", "sources": [], "colour": "red"},
        }
        said = (await eve.good("POST", "/messages", body))["message"]
        assert said["metadata"] == {"colour": "red"}
        kept = await eve.messages(said["conversationId"])
        assert {"colour": "red"} in [one.get("metadata") for one in kept]
        assert not any("operator_name" in one.get("metadata", {}) for one in kept)


async def test_no_signed_key_makes_a_person_of_the_team(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        for dialect, path in (("/shop", "/users/get-or-create"), ("/shop/v1", "/conversations")):
            key = signed(id="operator_ann")
            known = Person(stranger.url, stranger.http, key, "operator_ann", dialect)
            assert await known.refused("POST", path, {}) == "Forbidden"
