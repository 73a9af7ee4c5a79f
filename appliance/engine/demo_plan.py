"""Who talked with the demo's bots in its two weeks, when, about what: made up, the same for the same `now`.

Pure but for its chance, which is seeded. What was answered is in `demo_talks`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from typing import Literal
from uuid import UUID

import msgspec

from appliance.identity import Caller

SEED = 14
DAY_S = 86_400
PER_DAY = (5, 5, 4, 3, 5, 4, 5, 4, 3, 4, 5, 3, 4)
"""Conversations of yesterday, the day before and so on."""
OPENED_S, CLOSED_S = 7 * 3_600, 22 * 3_600
TODAY_S = (55 * 60, 2 * 3_600, 4 * 3_600)
"""So long ago the latest ordinary conversations began."""

SMALL, LARGE = "demo-small", "demo-large"
MODELS = {"support": (SMALL, SMALL, SMALL, LARGE), "sql-assistant": (LARGE, LARGE, SMALL)}
"""Which models answered, each as often as it is named."""

SOURCES = ("fluxbase",) * 9 + ("ai-sdk", "ai-sdk", "botpress", "lexicon", "chatbase", "openai")
PEOPLE = (
    ("ada", "Ada Sample"),
    ("bo", "Bo Example"),
    ("cleo", "Cleo Placeholder"),
    ("dario", "Dario Specimen"),
    ("emmy", "Emmy Mockup"),
    ("finn", "Finn Dummy"),
)
"""User ids with names that nobody has."""
VISITORS = 24

SUPPORT = (
    ("How long do I have to return something?",),
    ("How much is shipping to Austria?", "and to Italy?"),
    ("How much is shipping to Austria?", "Do you deliver to parcel lockers?"),
    ("Do you have tea?", "How long do I have to return something?"),
    ("Which product is the cheapest?",),
    ("What do you sell?", "Which product is the cheapest?", "Do you deliver to parcel lockers?"),
    ("How long is the warranty on the espresso machine?", "How long does a repair take?"),
    ("Which payment methods do you accept?",),
    ("How long are gift cards valid?", "Can I cancel my order?"),
    ("How many ml does the cappuccino cup hold?",),
    ("Which filters do I have to buy for the dripper?", "How many cups of coffee can I make from 500 g?"),
    ("do you ship to Zurich",),
    ("Can I cancel my order?",),
    ("Which cookies do you use?",),
    ("whats the latest day to order for chrismas eve", "How much is shipping to Austria?"),
    ("do you sell any tea under 10 euros?", "Which payment methods do you accept?"),
    ("Do you offer barista courses?",),
    ("Is your packaging compostable?",),
    ("Do you have a subscription for coffee beans?", "Can I cancel my order?"),
    ("Can I rent an espresso machine for a party?",),
    ("Where is my order?",),
    ("Do you sell oat milk?", "Do you have tea?"),
    ("Who won the football game yesterday?",),
)
DATA = (
    ("Show me the top 10 users by order count", "Who spent the most?"),
    ("How many orders are there per status?", "how many orders were not cancelled"),
    ("What are the 5 most expensive products?", "average price of products by category"),
    ("bar chart of number of users by country", "number of users by country and city"),
    ("bar chart of revenue by category", "What is the total revenue?"),
    ("best selling products",),
    ("How many customers do we have?", "average order total by country"),
    ("Which customers ordered nothing?", "How many customers do we have?"),
    ("products cheaper than 10",),
    ("orders by status as a chart",),
)
"""Questions of one conversation each; all have answers in `demo_talks.json`."""

BAD = {
    "do you ship to Zurich": "I asked about Switzerland. Is it yes or no?",
    "Can I rent an espresso machine for a party?": "That is about the plug, not about renting one.",
    "Where is my order?": "Nobody can tell me where it is?",
    "Which customers ordered nothing?": "It could just count them.",
}
UNANSWERED = (
    "Do you offer barista courses?",
    "Is your packaging compostable?",
    "Do you sell oat milk?",
    "Who won the football game yesterday?",
)
"""Nobody thanks for such answers."""
GOOD = ("", "", "", "Quick and clear, thank you!", "Exactly what I needed.", "", "The table helps.", "")
JUDGED = 0.22
"""So many of the other answers were called good."""

Story = Literal["", "failed", "waiting", "over"]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation: `at` (Unix seconds) somebody began to ask these questions, over that wire.

    `story`: nothing special, the model failed at first, a person is waited for, or was there.
    """

    id: str
    at: float
    bot: str
    asks: Sequence[str]
    caller: Caller
    source: str
    story: Story = ""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How one answer went: model, time, the pause before the next question, what was thought of it."""

    model: str
    took_s: float
    pause_s: float
    feedback: Literal["positive", "negative"] | None
    comment: str


class Plan:
    """All visits of two weeks; its chance also paces them."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._chance = random.Random(SEED)  # noqa: S311 - the same demo for everybody is the point
        self._visitors = [self.id() for _ in range(VISITORS)]
        self._support, self._data = cycle(SUPPORT), cycle(DATA)

    def id(self) -> str:
        """A new id."""
        return str(UUID(int=self._chance.getrandbits(128), version=4))

    def visits(self) -> list[Visit]:
        """In order of time; the last one waits for a person."""
        ordinary = sorted(self._moments())
        told = [self._visit(at) for at in ordinary]
        return sorted([*told, *self._special()], key=lambda visit: visit.at)

    def pace(self, visit: Visit, ask: str) -> Pace:
        """Of the answer to that question."""
        model = self._chance.choice(MODELS[visit.bot])
        took_s = self._chance.lognormvariate(0.8 if model == LARGE else 0.3, 0.45)
        feedback, comment = self._judged(ask)
        return Pace(
            model=model,
            took_s=took_s,
            pause_s=self._chance.uniform(15, 90),
            feedback=feedback,
            comment=comment,
        )

    # -- inner ----------------------------------------------------------------------------------------

    def _judged(self, ask: str) -> tuple[Literal["positive", "negative"] | None, str]:
        chance = self._chance.random()
        if ask in BAD:
            return ("negative", BAD[ask]) if chance < 0.85 else (None, "")
        if ask in UNANSWERED or chance >= JUDGED:
            return None, ""
        return "positive", self._chance.choice(GOOD)

    def _moments(self) -> Iterator[float]:
        today = datetime.fromtimestamp(self.now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for ago_s in TODAY_S:
            yield self.now - ago_s
        for day, count in enumerate(PER_DAY, start=1):
            for _ in range(count):
                yield today.timestamp() - day * DAY_S + self._chance.randrange(OPENED_S, CLOSED_S)

    def _visit(self, at: float) -> Visit:
        is_data = self._chance.random() < 0.35
        source = self._chance.choice(SOURCES)
        return Visit(
            id=self.id(),
            at=at,
            bot="sql-assistant" if is_data else "support",
            asks=next(self._data if is_data else self._support),
            caller=self._caller(source, likes_users=is_data),
            source=source,
        )

    def _caller(self, source: str, *, likes_users: bool) -> Caller:
        if source in ("chatbase", "openai") or self._chance.random() < (0.7 if likes_users else 0.2):
            return Caller(role="authenticated", user_id=self._chance.choice(PEOPLE)[0])
        if source in ("botpress", "lexicon"):
            return Caller(guest_id=f"guest-{self._chance.randrange(1, 9)}", ip="192.0.2.1")
        return Caller(visitor_id=self._chance.choice(self._visitors), ip="192.0.2.1")

    def _special(self) -> list[Visit]:
        """A failure of last week, somebody who was helped by a person, and somebody who waits."""
        user = Caller(role="authenticated", user_id="cleo")
        failing = ("How many orders are there per status?",) * 2
        parcel = (
            "My order is marked as delivered, but nothing came. What can I do?",
            "Can I cancel my order?",
        )
        broken = ("The box arrived crushed and the teapot is in pieces, what now?",)
        waiting = Caller(visitor_id=self._visitors[0], ip="192.0.2.1")
        return [
            self._told(3 * DAY_S + 5_000, "sql-assistant", failing, user, "failed"),
            self._told(DAY_S + 9_000, "support", parcel, user, "over"),
            self._told(8 * 60, "support", broken, waiting, "waiting"),
        ]

    def _told(self, ago_s: float, bot: str, asks: Sequence[str], caller: Caller, story: Story) -> Visit:
        return Visit(
            id=self.id(),
            at=self.now - ago_s,
            bot=bot,
            asks=asks,
            caller=caller,
            source="fluxbase",
            story=story,
        )
