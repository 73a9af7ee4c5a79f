"""Knowledge bases: making, listing, changing, deleting (Fluxbase 6.1 and 6.8). Rights are `access`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import apsw
import msgspec

from appliance.bot import Bot
from appliance.chunking import check_sizes
from appliance.engine.knowledge import access, checking, removing
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.reindexing import queue_all
from appliance.errors import Forbidden, InvalidInput, QuotaReached
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.knowledge import (
    PERMISSIONS,
    STRATEGIES,
    BaseDraft,
    Grant,
    KnowledgeBase,
    Link,
    Permission,
    Quota,
)
from appliance.store import audit
from appliance.store.knowledge import bases as stored
from appliance.store.knowledge import grants as stored_grants

NAMESPACE = "default"
NAME_CHARS_MAX = 200
BASES_PER_USER_MAX = 100
INITIAL_GRANTS_MAX = 200

_QUOTAS_MAX = {"quota_documents": 10_000_000, "quota_chunks": 100_000_000, "quota_bytes": 2**50}
_VISIBILITIES = ("private", "shared", "public")
_SOURCES = ("api", "sdk", "filesystem")
_CHUNKING = ("chunk_size", "chunk_overlap", "chunk_strategy")


async def create(
    library: Library,
    caller: Caller,
    draft: BaseDraft,
    *,
    owner: str = "",
    grants: Sequence[tuple[str, Permission]] = (),
) -> KnowledgeBase:
    """Make one, granted to others from the beginning: (user id, permission).

    `owner` is a user; who is no administrator makes their own. Raises `AuthRequired`, `Forbidden`,
    `InvalidInput`, `Conflict` for a name that its owner has already, `QuotaReached` for too many.
    """
    access.require_known(caller)
    owner = _owner(caller, owner)
    now = library.clock()
    new = KnowledgeBase(
        number=0,
        id=str(uuid.uuid4()),
        tenant=caller.tenant,
        namespace=NAMESPACE,
        name=checking.label(draft.name or "", "name", longest=NAME_CHARS_MAX),
        owner_id=owner,
        created_by=access.owner_id_of(caller),
        created_at=now,
        updated_at=now,
    )
    base = _drafted(caller, new, draft)
    given = _initial(caller, base, grants, now)

    def write(db: apsw.Connection) -> KnowledgeBase:
        if owner and stored.count_of_owner(db, caller.tenant, owner) >= BASES_PER_USER_MAX:
            raise QuotaReached(
                f"A user may own {BASES_PER_USER_MAX} knowledge bases; delete one first.",
                which="bases",
                used=BASES_PER_USER_MAX,
                limit=BASES_PER_USER_MAX,
            )
        made = stored.add(db, base)
        for grant in given:
            stored_grants.put(db, "base", made.number, grant)
        witness(library, db, caller, "knowledge.create", made, grants=len(given))
        return made

    made = await library.store.write(write)
    library.wake()
    return made


async def listed(
    library: Library, caller: Caller, *, namespace: str | None = None
) -> list[tuple[KnowledgeBase, Permission]]:
    """Those that the caller may look at, by name, each with what they may do; raises `AuthRequired`.

    Counts are those of what the caller sees in them.
    """
    access.require_known(caller)
    viewer = access.overseer_of(caller)

    def read(db: apsw.Connection) -> list[tuple[KnowledgeBase, Permission]]:
        if caller.is_admin:
            known = stored.every(db, tenant=caller.tenant, namespace=namespace)
        else:
            known = stored.reachable(db, caller.tenant, caller.user_id, namespace)
        rights = [(base, access.permission_in(db, caller, base)) for base in known]
        return [(stored.counted(db, base, viewer), right) for base, right in rights if right is not None]

    return await library.store.read(read)


async def get(
    library: Library, caller: Caller, id: str, needs: Permission = "viewer"
) -> tuple[KnowledgeBase, Permission]:
    """The base, with counts of what the caller sees in it, and what they may do.

    Raises `AuthRequired`, `NotFound` when they may not even look, `Forbidden` when they may, but not do this.
    """
    return await library.store.read(_get, caller, id, needs)


def find(library: Library, caller: Caller, id: str, needs: Permission = "viewer") -> KnowledgeBase:
    """The base without counts, which take long where there are very many documents; raises as `get` does."""
    return library.store.read_now(access.open_base, caller, id, needs)[0]


def _get(db: apsw.Connection, caller: Caller, id: str, needs: Permission) -> tuple[KnowledgeBase, Permission]:
    base, permission = access.open_base(db, caller, id, needs)
    return stored.counted(db, base, access.overseer_of(caller)), permission


async def update(library: Library, caller: Caller, id: str, draft: BaseDraft) -> KnowledgeBase:
    """Change some of it. Other chunk settings let all documents be chunked anew; the old chunks serve
    meanwhile.

    Raises `AuthRequired`, `NotFound`, `Forbidden`, `InvalidInput`, `Conflict`.
    """

    def write(db: apsw.Connection) -> tuple[KnowledgeBase, bool]:
        before, _ = access.open_base(db, caller, id, "owner")
        after = msgspec.structs.replace(_drafted(caller, before, draft), updated_at=library.clock())
        stored.replace(db, after)
        changed = sorted(name for name, value in _given(draft).items() if value is not None)
        witness(library, db, caller, "knowledge.update", after, changed=changed)
        return after, any(getattr(before, name) != getattr(after, name) for name in _CHUNKING)

    after, must_chunk = await library.store.write(write)
    if must_chunk:
        await queue_all(library, after.number)
    library.wake()
    return await library.store.read(stored.counted, after, access.overseer_of(caller))


async def reindex(library: Library, caller: Caller, id: str) -> int:
    """Let all its documents be chunked and embedded anew, and return how many.

    The old chunks serve meanwhile. Raises `AuthRequired`, `NotFound`, `Forbidden`.
    """
    base, _ = library.store.read_now(access.open_base, caller, id, "owner")
    count = await queue_all(library, base.number)
    library.wake()
    return count


async def delete(library: Library, caller: Caller, id: str) -> None:
    """Forget it with all its documents, of whomsoever they are; nobody finds it from the first moment on.

    Raises `AuthRequired`, `NotFound`, `Forbidden`.
    """

    def write(db: apsw.Connection) -> int:
        base, _ = access.open_base(db, caller, id, "owner")
        witness(
            library, db, caller, "knowledge.delete", base, documents=stored.usage(db, base.number).documents
        )
        stored.leave(db, base.number)
        return base.number

    number = await library.store.write(write)
    await removing.erase_base(library, number)
    library.wake()


def find_for_bot(library: Library, bot: Bot, name: str) -> KnowledgeBase | None:
    """The base that a bot's file means: of the bot's namespace, else of `default`.

    Only those that administrators of the default tenant made: what a user calls their own must not get into a
    bot's answers.
    """
    for namespace in dict.fromkeys((bot.namespace, NAMESPACE)):
        if found := library.store.read_now(stored.by_name, DEFAULT_TENANT, namespace, name):
            return found
    return None


def of_link(library: Library, link: Link) -> KnowledgeBase | None:
    """The base of a link, without counts; rights were asked when the link was made."""
    return library.store.read_now(stored.by_id, link.base_id)


def witness(
    library: Library, db: apsw.Connection, caller: Caller, action: str, base: KnowledgeBase, **details: object
) -> None:
    """Write to the audit trail what was done to a base, in the transaction that does it."""
    audit.record(
        db,
        at=library.clock(),
        tenant=base.tenant,
        actor=caller.principal,
        action=action,
        target=f"knowledge:{base.id}",
        details={"name": base.name, "namespace": base.namespace, **details, "ip": caller.ip},
    )


def _owner(caller: Caller, owner: str) -> str:
    if caller.is_admin:
        return checking.user_id(owner, "owner") if owner else ""
    if owner not in ("", caller.user_id):
        raise Forbidden("Only an administrator may make a knowledge base in another user's name.")
    return caller.user_id


def _initial(
    caller: Caller, base: KnowledgeBase, grants: Sequence[tuple[str, Permission]], now: float
) -> list[Grant]:
    if len(grants) > INITIAL_GRANTS_MAX:
        raise InvalidInput(f"At most {INITIAL_GRANTS_MAX} permissions can be given at once.")
    return [
        Grant(
            id=str(uuid.uuid4()),
            user_id=user,
            permission=check_permission(permission),
            granted_by=access.owner_id_of(caller),
            created_at=now,
        )
        for user, permission in ((checking.user_id(user), permission) for user, permission in grants)
        if user != base.owner_id
    ]


def check_permission(permission: str, known: Sequence[Permission] = PERMISSIONS) -> Permission:
    """Raises `InvalidInput` for what is none."""
    for one in known:
        if one == permission:
            return one
    raise InvalidInput(f"permission must be one of {', '.join(known)}.")


def _given(draft: BaseDraft) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(draft).items() if value is not None}


def _drafted(caller: Caller, base: KnowledgeBase, draft: BaseDraft) -> KnowledgeBase:
    """The base as it is to be; raises `InvalidInput`, `Forbidden` for what only administrators may choose."""
    given = _given(draft)
    if not caller.is_admin and (reserved := {"source", *_QUOTAS_MAX} & given.keys()):
        asked = sorted({"the source" if name == "source" else "quotas" for name in reserved})
        raise Forbidden(f"Only an administrator may set {' and '.join(asked)}.")
    quota = {name: given.pop(name) for name in _QUOTAS_MAX if name in given}
    after = msgspec.structs.replace(base, **(given | _texts(given)), quota=_quota(base.quota, quota))
    check_sizes(after.chunk_size, after.chunk_overlap)
    for field, known in (
        ("chunk_strategy", STRATEGIES),
        ("visibility", _VISIBILITIES),
        ("source", _SOURCES),
    ):
        if getattr(after, field) not in known:
            raise InvalidInput(f"{field} must be one of {', '.join(known)}.")
    return after


def _texts(given: Mapping[str, Any]) -> dict[str, Any]:
    checks: dict[str, Any] = {
        "name": lambda text: checking.label(text, "name", longest=NAME_CHARS_MAX),
        "namespace": lambda text: checking.line(text, "namespace", longest=NAME_CHARS_MAX),
        "description": lambda text: checking.paragraph(text, "description"),
        "embedding_model": lambda text: checking.line(text, "embedding_model", empty=True),
        "pipeline_type": lambda text: checking.line(text, "pipeline_type", empty=True) or "none",
        "pipeline_config": lambda value: checking.json_object(value, "pipeline_config"),
        "transformation_function": lambda text: checking.paragraph(text, "transformation_function"),
    }
    return {name: checks[name](value) for name, value in given.items() if name in checks}


def _quota(quota: Quota, given: Mapping[str, Any]) -> Quota:
    for name, value in given.items():
        if not 0 < value <= _QUOTAS_MAX[name]:
            kind = name.removeprefix("quota_")
            raise InvalidInput(f"The quota of {kind} is {value}; it must be from 1 to {_QUOTAS_MAX[name]}.")
    return msgspec.structs.replace(quota, **{name.removeprefix("quota_"): v for name, v in given.items()})
