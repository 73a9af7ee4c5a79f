"""Who may show a bot's full page in a frame: the pages that may show the bot."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.stack import stack

OPEN = "---\nallow-unauthenticated: true\n---\nYou help."
BOUND = "---\nallow-unauthenticated: true\nallowed-origins: [https://shop.example.com]\n---\nYou help."


async def test_the_full_page_is_framed_only_where_the_bot_may_be_shown(tmp_path: Path):
    async with (
        stack(tmp_path, [], bots={"open": OPEN, "bound": BOUND}) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        policies = {
            bot: (await client.get(f"/chat/{bot}")).headers["Content-Security-Policy"]
            for bot in ("open", "bound", "nobody")
        }
    assert "frame-ancestors 'self' https://shop.example.com" in policies["bound"]
    assert "frame-ancestors" not in policies["open"]
    assert "frame-ancestors" not in policies["nobody"]


async def test_no_other_page_frames_the_pages_with_all_bots(tmp_path: Path):
    async with (
        stack(tmp_path, [], bots={"bound": BOUND}) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        for path in ("/", "/docs"):
            policy = (await client.get(path)).headers["Content-Security-Policy"]
            assert policy.endswith("; frame-ancestors 'self'"), path
