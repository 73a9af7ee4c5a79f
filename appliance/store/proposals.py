"""Changes of the team's data that wait for their user's word: kept, found, decided once, expired.

They live and go with their conversation: in one that is deleted or expired nothing can be decided any more.
"""

from __future__ import annotations

from typing import Any, Literal

import apsw
import msgspec

from appliance.changes import ChangePlan, Proposal
from appliance.errors import Conflict, NotFound

_COLUMNS = (
    "id, tenant, owner, conversation_id, namespace, bot, status, plan, created_at, expires_at, decided_at"
)
_IN_A_LIVE_CONVERSATION = (
    "EXISTS (SELECT 1 FROM _conversations c WHERE c.id = _changes.conversation_id "
    "AND c.tenant = _changes.tenant AND c.owner = _changes.owner AND c.status = 'active')"
)


def propose(db: apsw.Connection, proposal: Proposal) -> None:
    """Keep a new proposal."""
    values = msgspec.structs.asdict(proposal) | {"plan": msgspec.msgpack.encode(proposal.plan)}
    names = _COLUMNS.split(", ")
    db.execute(
        f"INSERT INTO _changes ({_COLUMNS}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 constant
        [values[name] for name in names],
    )


def find(db: apsw.Connection, id: str, *, tenant: str, owner: str) -> Proposal | None:
    """The caller's own proposal, whatever became of it; None when missing, foreign or not in reach."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM _changes WHERE id = ? AND tenant = ? AND owner = ? "  # noqa: S608 constant
        f"AND {_IN_A_LIVE_CONVERSATION}",
        (id, tenant, owner),
    ).fetchone()
    return _proposal(row) if row else None


def take(db: apsw.Connection, id: str, *, now: float) -> Proposal:
    """The proposal, to be settled in the same write; raises `Conflict` when it is too late for it.

    Raises `NotFound` when it, or its conversation, is gone.
    """
    row = db.execute(
        f"SELECT {_COLUMNS} FROM _changes WHERE id = ? AND {_IN_A_LIVE_CONVERSATION}",  # noqa: S608 constant
        (id,),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such change to decide on.")
    proposal = _proposal(row)
    if proposal.status != "proposed":
        raise Conflict(f"This change was {proposal.status} already.")
    if proposal.expires_at <= now:
        raise Conflict("This change has waited too long and was not made. Ask for it again.")
    return proposal


def settle(
    db: apsw.Connection, id: str, status: Literal["applied", "declined", "failed", "expired"], now: float
) -> None:
    """Write down how it ended; raises `Conflict` when that was written down before."""
    db.execute(
        "UPDATE _changes SET status = ?, decided_at = ? WHERE id = ? AND status = 'proposed'",
        (status, now, id),
    )
    if not db.changes():
        raise Conflict("This change was decided already.")


def open_in(db: apsw.Connection, conversation_id: str, now: float) -> list[Proposal]:
    """The proposals of a conversation that can still be decided, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM _changes WHERE conversation_id = ? AND status = 'proposed' "  # noqa: S608 constant
        f"AND expires_at > ? AND {_IN_A_LIVE_CONVERSATION} ORDER BY created_at, id",
        (conversation_id, now),
    )
    return [_proposal(row) for row in rows]


def count_open(db: apsw.Connection, conversation_id: str, now: float) -> int:
    """How many proposals of a conversation can still be decided."""
    count: int = db.execute(
        "SELECT count(*) FROM _changes WHERE conversation_id = ? AND status = 'proposed' AND expires_at > ?",
        (conversation_id, now),
    ).get
    return count


def expire(db: apsw.Connection, now: float) -> int:
    """Settle those whose time is over; returns how many."""
    db.execute(
        "UPDATE _changes SET status = 'expired', decided_at = ?1 "
        "WHERE status = 'proposed' AND expires_at <= ?1",
        (now,),
    )
    return db.changes()


def _proposal(row: tuple[Any, ...]) -> Proposal:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    plan = msgspec.msgpack.decode(values.pop("plan"), type=ChangePlan)
    return Proposal(plan=plan, **values)
