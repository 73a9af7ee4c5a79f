"""The people who may use the console, as admins keep them."""

from __future__ import annotations

from appliance.engine import console_accounts
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.protocols.console.shapes_accounts import (
    AccountChange,
    AccountItem,
    AccountList,
    Invited,
    LinkMade,
    NewAccount,
)
from appliance.wire import Reply, Request

PATH = "/admin/api/accounts"


@admin
async def list_accounts(engine: Engine, request: Request) -> Reply:
    """`GET /accounts`."""
    items = [_item(one) for one in await console_accounts.everybody(engine.services)]
    return Reply(body=AccountList(items=items, total=len(items), next=None))


@admin
async def invite(engine: Engine, request: Request) -> Reply:
    """`POST /accounts`: 201; the link is shown this once."""
    asked = request.json(NewAccount)
    account, token = await console_accounts.invite(
        engine.services, request.caller, asked.name, asked.display_name, asked.role
    )
    return Reply(status=201, body=Invited(link=link(engine, request, token), account=_item(account)))


@admin
async def change(engine: Engine, request: Request) -> Reply:
    """`PATCH /accounts/:account`: 409 when no admin would be left who can sign in."""
    asked = request.json(AccountChange)
    changed = await console_accounts.change(
        engine.services,
        request.caller,
        request.path["account"],
        role=asked.role,
        disabled=asked.disabled,
        display_name=asked.display_name,
    )
    return Reply(body=_item(changed))


@admin
async def make_link(engine: Engine, request: Request) -> Reply:
    """`POST /accounts/:account/link`: the link before it works no more."""
    token = await console_accounts.make_link(engine.services, request.caller, request.path["account"])
    return Reply(body=LinkMade(link=link(engine, request, token)))


@admin
async def remove(engine: Engine, request: Request) -> Reply:
    """`DELETE /accounts/:account`."""
    await console_accounts.remove(engine.services, request.caller, request.path["account"])
    return Reply(status=204, body=None)


def link(engine: Engine, request: Request, token: str) -> str:
    """A one-time link. What stands behind the # is sent to no server, and so stands in no log."""
    return f"{origin(engine, request)}/admin#setup={token}"


def origin(engine: Engine, request: Request) -> str:
    """Where people reach the server: as the settings say, else as this caller did."""
    return engine.services.settings.public_url.rstrip("/") or request.origin


def _item(account: console_accounts.Account) -> AccountItem:
    return AccountItem(
        name=account.name,
        display_name=account.display_name,
        role=account.role,
        totp=account.totp is not None,
        disabled=account.disabled,
        pending=account.pending,
        created_at=account.created_at,
        seen_at=account.seen_at,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_accounts,
        summary="All people of the console",
        answers={200: AccountList},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=invite,
        summary="Invite somebody; gives the link to send them",
        body=NewAccount,
        answers={201: Invited},
        errors=(409,),
        access="admin",
    ),
    Endpoint(
        method="PATCH",
        path=f"{PATH}/<account>",
        handler=change,
        summary="Change somebody's role or name, or keep them out",
        body=AccountChange,
        answers={200: AccountItem},
        errors=(404, 409),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<account>/link",
        handler=make_link,
        summary="A link for somebody to come, or to choose a new password",
        answers={200: LinkMade},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<account>",
        handler=remove,
        summary="Remove somebody",
        answers={204: None},
        errors=(404, 409),
        access="admin",
    ),
)
