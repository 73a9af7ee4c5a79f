"""Questions to texts that others wrote: the licences that Debian's package base-files keeps."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.knowledge.support_bot import Score, ask
from tests.support.knowledge import ADMIN, Desk, good, settled
from tests.support.stack import stack

LICENCES = Path("/usr/share/common-licenses")
NAMES = ("GPL-3", "Apache-2.0", "GFDL-1.3")
BOT = """---
description: Knows licences.
allow-unauthenticated: true
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
knowledge-base: licences
---
You answer from the documents.
"""
ANSWERED = (
    ("How many days after the notice of a violation may I cure it?", "30 days after"),
    ("What does “source code” for a work mean?", "preferred form of the work for making modifications"),
    ("What is a Contributor?", "Contributor"),
    ("Who published the GNU General Public License?", "Free Software Foundation"),
    ("How many years must a written offer be valid?", "three years"),
    ("What happens to my patent license if I institute patent litigation?", "shall terminate"),
    ("What is an Invariant Section?", "Invariant Sections"),
    ("How many copies count as copying in quantity?", "more than 100"),
)
UNANSWERED = (
    "What does a licence from Netflix cost?",
    "What is the phone number of the foundation?",
    "When will version 14 of the licence be published?",
    "How do I bake bread?",
)
LEAST = 6


@pytest.mark.skipif(not LICENCES.is_dir(), reason="these texts come with Debian")
@pytest.mark.timeout(240)
async def test_licences_are_quoted_with_true_citations_and_what_they_do_not_say_is_declined(
    tmp_path: Path,
) -> None:
    answered = Score()
    async with stack(tmp_path, bots={"support": BOT}, embedding_provider="none") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            desk = Desk(client, served.token("root", "admin"), ADMIN)
            base = await desk.base(name="licences")
            for name in NAMES:
                good(await desk.upload(base, f"{name}.txt", (LICENCES / name).read_bytes()))
            await settled(desk, base)
        for question, phrase in ANSWERED:
            answer = await ask(served, [question])
            answered.count(answer.cites(phrase), f"{question} -> {answer.text}")
        for question in UNANSWERED:
            answer = await ask(served, [question])
            assert not answer.cited, f"{question} -> {answer.text}"
    assert answered.right >= LEAST, "\n".join(answered.wrong)
