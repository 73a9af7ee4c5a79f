"""The examples of docs/widget.md run: plain HTML, and with the real React and Vue, strict modes and all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.test_widget_pages import ask, launcher
from tests.support.host_pages import host_pages
from tests.support.programs import run_node
from tests.support.stage import Stage, stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
DOCS = (Path(__file__).parents[2] / "docs" / "widget.md").read_text()

REACT = """
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Chat } from './Chat.jsx'

window.answers = []
const heard = ({ text }) => window.answers.push(text)

function Page() {
  const [shown, show] = useState(true)
  const [bot, choose] = useState('support')
  const [user, sign] = useState(null)
  return (
    <StrictMode>
      <button onClick={() => show(!shown)}>Show or hide</button>
      <button onClick={() => choose('sql-assistant')}>Another bot</button>
      <button onClick={() => sign(window.signed)}>Sign in</button>
      {shown && <Chat key={bot} bot={bot} user={user} onAnswer={heard} />}
    </StrictMode>
  )
}
createRoot(document.getElementById('app')).render(<Page />)
"""
VUE = """
import { createApp, h, ref } from 'vue'
import Chat from './Chat.vue'

const shown = ref(true)
const toggle = () => (shown.value = !shown.value)
const button = () => h('button', { onClick: toggle }, 'Show or hide')
createApp(() => [button(), shown.value && h(Chat, { bot: 'support' })]).mount('#app')
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page</title></head>
<body><div id="app"></div><script>SCRIPT</script></body></html>"""

SIGNED_IN = "(token) => document.querySelector('appliance-chat').identity?.token === token"


def answer(page: Page, text: str) -> Locator:
    return page.locator(".prose", has_text=text)


def example(language: str, number: int = 0) -> str:
    """A code block of the docs."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)[number]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path / "data") as found:
        yield found


async def made(folder: Path, served: Stage, page: str, text: str, part: str, example: str) -> str:
    """The page of an example, made by the framework's own compiler."""
    there = trio.Path(folder)
    await there.mkdir()
    await (there / page).write_text(text)
    await (there / part).write_text(example.replace("https://chat.example.com", served.url))
    await run_node("framework_page.mjs", FOLDER=str(folder), PAGE=page)
    script = (await (there / "page.out.js").read_text()).replace("</script", "<\\/script")
    return PAGE.replace("SCRIPT", script).replace("{", "{{").replace("}", "}}")


async def test_the_line_for_any_page(served: Stage) -> None:
    line = example("html").replace("https://chat.example.com", served.url)

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/page")
        launcher(page).click()
        ask(page, "hello")
        expect(answer(page, "You said: hello")).to_be_visible()
        assert complaints.texts == []

    async with host_pages(served.url, page=PAGE.replace("<script>SCRIPT</script>", line)) as pages:
        await drive(play)


async def test_the_component_for_react(served: Stage, tmp_path: Path) -> None:
    page = await made(tmp_path / "react", served, "page.jsx", REACT, "Chat.jsx", example("jsx"))
    token = served.server.token("ada")

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/page")
        launcher(page).click()
        ask(page, "hello")
        expect(answer(page, "You said: hello")).to_be_visible()
        page.wait_for_function("answers.join() === 'You said: hello'")
        hide = page.get_by_role("button", name="Show or hide")
        hide.click()
        expect(page.locator("appliance-chat")).to_have_count(0)
        hide.click()  # made anew when the element is known already
        expect(answer(page, "You said: hello")).to_be_visible()
        ask(page, "again")
        expect(answer(page, "You said: again")).to_be_visible()
        page.wait_for_function("answers.join() === 'You said: hello,You said: again'")
        page.evaluate("(token) => { window.signed = { token } }", token)
        page.get_by_role("button", name="Sign in").click()
        expect(answer(page, "You said: again")).to_have_count(0)
        page.wait_for_function(SIGNED_IN, arg=token)
        page.get_by_role("button", name="Another bot").click()
        expect(page.locator("appliance-chat[bot=sql-assistant]")).to_have_count(1)
        page.wait_for_function(SIGNED_IN, arg=token)
        assert complaints.texts == []

    async with host_pages(served.url, page=page) as pages:
        await drive(play)


async def test_the_component_for_vue(served: Stage, tmp_path: Path) -> None:
    page = await made(tmp_path / "vue", served, "page.js", VUE, "Chat.vue", example("vue"))
    said: list[str] = []

    def play(page: Page, complaints: Complaints) -> None:
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{pages}/page")
        launcher(page).click()
        ask(page, "hello")
        expect(answer(page, "You said: hello")).to_be_visible()
        hide = page.get_by_role("button", name="Show or hide")
        hide.click()
        expect(page.locator("appliance-chat")).to_have_count(0)
        hide.click()
        expect(answer(page, "You said: hello")).to_be_visible()
        with page.expect_console_message(lambda message: message.text == "You said: again"):
            ask(page, "again")
            expect(answer(page, "You said: again")).to_be_visible()
        assert complaints.texts == []

    async with host_pages(served.url, page=page) as pages:
        await drive(play)
    # What was taken off the page hears on for a second, and Vue leaves it its listeners.
    heard = dict.fromkeys(line for line in said if line.startswith("You said"))
    assert list(heard) == ["You said: hello", "You said: again"]
    assert not [line for line in said if "Vue warn" in line]
