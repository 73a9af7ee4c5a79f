"""Who may ask an endpoint of the console: asked before a body is looked at, so that strangers learn nothing.

Everything here is of all tenants, so an administrator's token counts for the default tenant only.
"""

from __future__ import annotations

from functools import wraps

from appliance.engine.engine import Engine
from appliance.errors import AuthRequired, Forbidden
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.protocols.base import Broadcast, Handler, Stream
from appliance.wire import Reply, Request


def admin(handler: Handler) -> Handler:
    """The handler for admins only: raises `AuthRequired` for strangers, `Forbidden` for anybody else."""

    @wraps(handler)
    async def checked(engine: Engine, request: Request) -> Reply | Stream | Broadcast:
        check_admin(request.caller)
        return await handler(engine, request)

    return checked


def operator(handler: Handler) -> Handler:
    """The handler for operators and admins; raises as `admin` does."""

    @wraps(handler)
    async def checked(engine: Engine, request: Request) -> Reply | Stream | Broadcast:
        check_operator(request.caller)
        return await handler(engine, request)

    return checked


def account(handler: Handler) -> Handler:
    """The handler for people with an account of their own here: a token or key has none."""

    @wraps(handler)
    async def checked(engine: Engine, request: Request) -> Reply | Stream | Broadcast:
        check_operator(request.caller)
        if not request.caller.admin_name:
            raise Forbidden("This is about an account of the console: sign in to one. Tokens have none.")
        return await handler(engine, request)

    return checked


def check_admin(caller: Caller) -> None:
    """Raises `AuthRequired`, `Forbidden` unless the caller is an admin of the console, by whatever proof."""
    check_operator(caller)
    if not caller.is_admin:
        raise Forbidden("This needs the role admin. Ask an admin of this console.")


def check_operator(caller: Caller) -> None:
    """Raises `AuthRequired`, `Forbidden` unless the caller is an operator or admin of the console."""
    if caller.is_operator and caller.tenant == DEFAULT_TENANT:
        return
    if caller.role == "anon" and not caller.is_user and not caller.key_id:
        raise AuthRequired("Sign in to the console first, or send an admin's token or a service key.")
    raise Forbidden("This is for people of the console: sign in there, or use an admin's token.")
