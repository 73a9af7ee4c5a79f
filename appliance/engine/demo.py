"""Two made-up weeks of the demo's bots, so that every page of the console has something to show."""

from __future__ import annotations

import apsw

from appliance.engine.demo_office import furnish
from appliance.engine.demo_plan import Plan
from appliance.engine.demo_writing import Writer
from appliance.store import demo


def bring_to_life(db: apsw.Connection, now: float) -> int:
    """Write conversations up to `now` and all that belongs to them; how many there are.

    None where anybody has talked, or set anything up, before. All or nothing; the same `now` gives the same
    texts, people and times.
    """
    with db:
        if not demo.is_unused(db):
            return 0
        plan = Plan(now)
        visits = plan.visits()
        furnish(db, plan, next(visit.id for visit in visits if visit.story == "over"))
        for visit in visits:
            Writer(db, plan, visit).write()
    return len(visits)
