"""The account of who is signed in: name, password, second factor, and where else it is signed in."""

from __future__ import annotations

from appliance.engine import console_account
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import account
from appliance.protocols.console.session import state_of
from appliance.protocols.console.shapes_accounts import (
    Code,
    NewPassword,
    Password,
    Renaming,
    SessionItem,
    SessionList,
    SessionState,
    TotpOffer,
)
from appliance.wire import Reply, Request

PATH = "/admin/api/account"


@account
async def rename(engine: Engine, request: Request) -> Reply:
    """`PUT /account`."""
    asked = request.json(Renaming)
    await console_account.rename(engine.services, request.caller, asked.display_name)
    return Reply(body=state_of(engine, request.caller.admin_name))


@account
async def change_password(engine: Engine, request: Request) -> Reply:
    """`PUT /account/password`: 204, and all other sessions end."""
    asked = request.json(NewPassword)
    await console_account.change_password(engine.services, request.caller, asked.old, asked.new)
    return Reply(status=204, body=None)


@account
async def list_sessions(engine: Engine, request: Request) -> Reply:
    """`GET /account/sessions`."""
    items = [
        SessionItem(
            id=one.id,
            user_agent=one.user_agent,
            ip=one.ip,
            created_at=one.created_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
            current=one.id == request.caller.session_id,
        )
        for one in await console_account.sessions(engine.services, request.caller)
    ]
    return Reply(body=SessionList(items=items, total=len(items), next=None))


@account
async def end_session(engine: Engine, request: Request) -> Reply:
    """`DELETE /account/sessions/:session`: 404 for other people's, too."""
    await console_account.end_session(engine.services, request.caller, request.path["session"])
    return Reply(status=204, body=None)


@account
async def offer_totp(engine: Engine, request: Request) -> Reply:
    """`POST /account/totp`: nothing counts before a code of it was shown."""
    offer = await console_account.offer_totp(engine.services, request.caller)
    return Reply(body=TotpOffer(secret=offer.secret, uri=offer.uri, qr=offer.qr))


@account
async def confirm_totp(engine: Engine, request: Request) -> Reply:
    """`POST /account/totp/confirm`."""
    await console_account.confirm_totp(engine.services, request.caller, request.json(Code).code)
    return Reply(status=204, body=None)


@account
async def drop_totp(engine: Engine, request: Request) -> Reply:
    """`DELETE /account/totp`: the password is needed, a session is not enough."""
    await console_account.drop_totp(engine.services, request.caller, request.json(Password).password)
    return Reply(status=204, body=None)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="PUT",
        path=PATH,
        handler=rename,
        summary="Change the name that others read",
        body=Renaming,
        answers={200: SessionState},
        access="operator",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/password",
        handler=change_password,
        summary="Change the password; all other sessions end",
        body=NewPassword,
        answers={204: None},
        errors=(429,),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/sessions",
        handler=list_sessions,
        summary="Where the account is signed in",
        answers={200: SessionList},
        access="operator",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/sessions/<session>",
        handler=end_session,
        summary="Sign out in one place",
        answers={204: None},
        errors=(404,),
        access="operator",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/totp",
        handler=offer_totp,
        summary="Begin a second factor: its secret, also as a QR code",
        answers={200: TotpOffer},
        errors=(409,),
        access="operator",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/totp/confirm",
        handler=confirm_totp,
        summary="Let the second factor count",
        body=Code,
        answers={204: None},
        errors=(409,),
        access="operator",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/totp",
        handler=drop_totp,
        summary="Take the second factor away",
        body=Password,
        answers={204: None},
        errors=(409, 429),
        access="operator",
    ),
)
