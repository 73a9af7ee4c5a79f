"""Login by another service: the browser is sent there and comes back. Both answers are redirects."""

from __future__ import annotations

from appliance.engine import console_oidc
from appliance.engine.engine import Engine
from appliance.errors import LoginFailed
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console.accounts import origin
from appliance.protocols.console.session import cookie_in, cookies_of, device_of
from appliance.wire import Cookie, Reply, Request

PATH = "/admin/api/oidc"
COOKIE = "appliance_oidc"
COOKIE_MAX_AGE_S = 600
PAGE = "/admin"


async def start(engine: Engine, request: Request) -> Reply:
    """`GET /oidc/start`: on to the service, with a cookie that makes this browser known when it returns."""
    try:
        address, browser = await console_oidc.begin(engine.services, request.caller, origin(engine, request))
    except LoginFailed as error:
        return _back(error)
    return _to(address, _cookie(browser, COOKIE_MAX_AGE_S))


async def callback(engine: Engine, request: Request) -> Reply:
    """`GET /oidc/callback`: signed in, or back to the login page with a word for what was wrong."""
    try:
        entered = await console_oidc.finish(
            engine.services,
            request.caller,
            request.query,
            cookie_in(request, COOKIE),
            device_of(request),
        )
    except LoginFailed as error:
        return _back(error)
    return _to(PAGE, *cookies_of(entered), _cookie("", 0))


def _to(address: str, *cookies: Cookie) -> Reply:
    headers = {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Reply(status=302, body=None, headers=headers, cookies=cookies)


def _back(error: LoginFailed) -> Reply:
    return _to(f"{PAGE}?error={error.why}", _cookie("", 0))


def _cookie(value: str, max_age_s: int) -> Cookie:
    """Lax: the browser comes back from another site, and must show it then."""
    return Cookie(name=COOKIE, value=value, max_age_s=max_age_s, path=PATH, same_site="Lax")


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{PATH}/start",
        handler=start,
        summary="Sign in by another service: sends the browser there",
        answers={302: None},
        errors=(404, 429),
        access="open",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/callback",
        handler=callback,
        summary="Where that service sends the browser back to",
        params=(
            Param(name="code", description="What the service gives for a login"),
            Param(name="state", description="What was sent there"),
            Param(name="iss", description="The service's address (RFC 9207)"),
            Param(name="error", description="Why the service signed nobody in"),
        ),
        answers={302: None},
        errors=(404,),
        access="open",
    ),
)
