"""Hostile texts wherever a transcript shows any: nothing runs, nothing is loaded, also without a CSP."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.transcript_page import transcript_page
from tests.e2e.xss_payloads import PAYLOADS

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

SHOW = """async ([texts, isShadow]) => {
  const { transcript, log, root } = make(isShadow)
  const wrong = []
  for (const text of texts) {
    transcript.clear()
    const row = { [text]: text, n: 1 }
    const source = { number: 1, title: text, content: `${text} “said ${text}”`, knowledge_base: text,
      similarity: 1, url: text, headings: [text, 'x'] }
    const change = { id: 'c', status: 'proposed', operation: 'UPDATE', table: text, rows: [
      { before: { [text]: text }, after: { [text]: `${text}!` } }] }
    feed(transcript,
      { type: 'user_message', content: text, messageId: 'q', at: 1 },
      { type: 'progress', step: 'reasoning', message: text },
      { type: 'progress', message: text },
      { type: 'sources', data: [source] },
      { type: 'query_result', query: text, summary: text, columns: [text, 'n'], types: ['text', 'integer'],
        data: [row, { ...row, n: 2 }], rowCount: 2, chart: 'bar' },
      { type: 'tool_result', message: text, summary: text, query: text, data: [row],
        columns: [text, 'n'], rowCount: 1 },
      { type: 'query_result', query: text, summary: text, change, error: text },
      ...[...text].map((delta) => ({ type: 'content', delta })),
      { type: 'content', delta: `\\n\\nQuote “${text}” [1]` },
      { type: 'done', messageId: 'a', feedback: 'negative', comment: text },
      { type: 'message', role: 'operator', name: text, content: text, messageId: 'o' },
      { type: 'handoff', state: 'joined', name: text },
      { type: 'user_message', content: text, messageId: 'r' },
      { type: 'error', error: text, code: text },
    )
    await idle(transcript)
    transcript.followUps([text])
    for (let turns = 0; turns < 50 && !root.querySelector('.chart'); turns++) {
      await new Promise(requestAnimationFrame)
    }
    root.querySelector('.source')?.click()
    root.querySelector('dialog[open] .passage-foot button')?.click()
    root.querySelector('.negative')?.click()
    root.querySelector('.positive')?.click()
    const bad = root.querySelectorAll(
      'script, img, iframe, object, embed, video, audio, link, meta, base, form, style, math, use'
    )
    if (bad.length) wrong.push(['element', bad[0].tagName, text])
    for (const node of root.querySelectorAll('*')) {
      for (const { name, value } of node.attributes) {
        const isOurs = name === 'style' && node.className === 'frame'
        if (/^(on.*|src|srcdoc|style|action)$/.test(name) && !isOurs) wrong.push([name, value, text])
        if (!/href/.test(name)) continue
        if (!/^(https?:\\/\\/|mailto:|tel:)/i.test(value)) wrong.push([name, value, text])
        if (node.rel !== 'noopener noreferrer nofollow') wrong.push(['rel', node.rel, text])
      }
    }
    if (!log.textContent.includes('joined')) wrong.push(['nothing', 'is shown', text])
  }
  return wrong
}"""


def test_the_list_of_payloads_is_long_and_has_none_twice() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 70


@pytest.mark.parametrize("csp", [True, False], ids=["with CSP", "without CSP"])
@pytest.mark.parametrize("shadow", [True, False], ids=["in a shadow root", "in the page"])
async def test_no_payload_runs_or_loads_anything(csp: bool, shadow: bool) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page, csp=csp) as watch:
            assert page.evaluate(SHOW, [PAYLOADS, shadow]) == []
            page.mouse.move(200, 200)
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert watch.faults == []
            assert page.title() == "page"
            assert complaints.texts == []

    await drive(play)


async def test_the_watch_sees_what_runs_and_what_is_loaded() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page, csp=False) as watch:
            page.evaluate(
                "texts => { const box = document.createElement('div'); document.body.append(box);"
                " box.innerHTML = texts.join('') }",
                [text for text in PAYLOADS if text.startswith("<img")],
            )
            later = (
                "new Promise((done) => { const last = new Image(); last.onerror = done; last.src = 'late' })"
            )
            page.evaluate(f"{later}.then(() => 0)")
        assert any(fault.startswith("ran") for fault in watch.faults)
        assert any(fault.startswith("request") for fault in watch.faults)

    await drive(play)
