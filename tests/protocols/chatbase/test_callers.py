"""Who may do what: keys, users' tokens, visitors, nobody; and what every answer tells beside its body."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from appliance.server.tokens import make_user_token
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key, revoke_key
from tests.protocols.chatbase.api import SHOP, Api, api, of
from tests.support.model_replies import openai_text

FORBIDDEN = (403, "AUTH_INSUFFICIENT_PERMISSIONS")
NOT_THERE = (404, "RESOURCE_NOT_FOUND")
AGENT_KEYS = {
    *("id", "name", "instructions", "channelInstructions", "model", "autoRetrain", "temp", "visibility"),
    *("allowedDomains", "suggestedMessages", "initialMessages", "creditLimit", "creditsUsed"),
    *("notificationsSettings", "ipRateLimits", "spamSettings", "blockedCountries", "voiceSettings", "styles"),
    *("createdAt", "lastMessageAt", "lastTrainedAt", "status", "size"),
}
PATHS = (
    ("GET", "/me"),
    ("GET", "/agents"),
    ("GET", SHOP),
    ("GET", "/agents/nobody"),
    ("POST", f"{SHOP}/chat"),
    ("GET", f"{SHOP}/conversations"),
    ("GET", f"{SHOP}/conversations/export"),
    ("GET", f"{SHOP}/conversations/none"),
    ("GET", f"{SHOP}/conversations/none/messages"),
    ("GET", f"{SHOP}/users/a%20b/conversations"),
    ("POST", f"{SHOP}/conversations/none/retry"),
    ("POST", f"{SHOP}/conversations/none/tool-result"),
    ("PATCH", f"{SHOP}/conversations/none"),
    ("PATCH", f"{SHOP}/conversations/none/messages/none/feedback"),
)


def user(caller: Api, name: str, **options: float) -> Api:
    return caller.showing(caller.served.token(name, **options))


async def test_a_credential_is_looked_at_before_anything_else(tmp_path: Path) -> None:
    async with api(tmp_path) as caller:
        db = connect(database_path(caller.served.data))
        gone, revoked = create_key(db, "tenant", "default", time.time())
        revoke_key(db, gone.id, time.time())
        db.close()
        expired = caller.served.token("ann", lifetime_s=-60)
        foreign = make_user_token("x" * 32, user_id="ann", role="admin", now=time.time(), lifetime_s=60)
        for shown, code in (
            ("", "AUTH_MISSING_API_KEY"),
            ("wrong", "AUTH_INVALID_API_KEY"),
            ("tk_" + "A" * 43, "AUTH_INVALID_API_KEY"),
            (revoked, "AUTH_INVALID_API_KEY"),
            (foreign, "AUTH_INVALID_API_KEY"),
            (expired, "AUTH_EXPIRED_API_KEY"),
        ):
            for method, path in PATHS:
                assert await caller.showing(shown).refused(method, path, b"{nonsense") == (401, code)


async def test_health_looks_at_no_credential(tmp_path: Path) -> None:
    async with api(tmp_path) as caller:
        for shown in ("", "wrong", caller.key):
            told = await caller.showing(shown).good("GET", "/health")
            assert told["status"] == "ok"
            assert isinstance(told["timestamp"], int)
            assert abs(told["timestamp"] - time.time()) < 60


async def test_me_tells_what_a_credential_may_do(tmp_path: Path) -> None:
    async with api(tmp_path) as caller:
        assert await caller.good("GET", "/me") == {
            "workspace": {"id": "default", "name": "default"},
            "plan": "self-hosted",
            "credential": {"source": "api_key", "expiresAt": None, "permissions": None},
        }
        acme = await caller.with_key(tenant="acme").good("GET", "/me")
        assert acme["workspace"]["id"] == "acme"
        anns = (await user(caller, "ann").good("GET", "/me"))["credential"]
        assert (anns["source"], anns["permissions"]) == (
            "token",
            ["agents:read", "chat", "conversations:own"],
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", anns["expiresAt"])


async def test_a_users_token_reaches_that_users_conversations_only(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 4) as caller:
        ann, bob = user(caller, "ann"), user(caller, "bob")
        anns = await ann.ask("go")
        assert anns["metadata"]["userId"] == "ann"
        assert (await ann.ask("go", userId="ann"))["metadata"]["userId"] == "ann"
        pretended = {"message": "go", "userId": "bob"}
        assert await ann.refused("POST", f"{SHOP}/chat", pretended) == FORBIDDEN
        visitor = caller.with_key("anon")
        assert await visitor.refused("POST", f"{SHOP}/chat", pretended) == FORBIDDEN
        for path in (of(anns), f"{of(anns)}/messages"):
            assert await bob.refused("GET", path) == NOT_THERE
            await ann.good("GET", path)
            await caller.good("GET", path)
        retry = {"messageId": anns["id"], "stream": False}
        assert await bob.refused("POST", f"{of(anns)}/retry", retry) == NOT_THERE
        for path in ("/conversations", "/conversations/export", "/users/ann/conversations"):
            assert (await bob.good("GET", SHOP + path))["pagination"]["total"] == 0
            assert (await ann.good("GET", SHOP + path))["pagination"]["total"] == 2
            assert (await visitor.good("GET", SHOP + path))["pagination"]["total"] == 0
        only = f"{SHOP}/conversations/export?conversationId={anns['metadata']['conversationId']}"
        assert (await bob.good("GET", only))["data"] == []
        assert len((await ann.good("GET", only))["data"]) == 1
        assert await ann.refused("PATCH", of(anns), {"paused": True}) == FORBIDDEN
        # A workspace goes on in its user's name, and the user sees it.
        assert (await caller.go_on(anns, "more"))["metadata"]["userId"] == "ann"
        assert len((await ann.good("GET", of(anns)))["data"]["messages"]) == 4


async def test_strangers_with_a_public_key_share_no_list(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 2) as caller:
        visitor = caller.with_key("anon")
        theirs = await visitor.ask("go")
        assert theirs["metadata"]["userId"] is None
        assert (await visitor.good("GET", f"{SHOP}/conversations"))["data"] == []
        await visitor.go_on(theirs, "the id alone opens it")
        assert (await caller.good("GET", f"{SHOP}/conversations"))["pagination"]["total"] == 1


async def test_agents_have_all_documented_keys(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 2) as caller:
        await caller.ask("go", userId="ann")
        await caller.ask("go", userId="bob")
        listed = await caller.good("GET", "/agents")
        assert [one["name"] for one in listed["data"]] == ["hidden", "members", "shop"]
        assert listed["pagination"] == {"cursor": None, "hasMore": False, "total": 3}
        assert all(set(one) == AGENT_KEYS for one in listed["data"])
        shop = listed["data"][2]
        for ref in (shop["id"], "shop", "default:shop"):
            assert await caller.good("GET", f"/agents/{ref}") == shop
        first = await caller.good("GET", "/agents?limit=2")
        rest = await caller.good("GET", f"/agents?limit=2&cursor={first['pagination']['cursor']}")
        assert [one["name"] for one in first["data"] + rest["data"]] == ["hidden", "members", "shop"]
        assert (await caller.with_key(tenant="acme").good("GET", SHOP))["creditsUsed"] == 0
    assert shop["instructions"].strip() == "You are the shop's assistant."
    assert (shop["temp"], shop["visibility"], shop["status"]) == (0.7, "public", "trained")
    assert listed["data"][0]["visibility"] == "private"
    assert (shop["creditLimit"], shop["creditsUsed"]) == (None, 2)
    assert (shop["ipRateLimits"]["limit"], shop["ipRateLimits"]["timeframe"]) == (1000, 60)
    assert shop["lastMessageAt"] is not None
    assert listed["data"][1]["lastMessageAt"] is None


async def test_users_do_not_read_prompts_or_what_the_workspace_spent(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")]) as caller:
        await caller.ask("go")
        ann = user(caller, "ann")
        assert [one["name"] for one in (await ann.good("GET", "/agents"))["data"]] == ["members", "shop"]
        shop = await ann.good("GET", SHOP)
        assert (shop["instructions"], shop["creditsUsed"], shop["lastMessageAt"]) == ("", 0, None)
        for agent in ("hidden", "off", "nobody"):
            assert await ann.refused("GET", f"/agents/{agent}") == (404, "AGENT_NOT_FOUND")


async def test_too_many_requests_are_refused_with_the_moment_to_come_back(tmp_path: Path) -> None:
    async with api(tmp_path, requests_per_10_s_max=3) as caller:
        for left in (2, 1, 0):
            answer = await caller.call("GET", "/agents")
            assert answer.headers["x-ratelimit-limit"] == "3"
            assert answer.headers["x-ratelimit-remaining"] == str(left)
        refused = await caller.call("GET", "/agents")
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            429,
            "RATE_LIMIT_TOO_MANY_REQUESTS",
        )
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["x-ratelimit-remaining"] == "0"
        ahead_ms = int(refused.headers["x-ratelimit-reset"]) - time.time() * 1000
        assert 0 < ahead_ms <= 10_500, "milliseconds"
        other = await caller.with_key().call("GET", "/agents")
        assert other.status_code == 200, "each key has its own"


async def test_every_answer_has_an_id_of_its_own(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")]) as caller:
        answers = [
            await caller.call("GET", "/health"),
            await caller.call("GET", "/agents"),
            await caller.call("GET", "/nothing"),
            await caller.call("POST", f"{SHOP}/chat", {"message": "go"}),
            await caller.call("GET", "/agents", mount="/ndjson"),
        ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(re.fullmatch(r"req_[0-9a-f]{12}", id) for id in ids)
    assert len(set(ids)) == len(ids)
    assert all(answer.headers["x-ratelimit-limit"] == "100" for answer in answers)


@pytest.mark.parametrize("mount", ["", "/ndjson"])
async def test_paths_that_are_not_there_are_told_in_chatbases_words(tmp_path: Path, mount: str) -> None:
    async with api(tmp_path) as caller:
        for method, path, status in (
            ("GET", "/nothing", 404),
            ("GET", "", 404),
            ("POST", "/agents", 405),
            ("DELETE", f"{SHOP}/conversations/none", 405),
        ):
            answer = await caller.call(method, path, mount=mount)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, "NOT_FOUND")
            assert ("allow" in answer.headers) is (status == 405)


async def test_pages_elsewhere_may_read_the_headers(tmp_path: Path) -> None:
    async with api(tmp_path) as caller, httpx.AsyncClient() as client:
        url = f"{caller.served.url}/api/v2/agents"
        headers = {"Origin": "https://shop.example", "Authorization": f"Bearer {caller.key}"}
        asked = await client.options(url, headers=headers)
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        answer = await client.get(url, headers=headers)
        exposed = answer.headers["access-control-expose-headers"]
    for name in ("x-vercel-ai-ui-message-stream", "x-request-id", "X-RateLimit-Reset", "Retry-After"):
        assert name in exposed
