"""Which pages may show a bot: over every door, whatever a page does to its name."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from appliance.pageorigins import allows, normal, pattern
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire
from tests.widget.people import PAGE, person

BOTS = {
    "shop": OPEN_BOT.replace(
        "---\n", '---\nallowed-origins: [https://shop.example.com, "https://*.example.org:8443"]\n', 1
    ),
    "anywhere": OPEN_BOT,
}
FOREIGN = "https://evil.example"


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://shop.example.com", True),
        ("HTTPS://SHOP.example.COM", True),
        ("https://shop.example.com:443", True),
        ("https://a.example.org:8443", True),
        ("https://a.b.example.org:8443", True),
        ("https://example.org:8443", False),
        ("https://a.example.org", False),
        ("http://shop.example.com", False),
        ("https://shop.example.com.", False),
        ("https://shop.example.com:444", False),
        ("https://shop.example.com.evil.example", False),
        ("https://evilshop.example.com", False),
        ("https://evil.example#.example.org:8443", False),
        ("https://evil.example/.example.org:8443", False),
        ("https://evil.example\\.example.org:8443", False),
        ("https://evil.example?.example.org:8443", False),
        ("https://user@shop.example.com", False),
        ("https://shop.example.com@evil.example", False),
        ("https://shop.example.com/", False),
        ("https://.example.org:8443", False),
        ("https://a..example.org:8443", False),
        ("https://shop.example.com https://evil.example", False),
        ("https://shop.example.com\n", False),
        ("https://shоp.example.com", False),  # noqa: RUF001 -- a letter that only looks like an o
        ("https://*.example.org:8443", False),
        ("https://shop.example.com:99999", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("*", False),
    ],
)
def test_an_origin_is_read_in_one_strict_way(origin: str, is_allowed: bool) -> None:
    assert allows(["https://shop.example.com", "https://*.example.org:8443"], origin) is is_allowed
    assert allows(["*"], origin)


def test_entries_have_one_form_each() -> None:
    assert pattern("HTTPS://Shop.Example.com:443") == "https://shop.example.com"
    assert pattern("http://[::1]:8080") == "http://[::1]:8080"
    assert normal("http://localhost:80") == "http://localhost"
    for bad in (
        "shop.example.com",
        "https://shop.example.com/",
        "https://*",
        "https://*.com",
        "https://a.*.com",
        "null",
        "https://*.[::1]",
        "ftp://example.com",
        "https://u@example.com",
        "",
    ):
        with pytest.raises(ValueError, match="needs origins like"):
            pattern(bad)


async def test_the_widgets_requests_are_refused_to_other_pages(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, httpx.AsyncClient(base_url=served.url) as client:
        visitor = await person(client)
        await visitor.say("How many users are there?")
        [kept] = await visitor.conversations()
        asked = [
            ("GET", "/bots/shop"),
            ("POST", "/bots/shop/session"),
            ("GET", f"/conversations/{kept['id']}/follow-ups"),
            ("GET", f"/conversations/{kept['id']}/export"),
            ("DELETE", f"/conversations/{kept['id']}"),
        ]
        for method, path in asked:
            for origin in (FOREIGN, "null", f"{PAGE}.", "https://user@shop.example.com"):
                got = await visitor.ask(method, path, headers={"Origin": origin})
                assert (got.status_code, got.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED"), (path, origin)
        across = await visitor.ask("GET", "/bots/shop", headers={"Sec-Fetch-Site": "cross-site"})
        assert across.status_code == 403
        for headers in (
            {},
            {"Origin": PAGE},
            {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
            {"Origin": served.url},
            {"Origin": served.url, "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ):
            got = await visitor.ask("GET", "/bots/shop", headers=headers)
            assert got.status_code == 200, headers
        anywhere = await visitor.ask("GET", "/bots/anywhere", headers={"Origin": FOREIGN})
        assert anywhere.status_code == 200


async def test_the_chat_socket_refuses_other_pages_at_each_step(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, httpx.AsyncClient(base_url=served.url) as client:
        visitor = await person(client)
        async with wire(served.ws_url, visitor.token, {"Origin": PAGE}) as page:
            id = await page.start()
            await page.ask(id, "How many users are there?")
        async with wire(served.ws_url, visitor.token, {"Origin": FOREIGN}) as other:
            await other.send("start_chat", chatbot="shop", namespace="default")
            assert (await other.until("error"))["code"] == "ORIGIN_NOT_ALLOWED"
            await other.say(id, "And orders?")
            assert (await other.until("error"))["code"] == "ORIGIN_NOT_ALLOWED"
            await other.send("resume", conversation_id=id, after=0)
            assert (await other.until("error"))["code"] == "ORIGIN_NOT_ALLOWED"
            assert await other.start("anywhere")
        async with wire(served.ws_url, visitor.token, {"Origin": served.url}) as own:
            assert await own.start()
        async with wire(served.ws_url, visitor.token) as program:
            assert await program.start()


async def test_other_wires_refuse_other_pages_as_well(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, httpx.AsyncClient(base_url=served.url) as client:
        visitor = await person(client)
        headers = {**visitor.headers, "Origin": FOREIGN}
        body = {"model": "shop", "messages": [{"role": "user", "content": "Hello"}]}
        assert (await client.post("/v1/chat/completions", json=body, headers=headers)).status_code == 403
        parts = [{"type": "text", "text": "Hello"}]
        chat = {"id": "chat-0123456789abcdef", "messages": [{"id": "m", "role": "user", "parts": parts}]}
        assert (await client.post(_ai_sdk(served), json=chat, headers=headers)).status_code == 403
        made = await client.post("/botpress/shop/users", json={})
        key = {"x-user-key": made.json()["key"], "Origin": FOREIGN}
        got = await client.post("/botpress/shop/conversations", json={}, headers=key)
        assert got.status_code == 403


def _ai_sdk(served: Stack) -> str:
    return f"{served.url}/api/chat/shop"
