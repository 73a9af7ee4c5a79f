"""Fluxbase's admin endpoints for model providers (3.2). The providers serve all tenants: operators only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from appliance.engine.engine import Engine
from appliance.engine.provider_views import ProviderChange, ProviderDraft, ProviderView
from appliance.engine.providers import Providers
from appliance.protocols.base import Endpoint, Handler
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


def endpoints(
    path: str, list_all: Handler, list_summary: str, get_one: Handler, changing: Callable[[Handler], Handler]
) -> tuple[Endpoint, ...]:
    """The endpoints below `path`; `changing` says who may change a provider, and which ones."""
    made = partial(Endpoint, access="admin")
    one = f"{path}/<id>"
    return (
        made(method="GET", path=path, handler=list_all, summary=list_summary, answers={200: ProviderList}),
        made(
            method="POST",
            path=path,
            handler=changing(create_provider),
            summary="Make a model provider",
            body=CreateProvider,
            answers={201: ProviderBody},
            errors=(409,),
        ),
        made(
            method="GET",
            path=one,
            handler=get_one,
            summary="One model provider",
            answers={200: ProviderBody},
            errors=(404,),
        ),
        made(
            method="PUT",
            path=one,
            handler=changing(update_provider),
            summary="Change a model provider; config is merged key by key",
            body=UpdateProvider,
            answers={200: ProviderBody},
            errors=(404, 409),
        ),
        made(
            method="DELETE",
            path=one,
            handler=changing(delete_provider),
            summary="Delete a model provider",
            answers={200: ProviderDeleted},
            errors=(404,),
        ),
        made(
            method="PUT",
            path=f"{one}/default",
            handler=changing(set_default_provider),
            summary="Let a provider answer where a bot names none",
            answers={200: DefaultBody},
            errors=(404,),
        ),
        made(
            method="PUT",
            path=f"{one}/embedding",
            handler=changing(set_embedding_provider),
            summary="Let a provider make embeddings",
            answers={200: EmbeddingSet},
            errors=(404,),
        ),
        made(
            method="DELETE",
            path=f"{one}/embedding",
            handler=changing(clear_embedding_provider),
            summary="Leave open again who makes embeddings",
            answers={200: EmbeddingCleared},
            errors=(404,),
        ),
    )


ENDPOINTS = endpoints(
    PATH,
    list_providers,
    "All model providers, the environment's first",
    get_provider,
    changing=lambda handler: handler,
)
"""Who may change one is asked by each handler (`_providers`)."""


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
