"""Writes for a document that is worked on: each asks in its own transaction if the work is still wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from appliance.store.knowledge import jobs
from appliance.store.knowledge.jobs import Job
from appliance.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class ClaimLost(Exception):
    """The job was queued anew, or its document deleted: what was done for it is void."""


async def under_claim(
    store: Store,
    job: Job,
    fn: Callable[Concatenate[apsw.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """One write, `fn(connection, …)`, if the claim is still ours; raises `ClaimLost` and as `Store.write`."""

    def run(db: apsw.Connection) -> T:
        if not jobs.holds(db, job):
            raise ClaimLost
        return fn(db, *args, **kwargs)

    return await store.write(run)
