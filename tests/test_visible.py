"""Texts as their readers see them: no front matter, no tags, no targets of links; code stays."""

from __future__ import annotations

import pytest

from appliance.citations import Citations
from appliance.messages import Source
from appliance.visible import visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("---\ntitle: Taxes\n---\nWe pay.", "We pay."),
        ("See [the list](https://a.example/b_(c)) and ![x](y.png)more.", "See the list and more."),
        ("Ask [our team][support].\n\n[support]: https://a.example", "Ask our team.\n\n"),
        ("Use `<b>` and `[a](b)`.", "Use `<b>` and `[a](b)`."),
        ("Is 1 < 2 and a[0][1] > 3?", "Is 1 < 2 and a[0][1] > 3?"),
        ("Call 1&nbsp;23", "Call 1\xa023"),
    ],
)
def test_what_only_steers_how_a_text_is_shown_is_left_out(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_items_in_tags_become_a_list() -> None:
    lines = visible("<ol>\n  <li>Open it.</li>\n  <li>Press <b>OK</b>.</li>\n</ol>").split("\n")
    assert [line for line in lines if line] == ["- Open it.", "- Press OK."]


def test_a_quotation_may_leave_out_the_target_of_a_link_and_nothing_else() -> None:
    source = Source(
        number=1, document_id="d", chunk_id="c", title="", knowledge_base="k", similarity=0.5,
        content="Ask [our team](mailto:a@b.example) by mail.",
    )  # fmt: skip
    citations = Citations()
    citations.add([source])
    assert "[1]" in citations.feed("“Ask our team by mail.” [1]\n\n")
    assert "[1]" not in citations.feed("“Ask our boss by mail.” [1]\n\n") + citations.flush()
