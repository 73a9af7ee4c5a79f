"""API keys in the console: made and shown once, told apart by hints, revoked."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.console.people import everything_stored
from tests.console.signed_in import admin_of
from tests.support.stack import stack


async def test_a_key_is_shown_once_works_and_is_refused_when_it_was_revoked(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        asked = {"type": "service", "name": " The shop's  server ", "bot": "shop", "origins": []}
        made = await admin.post("keys", asked)
        text, key = made["text"], made["key"]
        assert text.startswith("sk_")
        assert (key["name"], key["bot"], key["type"]) == ("The shop's server", "default:shop", "service")
        listed = await admin.get("keys")
        assert listed["items"] == [key]
        assert text not in str(listed)
        assert text.encode() not in everything_stored(served)
        headers = {"X-Service-Key": text}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as server:
            assert (await server.get("/admin/api/bots")).status_code == 200
            revoked = await admin.delete(f"keys/{key['id']}")
            assert revoked["revoked_at"]
            assert (await server.get("/admin/api/bots")).status_code == 401
        assert await admin.delete(f"keys/{key['id']}") == revoked
        assert [one for one in await admin.actions() if one.startswith("key.")] == [
            "key.create",
            "key.revoke",
        ]


async def test_only_pages_of_its_origins_may_use_a_key(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        made = await admin.post("keys", {"type": "anon", "origins": ["https://shop.example"]})
        assert made["key"]["origins"] == ["https://shop.example"]
        for origin, status in (("https://shop.example", 200), ("https://other.example", 403)):
            headers = {"Origin": origin, "apikey": made["text"]}
            async with httpx.AsyncClient(base_url=served.url, headers=headers) as page:
                assert (await page.get("/api/v1/ai/chatbots")).status_code == status


async def test_bad_keys_are_not_made(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        for bad, status in (
            ({}, 400),
            ({"type": "root"}, 400),
            ({"type": "anon", "origins": ["shop.example"]}, 400),
            (
                {
                    "type": "anon",
                    "origins": ["https://a.example"] * 3 + [f"https://{n}.example" for n in range(60)],
                },
                400,
            ),
            ({"type": "anon", "name": "x" * 101}, 400),
            ({"type": "anon", "bot": "nobody"}, 404),
        ):
            assert (await admin.refused("POST", "keys", bad))[0] == status, bad
        assert (await admin.refused("DELETE", "keys/nobody"))[:2] == (404, "NOT_FOUND")
        assert (await admin.get("keys"))["items"] == []
