"""What else the demo's console shows: prices, people, a key, tests, open questions, and who did what."""

from __future__ import annotations

from typing import Any

import apsw

from appliance.bottests import BotTest
from appliance.engine.demo_plan import DAY_S, LARGE, PEOPLE, SMALL, Plan
from appliance.engine.demo_writing import NAMESPACE, OPERATOR
from appliance.engine.knowledge.gaps import normalised
from appliance.identity import DEFAULT_TENANT
from appliance.knowledge import Gap
from appliance.prices import Price, Prices
from appliance.store import audit, bot_tests, budget, keys, people
from appliance.store.bot_tests import KeptTest
from appliance.store.knowledge import gaps
from appliance.store.people import Details

SUPPORT, DATA = (NAMESPACE, "support"), (NAMESPACE, "sql-assistant")
ACTOR = f"admin:{OPERATOR.account}"

PRICES = Prices(
    currency="EUR",
    items=[
        Price(model=SMALL, prompt_per_million=0.8, completion_per_million=3.2),
        Price(model=LARGE, prompt_per_million=8.0, completion_per_million=24.0),
    ],
    month_budget=5.0,
)
PROFILES = {
    "ada": "Buys beans for an office of twelve. Prefers e-mail.",
    "cleo": "Owns an espresso machine since spring; writes in English and French.",
}
TESTS = (
    (SUPPORT, BotTest(ask="Do you have tea?", tables=["products"], rows=8)),
    (SUPPORT, BotTest(ask="How much is shipping to Austria?", cites=["shipping.md"], says=["5.90"])),
    (DATA, BotTest(ask="How many customers do we have?", says=["60"], tables=["users"], rows=1)),
)
OPEN = (
    ("Do you offer barista courses?", 6),
    ("Is your packaging compostable?", 4),
    ("do you ship to Zurich", 4),
    ("Do you sell oat milk?", 3),
    ("Can I rent an espresso machine for a party?", 2),
    ("Is the packaging compostable", 1),
)
ANSWERED = ("May I bring my dog to the shop?", 5)
DISMISSED = ("Who won the football game yesterday?", 2)


def furnish(db: apsw.Connection, plan: Plan, helped: str) -> None:
    """All of it, in the caller's transaction; `helped` is the conversation that a person took over."""
    budget.put(db, PRICES)
    _people(db, plan)
    made_at = plan.now - 13 * DAY_S
    key, _ = keys.create_key(db, "anon", DEFAULT_TENANT, made_at, bot="support", name="Shop website (demo)")
    for number, (bot, test) in enumerate(TESTS):
        kept = KeptTest(id=plan.id(), test=test)
        bot_tests.add(db, bot, kept, ACTOR, plan.now - 9 * DAY_S + number)
    _gaps(db, plan)
    _audit(db, plan, key.id, helped)


def _people(db: apsw.Connection, plan: Plan) -> None:
    for number, (id, name) in enumerate(PEOPLE):
        details = Details(name=name, profile=PROFILES.get(id))
        at = plan.now - (13 - number) * DAY_S
        people.get_or_create(db, DEFAULT_TENANT, f"user:{id}", details, at)


def _gaps(db: apsw.Connection, plan: Plan) -> None:
    for number, (question, count) in enumerate(OPEN):
        _asked(db, plan, question, count, ago_days=1 + number)
    for (question, count), outcome in ((ANSWERED, "answered"), (DISMISSED, "dismissed")):
        id = _asked(db, plan, question, count, ago_days=6)
        gaps.set_status(db, DEFAULT_TENANT, id, "closed", outcome)


def _asked(db: apsw.Connection, plan: Plan, question: str, count: int, *, ago_days: int) -> str:
    """So often, the last time some days ago; the question's id."""
    id = plan.id()
    last_at = plan.now - ago_days * DAY_S / 2
    for left in reversed(range(count)):
        at = last_at - left * 0.8 * DAY_S
        gap = Gap(
            id=id,
            namespace=NAMESPACE,
            bot="support",
            question=question,
            count=1,
            reason="uncited",
            best=0.31,
            conversation_id="",
            first_at=at,
            last_at=at,
        )
        gaps.note(db, DEFAULT_TENANT, normalised(question), gap)
    return id


def _audit(db: apsw.Connection, plan: Plan, key: str, helped: str) -> None:
    conversation = f"conversation:{helped}"
    told: list[tuple[float, str, str, str, dict[str, Any]]] = [
        (13.0, "cli", "key.create", key, {"type": "anon", "bot": "support"}),
        (12.9, ACTOR, "prices.update", "prices", {"month_budget": PRICES.month_budget, "models": 2}),
        (9.0, ACTOR, "bot.tests", "support", {"bot": [*SUPPORT], "tests": 2}),
        (8.9, ACTOR, "bot.test", "support", {"passed": 2, "failed": 0}),
        (3.0, ACTOR, "gap.answer", "gap", {"question": ANSWERED[0]}),
        (2.9, ACTOR, "gap.dismiss", "gap", {"question": DISMISSED[0]}),
        (1.102, ACTOR, "conversation.join", conversation, {}),
        (1.1015, ACTOR, "conversation.write", conversation, {}),
        (1.0993, ACTOR, "conversation.leave", conversation, {}),
        (0.4, ACTOR, "conversation.trace", conversation, {}),
    ]
    for ago_days, actor, action, target, details in told:
        audit.record(
            db,
            at=plan.now - ago_days * DAY_S,
            tenant=DEFAULT_TENANT,
            actor=actor,
            action=action,
            target=target,
            details=details,
        )
