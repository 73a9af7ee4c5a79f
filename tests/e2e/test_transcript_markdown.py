"""Markdown of any size and shape becomes nodes, the same ones in whatever pieces it comes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.transcript_page import transcript_page

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

WRITE = """async ([text, step]) => {
  const { MarkdownWriter } = await import('/static/widget/markdown.js')
  const root = document.createElement('div')
  const writer = new MarkdownWriter(root)
  for (let at = 0; at < text.length; at += step) writer.write(text.slice(at, at + step))
  writer.end()
  root.normalize()
  window.root = root
  let deepest = 0
  for (const node of root.querySelectorAll('*')) {
    let depth = 0
    for (let up = node; up !== root; up = up.parentNode) depth++
    deepest = Math.max(deepest, depth)
  }
  return [root.querySelectorAll('*').length, deepest]
}"""
HOSTILE = (
    ">",
    "> ",
    "[",
    "![",
    "[](",
    "[a](b ",
    "*",
    "*a ",
    "**a",
    "*a*",
    "`",
    "`a``b```",
    "- a\n",
    "|a",
    "_a",
    "<",
    "]",
)
TEXT = """# Title

Say **bold**, *it*, ***both***, ~~no~~, `a_b`, snake_case, 2 * 3 and $5.
> quote
> > inner

1. one
   - [x] done
   - [ ] open
2. two

Prices:
| item | price |
|---|--:|
| tea \\| leaf | 12 |

```sql
SELECT *

FROM t
```
[good](https://a.example/x_(y) "title"), <https://b.example>, https://c.example/d_e. ![pic](https://d.example/p.png)
"""


async def test_a_megabyte_of_hostile_marks_ends_in_few_and_flat_nodes() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            for mark in HOSTILE:
                count, deepest = page.evaluate(WRITE, [mark * (1_000_000 // len(mark)), 10_000_000])
                assert count <= 20_200, mark
                assert deepest <= 60, mark
            assert complaints.texts == []

    await drive(play)


async def test_every_form_becomes_its_elements_in_any_pieces() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            page.evaluate(WRITE, [TEXT, 10_000])
            whole = page.evaluate("root.innerHTML")
            for step in (1, 3, 17):
                page.evaluate(WRITE, [TEXT, step])
                assert page.evaluate("root.innerHTML") == whole
            assert page.evaluate("[...root.querySelectorAll('a')].map((a) => a.getAttribute('href'))") == [
                "https://a.example/x_(y)",
                "https://b.example",
                "https://c.example/d_e",
                "https://d.example/p.png",
            ]
            counted = "names => names.map((name) => root.querySelectorAll(name).length)"
            names = [
                "h2",
                "strong",
                "em",
                "s",
                "blockquote blockquote",
                "ol > li",
                "li li.task",
                "th",
                "td",
                "pre",
                "img",
            ]
            assert page.evaluate(counted, names) == [1, 2, 2, 1, 1, 2, 2, 2, 2, 1, 0]
            assert page.evaluate("root.querySelector('pre').textContent") == "SELECT *\n\nFROM t"
            assert page.evaluate("root.querySelector('td').textContent") == "tea | leaf"
            assert complaints.texts == []

    await drive(play)
