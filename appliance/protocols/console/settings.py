"""The environment, stored settings, the identity secret."""

from __future__ import annotations

import msgspec

from appliance.engine import console_settings
from appliance.engine.console_settings import StoredSetting, Variable
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.wire import Reply, Request

PATH = "/admin/api/settings"


class WidgetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of the identity secret only its first and last characters; null when there is none yet."""

    identity_secret_hint: str | None
    identity_secret_rotated_at: float | None
    previous_secret_until: float | None


class SettingsBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the server was started with, what is stored for bots, and what the widget has."""

    environment: list[Variable]
    stored: list[StoredSetting]
    widget: WidgetSettings


class NewSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A value; a secret is never shown again and cannot be used in prompts."""

    value: str
    secret: bool = False

    def __repr__(self) -> str:
        """Without the value: tracebacks show representations."""
        return "NewSetting(…)"


class SecretMade(msgspec.Struct, frozen=True, kw_only=True):
    """The identity secret, which is shown this once."""

    secret: str


@admin
async def get_settings(engine: Engine, request: Request) -> Reply:
    """`GET /settings`."""
    tenant = request.caller.tenant
    found = await console_settings.identity_secret(engine, tenant)
    return Reply(
        body=SettingsBody(
            environment=console_settings.environment(engine),
            stored=await console_settings.stored_settings(engine, tenant),
            widget=WidgetSettings(
                identity_secret_hint=found.hint if found else None,
                identity_secret_rotated_at=found.rotated_at if found else None,
                previous_secret_until=found.previous_until if found else None,
            ),
        )
    )


@admin
async def put_setting(engine: Engine, request: Request) -> Reply:
    """`PUT /settings/<key>`."""
    asked = request.json(NewSetting)
    key = request.path["key"]
    return Reply(
        body=await console_settings.put(engine, request.caller, key, asked.value, secret=asked.secret)
    )


@admin
async def remove_setting(engine: Engine, request: Request) -> Reply:
    """`DELETE /settings/<key>`: 204."""
    await console_settings.remove(engine, request.caller, request.path["key"])
    return Reply(status=204, body=None)


@admin
async def rotate_secret(engine: Engine, request: Request) -> Reply:
    """`POST /settings/identity-secret`: the one before is accepted for a day."""
    return Reply(
        body=SecretMade(secret=await console_settings.rotate_identity_secret(engine, request.caller))
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=get_settings,
        summary="The environment, stored values for bots, and the widget's settings; secrets are masked",
        answers={200: SettingsBody},
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<key>",
        handler=put_setting,
        summary="Store a value for {{key}} in bot files",
        body=NewSetting,
        answers={200: StoredSetting},
        errors=(409,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<key>",
        handler=remove_setting,
        summary="Remove a stored value",
        answers={204: None},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/identity-secret",
        handler=rotate_secret,
        summary="Make a new identity secret; it is shown this once",
        answers={200: SecretMade},
        errors=(409,),
        access="admin",
    ),
)
