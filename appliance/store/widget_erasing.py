"""Forgetting a visitor: nobody but their browser knows who they are, so only they can ask for it."""

from __future__ import annotations

import apsw

from appliance.store.knowledge import gaps

_OF_TENANT = "conversation_id IN (SELECT id FROM _conversations WHERE tenant = :tenant)"


def hide(db: apsw.Connection, tenant: str, owner: str, now: float) -> list[str]:
    """Take their conversations out of everybody's reach; the ids, also of those deleted before."""
    names = {"tenant": tenant, "owner": owner, "now": now}
    db.execute(
        "UPDATE _conversations SET status = 'deleted', updated_at = :now "
        "WHERE tenant = :tenant AND owner = :owner AND status != 'deleted'",
        names,
    )
    rows = db.execute("SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :owner", names)
    return [str(row[0]) for row in rows.fetchall()]


def count(db: apsw.Connection, tenant: str, owner: str) -> tuple[int, int]:
    """How many conversations and files are theirs."""
    names = {"tenant": tenant, "owner": owner}
    conversations = db.execute(
        "SELECT count(*) FROM _conversations "
        "WHERE tenant = :tenant AND owner = :owner AND status != 'deleted'",
        names,
    ).get
    files = db.execute(
        f"SELECT count(*) FROM _widget_files WHERE owner = :owner AND whole AND {_OF_TENANT}",  # noqa: S608 constant
        names,
    ).get
    return int(conversations), int(files)


def erase(db: apsw.Connection, tenant: str, owner: str) -> None:
    """Delete all of it for good, but not what is used up of limits: nobody gets new ones so."""
    names = {"tenant": tenant, "owner": owner}
    gaps.forget_asker(db, tenant, owner)
    db.execute(
        "DELETE FROM _retrievals WHERE conversation_id IN "
        "(SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :owner)",
        names,
    )
    db.execute("DELETE FROM _conversations WHERE tenant = :tenant AND owner = :owner", names)
    for table in ("_messages", "_participants", "_widget_files", "_custom_events"):
        db.execute(f"DELETE FROM {table} WHERE owner = :owner AND {_OF_TENANT}", names)  # noqa: S608 constants
    db.execute("DELETE FROM _profiles WHERE tenant = :tenant AND owner = :owner", names)
