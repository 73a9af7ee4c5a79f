"""Model providers, with a button that tries one out; Fluxbase's handlers (3.2) do the rest."""

from __future__ import annotations

from appliance.engine import console_providers
from appliance.engine.console_providers import Tried, check_changeable
from appliance.engine.engine import Engine
from appliance.protocols.base import Broadcast, Endpoint, Handler, Stream
from appliance.protocols.console.access import admin
from appliance.protocols.fluxbase import admin_providers as fluxbase
from appliance.protocols.fluxbase.shapes_providers import ProviderBody, ProviderList
from appliance.wire import Reply, Request

PATH = "/admin/api/providers"


@admin
async def list_providers(engine: Engine, request: Request) -> Reply:
    """`GET /providers`: the environment's first, the offline model last."""
    views = await console_providers.listed(engine)
    bodies = [ProviderBody(**fluxbase.body_of(view)) for view in views]
    return Reply(body=ProviderList(providers=bodies, count=len(bodies)))


@admin
async def get_provider(engine: Engine, request: Request) -> Reply:
    """`GET /providers/<id>`."""
    view = await console_providers.get(engine, request.path["id"])
    return Reply(body=ProviderBody(**fluxbase.body_of(view)))


@admin
async def test_provider(engine: Engine, request: Request) -> Reply:
    """`POST /providers/<id>/test`: 200 also when it does not answer: that is what was to be found out."""
    return Reply(body=await console_providers.test(engine, request.path["id"], request.caller))


def _changing(handler: Handler) -> Handler:
    """The same for a provider that can be changed."""

    async def checked(engine: Engine, request: Request) -> Reply | Stream | Broadcast:
        check_changeable(request.path.get("id", ""))
        return await handler(engine, request)

    return admin(checked)


ENDPOINTS: tuple[Endpoint, ...] = (
    *fluxbase.endpoints(
        PATH,
        list_providers,
        "All model providers: the environment's, those made here, the offline model",
        get_provider,
        changing=_changing,
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<id>/test",
        handler=test_provider,
        summary="Ask a provider something small, and tell what is wrong when no answer comes",
        answers={200: Tried},
        errors=(404,),
        access="admin",
    ),
)
