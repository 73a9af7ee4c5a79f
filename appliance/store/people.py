"""People as they tell of themselves, and who takes part in which conversation beside its owner.

A person is `Caller.owner` within a tenant. A deleted one stays as an empty row, since keys that were signed
for the id stay good: only they bring the person back, and nobody else can take the id.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.errors import Conflict
from appliance.store.users import remember_user

COLUMNS = "p.owner, p.name, p.picture_url, p.profile, p.created_at, p.updated_at"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody tells of themselves; times are Unix seconds."""

    owner: str
    name: str | None
    picture_url: str | None
    profile: str | None
    created_at: float
    updated_at: float


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told from now on; None leaves it as it is."""

    name: str | None = None
    picture_url: str | None = None
    profile: str | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a conversation since `joined_at`; the owner is the first of all."""

    joined_at: float
    person: Person


def find(db: apsw.Connection, tenant: str, owner: str) -> Person | None:
    """The person, unless there is none or they were deleted."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _profiles p WHERE tenant = ? AND owner = ? AND deleted_at IS NULL",  # noqa: S608 constant
        (tenant, owner),
    ).fetchone()
    return _person(row) if row else None


def create(db: apsw.Connection, tenant: str, owner: str, details: Details, now: float) -> Person:
    """A new person; raises `Conflict` when the id is taken, also by somebody who was deleted."""
    try:
        _insert(db, tenant, owner, details, now)
    except apsw.ConstraintError as error:
        raise Conflict("There is a user of that id already.") from error
    return _there(db, tenant, owner)


def get_or_create(db: apsw.Connection, tenant: str, owner: str, details: Details, now: float) -> Person:
    """The person with what is given applied; made, or brought back empty, where there is none."""
    if updated := update(db, tenant, owner, details, now):
        return updated
    db.execute("DELETE FROM _profiles WHERE tenant = ? AND owner = ?", (tenant, owner))
    _insert(db, tenant, owner, details, now)
    return _there(db, tenant, owner)


def update(db: apsw.Connection, tenant: str, owner: str, details: Details, now: float) -> Person | None:
    """Change what is given; None when there is no such person."""
    db.execute(
        "UPDATE _profiles SET name = coalesce(?, name), picture_url = coalesce(?, picture_url), "
        "profile = coalesce(?, profile), updated_at = max(updated_at, ?) "
        "WHERE tenant = ? AND owner = ? AND deleted_at IS NULL",
        (details.name, details.picture_url, details.profile, now, tenant, owner),
    )
    return find(db, tenant, owner)


def delete(db: apsw.Connection, tenant: str, owner: str, now: float) -> list[str] | None:
    """Forget what the person told and take them out of all conversations; their messages stay.

    Gives the ids of the live conversations that they own or took part in; None when there is no such person.
    """
    db.execute(
        "UPDATE _profiles SET name = NULL, picture_url = NULL, profile = NULL, deleted_at = ? "
        "WHERE tenant = ? AND owner = ? AND deleted_at IS NULL",
        (now, tenant, owner),
    )
    if not db.changes():
        return None
    rows = db.execute(
        "SELECT id FROM _conversations WHERE tenant = ?1 AND status = 'active' AND owner = ?2 "
        "UNION SELECT c.id FROM _participants p JOIN _conversations c ON c.id = p.conversation_id "
        "WHERE p.owner = ?2 AND c.tenant = ?1 AND c.status = 'active'",
        (tenant, owner),
    ).fetchall()
    db.execute(
        "DELETE FROM _participants WHERE owner = ? AND conversation_id IN "
        "(SELECT id FROM _conversations WHERE tenant = ?)",
        (owner, tenant),
    )
    return [str(row[0]) for row in rows]


# -- who takes part ------------------------------------------------------------------------------------


def missing(db: apsw.Connection, tenant: str, owners: list[str]) -> str | None:
    """The first of `owners` who is nobody here; None when all are known."""
    return next((owner for owner in owners if find(db, tenant, owner) is None), None)


def takes_part(db: apsw.Connection, conversation_id: str, owner: str) -> bool:
    """Was the person added? The conversation's owner need not be."""
    sql = "SELECT EXISTS (SELECT 1 FROM _participants WHERE conversation_id = ? AND owner = ?)"
    return bool(db.execute(sql, (conversation_id, owner)).get)


def is_shared(db: apsw.Connection, conversation_id: str, owner: str) -> bool:
    """Does anybody but `owner` read the conversation: its owner, or somebody who takes part?"""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM _conversations WHERE id = ?1 AND owner != ?2) "
        "OR EXISTS (SELECT 1 FROM _participants WHERE conversation_id = ?1 AND owner != ?2)"
    )
    return bool(db.execute(sql, (conversation_id, owner)).get)


def join(db: apsw.Connection, conversation_id: str, owners: list[str], now: float) -> bool:
    """Let them take part; False when all of them did."""
    added = False
    for owner in owners:
        db.execute(
            "INSERT INTO _participants (conversation_id, owner, joined_at) "
            "SELECT id, ?2, max(?3, created_at + 0.001) FROM _conversations "
            "WHERE id = ?1 AND owner != ?2 AND status = 'active' ON CONFLICT DO NOTHING",
            (conversation_id, owner, now),
        )
        added |= db.changes() > 0
    return added


def leave(db: apsw.Connection, conversation_id: str, owner: str) -> bool:
    """Let the person take part no more; False when they did not."""
    db.execute("DELETE FROM _participants WHERE conversation_id = ? AND owner = ?", (conversation_id, owner))
    return db.changes() > 0


def participants(
    db: apsw.Connection,
    conversation_id: str,
    *,
    only: str | None = None,
    after: tuple[float, str] | None = None,
    limit: int,
) -> list[Participant]:
    """Up to `limit` people behind `after` (`joined_at` and owner), the owner first, without deleted ones."""
    rows = db.execute(
        f"SELECT t.joined_at, {COLUMNS} FROM ("  # noqa: S608 constant
        " SELECT id, tenant, owner, created_at AS joined_at FROM _conversations WHERE id = :id"
        " UNION ALL SELECT c.id, c.tenant, j.owner, j.joined_at FROM _participants j"
        " JOIN _conversations c ON c.id = j.conversation_id WHERE c.id = :id) t "
        "JOIN _profiles p ON p.tenant = t.tenant AND p.owner = t.owner AND p.deleted_at IS NULL "
        "WHERE (:only IS NULL OR t.owner = :only) AND (t.joined_at, t.owner) > (:joined_at, :after) "
        "ORDER BY t.joined_at, t.owner LIMIT :limit",
        {
            "id": conversation_id,
            "only": only,
            "joined_at": after[0] if after else -1.0,
            "after": after[1] if after else "",
            "limit": limit,
        },
    )
    return [Participant(joined_at=row[0], person=_person(row[1:])) for row in rows]


# -- inner ---------------------------------------------------------------------------------------------


def _insert(db: apsw.Connection, tenant: str, owner: str, details: Details, now: float) -> None:
    db.execute(
        "INSERT INTO _profiles (tenant, owner, name, picture_url, profile, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (tenant, owner, details.name, details.picture_url, details.profile, now, now),
    )
    kind, _, id = owner.partition(":")
    if kind == "user":  # a guest is a user of nothing else here
        remember_user(db, tenant, id, now)


def _there(db: apsw.Connection, tenant: str, owner: str) -> Person:
    found = find(db, tenant, owner)
    assert found is not None, "it was stored in this transaction"
    return found


def _person(row: tuple[Any, ...]) -> Person:
    return Person(**dict(zip(Person.__struct_fields__, row, strict=True)))
