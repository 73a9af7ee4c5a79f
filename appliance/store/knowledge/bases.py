"""Knowledge bases as rows: making, finding, changing and deleting them. Who may do that is the engine's.

A base without a tenant is being deleted: nobody finds it any more, and its documents go a few at a time, so
that a large one does not hold the writer up (`leave`, then the documents, then `erase`).
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.errors import Conflict, QuotaReached
from appliance.knowledge import EmbeddingSpace, KnowledgeBase, Permission, Quota, Viewer
from appliance.store.knowledge.filters import visible

_WRITTEN = (
    "id", "tenant", "namespace", "name", "description", "embedding_model", "space", "next_space",
    "chunk_size", "chunk_overlap", "chunk_strategy", "enabled", "source", "created_by", "owner_id",
    "visibility", "per_user", "quota_documents", "quota_chunks", "quota_bytes", "pipeline_type",
    "pipeline_config", "transformation_function", "created_at", "updated_at",
)  # fmt: skip
_CHANGED = tuple(name for name in _WRITTEN if name not in ("id", "tenant", "created_at"))
_READ = ", ".join(f"b.{name}" for name in ("number", *_WRITTEN))
_FROM = (
    f"SELECT {_READ}, s.embedder, s.dimensions, n.embedder, n.dimensions FROM _knowledge_bases b "  # noqa: S608
    "LEFT JOIN _embedding_spaces s ON s.number = b.space "
    "LEFT JOIN _embedding_spaces n ON n.number = b.next_space "
)


class Usage(msgspec.Struct, frozen=True):
    """What is in a base, or what somebody sees of it."""

    documents: int
    chunks: int
    bytes: int


def add(db: apsw.Connection, base: KnowledgeBase) -> KnowledgeBase:
    """Store a new one, and return it with its number; raises `Conflict` for a name that its owner has."""
    _check_name(db, base)
    marks = ", ".join("?" * len(_WRITTEN))
    db.execute(
        f"INSERT INTO _knowledge_bases ({', '.join(_WRITTEN)}) VALUES ({marks})",  # noqa: S608 - ours
        _values(base, _WRITTEN),
    )
    return msgspec.structs.replace(base, number=db.last_insert_rowid())


def replace(db: apsw.Connection, base: KnowledgeBase) -> None:
    """Store what may be changed; raises `Conflict` for a name that its owner has already."""
    _check_name(db, base)
    db.execute(
        f"UPDATE _knowledge_bases SET {', '.join(f'{name} = ?' for name in _CHANGED)} WHERE number = ?",  # noqa: S608
        (*_values(base, _CHANGED), base.number),
    )


def get(db: apsw.Connection, tenant: str, id: str) -> KnowledgeBase | None:
    """The base of that id and tenant, without its counts."""
    return _one(db, "WHERE b.tenant = ? AND b.id = ?", (tenant, id))


def by_number(db: apsw.Connection, number: int) -> KnowledgeBase | None:
    """The base of that number, without its counts; None also for one that is being deleted."""
    return _one(db, "WHERE b.number = ? AND b.tenant <> ''", (number,))


def by_id(db: apsw.Connection, id: str) -> KnowledgeBase | None:
    """The base of that id, whichever tenant's, without its counts."""
    return _one(db, "WHERE b.id = ? AND b.tenant <> ''", (id,))


def by_name(
    db: apsw.Connection, tenant: str, namespace: str, name: str, owner: str = ""
) -> KnowledgeBase | None:
    """The base of that name, without its counts: an administrators' one, or the one of that owner."""
    return _one(
        db,
        "WHERE b.tenant = ? AND b.namespace = ? AND b.owner_id = ? AND b.name = ?",
        (tenant, namespace, owner, name),
    )


def every(
    db: apsw.Connection, *, tenant: str | None = None, namespace: str | None = None
) -> list[KnowledgeBase]:
    """All of them, or those of a tenant or namespace, by name, without their counts."""
    return _many(
        db,
        "WHERE b.tenant <> '' AND (?1 IS NULL OR b.tenant = ?1) AND (?2 IS NULL OR b.namespace = ?2) "
        "ORDER BY b.namespace, b.name, b.number",
        (tenant, namespace),
    )


def reachable(
    db: apsw.Connection, tenant: str, user_id: str, namespace: str | None = None
) -> list[KnowledgeBase]:
    """A user's own, those granted to them, and public ones, by name, without counts.

    Of nobody in particular (an empty id) are those that belong to no user.
    """
    return _many(
        db,
        "WHERE b.tenant = ?1 AND (?2 IS NULL OR b.namespace = ?2) "
        "AND (b.visibility = 'public' OR b.owner_id = ?3 "
        "OR EXISTS (SELECT 1 FROM _knowledge_grants g WHERE g.base = b.number AND g.user_id = ?3)) "
        "ORDER BY b.namespace, b.name, b.number",
        (tenant, namespace, user_id),
    )


def count_of_owner(db: apsw.Connection, tenant: str, owner: str) -> int:
    """How many bases somebody owns."""
    sql = "SELECT count(*) FROM _knowledge_bases WHERE tenant = ? AND owner_id = ?"
    return int(db.execute(sql, (tenant, owner)).get)


def granted(db: apsw.Connection, number: int, user_id: str) -> Permission | None:
    """What a grant lets a user do with a base."""
    sql = "SELECT permission FROM _knowledge_grants WHERE base = ? AND user_id = ?"
    row = db.execute(sql, (number, user_id)).fetchone()
    found: Permission | None = row[0] if row else None
    return found


def seen(db: apsw.Connection, number: int, viewer: Viewer) -> Usage:
    """What somebody sees of a base: documents that are not theirs to see do not count."""
    rule = visible(viewer)
    sql = (
        "SELECT count(*), coalesce(sum(d.chunks_count), 0), coalesce(sum(d.bytes), 0) FROM _documents d "  # noqa: S608
        f"JOIN _knowledge_bases b ON b.number = d.base WHERE d.base = ? AND {rule.sql}"
    )
    return _usage(db.execute(sql, (number, *rule.bindings)).fetchone())


def counted(db: apsw.Connection, base: KnowledgeBase, viewer: Viewer) -> KnowledgeBase:
    """The base with the counts that `viewer` may know."""
    counts = seen(db, base.number, viewer)
    return msgspec.structs.replace(
        base, document_count=counts.documents, total_chunks=counts.chunks, total_bytes=counts.bytes
    )


def usage(db: apsw.Connection, number: int) -> Usage:
    """All that is in a base, whosesoever it is."""
    sql = (
        "SELECT count(*), coalesce(sum(chunks_count), 0), coalesce(sum(bytes), 0) "
        "FROM _documents WHERE base = ?"
    )
    return _usage(db.execute(sql, (number,)).fetchone())


def mark(db: apsw.Connection) -> tuple[int, int, float]:
    """Differs when a base came, went, or was renamed: how many, the newest number, the last change."""
    row: Any = db.execute(
        "SELECT count(*), coalesce(max(number), 0), coalesce(max(updated_at), 0) FROM _knowledge_bases"
    ).fetchone()
    return (row[0], row[1], row[2])


def check_room(
    db: apsw.Connection, base: KnowledgeBase, *, documents: int = 0, chunks: int = 0, bytes: int = 0
) -> None:
    """Raises `QuotaReached` when so much more does not fit; negative is what becomes free.

    Its details are `which` (documents, chunks, bytes) and `limit`; what is used would tell whoever reads it
    of documents that are not for them.
    """
    used, quota = usage(db, base.number), base.quota
    for which, has, more, limit in (
        ("documents", used.documents, documents, quota.documents),
        ("chunks", used.chunks, chunks, quota.chunks),
        ("bytes", used.bytes, bytes, quota.bytes),
    ):
        if more > 0 and has + more > limit:
            raise QuotaReached(
                f"The knowledge base {base.name!r} may hold {limit:,} {which}; {more:,} more do not fit in. "
                "Delete some, or have its quota raised.",
                which=which,
                limit=limit,
            )


def set_spaces(db: apsw.Connection, number: int, *, space: int | None, next_space: int | None) -> None:
    """Say in which space a base's vectors are, and which one is being filled."""
    db.execute(
        "UPDATE _knowledge_bases SET space = ?, next_space = ? WHERE number = ?", (space, next_space, number)
    )


def leave(db: apsw.Connection, number: int) -> None:
    """Take a base from everybody, with its grants and links; its name is free again."""
    db.execute("DELETE FROM _knowledge_grants WHERE base = ?", (number,))
    db.execute("DELETE FROM _bot_knowledge WHERE base = ?", (number,))
    db.execute(
        "UPDATE _knowledge_bases SET tenant = '', owner_id = '', name = id, enabled = 0 WHERE number = ?",
        (number,),
    )


def limbo(db: apsw.Connection, id: str, now: float) -> int:
    """The number of a new base that is being deleted, for a document that takes long to delete."""
    empty = KnowledgeBase(number=0, id=id, tenant="", namespace="", name=id, created_at=now, updated_at=now)
    return add(db, empty).number


def left(db: apsw.Connection) -> list[int]:
    """Numbers of those that are being deleted."""
    return [number for (number,) in db.execute("SELECT number FROM _knowledge_bases WHERE tenant = ''")]


def erase(db: apsw.Connection, number: int) -> None:
    """Delete the row of a base that has no documents any more."""
    db.execute("DELETE FROM _knowledge_bases WHERE number = ? AND tenant = ''", (number,))


def _check_name(db: apsw.Connection, base: KnowledgeBase) -> None:
    other = by_name(db, base.tenant, base.namespace, base.name, base.owner_id)
    if other is not None and other.id != base.id:
        raise Conflict(
            f"There is a knowledge base {base.name!r} in the namespace {base.namespace!r} already; "
            "choose another name."
        )


def _one(db: apsw.Connection, where: str, bindings: tuple[Any, ...]) -> KnowledgeBase | None:
    found = _many(db, where, bindings)
    return found[0] if found else None


def _many(db: apsw.Connection, where: str, bindings: tuple[Any, ...]) -> list[KnowledgeBase]:
    return [_base(*row) for row in db.execute(_FROM + where, bindings)]


def _usage(row: Any) -> Usage:
    return Usage(*row)


def _values(base: KnowledgeBase, names: tuple[str, ...]) -> tuple[Any, ...]:
    columns: dict[str, Any] = {name: getattr(base, name, None) for name in names}
    columns |= {
        "space": base.space.number if base.space else None,
        "next_space": base.next_space.number if base.next_space else None,
        "pipeline_config": msgspec.json.encode(base.pipeline_config),
        "quota_documents": base.quota.documents,
        "quota_chunks": base.quota.chunks,
        "quota_bytes": base.quota.bytes,
    }
    return tuple(columns[name] for name in names)


def _base(*row: Any) -> KnowledgeBase:
    *values, embedder, dimensions, next_embedder, next_dimensions = row
    columns: dict[str, Any] = dict(zip(("number", *_WRITTEN), values, strict=True))
    quota = Quota(**{name: columns.pop(f"quota_{name}") for name in ("documents", "chunks", "bytes")})
    columns |= {
        "space": _space(columns.pop("space"), embedder, dimensions),
        "next_space": _space(columns.pop("next_space"), next_embedder, next_dimensions),
    }
    columns |= {name: bool(columns[name]) for name in ("enabled", "per_user")}
    config = msgspec.json.decode(columns.pop("pipeline_config"), type=dict[str, Any])
    return KnowledgeBase(**columns, quota=quota, pipeline_config=config)


def _space(number: int | None, embedder: str, dimensions: int) -> EmbeddingSpace | None:
    return EmbeddingSpace(number=number, embedder=embedder, dimensions=dimensions) if number else None
