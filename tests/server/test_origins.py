"""The cookie of the dashboard: it counts for administrators' endpoints, and for no other site's page."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.stack import stack

BOTS = "/api/v1/admin/ai/chatbots"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**JSON}, 200),
        ({**JSON, "Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://name-that-a-proxy-has"}, 200),
        ({"Content-Type": "text/plain"}, 403),
        ({}, 403),
        ({**JSON, "Origin": "https://evil.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site", "Origin": "{url}"}, 403),
        ({**JSON, "Origin": "https://evil.example/{host}"}, 403),
        ({**JSON, "Origin": "https://evil.example", "Authorization": "Bearer {token}"}, 200),
    ],
)
async def test_a_cookie_changes_something_for_own_pages_only(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with stack(tmp_path, []) as served:
        token = served.token("root", role="instance_admin")
        host = served.url.partition("//")[2]
        sent = {name: value.format(url=served.url, host=host, token=token) for name, value in headers.items()}
        async with httpx.AsyncClient(
            base_url=served.url, cookies={"fluxbase_access_token": token}, timeout=20
        ) as http:
            answer = await http.post(f"{BOTS}/sync", headers=sent, content=b"{}")
    assert answer.status_code == status, answer.text
    if status == 403:
        assert "Authorization: Bearer" in answer.json()["error"]


async def test_the_cookie_reads_what_administrators_read_and_counts_nowhere_else(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        cookies = {"fluxbase_access_token": served.token("root", role="instance_admin")}
        async with httpx.AsyncClient(base_url=served.url, cookies=cookies) as http:
            listed = await http.get(BOTS, headers={"Origin": "https://evil.example"})
            own = await http.get("/api/v1/ai/conversations")
            public = await http.get("/api/v1/ai/chatbots")
        async with httpx.AsyncClient(base_url=served.url, cookies={"fluxbase_access_token": "bad"}) as http:
            bad = await http.get(BOTS)
    assert listed.status_code == 200
    assert "Access-Control-Allow-Credentials" not in listed.headers  # so no browser shows it to that page
    assert (own.status_code, public.status_code) == (401, 200)
    assert (bad.status_code, bad.json()["code"]) == (401, "INVALID_TOKEN")
