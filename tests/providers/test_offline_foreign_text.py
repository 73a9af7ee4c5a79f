"""The offline model on text as others write it: options, questions with answers, numbered steps."""

from __future__ import annotations

import pytest

from appliance.providers.offline.asked import asked
from appliance.providers.offline.fitness import fitness
from appliance.providers.offline.fragments import Fragment
from tests.providers.test_offline_documents import prompt, say, sources

MANUAL = """tidy(1) Manual Page

SYNOPSIS

tidy [-a] [-n | --dry-run] [--] [<path>…]

OPTIONS

-a, --all: Also remove what is ignored. This allows a clean build.

-n, --dry-run: Do not remove anything, just show it.

tidy.force: A switch that makes tidy do nothing unless given -a or -n.
"""
FAQ = """9.5. May I update the machine by itself at night?

Yes. The tool nightly does that with a timer.

9.6. I have several machines; how can I fetch the updates only one time?

It is useful to run a cache, called hoard, beside them.

9.7. What has to be done after that?
"""
STEPS = """Hide the shelf

The shelf can be hidden on every screen.

1. Open the menu of the screen.

2. Choose Shelf.

3. Switch Show shelf off.

Be careful with the menu of the shelf when you hide it.
"""
RELEASES = "Shelf 12 was released in May 2021. It came on 14 discs, and its makers were proud of it.\n"


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What does -n do in tidy?", "“-n, --dry-run: Do not remove anything, just show it.” [1]"),
        ("What does -a do?", "“-a, --all: Also remove what is ignored. This allows a clean build.” [1]"),
    ],
)  # fmt: skip
async def test_an_option_is_told_with_what_it_does(question: str, told: str) -> None:
    turn = await say(question, prompt(sources(MANUAL, title="tidy(1) Manual Page")))
    assert turn.text.split("\n\n")[0] == told


def test_what_stands_first_is_preferred_but_not_where_an_amount_is_asked_and_it_has_none() -> None:
    first = Fragment(text="All of it comes by van with a bell.", number=1, kind="sentence", first=True)
    later = Fragment(text="All of it comes by van with a bell.", number=1, kind="sentence")

    def preferred(question: str) -> bool:
        asks = asked(question, "", lambda _: False, [])
        return fitness(asks, first, 1.0, frozenset()) > fitness(asks, later, 1.0, frozenset())

    assert preferred("What of the delivery?")
    assert not preferred("How long does a delivery take?")


async def test_a_heading_that_asks_is_answered_and_not_quoted() -> None:
    turn = await say("How do I fetch updates once for several machines?", prompt(sources(FAQ)))
    assert turn.text == "“It is useful to run a cache, called hoard, beside them.” [1]"


async def test_who_asks_how_gets_all_steps_with_their_numbers_though_blank_lines_are_between() -> None:
    turn = await say("How do I hide the shelf?", prompt(sources(STEPS)))
    assert "1. Open the menu of the screen. 2. Choose Shelf. 3. Switch Show shelf off.” [1]" in turn.text


async def test_columns_without_names_are_quoted_with_gaps_and_keep_their_citation() -> None:
    text = "1: wipe                2: select by numbers\n3: quit                4: help for beginners\n"
    turn = await say("Where is the help for beginners?", prompt(sources(text)))
    assert "“3: quit … 4: help for beginners” [1]" in turn.text


@pytest.mark.parametrize(
    "question",
    [
        "When will Shelf 14 be released?",
        "What does Shelf cost?",
        "What is the phone number of Shelf?",
        "Who is the CEO of Shelf?",
        "How do I play Netflix with Shelf?",
    ],
)
async def test_what_is_only_near_by_meaning_is_not_told(question: str) -> None:
    turn = await say(question, prompt(sources(RELEASES, similarity=0.55)))
    assert "[1]" not in turn.text
    assert turn.text.startswith("I found nothing about this")


async def test_a_release_that_is_there_is_told() -> None:
    turn = await say("When was Shelf 12 released?", prompt(sources(RELEASES, similarity=0.55)))
    assert "“Shelf 12 was released in May 2021." in turn.text
