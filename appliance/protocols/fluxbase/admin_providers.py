"""Fluxbase's admin endpoints for model providers (3.2). The providers serve all tenants: operators only."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.engine.engine import Engine
from appliance.engine.provider_views import ProviderChange, ProviderDraft, ProviderView
from appliance.engine.providers import Providers
from appliance.protocols.base import Endpoint
from appliance.protocols.fluxbase.admins import check_keeper
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_providers import (
    CreateProvider,
    DefaultBody,
    EmbeddingCleared,
    EmbeddingSet,
    ProviderBody,
    ProviderDeleted,
    ProviderList,
    UpdateProvider,
)
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai/providers"


async def list_providers(engine: Engine, request: Request) -> Reply:
    """`GET /providers`: the environment's first."""
    views = await _providers(engine, request).all()
    return Reply(
        body=ProviderList(providers=[ProviderBody(**body_of(view)) for view in views], count=len(views))
    )


async def get_provider(engine: Engine, request: Request) -> Reply:
    """`GET /providers/:id`."""
    view = await _providers(engine, request).get(request.path["id"])
    return Reply(body=ProviderBody(**body_of(view)))


async def create_provider(engine: Engine, request: Request) -> Reply:
    """`POST /providers`: 201; the first one is the default, and a name that is taken 409."""
    providers = _providers(engine, request)
    asked = request.json(CreateProvider)
    draft = ProviderDraft(
        name=asked.name,
        type=asked.provider_type,
        display_name=asked.display_name or "",
        config=asked.config or {},
        is_default=bool(asked.is_default),
        enabled=asked.enabled is not False,
        embedding_model=asked.embedding_model or "",
    )
    view = await providers.create(draft, request.caller)
    return Reply(status=201, body=ProviderBody(**body_of(view)))


async def update_provider(engine: Engine, request: Request) -> Reply:
    """`PUT /providers/:id`: `config` is merged key by key."""
    providers = _providers(engine, request)
    asked = request.json(UpdateProvider)
    model = asked.embedding_model
    change = ProviderChange(
        display_name=asked.display_name,
        config=asked.config or {},
        enabled=asked.enabled,
        embedding_model=None if isinstance(model, msgspec.UnsetType) else model or "",
    )
    view = await providers.update(request.path["id"], change, request.caller)
    return Reply(body=ProviderBody(**body_of(view)))


async def set_default_provider(engine: Engine, request: Request) -> Reply:
    """`PUT /providers/:id/default`: the whole provider, and `isDefault` for those who read that."""
    view = await _providers(engine, request).make_default(request.path["id"], request.caller)
    return Reply(body=DefaultBody(**body_of(view), isDefault=True))


async def delete_provider(engine: Engine, request: Request) -> Reply:
    """`DELETE /providers/:id`."""
    await _providers(engine, request).delete(request.path["id"], request.caller)
    return Reply(body=ProviderDeleted(deleted=True, id=request.path["id"]))


async def set_embedding_provider(engine: Engine, request: Request) -> Reply:
    """`PUT /providers/:id/embedding`: this one, and no other."""
    providers = _providers(engine, request)
    await providers.flag_for_embeddings(request.path["id"], request.caller, flag=True)
    return Reply(body=EmbeddingSet(id=request.path["id"], use_for_embeddings=True))


async def clear_embedding_provider(engine: Engine, request: Request) -> Reply:
    """`DELETE /providers/:id/embedding`: left open again; the SDK wants JSON here, too."""
    providers = _providers(engine, request)
    await providers.flag_for_embeddings(request.path["id"], request.caller, flag=False)
    return Reply(body=EmbeddingCleared(use_for_embeddings=False))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_providers,
        summary="All model providers, the environment's first",
        answers={200: ProviderList},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=create_provider,
        summary="Make a model provider",
        body=CreateProvider,
        answers={201: ProviderBody},
        errors=(409,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>",
        handler=get_provider,
        summary="One model provider",
        answers={200: ProviderBody},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>",
        handler=update_provider,
        summary="Change a model provider; config is merged key by key",
        body=UpdateProvider,
        answers={200: ProviderBody},
        errors=(404, 409),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>",
        handler=delete_provider,
        summary="Delete a model provider",
        answers={200: ProviderDeleted},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>/default",
        handler=set_default_provider,
        summary="Let a provider answer where a bot names none",
        answers={200: DefaultBody},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>/embedding",
        handler=set_embedding_provider,
        summary="Let a provider make embeddings",
        answers={200: EmbeddingSet},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>/embedding",
        handler=clear_embedding_provider,
        summary="Leave open again who makes embeddings",
        answers={200: EmbeddingCleared},
        errors=(404,),
        access="admin",
    ),
)


def _providers(engine: Engine, request: Request) -> Providers:
    """The providers, for a caller who may keep them."""
    check_keeper(request.caller)
    providers = engine.services.providers
    assert providers is not None, "the server makes them"
    return providers


def body_of(view: ProviderView) -> dict[str, Any]:
    """The fields of a `ProviderBody`."""
    return {
        "id": view.id,
        "name": view.name,
        "display_name": view.display_name,
        "provider_type": view.type,
        "is_default": view.is_default,
        "use_for_embeddings": view.use_for_embeddings or None,
        "embedding_model": view.embedding_model,
        "config": view.config,
        "enabled": view.enabled,
        "read_only": view.is_read_only,
        "from_config": view.is_read_only,
        "created_at": timestamp(view.created_at),
        "updated_at": timestamp(view.updated_at),
        "created_by": view.created_by,
        "problem": view.problem or None,
    }
