"""All pages, light and dark, wide and narrow: accessible, in bounds, nothing hostile runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import SIZES, console_client, first_admin, opened, overflow, violations
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

pytestmark = pytest.mark.browser

PAYLOADS = (
    "<img src=x onerror=top.ran=1>",
    "<script>top.ran=1</script>",
    '"><svg onload=top.ran=1>',
    "javascript:top.ran=1",
    "{{constructor.constructor('top.ran=1')()}}",
)
PAGES = (
    "overview",
    "conversations",
    "live",
    "playground",
    "account",
    "bots",
    "knowledge",
    "gaps",
    "providers",
    "keys",
    "users",
    "people",
    "sql",
    "audit",
    "backups",
    "settings",
    "settings?tab=prices",
    "settings?tab=widget",
    "settings?tab=environment",
)
PERSON = "zoe"
BOT_TABS = ("about", "limits", "settings", "code", "diff", "tests")
BASE_TABS = ("documents", "search", "bots", "settings")
Filled = tuple[Stack, dict[str, Any], list[str]]


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Filled]:
    """A server with something hostile in everything that has a name, and the addresses of all pages."""
    bots = {"shop": OPEN_BOT}
    async with stack(tmp_path, said, bots=bots, demo=True, embedding_provider="none") as served:
        state = await first_admin(served)
        for payload in PAYLOADS:
            served.token(payload)
        texts = {payload: f"# {payload}\n\n{payload}" for payload in PAYLOADS}
        base = await add_base(served, PAYLOADS[0], texts, description=PAYLOADS[1])
        async with console_client(served, state) as http:
            for payload in PAYLOADS:
                await http.post("/keys", json={"type": "anon", "name": payload})
                await http.post("/sql", json={"sql": f"-- {payload}\nSELECT 1"})
            await http.post(
                "/accounts", json={"name": "ben", "display_name": PAYLOADS[0], "role": "operator"}
            )
            await http.post("/providers", json={"name": PAYLOADS[0], "provider_type": "openai", "config": {}})
            await http.put("/settings/NOTE", json={"value": PAYLOADS[0], "secret": False})
            await http.post("/backups")
            bot = (await http.get("/bots")).json()["items"][0]["id"]
            await http.patch(f"/bots/{bot}", json={"description": PAYLOADS[0]})
            await http.put(f"/bots/{bot}/tests", json={"items": [{"ask": one} for one in PAYLOADS]})
        document = base["documents"][PAYLOADS[0]]
        talk = await _talked(served)
        paths = [
            *PAGES,
            f"conversations/{talk}",
            f"users/{PERSON}",
            *(f"bots/{bot}?tab={tab}" for tab in BOT_TABS),
            *(f"knowledge/{base['id']}?tab={tab}" for tab in BASE_TABS),
            f"knowledge/{base['id']}/{document}",
        ]
        yield served, state, paths


async def _talked(served: Stack) -> str:
    """A conversation in which a user has asked and got a table."""
    async with wire(served.ws_url, served.token(PERSON)) as socket:
        id = await socket.start()
        await socket.ask(id, PAYLOADS[0])
        return id


def said(request: Recorded) -> Reply:
    if request.body["messages"][-1]["role"] == "tool":
        return openai_text("As the table tells: ", PAYLOADS[0], " `and code`.")
    return openai_tool_calls(("execute_sql", {"sql": "SELECT * FROM users LIMIT 3", "description": "Users"}))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_every_page_is_accessible_fits_and_runs_nothing_hostile(
    filled: Filled, size: str, scheme: str
) -> None:
    served, state, paths = filled
    found: dict[str, Any] = {}

    def play(page: Page, complaints: Complaints) -> None:
        for path in paths:
            opened(page, served, path)
            if problems := violations(page):
                found[path] = problems
            if wide := overflow(page):
                found[f"{path} is too wide"] = wide
            assert page.evaluate("window.ran") is None
            assert page.locator("main img, main script, main svg[onload]").count() == 0
        assert complaints.texts == []

    await drive(play, **state, viewport=SIZES[size], color_scheme=scheme, bypass_csp=True)
    assert found == {}


async def test_hostile_values_of_a_result_are_texts_in_the_table_and_in_the_row(filled: Filled) -> None:
    served, state, _ = filled
    columns = ", ".join(
        f"'{one.replace(chr(39), chr(39) * 2)}' AS \"c{at}\"" for at, one in enumerate(PAYLOADS)
    )

    def play(page: Page, complaints: Complaints) -> None:
        opened(page, served, "sql", "SQL")
        page.get_by_label("Statement", exact=True).fill(f"SELECT {columns}")
        page.get_by_label("Statement", exact=True).press("Control+Enter")
        expect(page.locator(".grid td")).to_have_text(list(PAYLOADS))
        page.get_by_role("button", name="Show row 1 whole").click()
        expect(page.get_by_role("dialog").locator("dd")).to_have_text(list(PAYLOADS))
        assert page.locator("main img, dialog img, dialog script").count() == 0
        assert page.evaluate("window.ran") is None
        assert complaints.texts == []

    await drive(play, **state)
