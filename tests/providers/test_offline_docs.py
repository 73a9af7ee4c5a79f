"""Every example of docs/offline-model.md, asked of the demo shop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.offline_data import Shop, ask, run_sql, shop_db

PAGE = (Path(__file__).parents[2] / "docs" / "offline-model.md").read_text(encoding="utf-8")
CAN, CANNOT = PAGE.split("## What it does not do")
CAN, ABOUT = CAN.split("## How names are matched")[0].split("**About itself**")
EXAMPLES = re.findall(r"^- (.+)$", CAN, re.MULTILINE)
REFUSED = [line.partition(": ")[2] for line in re.findall(r"^- (.+)$", CANNOT, re.MULTILINE)]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with shop_db() as found:
        yield found


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_of_the_page_is_answered_with_rows(example: str, shop: Shop) -> None:
    turns = await ask(example.split(" → "), shop)
    for turn in turns:
        assert len(turn.calls) == 1, turn.text
        assert run_sql(shop.db, json.loads(turn.calls[0].arguments)["sql"]).rows
        assert "found no" not in turn.text


@pytest.mark.parametrize("example", re.findall(r"^- (.+)$", ABOUT, re.MULTILINE))
async def test_an_example_about_itself_needs_no_query(example: str, shop: Shop) -> None:
    (turn,) = await ask([example], shop)
    assert turn.calls == []
    assert "cannot answer" not in turn.text


@pytest.mark.parametrize("example", REFUSED)
async def test_what_the_page_says_it_does_not_do_it_does_not_do(example: str, shop: Shop) -> None:
    (turn,) = await ask([example], shop)
    assert turn.calls == []


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 40
    assert len(REFUSED) == 11
