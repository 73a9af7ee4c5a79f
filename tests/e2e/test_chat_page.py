"""The page `/chat/{bot}` in headless Chromium, against the appliance, with the network cut when it hurts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.support.stage import SLOW_TEXT, Stage, stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as scene:
        yield scene


def ask(page: Page, text: str) -> None:
    box = page.get_by_label("Your question")
    box.fill(text)
    expect(page.get_by_role("button", name="Send")).to_be_enabled()  # the page's script is there
    box.press("Enter")


async def test_an_answer_with_sql_and_table_survives_a_reload(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/sql-assistant")
        expect(page.get_by_text("Answers anybody about the shop.")).to_be_visible()
        expect(page.get_by_label("Your question")).to_be_focused()
        ask(page, "top users")
        for _ in ("before", "and after a reload"):
            expect(page.get_by_text("The top two are shown above.").first).to_be_visible()
            expect(page.get_by_role("log").get_by_label("You", exact=True)).to_have_text("top users")
            expect(page.get_by_text("36 tokens")).to_be_visible()
            sql = page.locator("details.query")
            expect(sql.locator("code")).to_be_hidden()
            sql.locator("summary").click()
            expect(sql.locator("code")).to_contain_text("SELECT name, id FROM users")
            expect(page.get_by_text("2 rows", exact=True)).to_be_visible()
            expect(page.locator(".step")).to_have_count(0)
            page.reload()
        assert complaints.texts == []

    await drive(play)
    assert scene.asked() == ["top users"]


@pytest.mark.parametrize("width", [380, 1280])
async def test_long_answers_break_into_lines(scene: Stage, width: int) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{scene.url}/chat/sql-assistant")
        ask(page, "so many words " * 30)
        said = page.locator(".answer p", has_text="You said")
        expect(said).to_be_visible()
        assert said.evaluate("line => line.scrollWidth <= line.clientWidth")
        assert complaints.texts == []

    await drive(play)


async def test_a_table_sorts_by_its_heads_and_is_copied_as_it_is_shown(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/sql-assistant")
        ask(page, "top users")
        ids = page.locator("td.number")
        expect(ids).to_have_text(["1", "2"])
        head = page.get_by_role("columnheader", name="id")
        head.get_by_role("button").click()
        expect(ids).to_have_text(["1", "2"])
        head.get_by_role("button").click()
        expect(ids).to_have_text(["2", "1"])
        expect(head).to_have_attribute("aria-sort", "descending")
        page.locator(".result").get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        lines = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert [line.split("\t")[-1] for line in lines] == ["id", "2", "1"]  # as shown
        assert complaints.texts == []

    await drive(play, permissions=["clipboard-read", "clipboard-write"])


async def test_what_a_model_writes_becomes_text_and_harmless_links(scene: Stage) -> None:
    foreign: list[str] = []

    def play(page: Page, complaints: Complaints) -> None:
        page.on("request", lambda request: foreign.append(request.url))
        page.goto(f"{scene.url}/chat/support")
        ask(page, "nasty")
        expect(page.locator(".note")).to_be_visible()
        prose = page.locator(".prose")
        expect(prose.get_by_role("heading", name="Report")).to_be_visible()
        text = prose.inner_text()
        for piece in (
            "Names like order_items and user_id stay whole, a_b too, this is emphasis, it costs $5 or $x.",
            "<img src=x onerror=\"document.title='owned'\">",
            "<script>document.title='owned'</script>",
            "[1]",
            "SELECT user_id FROM order_items",
        ):
            assert piece in text, text
        expect(prose.locator("em")).to_have_text(["this", "emphasis"])
        expect(prose.locator("p").first).to_have_attribute("dir", "auto")
        announced = page.locator("#announcer").inner_text()
        assert "this is emphasis" in announced
        assert "#" not in announced
        expect(prose.locator("img, script")).to_have_count(0)
        links = prose.locator("a[href]")
        addresses = [link.get_attribute("href") for link in links.all()]
        assert addresses == ["https://example.com/a_b_c", "https://example.com/pixel.png"]
        assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer nofollow"}
        expect(prose.get_by_role("cell", name="12")).to_have_class("number")
        assert page.title() == "support"
        assert complaints.texts == []

    await drive(play)
    assert [url for url in foreign if not url.startswith((scene.url, scene.ws_url))] == []


async def test_stop_and_escape_end_an_answer_and_the_next_one_comes(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support")
        ask(page, "stuck")
        expect(page.get_by_text("Well, let me see")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".note").first).to_contain_text("Stopped")
        ask(page, "stuck")
        expect(page.get_by_text("Well, let me see").nth(1)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".note").nth(1)).to_contain_text("Stopped")
        page.get_by_label("Your question").fill("two")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("lines")
        page.keyboard.press("Enter")
        expect(page.locator(".prose").last).to_contain_text("You said: two")
        page.get_by_role("button", name="New chat").click()
        expect(page.get_by_role("log").locator("article")).to_have_count(0)
        page.reload()
        expect(page.get_by_role("log").locator("article")).to_have_count(0)
        assert complaints.texts == []

    await drive(play)
    assert scene.asked()[-1] == "two\nlines"


async def test_a_cut_in_mid_answer_is_told_and_nothing_is_lost_or_doubled(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support")
        ask(page, "cut")
        expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
        expect(page.locator(".note")).to_be_visible()
        expect(page.locator(".prose")).to_have_text(SLOW_TEXT)
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        expect(page.locator(".question")).to_have_count(1)
        expect(page.locator("#announcer")).to_have_text(SLOW_TEXT)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.cut_in_mid_answer)
        await drive(play)
        nursery.cancel_scope.cancel()
    assert scene.asked() == ["cut"]


async def test_a_reload_in_mid_answer_and_a_second_tab_show_the_same(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support")
        ask(page, "slow")
        expect(page.locator(".prose")).to_contain_text("Grüße")
        other = page.context.new_page()
        other.goto(f"{scene.url}/chat/support")
        page.reload()
        for each in (page, other):
            expect(each.locator(".note")).to_be_visible()
            expect(each.locator(".prose")).to_have_text(SLOW_TEXT)
            expect(each.locator(".question")).to_have_text(["slow"])
        ask(other, "hello")
        expect(page.locator(".prose").last).to_have_text("You said: hello")
        assert complaints.texts == []

    await drive(play)
    assert scene.asked() == ["slow", "hello"]


async def test_refusals_are_told_with_what_to_do(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/strict")
        ask(page, "one")
        expect(page.locator(".prose").last).to_have_text("You said: one")
        ask(page, "two")
        expect(page.locator(".failure")).to_contain_text("Rate limit exceeded")
        expect(page.get_by_role("button", name="Try again in")).to_be_disabled()
        page.goto(f"{scene.url}/chat/support")
        ask(page, "break")
        expect(page.locator(".failure")).to_be_visible()
        expect(page.get_by_text("Half an ans")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        expect(page.locator(".failure")).to_have_count(1)  # the same question, answered anew
        page.goto(f"{scene.url}/chat/nobody")
        ask(page, "hello")
        expect(page.locator(".failure")).to_contain_text("There is no bot 'nobody'")
        page.goto(f"{scene.url}/chat/members")
        ask(page, "hello")
        expect(page.locator(".failure")).to_contain_text("signed-in user")
        page.goto(f"{scene.url}/chat/members#token={scene.server.token('alice')}")
        page.reload()
        ask(page, "hello")
        expect(page.locator(".prose").last).to_have_text("You said: hello")
        assert page.url == f"{scene.url}/chat/members"

    await drive(play)


async def test_a_message_that_is_too_long_is_refused_once_and_the_chat_goes_on(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support")
        ask(page, "x" * 100_001)
        expect(page.get_by_role("status").first).to_contain_text("at most 100,000 characters")
        ask(page, "🌍" * 90_000)  # few characters, but a frame over the limit
        expect(page.locator(".failure")).to_have_text("The message is too long.")
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        page.reload()
        ask(page, "hello")
        expect(page.locator(".prose").last).to_have_text("You said: hello")
        expect(page.locator(".question")).to_have_text(["hello"])

    await drive(play)
    assert scene.asked() == ["hello"]


LINKS = """async (text) => {
  const { MarkdownWriter } = await import('/static/widget/markdown.js')
  const shown = []
  for (let cut = 0; cut <= text.length; cut++) {
    const root = document.createElement('div')
    const writer = new MarkdownWriter(root)
    for (const piece of [text.slice(0, cut), text.slice(cut)]) writer.write(piece)
    writer.end()
    const links = [...root.querySelectorAll('a')].map((link) => link.getAttribute('href'))
    shown.push(`${root.textContent} ${links}`)
  }
  return [...new Set(shown)]
}"""


async def test_a_bare_address_is_shown_once_wherever_the_text_is_cut(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        address = "https://b.example/a_b"
        for text in (f"see {address} now", f"see {address}", f"{address}\n\nnext"):
            assert page.evaluate(LINKS, text) == [f"{text} {address}".replace("\n\n", "")]
        assert page.evaluate(LINKS, f"![]({address})") == [f"{address} {address}"]

    await drive(play)


async def test_a_token_that_is_not_taken_is_told_and_the_visitor_may_chat(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support#token=garbage")
        expect(page.get_by_text("Your sign-in link has expired.")).to_be_visible()
        expect(page.get_by_text("Answers anybody about the shop.")).to_be_visible()
        ask(page, "hello")
        expect(page.locator(".prose").last).to_have_text("You said: hello")
        page.reload()
        expect(page.locator(".prose")).to_have_text("You said: hello")
        expect(page.get_by_text("Your sign-in link has expired.")).to_be_hidden()

    await drive(play)


async def test_a_token_signs_in_on_a_page_that_is_already_open(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/members")
        ask(page, "hello")
        expect(page.locator(".failure")).to_contain_text("signed-in user")
        page.evaluate("token => location.hash = 'token=' + token", scene.server.token("alice"))
        expect(page.locator(".failure")).to_have_count(0)
        ask(page, "hello")
        expect(page.locator(".prose").last).to_have_text("You said: hello")
        assert page.url == f"{scene.url}/chat/members"
        assert complaints.texts == []

    await drive(play)


async def test_a_bot_that_does_not_exist_is_told_with_a_way_to_the_others(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/nobody")
        expect(page.get_by_text("There is no bot 'nobody'")).to_be_visible()
        expect(page.get_by_text("Ask a question.")).to_be_hidden()
        page.get_by_label("Welcome").get_by_role("link").click()
        page.get_by_role("link", name="support").click()
        expect(page.get_by_text("Answers anybody about the shop.")).to_be_visible()
        page.get_by_role("link", name="All bots").click()
        expect(page.get_by_role("heading", name="Whom do you want to ask?")).to_be_visible()

    await drive(play)


async def test_the_log_stays_at_its_end_when_the_composer_grows(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support")
        ask(page, "long " * 2000)
        expect(page.locator(".note")).to_be_visible()
        page.get_by_label("Your question").fill("one\ntwo\nthree\nfour\nfive\nsix")
        left = (
            "(log => log.parentElement.scrollHeight - log.parentElement.scrollTop"
            " - log.parentElement.clientHeight)"
        )
        assert page.get_by_role("log").evaluate(left) < 2
        assert page.get_by_role("button", name="Scroll to the newest").is_hidden()

    await drive(play)


async def test_where_no_websocket_gets_through_the_chat_goes_on_by_events(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.add_init_script(
            "window.WebSocket = function () { setTimeout(() => this.onclose()); this.close = () => {} }"
        )
        page.goto(f"{scene.url}/chat/support")
        for _ in ("before", "and after a reload, where it is known"):
            ask(page, "hello")
            expect(page.locator(".prose").last).to_have_text("You said: hello")
            page.reload()
            expect(page.locator(".prose").last).to_have_text("You said: hello")
        expect(page.locator(".question")).to_have_count(2)
        assert complaints.texts == []

    await drive(play)


async def test_a_server_that_cannot_be_reached_is_told_and_can_be_tried_again(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.route("**/ai/**", lambda route: route.abort())
        page.route_web_socket("**/ai/ws*", lambda socket: socket.close())
        page.goto(f"{scene.url}/chat/support")
        page.get_by_label("Your question").fill("hello")
        expect(page.get_by_text("The server may be down")).to_be_visible()
        page.unroute("**/ai/**")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("The server may be down")).to_be_hidden()
        page.get_by_label("Your question").press("Enter")
        expect(page.locator(".prose").last).to_have_text("You said: hello")

    await drive(play)


async def test_on_a_phone_in_the_dark_nothing_is_wider_than_the_screen(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        page.get_by_role("link", name="sql-assistant").click()
        ask(page, "top users")
        expect(page.locator(".note")).to_be_visible()
        page.locator("details.query summary").click()
        ask(page, "nasty " + "x" * 300)
        expect(page.locator(".note")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground, text = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert (ground, text) == ("rgb(20, 22, 26)", "rgb(230, 232, 236)")
        assert complaints.texts == []

    await drive(play, viewport={"width": 360, "height": 640}, color_scheme="dark")


async def test_the_client_runs_in_a_browser_by_its_example(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        answer = page.evaluate(
            """async (token) => {
              const { FluxbaseAIChat } = await import('/static/client.js')
              const got = []
              await new Promise(async (resolve) => {
                const chat = new FluxbaseAIChat({
                  token,
                  onContent: (delta) => got.push(delta),
                  onQueryResult: (query, summary, rowCount) => got.push(`(${rowCount} rows)`),
                  onDone: (usage) => resolve(got.push(` ${usage.total_tokens}`)),
                })
                await chat.connect()
                const convId = await chat.startChat('members')
                await chat.sendMessage(convId, 'top users')
              })
              return got.join('')
            }""",
            scene.server.token("alice"),
        )
        assert answer == "(2 rows)The top two are shown above. 36"

    await drive(play)


FUZZ = """async () => {
  const { MarkdownWriter } = await import('/static/widget/markdown.js')
  const bits = ['a', 'b_c', ' ', '\\n', '\\n\\n', '*', '**', '_', '__', '`', '```', '```\\n', '[', '](', ')',
    'http://e.com/a_b', '![', '|', '|\\n', '---', '- ', '1. ', '> ', '# ', '$', '\\\\', '\\\\(', '<', '<br>',
    '~~', '🌍', ' [x] ', '    ', '\\t', ':', 'javascript:', '<img src=x>']
  let seed = 7
  const random = (limit) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % limit
  const written = (pieces) => {
    const root = document.createElement('div')
    const writer = new MarkdownWriter(root)
    for (const piece of pieces) writer.write(piece)
    writer.end()
    root.normalize()
    return root
  }
  const wrong = []
  for (let round = 0; round < 1000; round++) {
    const text = Array.from({ length: 1 + random(40) }, () => bits[random(bits.length)]).join('')
    const [whole, streamed] = [written([text]), written([...text])]
    const links = [...whole.querySelectorAll('a[href]')].map((link) => link.protocol)
    if (whole.innerHTML !== streamed.innerHTML) wrong.push(['depends on the pieces', text])
    if (whole.querySelector('img, script, iframe, style')) wrong.push(['an element', text])
    if (links.some((protocol) => !['http:', 'https:'].includes(protocol))) wrong.push(['a link', text])
  }
  return wrong
}"""


async def test_markdown_in_any_pieces_gives_the_same_harmless_nodes(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        assert page.evaluate(FUZZ) == []
        assert complaints.texts == []

    await drive(play)


async def test_a_link_that_signs_in_as_somebody_else_is_asked_about_first(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        first, second = scene.server.token("alice"), scene.server.token("mallory")
        page.goto(f"{scene.url}/chat/members#token={first}")
        expect(page.get_by_label("Your question")).to_be_visible()
        for press, kept in (("Stay", first), ("Sign in", second)):
            link = page.context.new_page() if press == "Stay" else page
            link.goto(f"{scene.url}/chat/members?n={press.split()[0]}#token={second}")
            dialog = link.get_by_role(
                "dialog", name="This link signs you in as mallory. So far you are alice."
            )
            expect(dialog).to_be_visible()
            dialog.get_by_role("button", name=press).click()
            expect(dialog).to_be_hidden()
            expect(link.locator("appliance-chat")).to_be_attached()
            assert "token" not in link.url
            stored = link.evaluate("sessionStorage.getItem('appliance:token')")
            assert stored == (f'"{second}"' if kept == second else None)
        assert complaints.texts == []

    await drive(play)


async def test_a_token_in_the_query_signs_nobody_in_and_leaves_the_address_bar(scene: Stage) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/support?token={scene.server.token('alice')}")
        expect(page.get_by_label("Your question")).to_be_visible()
        assert "token" not in page.url
        assert page.evaluate("sessionStorage.getItem('appliance:token')") is None

    await drive(play)
