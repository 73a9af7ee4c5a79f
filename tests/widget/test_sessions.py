"""Who talks in a page's widget: visitors, and users for whom the page vouches."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.stack import OPEN_BOT, stack
from tests.widget.people import person, proof, secret_of, web_token

HOUR_S = 3600.0


async def test_a_bot_tells_the_widget_how_to_look(tmp_path: Path) -> None:
    looks = "title: Shop help\ngreeting: Hello!\ncolour: 0A7D5C\nposition: left\nhandoff: true\n"
    bot = OPEN_BOT.replace("---\n", f"---\n{looks}privacy-url: https://example.com/p\n", 1)
    async with (
        stack(tmp_path, bots={"shop": bot}) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        told = (await client.get("/api/v1/widget/bots/shop")).json()
        assert told["title"] == "Shop help"
        assert told["greeting"] == "Hello!"
        assert told["colour"] == "#0a7d5c"
        assert told["position"] == "left"
        assert told["theme"] == "auto"
        assert told["handoff"] is True
        assert told["operators"] is False
        assert told["uploads"] is False
        assert ".pdf" in told["upload_types"]
        assert told["identity"] == "optional"
        missing = await client.get("/api/v1/widget/bots/none")
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")


async def test_a_visitor_comes_back_as_the_same_one(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        first = await person(client)
        assert first.kind == "visitor"
        await first.say("How many users are there?")
        again = await person(client, visitor=first.token)
        other = await person(client, visitor="no token at all")
        assert [one["title"] for one in await again.conversations()] == ["How many users are there?"]
        assert await other.conversations() == []


async def test_a_page_vouches_by_a_hash_and_what_the_visitor_had_is_the_users(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        secret = secret_of(served)
        visitor = await person(client)
        await visitor.say("How many users are there?")
        shown = proof(secret, "ann", name="Ann\u202e A.", email="ann@example.com")
        ann = await person(client, visitor=visitor.token, **shown)
        assert (ann.kind, ann.name) == ("user", "Ann A.")
        assert len(await ann.conversations()) == 1
        assert await visitor.conversations() == []
        elsewhere = await person(client, **proof(secret, "ann"))
        assert elsewhere.name == "Ann A."
        assert len(await elsewhere.conversations()) == 1
        db = connect(database_path(served.data))
        [row] = db.execute("SELECT actor, target FROM _audit WHERE action = 'identity.link'").fetchall()
        assert row[0] == "user:ann"
        assert str(row[1]).startswith("visitor:")
        profile = db.execute("SELECT name, profile FROM _profiles WHERE owner = 'user:ann'").fetchone()
        assert profile == ("Ann A.", "ann@example.com")
        owners = db.execute("SELECT DISTINCT owner FROM _messages WHERE role = 'user'").fetchall()
        assert owners == [("user:ann",)]
        db.close()


async def test_a_proof_that_does_not_hold_says_what_was_expected(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:

        async def refused(**shown: object) -> str:
            got = await client.post("/api/v1/widget/bots/shop/session", json=shown)
            assert (got.status_code, got.json()["code"]) == (401, "IDENTITY_INVALID"), got.text
            return str(got.json()["error"])

        assert "appliance keys identity" in await refused(**proof("x", "ann"))  # none was made yet
        secret, now = secret_of(served), time.time()
        good = proof(secret, "ann")["user"]["hash"]
        assert "HMAC-SHA256 of exactly that id" in await refused(**proof("another secret", "ann"))
        assert "64 hexadecimal digits" in await refused(user={"id": "ann", "hash": good[:-1]})
        assert "64 hexadecimal digits" in await refused(user={"id": "ann", "hash": "ä" * 64})
        assert "fit" in await refused(user={"id": "bob", "hash": good})
        for id in ("", " ", "a\0b", "x" * 257):
            assert "1 to 256 characters" in await refused(**proof(secret, id))
        claims = {"sub": "ann", "exp": now + 60}
        assert "signature" in await refused(jwt=web_token("another", claims))
        assert "HS256" in await refused(jwt=web_token(secret, claims, algorithm="none"))
        assert "HS256" in await refused(jwt=web_token(secret, claims, algorithm="HS512"))
        assert "signature" in await refused(jwt=web_token(secret, claims).rsplit(".", 1)[0] + ".")
        assert "expired" in await refused(jwt=web_token(secret, {**claims, "exp": now - 60}))
        assert "nbf" in await refused(jwt=web_token(secret, {**claims, "nbf": now + 60}))
        assert "sub" in await refused(jwt=web_token(secret, {"exp": now + 60}))
        assert "kind" in await refused(jwt=web_token(secret, {"sub": 5}))
        for junk in ("a.b", "ä.ö.ü", "....", "." * 2, "x" * 9000, "e30.e30.e30", "[.[.["):
            await refused(jwt=junk)
        both = {**proof(secret, "ann"), "jwt": web_token(secret, claims)}
        got = await client.post("/api/v1/widget/bots/shop/session", json=both)
        assert (got.status_code, got.json()["error"]) == (400, "Send user or jwt, not both.")


async def test_a_web_token_names_a_user_whatever_else_it_claims(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        secret = secret_of(served)
        claims = {"sub": "ann", "name": "Ann", "role": "admin", "exp": time.time() + 60}
        ann = await person(client, jwt=web_token(secret, claims))
        assert (ann.kind, ann.name) == ("user", "Ann")
        looked = await client.get("/api/v1/admin/ai/chatbots", headers=ann.headers)
        assert looked.status_code == 403


async def test_the_secret_before_is_good_for_a_day_after_a_rotation(tmp_path: Path) -> None:
    at = [time.time()]
    async with (
        stack(tmp_path, clock=lambda: at[0]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        first, second = secret_of(served), secret_of(served, rotate=True)
        assert first != second

        async def kind(secret: str) -> str:
            got = await client.post("/api/v1/widget/bots/shop/session", json=proof(secret, "ann"))
            return str(got.json().get("kind") or got.json()["code"])

        assert [await kind(first), await kind(second)] == ["user", "user"]
        at[0] += 24 * HOUR_S - 60
        assert [await kind(first), await kind(second)] == ["user", "user"]
        at[0] += 120
        assert [await kind(first), await kind(second)] == ["IDENTITY_INVALID", "user"]


async def test_a_session_of_a_user_ends_after_an_hour_and_begins_anew_with_the_same_proof(
    tmp_path: Path,
) -> None:
    at = [time.time()]
    async with (
        stack(tmp_path, clock=lambda: at[0]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        shown = proof(secret_of(served), "ann")
        ann = await person(client, **shown)
        at[0] += HOUR_S + 60
        assert (await ann.ask("GET", "/conversations")).status_code == 401
        assert await (await person(client, **shown)).conversations() == []


async def test_a_bot_says_whether_pages_vouch(tmp_path: Path) -> None:
    bots = {
        "closed": OPEN_BOT.replace("---\n", "---\nidentity: none\n", 1),
        "named": OPEN_BOT.replace("---\n", "---\nidentity: required\n", 1),
        "members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false"),
    }
    async with stack(tmp_path, bots=bots) as served, httpx.AsyncClient(base_url=served.url) as client:
        shown = proof(secret_of(served), "ann")
        wanted = [
            (await client.get(f"/api/v1/widget/bots/{bot}")).json()["identity"]
            for bot in ("closed", "named", "members")
        ]
        assert wanted == ["none", "required", "required"]
        refused = await client.post("/api/v1/widget/bots/closed/session", json=shown)
        assert (refused.status_code, refused.json()["code"]) == (401, "IDENTITY_INVALID")
        nobody = await client.post("/api/v1/widget/bots/named/session", json={})
        assert nobody.status_code == 401
        visitor = await person(client, "closed")
        await visitor.say("How many users are there?", "named", status=401)  # nor by another door
        ann = await person(client, "named", **shown)
        await ann.say("How many users are there?", "named")


async def test_row_rules_know_a_user_for_whom_a_page_vouches(tmp_path: Path) -> None:
    bot = OPEN_BOT.replace("allowed-tables: [users, orders]", 'row-rules: {things: "owner = :user_id"}')
    query = openai_tool_calls(("execute_sql", {"sql": "SELECT name FROM things", "description": "All"}))
    db = connect(database_path(tmp_path))
    db.execute("CREATE TABLE things (name TEXT, owner TEXT)")
    db.execute("INSERT INTO things VALUES ('lamp', 'ann'), ('chair', 'bob')")
    db.close()
    said = openai_text("So.")
    async with stack(tmp_path, [query, said, query, said], bots={"shop": bot}) as served:
        async with httpx.AsyncClient(base_url=served.url) as client:
            ann = await person(client, **proof(secret_of(served), "ann"))
            stranger = await person(client)
            await ann.say("What is mine?")
            await stranger.say("What is mine?")
        assert served.model is not None
        told = [asked.body["messages"][-1]["content"] for asked in served.model.requests[1::2]]
        assert ["lamp" in text for text in told] == [True, False]
        assert not any("chair" in text for text in told)


async def test_a_secret_of_another_tenant_vouches_for_nobody(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        secret_of(served)
        db = connect(database_path(served.data))
        _, key = create_key(db, "anon", "default", time.time())
        create_key(db, "tenant", "acme", time.time())
        db.close()
        foreign = secret_of(served, tenant="acme")
        got = await client.post(
            "/api/v1/widget/bots/shop/session", json=proof(foreign, "ann"), headers={"apikey": key}
        )
        assert got.json()["code"] == "IDENTITY_INVALID"


@pytest.mark.parametrize("body", [b"[]", b'{"user": 5}', b'{"user": {"id": "a"}}', b'{"visitor": []}', b"{"])
async def test_a_body_of_another_form_is_told(tmp_path: Path, body: bytes) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        got = await client.post("/api/v1/widget/bots/shop/session", content=body)
        assert (got.status_code, got.json()["code"]) == (400, "INVALID_INPUT")


async def test_the_hash_of_an_id_never_signs_a_web_token(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, httpx.AsyncClient(base_url=served.url) as client:
        secret = secret_of(served)
        chosen, _, _ = web_token(secret, {"sub": "ceo"}).rpartition(".")
        shown = proof(secret, chosen)
        got = await client.post("/api/v1/widget/bots/shop/session", json=shown)
        assert (got.status_code, got.json()["code"]) == (401, "IDENTITY_INVALID")
        for plain in ("ann.lee", "ann@example.com", "eyJhbGciOiJIUzI1NiJ9"):
            good = await client.post("/api/v1/widget/bots/shop/session", json=proof(secret, plain))
            assert good.status_code == 200, plain
