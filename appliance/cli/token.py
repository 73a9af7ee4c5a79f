"""`appliance token`: make a user's token, also beside a running server."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import click
import msgspec

from appliance import settings as settings_module
from appliance.cli.folder import existing_or_new
from appliance.errors import InvalidInput, NotFound
from appliance.identity import DEFAULT_TENANT
from appliance.server.tokens import make_user_token
from appliance.store import audit
from appliance.store.database import connect, database_path
from appliance.store.secret import load_secret
from appliance.store.tenants import tenant_exists
from appliance.store.users import remember_user

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
ROLE_CHARACTERS_MAX = 100
LIFETIME_DAYS_MAX = 3650
"""Ten years: longer is a key, and keys can be revoked."""


@click.group()
def command() -> None:
    """Make tokens for users."""


@command.command()
@click.option("--user", "user_id", required=True, help="The user's id, as your own system knows it.")
@click.option(
    "--role", default="authenticated", show_default=True, help="A role of yours, admin or service_role."
)
@click.option("--expires", default="1h", show_default=True, help="Lifetime: 30s, 15m, 1h, 7d.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option("--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder.")
@click.option("--json", "as_json", is_flag=True, help='Print {"token": …} and nothing else.')
def create(user_id: str, role: str, expires: str, tenant: str, data: str, as_json: bool) -> None:
    """Make a token with which its bearer is a user of this server."""
    check_role(role)
    lifetime_s = parse_lifetime(expires)
    now = time.time()
    folder = existing_or_new(data)
    secret = load_secret(folder, settings_module.load(os.environ).jwt_secret)
    token = make_user_token(secret, user_id=user_id, role=role, now=now, lifetime_s=lifetime_s, tenant=tenant)
    _register(folder, tenant, user_id, {"role": role, "expires": expires}, now)
    if as_json:
        click.echo(msgspec.json.encode({"token": token}).decode())
        return
    click.echo(token)
    click.echo(f"Good for {expires} as {role} {user_id}; send it as: Authorization: Bearer …", err=True)


def check_role(role: str) -> None:
    """Raises `InvalidInput` unless the text can be a role's name."""
    if not 0 < len(role) <= ROLE_CHARACTERS_MAX or not role.isprintable() or any(map(str.isspace, role)):
        raise InvalidInput(
            f"--role {role!r} is no role: write 1 to {ROLE_CHARACTERS_MAX} printable characters without "
            "blanks, such as authenticated, admin or staff."
        )


def parse_lifetime(text: str) -> float:
    """`15m` -> 900.0 seconds; raises `InvalidInput` for what is no lifetime or too long a one."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip(), re.ASCII)
    seconds = int(found[1]) * UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= LIFETIME_DAYS_MAX * UNITS_S["d"]:
        raise InvalidInput(
            f"--expires {text!r} is no lifetime: write a number and s, m, h or d, such as 30s, 15m, 1h "
            f"or 7d, up to {LIFETIME_DAYS_MAX}d."
        )
    return float(seconds)


def _register(data: Path, tenant: str, user_id: str, details: dict[str, str], now: float) -> None:
    """The user is known from now on, so that admins can act for them before they first come."""
    db = connect(database_path(data))
    try:
        with db:
            if not tenant_exists(db, tenant):
                raise NotFound(
                    f"There is no tenant {tenant!r}; it is made with its first key: "
                    f"appliance keys create --type tenant --tenant {tenant}"
                )
            remember_user(db, tenant, user_id, now)
            audit.record(
                db, at=now, tenant=tenant, actor="cli", action="token.create", target=user_id, details=details
            )
    finally:
        db.close()
