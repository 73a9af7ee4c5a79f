"""Guests who are gone: anybody may become one, so those who never said anything are forgotten."""

from __future__ import annotations

import re

import apsw

from appliance.store import people

MADE = re.compile(r"guest:user_[0-9a-f]{32}")
"""An owner whose id was made here. Nobody can choose such an id, so it stays theirs also without a row."""
KEPT_S = 7 * 86_400.0
"""How long a guest stays who has said and heard nothing; the key is good for longer and brings them back."""
PURGED_MAX = 500
"""At once: the other writers wait meanwhile."""

_CHOSEN = "(length(owner) != 43 OR owner NOT GLOB 'guest:user_*' OR owner GLOB 'guest:user_*[^0-9a-f]*')"
_USED = (
    "c.tenant = p.tenant AND c.status = 'active' AND ("
    "EXISTS (SELECT 1 FROM _messages m WHERE m.conversation_id = c.id) OR "
    "EXISTS (SELECT 1 FROM _custom_events e WHERE e.conversation_id = c.id))"
)
_GONE = (
    f"SELECT tenant, owner, {_CHOSEN} FROM _profiles p WHERE updated_at <= ? "  # noqa: S608 constant
    f"AND owner GLOB 'guest:*' AND (deleted_at IS NULL OR NOT {_CHOSEN}) "
    f"AND NOT EXISTS (SELECT 1 FROM _conversations c WHERE c.owner = p.owner AND {_USED}) "
    "AND NOT EXISTS (SELECT 1 FROM _participants j JOIN _conversations c ON c.id = j.conversation_id "
    f"WHERE j.owner = p.owner AND {_USED}) LIMIT ?"
)


def purge(db: apsw.Connection, now: float, *, busy: frozenset[str]) -> int:
    """Forget guests of long ago who are in no conversation with anything in it; returns how many.

    Their empty conversations go with them, unless one of them is in use. Of a guest with an id of their own
    choice the empty row stays, as of one who was deleted: nobody else may get that id.
    """
    gone = 0
    for tenant, owner, is_chosen in db.execute(_GONE, (now - KEPT_S, PURGED_MAX)).fetchall():
        gone += _forget(db, str(tenant), str(owner), bool(is_chosen), now, busy)
    return gone


def _forget(
    db: apsw.Connection, tenant: str, owner: str, is_chosen: bool, now: float, busy: frozenset[str]
) -> bool:
    rows = db.execute("SELECT id FROM _conversations WHERE tenant = ? AND owner = ?", (tenant, owner))
    ids = [str(row[0]) for row in rows]
    if not busy.isdisjoint(ids):
        return False
    db.executemany("DELETE FROM _conversations WHERE id = ? AND status = 'active'", ((id,) for id in ids))
    people.delete(db, tenant, owner, now)
    if not is_chosen:
        db.execute("DELETE FROM _profiles WHERE tenant = ? AND owner = ?", (tenant, owner))
    return True
