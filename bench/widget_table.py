"""How long the widget keeps the page from anything else while it shows a result of 1,000 rows and 12 columns.

`python -m bench.widget_table` opens a page with the widget's own modules in headless Chromium, gives it the
result as the chat's client does, sorts it by columns of texts and of numbers, scrolls to its end and back.
Chromium's trace tells the longest task of each, by the clock and by the processor's time, which other work on
the machine does not lengthen. Then the same again with a processor that is made four times slower.
"""

from __future__ import annotations

import shutil
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.e2e.browser import ARGUMENTS
from tests.e2e.transcript_page import transcript_page

ROWS, COLUMNS = 1000, 12
TIMES = 3
SLOWDOWNS = (1, 4)
NUMBERS = ("number", "integer")

PREPARE = """(given) => {
  window.given = given
  window.it = make(true)
  window.frames = async (count) => {
    while (count--) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  }
}"""
SHOW = """async () => {
  await frames(1)
  const [columns, types, data] = given
  feed(it.transcript, { type: 'user_message', messageId: 'q', clientMessageId: 'q', content: 'all' },
    { type: 'query_result', query: 'SELECT *', summary: 'All of it', columns, types, data },
    { type: 'done', messageId: 'a' })
  await idle(it.transcript)
}"""
SORT = """async () => {
  for (const at of [0, 1, 1]) {
    await frames(2)
    it.root.querySelectorAll('th button')[at].click()
  }
}"""
SCROLL = """async () => {
  const frame = it.root.querySelector('.table-frame')
  const lines = () => it.root.querySelectorAll('tbody [aria-rowindex]')
  const seen = new Set()
  for (let before = -1; frame.scrollTop > before;) {
    before = frame.scrollTop
    frame.scrollTop += 300
    await frames(1)
    for (const line of lines()) seen.add(line.ariaRowIndex)
  }
  frame.scrollTop = 0
  await frames(1)
  return seen.size
}"""


def result() -> list[Any]:
    """Names, types and rows of every usual kind."""
    kinds = ["text", "number", "integer", "date", "datetime", "boolean"] * 2
    values: list[Any] = ["Words of a customer", 1234.56, 42, "2026-06-15", "2026-06-15T12:30:00Z", 1] * 2
    names = [f"{kind}_{at}" for at, kind in enumerate(kinds)]
    rows = [
        {name: f"{one} {n * 7919 % ROWS}" if kind == "text" else one + n if kind in NUMBERS else one
         for name, kind, one in zip(names, kinds, values, strict=True)}
        for n in range(ROWS)
    ]  # fmt: skip
    return [names, kinds, rows]


def longest(page: Page, act: str) -> tuple[Any, float, float]:
    """What the script gives, and milliseconds of the longest task: by the clock, by the processor."""
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    whole: list[bool] = []
    session.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda _: whole.append(True))
    session.send("Tracing.start", {"categories": "toplevel", "transferMode": "ReportEvents"})
    told = page.evaluate(act)
    page.evaluate("frames(10)")
    session.send("Tracing.end")
    while not whole:
        page.wait_for_timeout(20)
    threads = [e for e in events if e["name"] == "thread_name"]
    pages = {(e["pid"], e["tid"]) for e in threads if e["args"]["name"] == "CrRendererMain"}
    tasks = [e for e in events if e["name"].endswith("RunTask") and (e["pid"], e["tid"]) in pages]
    clock, processor = (max(e.get(key, 0) for e in tasks) / 1000 for key in ("dur", "tdur"))
    return told, clock, processor


def measure(page: Page, slowdown: int) -> list[float]:
    """Milliseconds of the longest tasks: showing, sorting, scrolling; by the clock, then by the processor."""
    with transcript_page(page):
        page.evaluate(PREPARE, result())
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        found = [longest(page, act) for act in (SHOW, SORT, SCROLL)]
        assert found[-1][0] == ROWS, f"{found[-1][0]} rows were on the page"
        return [one[1] for one in found] + [one[2] for one in found]


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        print(
            f"longest task, ms ({ROWS} rows, {COLUMNS} columns)",
            "  show   sort  scroll  CPU: show   sort  scroll",
        )
        for slowdown in SLOWDOWNS:
            for turn in range(TIMES):
                page = browser.new_page()
                label = f"processor {slowdown} times slower" if slowdown > 1 and not turn else ""
                clock = measure(page, slowdown)
                print(
                    f"{label:40}",
                    *(f"{one:6.0f}" for one in clock[:3]),
                    *(f"{one:9.0f}" for one in clock[3:]),
                )
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
