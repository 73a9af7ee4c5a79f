"""Who asks about knowledge bases, under either prefix (6.8, 9.2): a handler serves administrators and users.

An administrator's endpoints are for the caller's own tenant; what users may do is decided for each base.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from appliance.engine.engine import Engine
from appliance.engine.knowledge.library import Library
from appliance.identity import Caller, require_admin, require_user
from appliance.protocols.base import Handler
from appliance.protocols.fluxbase.admins import TENANT_ADMIN
from appliance.wire import Reply, Request

ADMIN_BASES = "/api/v1/admin/ai/knowledge-bases"
USER_BASES = "/api/v1/ai/knowledge-bases"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler works with. `caller` may be taken at their word: they were let in."""

    engine: Engine
    library: Library
    caller: Caller
    is_admin: bool
    """Was it asked under the administrators' prefix?"""


Work: TypeAlias = Callable[[Desk, Request], Awaitable[Reply]]


def for_admins(work: Work) -> Handler:
    """A handler that lets administrators in, a `tenant_admin` too (9.2)."""

    async def handler(engine: Engine, request: Request) -> Reply:
        return await work(admin_desk(engine, request.caller), request)

    return handler


def for_users(work: Work) -> Handler:
    """A handler that lets in whoever is signed in."""

    async def handler(engine: Engine, request: Request) -> Reply:
        return await work(user_desk(engine, request.caller), request)

    return handler


def user_desk(engine: Engine, caller: Caller) -> Desk:
    """The desk of whoever is signed in; raises `AuthRequired` for everybody else."""
    require_user(caller)
    return _desk(engine, caller, is_admin=False)


def admin_desk(engine: Engine, caller: Caller) -> Desk:
    """The desk of an administrator; raises `AuthRequired`, `Forbidden` for everybody else."""
    if caller.role == TENANT_ADMIN:  # an administrator here, and of no more than the own tenant
        caller = msgspec.structs.replace(caller, role="admin")
    require_admin(caller)
    return _desk(engine, caller, is_admin=True)


def _desk(engine: Engine, caller: Caller, *, is_admin: bool) -> Desk:
    library = engine.services.library
    assert library is not None, "the server makes it"
    return Desk(engine=engine, library=library, caller=caller, is_admin=is_admin)
