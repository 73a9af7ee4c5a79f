"""Fluxbase's endpoints for knowledge bases themselves, and for who may do what with them (6.8)."""

from __future__ import annotations

import msgspec

from appliance.engine.knowledge import bases, grants
from appliance.engine.knowledge.abilities import supported_suffixes
from appliance.engine.knowledge.library import Library
from appliance.errors import Forbidden
from appliance.knowledge import BaseDraft, Grant, KnowledgeBase, Permission
from appliance.protocols.fluxbase.knowledge_desk import Desk
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_knowledge import (
    Capabilities,
    GrantBody,
    KnowledgeBaseBody,
    KnowledgeBaseList,
    KnowledgeBaseSummary,
    NewGrant,
    NewKnowledgeBase,
    UpdateKnowledgeBase,
)
from appliance.wire import Reply, Request

_RENAMED = {
    "quota_max_documents": "quota_documents",
    "quota_max_chunks": "quota_chunks",
    "quota_max_storage_bytes": "quota_bytes",
}
"""Fluxbase's names of fields for ours, where they differ."""


async def list_bases(desk: Desk, request: Request) -> Reply:
    """`GET ?namespace=`: all of the tenant for administrators, else the own, granted and public ones."""
    namespace = request.query.get("namespace") or None
    found = await bases.listed(desk.library, desk.caller, namespace=namespace)
    summaries = [_summary(desk.library, base, permission) for base, permission in found]
    return Reply(body=KnowledgeBaseList(knowledge_bases=summaries, count=len(summaries)))


async def create_base(desk: Desk, request: Request) -> Reply:
    """`POST`: it is the user's who makes it, or nobody's in particular when an administrator does."""
    asked = request.json(NewKnowledgeBase)
    if not desk.is_admin and not desk.caller.user_id:
        raise Forbidden("Somebody has to own a knowledge base: ask as a user, or as an administrator.")
    granted = [(one.user_id, one.permission) for one in asked.initial_permissions or []]
    owner = "" if desk.is_admin else desk.caller.user_id
    base = await bases.create(desk.library, desk.caller, _draft(asked), owner=owner, grants=granted)
    return Reply(status=201, body=_whole(desk.library, base, "owner"))


async def capabilities(desk: Desk, request: Request) -> Reply:
    """`GET /capabilities`: pictures of text are not read, so `ocr_available` is false."""
    embedder = desk.library.embedders.choose()
    return Reply(
        body=Capabilities(
            ocr_enabled=False,
            ocr_available=False,
            ocr_languages=[],
            supported_file_types=supported_suffixes(),
            max_file_bytes=desk.library.settings.document_bytes_max,
            embedding_available=embedder is not None,
            embedding_model=embedder.model if embedder is not None else "",
            embedding_note="" if embedder is not None else desk.library.embedders.why_none(),
        )
    )


async def get_base(desk: Desk, request: Request) -> Reply:
    """`GET /:id`."""
    base, permission = await bases.get(desk.library, desk.caller, request.path["id"])
    return Reply(body=_whole(desk.library, base, permission))


async def update_base(desk: Desk, request: Request) -> Reply:
    """`PUT /:id`; another model or chunk size has its documents read anew."""
    asked = request.json(UpdateKnowledgeBase)
    await bases.update(desk.library, desk.caller, request.path["id"], _draft(asked))
    return await get_base(desk, request)


async def delete_base(desk: Desk, request: Request) -> Reply:
    """`DELETE /:id`, with its documents."""
    await bases.delete(desk.library, desk.caller, request.path["id"])
    return Reply(status=204, body=None)


# -- who may do what ---------------------------------------------------------------------------------


async def share(desk: Desk, request: Request) -> Reply:
    """`POST /:id/share`: owners only."""
    asked = request.json(NewGrant)
    id = request.path["id"]
    grant = await grants.share(desk.library, desk.caller, id, asked.user_id, asked.permission)
    return Reply(status=201, body=_grant(id, grant))


async def permissions(desk: Desk, request: Request) -> Reply:
    """`GET /:id/permissions`: a bare array."""
    id = request.path["id"]
    found = await grants.listed(desk.library, desk.caller, id)
    return Reply(body=[_grant(id, grant) for grant in found])


async def revoke(desk: Desk, request: Request) -> Reply:
    """`DELETE /:id/permissions/:user`."""
    await grants.revoke(desk.library, desk.caller, request.path["id"], request.path["user"])
    return Reply(status=204, body=None)


def _grant(base_id: str, grant: Grant) -> GrantBody:
    at = timestamp(grant.created_at)
    return GrantBody(
        id=grant.id,
        knowledge_base_id=base_id,
        user_id=grant.user_id,
        permission=grant.permission,
        granted_by=grant.granted_by or None,
        granted_at=at,
        created_at=at,
    )


# -- shapes ------------------------------------------------------------------------------------------


def _draft(asked: NewKnowledgeBase | UpdateKnowledgeBase) -> BaseDraft:
    given = msgspec.structs.asdict(asked)
    given.pop("initial_permissions", None)
    return BaseDraft(**{_RENAMED.get(name, name): value for name, value in given.items()})


def _model(library: Library, base: KnowledgeBase) -> str:
    """What makes its vectors; the local model serves whatever was asked for, and that is not hidden."""
    embedders = library.embedders
    if base.embedding_model:
        embedder = embedders.choose(base.embedding_model)
    else:
        embedder = embedders.by_key(base.space.embedder) if base.space is not None else None
    return embedder.model if embedder is not None else base.embedding_model


def _summary(library: Library, base: KnowledgeBase, permission: Permission) -> KnowledgeBaseSummary:
    whole = _whole(library, base, permission)
    names = KnowledgeBaseSummary.__struct_fields__
    return KnowledgeBaseSummary(**{name: getattr(whole, name) for name in names})


def _whole(library: Library, base: KnowledgeBase, permission: Permission) -> KnowledgeBaseBody:
    return KnowledgeBaseBody(
        id=base.id,
        name=base.name,
        namespace=base.namespace,
        description=base.description,
        embedding_model=_model(library, base),
        embedding_dimensions=base.space.dimensions if base.space is not None else 0,
        chunk_size=base.chunk_size,
        chunk_overlap=base.chunk_overlap,
        chunk_strategy=base.chunk_strategy,
        enabled=base.enabled,
        document_count=base.document_count,
        total_chunks=base.total_chunks,
        total_bytes=base.total_bytes,
        source=base.source,
        created_by=base.created_by or None,
        owner_id=base.owner_id or None,
        visibility=base.visibility,
        user_permission=permission,
        per_user=base.per_user,
        quota_max_documents=base.quota.documents,
        quota_max_chunks=base.quota.chunks,
        quota_max_storage_bytes=base.quota.bytes,
        pipeline_type=base.pipeline_type,
        pipeline_config=base.pipeline_config,
        transformation_function=base.transformation_function or None,
        is_reembedding=base.next_space is not None,
        created_at=timestamp(base.created_at),
        updated_at=timestamp(base.updated_at),
    )
