"""Sharing knowledge bases, and single documents, with other users of the tenant (Fluxbase 6.8)."""

from __future__ import annotations

import uuid

import apsw

from appliance.engine.knowledge import access, checking
from appliance.engine.knowledge.bases import check_permission, witness
from appliance.engine.knowledge.library import Library
from appliance.errors import Forbidden, InvalidInput, NotFound, QuotaReached
from appliance.identity import Caller
from appliance.knowledge import Document, Grant, KnowledgeBase, Permission, allows
from appliance.store.knowledge import grants as stored

GRANTS_MAX = 10_000
"""Of one base or document."""

_DOCUMENT_PERMISSIONS: tuple[Permission, ...] = ("viewer", "editor")


async def share(library: Library, caller: Caller, base_id: str, user_id: str, permission: str) -> Grant:
    """Let a user use a base, or change what they were granted before.

    Raises `AuthRequired`, `NotFound`, `Forbidden` for all but owners, `InvalidInput`, `QuotaReached`.
    """
    user, may = checking.user_id(user_id), check_permission(permission)

    def write(db: apsw.Connection) -> Grant:
        base, _ = access.open_base(db, caller, base_id, "owner")
        if user == base.owner_id:
            raise InvalidInput("This user owns the knowledge base already.")
        _check_count(db, "base", base.number)
        grant = stored.put(db, "base", base.number, _grant(library, caller, user, may))
        witness(library, db, caller, "knowledge.share", base, user=user, permission=may)
        return grant

    return await library.store.write(write)


async def listed(library: Library, caller: Caller, base_id: str) -> list[Grant]:
    """Whom a base was granted to, oldest first; for owners. Raises as `share`."""

    def read(db: apsw.Connection) -> list[Grant]:
        base, _ = access.open_base(db, caller, base_id, "owner")
        return stored.listed(db, "base", base.number)

    return await library.store.read(read)


async def revoke(library: Library, caller: Caller, base_id: str, user_id: str) -> None:
    """Take it back; users may give their own back. Raises as `share`, `NotFound` also when there is none."""
    user = checking.user_id(user_id)

    def write(db: apsw.Connection) -> None:
        own = caller.is_user and user == caller.user_id
        base, _ = access.open_base(db, caller, base_id, "viewer" if own else "owner")
        if not stored.remove(db, "base", base.number, user):
            raise NotFound("This user has no permission of their own on the knowledge base.")
        witness(library, db, caller, "knowledge.revoke", base, user=user)

    await library.store.write(write)


async def share_document(
    library: Library, caller: Caller, base_id: str, id: str, user_id: str, permission: str
) -> Grant:
    """Show one document to a user, who need not have any right on its base.

    For owners of the base, and for the user whose the document is. Raises as `share`.
    """
    user, may = checking.user_id(user_id), check_permission(permission, _DOCUMENT_PERMISSIONS)

    def write(db: apsw.Connection) -> Grant:
        base, document = _open_document(db, caller, base_id, id)
        _check_count(db, "document", document.number)
        grant = stored.put(db, "document", document.number, _grant(library, caller, user, may))
        witness(library, db, caller, "knowledge.share", base, document=id, user=user, permission=may)
        return grant

    return await library.store.write(write)


async def listed_of_document(library: Library, caller: Caller, base_id: str, id: str) -> list[Grant]:
    """Whom a document was shown to, oldest first; raises as `share_document`."""

    def read(db: apsw.Connection) -> list[Grant]:
        _, document = _open_document(db, caller, base_id, id)
        return stored.listed(db, "document", document.number)

    return await library.store.read(read)


async def revoke_document(library: Library, caller: Caller, base_id: str, id: str, user_id: str) -> None:
    """Take it back; raises as `share_document`, `NotFound` also when there is none."""
    user = checking.user_id(user_id)

    def write(db: apsw.Connection) -> None:
        base, document = _open_document(db, caller, base_id, id)
        if not stored.remove(db, "document", document.number, user):
            raise NotFound("This user has no permission of their own on the document.")
        witness(library, db, caller, "knowledge.revoke", base, document=id, user=user)

    await library.store.write(write)


def _open_document(
    db: apsw.Connection, caller: Caller, base_id: str, id: str
) -> tuple[KnowledgeBase, Document]:
    base, permission, document = access.open_document(db, caller, base_id, id)
    is_theirs = caller.is_user and document.user_id == caller.user_id
    if not allows(permission, "owner") and not is_theirs:
        raise Forbidden("Only an owner of the knowledge base, or whose document it is, may share it.")
    return base, document


def _grant(library: Library, caller: Caller, user: str, permission: Permission) -> Grant:
    return Grant(
        id=str(uuid.uuid4()),
        user_id=user,
        permission=permission,
        granted_by=access.owner_id_of(caller),
        created_at=library.clock(),
    )


def _check_count(db: apsw.Connection, of: stored.Of, number: int) -> None:
    if stored.count(db, of, number) >= GRANTS_MAX:
        raise QuotaReached(
            f"There are {GRANTS_MAX:,} permissions already; make it public, or revoke some.",
            which="permissions",
            used=GRANTS_MAX,
            limit=GRANTS_MAX,
        )
