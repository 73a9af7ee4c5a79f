"""Who may do what with knowledge bases: one rule for every list, search, change and error text.

A base is for its owner, for whom it was granted to (whatever its visibility: `shared` only says that there
are such), and, when it is public, for every signed-in user of its tenant to read. Administrators own all
bases of their tenant, also those of users; another tenant's base looks like a missing one, as does one
without any right.

A tenant's own server (its key without a user) tends what belongs to no user: it may read and fill the bases
that administrators made, owns those that it made itself, and reads public ones. For what is a user's it must
act in that user's name, as everywhere.

Whose documents somebody sees within a base is another question, which `Viewer` answers: also the owner of a
base sees no user's own documents. Only administration passes over that, and never in a search.
"""

from __future__ import annotations

import apsw

from appliance.errors import AuthRequired, Forbidden, NotFound
from appliance.identity import Caller
from appliance.knowledge import Document, KnowledgeBase, Permission, Viewer, allows
from appliance.store.knowledge import bases as stored
from appliance.store.knowledge import documents as stored_documents
from appliance.store.knowledge import grants

NO_BASE = "There is no such knowledge base."
NO_DOCUMENT = "There is no such document in this knowledge base."


def viewer_of(caller: Caller) -> Viewer:
    """For whom a caller searches: a user sees their own documents, too, everybody else those of nobody."""
    return Viewer(tenant=caller.tenant, user_id=caller.user_id)


def overseer_of(caller: Caller) -> Viewer:
    """For whom a caller lists, reads and deletes: administrators see every document. Not for searching."""
    return Viewer(tenant=caller.tenant, user_id=caller.user_id, everything=caller.is_admin)


def require_known(caller: Caller) -> None:
    """Raises `AuthRequired` for who is neither a user nor a tenant's server nor an administrator."""
    if not caller.is_user and not caller.is_workspace:
        raise AuthRequired("Sign in first: send a user's token as Authorization: Bearer <token>.")


def owner_id_of(caller: Caller) -> str:
    """Under which name somebody makes bases and documents: a user's id, else a key's or role's owner name."""
    return caller.user_id or caller.owner


def permission_of(caller: Caller, base: KnowledgeBase, granted: Permission | None) -> Permission | None:
    """What a caller may do with a base; `granted` is what it was granted to their user. None: nothing."""
    if base.tenant != caller.tenant or not base.tenant:
        return None
    if caller.is_admin:
        return "owner"
    if caller.is_user:
        return _of_user(caller, base, granted)
    return _of_workspace(caller, base) if caller.is_workspace else None


def _of_user(caller: Caller, base: KnowledgeBase, granted: Permission | None) -> Permission | None:
    if base.owner_id == caller.user_id:
        return "owner"
    return granted or ("viewer" if base.visibility == "public" else None)


def _of_workspace(caller: Caller, base: KnowledgeBase) -> Permission | None:
    if not base.owner_id:
        return "owner" if base.created_by == caller.owner else "editor"
    return "viewer" if base.visibility == "public" else None


def permission_in(db: apsw.Connection, caller: Caller, base: KnowledgeBase) -> Permission | None:
    """`permission_of` with the grants as they are now."""
    granted = stored.granted(db, base.number, caller.user_id) if caller.is_user else None
    return permission_of(caller, base, granted)


def open_base(
    db: apsw.Connection, caller: Caller, id: str, needs: Permission = "viewer"
) -> tuple[KnowledgeBase, Permission]:
    """The base (without counts) and what the caller may do with it.

    Raises `AuthRequired`, `NotFound` without any right, `Forbidden` with too little.
    """
    require_known(caller)
    base = stored.get(db, caller.tenant, id) if _is_storable(id) else None
    permission = permission_in(db, caller, base) if base else None
    if base is None or permission is None:
        raise NotFound(NO_BASE)
    if not allows(permission, needs):
        raise Forbidden(f"This needs the permission {needs} on the knowledge base; yours is {permission}.")
    return base, permission


def open_document(
    db: apsw.Connection, caller: Caller, base_id: str, id: str
) -> tuple[KnowledgeBase, Permission | None, Document]:
    """A document that the caller may see, its base, and what they may do with that.

    The permission is None for who sees this one document only, because it was granted. Raises `AuthRequired`,
    `NotFound`: of the base when there is no right in it at all, else of the document.
    """
    base, permission, granted = open_some(db, caller, base_id)
    document = None
    if (permission is not None or id in granted) and _is_storable(id):
        document = stored_documents.get(db, base.number, id, overseer_of(caller))
    if document is None:
        raise NotFound(NO_DOCUMENT)
    return base, permission, document


def open_some(
    db: apsw.Connection, caller: Caller, id: str
) -> tuple[KnowledgeBase, Permission | None, dict[str, str]]:
    """The base, what the caller may do with it, and what was granted to them one by one: ids and permissions.

    Without any permission there is at least one such document. Raises `AuthRequired`, `NotFound`.
    """
    require_known(caller)
    base = stored.get(db, caller.tenant, id) if _is_storable(id) else None
    if base is None:
        raise NotFound(NO_BASE)
    permission = permission_in(db, caller, base)
    granted = granted_documents(db, caller, base)
    if permission is None and not granted:
        raise NotFound(NO_BASE)
    return base, permission, granted


def granted_documents(db: apsw.Connection, caller: Caller, base: KnowledgeBase) -> dict[str, str]:
    """Ids of the documents of a base that were granted to the caller one by one, and as what."""
    if not caller.is_user or base.tenant != caller.tenant:
        return {}
    return grants.documents_of(db, base.number, caller.user_id)


def _is_storable(id: str) -> bool:
    """SQLite cannot be asked for half a surrogate pair."""
    return id.isascii() and len(id) <= 200
