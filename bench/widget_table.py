"""How long the widget keeps the page from anything else while it shows a result of 1,000 rows and 12 columns.

`python -m bench.widget_table` opens a page with the widget's own modules in headless Chromium, gives it the
result as the chat's client does, sorts it by a column and scrolls to its end; the browser's own
`PerformanceObserver` tells the longest task of each (it tells those of 50 ms and more).
"""

from __future__ import annotations

import shutil
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.e2e.browser import ARGUMENTS
from tests.e2e.transcript_page import transcript_page

ROWS, COLUMNS = 1000, 12
TIMES = 5

WATCH = """() => {
  window.longest = 0
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
  }).observe({ type: 'longtask' })
}"""
QUIET = """async () => {
  for (let n = 0; n < 10; n++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  const found = longest
  longest = 0
  return found
}"""
SHOW = """async ([columns, types, data]) => {
  window.it = make(true)
  feed(it.transcript, { type: 'user_message', messageId: 'q', clientMessageId: 'q', content: 'all' },
    { type: 'query_result', query: 'SELECT *', summary: 'All of it', columns, types, data },
    { type: 'done', messageId: 'a' })
  await idle(it.transcript)
}"""
SORT = "() => it.root.querySelectorAll('th button')[1].click()"
SCROLL = """async () => {
  const frame = it.root.querySelector('.table-frame')
  const rows = () => it.root.querySelectorAll('tbody tr').length
  for (let before = 0; rows() > before && rows() < 1000;) {
    before = rows()
    frame.scrollTop = frame.scrollHeight
    scrollTo(0, document.documentElement.scrollHeight)
    for (let n = 0; n < 30 && rows() === before; n++) await new Promise(requestAnimationFrame)
  }
  return rows()
}"""


def result() -> list[Any]:
    """Names, types and rows of every usual kind."""
    kinds = ["text", "number", "integer", "date", "datetime", "boolean"] * 2
    values = ["Words of a customer", 1234.56, 42, "2026-06-15", "2026-06-15T12:30:00Z", 1] * 2
    names = [f"{kind}_{at}" for at, kind in enumerate(kinds)]
    rows = [
        {name: f"{one} {n}" if kind == "text" else one + n if kind in ("number", "integer") else one
         for name, kind, one in zip(names, kinds, values, strict=True)}
        for n in range(ROWS)
    ]  # fmt: skip
    return [names, kinds, rows]


def measure(page: Page) -> list[float]:
    """Milliseconds of the longest task: showing, sorting, scrolling to the end."""
    with transcript_page(page):
        page.evaluate(WATCH)
        found = []
        for act, given in ((SHOW, result()), (SORT, None), (SCROLL, None)):
            told = page.evaluate(act, given)
            found.append(float(page.evaluate(QUIET)))
        assert told == ROWS, f"{told} rows on the page"
        return found


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        print(f"longest task, ms ({ROWS} rows, {COLUMNS} columns)   show   sort  scroll")
        for _ in range(TIMES):
            page = browser.new_page()
            print(" " * 46, *(f"{one:6.0f}" for one in measure(page)))
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
