"""Coming to the console and leaving it: the state of a browser, one-time links, login, logout."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from appliance.engine import console_account, console_accounts, console_login, console_oidc
from appliance.engine.console_login import Entered
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.shapes_accounts import Login, SessionState, SetUp, SetupLink, SetupLook
from appliance.wire import Cookie, Reply, Request

PATH = "/admin/api"
COOKIE = "appliance_console"
COOKIE_MAX_AGE_S = 7 * 86_400
"""As long as a session may last; that it has ended earlier, the server knows."""
DEVICE_COOKIE = "appliance_device"
"""Opens nothing: it says that this browser is no stranger."""
DEVICE_COOKIE_MAX_AGE_S = 400 * 86_400
"""Browsers keep none longer (RFC 6265bis 5.6.2)."""


async def get_session(engine: Engine, request: Request) -> Reply:
    """`GET /session`: what the page has to show first."""
    return Reply(body=state_of(engine, request.caller.admin_name))


async def look(engine: Engine, request: Request) -> Reply:
    """`POST /setup/look`: 404 when the link is good no more. In a body, since addresses end up in logs."""
    link = console_login.link_of(engine.services, request.json(SetupLook).token)
    return Reply(body=SetupLink(kind=link.kind, name=link.name))


async def set_up(engine: Engine, request: Request) -> Reply:
    """`POST /setup`: signs in; of two who use a link at once, one gets 404."""
    asked = request.json(SetUp)
    entered = await console_login.set_up(
        engine.services,
        request.caller,
        asked.token,
        asked.name,
        asked.display_name,
        asked.password,
        device_of(request),
    )
    return _signed_in(engine, entered)


async def log_in(engine: Engine, request: Request) -> Reply:
    """`POST /login`: 401 `WRONG_LOGIN`, or `CODE_NEEDED` once name and password are right."""
    asked = request.json(Login)
    entered = await console_login.log_in(
        engine.services, request.caller, asked.name, asked.password, asked.code, device_of(request)
    )
    return _signed_in(engine, entered)


async def log_out(engine: Engine, request: Request) -> Reply:
    """`POST /logout`: also good for who was not signed in. The browser stays known."""
    await console_login.log_out(engine.services, request.caller)
    return Reply(body=state_of(engine, ""), cookies=(Cookie(name=COOKIE),))


def cookies_of(entered: Entered) -> tuple[Cookie, Cookie]:
    """What makes a browser the one that is signed in, and known later on.

    The second is Lax: it is wanted, too, when the browser comes back from the login of another service.
    """
    device = Cookie(
        name=DEVICE_COOKIE, value=entered.device, max_age_s=DEVICE_COOKIE_MAX_AGE_S, same_site="Lax"
    )
    return Cookie(name=COOKIE, value=entered.token, max_age_s=COOKIE_MAX_AGE_S), device


def device_of(request: Request) -> str:
    """What makes this browser known, empty when nothing does."""
    return cookie_in(request, DEVICE_COOKIE)


def cookie_in(request: Request, wanted: str) -> str:
    """The value of a cookie, empty when there is none."""
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value.strip('"')
    return ""


def state_of(engine: Engine, name: str) -> SessionState:
    """The state for the account of that name, empty for nobody."""
    services = engine.services
    account = console_account.find(services, name) if name else None
    has_oidc = console_oidc.is_configured(services.settings)
    is_new = not has_oidc and console_accounts.is_empty(services)
    return SessionState(
        state="in" if account else "setup" if is_new else "login",
        account={
            "name": account.name,
            "display_name": account.display_name,
            "role": account.role,
            "totp": account.totp is not None,
        }
        if account
        else None,
        oidc={"name": console_oidc.name_of(services.settings)} if has_oidc else None,
        version=_version(),
        title=console_account.ISSUER,
    )


def _signed_in(engine: Engine, entered: Entered) -> Reply:
    return Reply(body=state_of(engine, entered.name), cookies=cookies_of(entered))


@cache
def _version() -> str:
    return metadata.version("chat-appliance")


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{PATH}/session",
        handler=get_session,
        summary="Whether somebody is signed in, and who",
        answers={200: SessionState},
        access="open",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/setup/look",
        handler=look,
        summary="What a one-time link is for",
        body=SetupLook,
        answers={200: SetupLink},
        errors=(404,),
        access="open",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/setup",
        handler=set_up,
        summary="Use a one-time link: the first account, an invitation, a new password",
        body=SetUp,
        answers={200: SessionState},
        errors=(403, 404, 409),
        access="open",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/login",
        handler=log_in,
        summary="Sign in by name and password",
        body=Login,
        answers={200: SessionState},
        errors=(401, 403, 409, 429),
        access="open",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/logout",
        handler=log_out,
        summary="Sign out in this browser",
        answers={200: SessionState},
        errors=(403,),
        access="open",
    ),
)
