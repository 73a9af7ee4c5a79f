"""Visitors' short questions to the help of a made-up company: prices, tables, steps, yes and no."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.knowledge.support_bot import Score, ask, plain
from tests.support.knowledge import ADMIN, Desk, good, settled
from tests.support.stack import stack

HERE = Path(__file__).with_name("companies")
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((HERE / "tallybird.yaml").read_text())
BOT = """---
description: Helps with Tallybird.
allow-unauthenticated: true
rate-limit: 100000
daily-limit: 100000
token-budget: 10000000
knowledge-base: tallybird
---
You answer from the documents.
"""
LEAST = 0.75
"""A little less than is measured (33 of 40), with a search by words alone."""
REFUSED = 6
QUOTES_MAX = 1.3
"""For each answer, on the average: what is only near does not belong into it."""


@pytest.mark.timeout(240)
async def test_short_questions_get_the_words_that_answer_them(tmp_path: Path) -> None:
    right, refused, quotes = Score(), Score(), 0
    async with stack(tmp_path, bots={"support": BOT}, embedding_provider="none") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            desk = Desk(client, served.token("root", "admin"), ADMIN)
            base = await desk.base(name="tallybird")
            for page in sorted((HERE / "tallybird").iterdir()):
                good(await desk.upload(base, page.name, page.read_bytes()))
            await settled(desk, base)
        for case in QUESTIONS:
            answer = await ask(served, [question.strip() for question in case["ask"].split(">>")])
            told = f"{case['ask']} -> {answer.text}"
            quotes += len(re.findall(r"\[\d+\]", answer.text))
            if "words" in case:
                text = plain(answer.text.replace("\\", ""))
                right.count(bool(answer.cited) and plain(case["words"]) in text, told)
            else:
                refused.count(not answer.cited, told)
    print(f"{right.right} of {right.asked} right, {refused.right} refused, {quotes} quotes")
    assert right.share >= LEAST, "\n".join(right.wrong)
    assert refused.right >= REFUSED, "\n".join(refused.wrong)
    assert quotes <= QUOTES_MAX * right.asked
