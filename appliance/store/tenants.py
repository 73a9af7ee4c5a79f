"""Tenants: who owns keys, users and conversations. There is always `default`."""

from __future__ import annotations

import re

import apsw

from appliance.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


def ensure_tenant(db: apsw.Connection, name: str, now: float) -> None:
    """Create the tenant if it is missing; raises `InvalidInput` for a name that cannot be one."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot be a tenant's name: use 1 to 63 letters, digits, dots, dashes and "
            "underscores, with a letter or digit first."
        )
    db.execute("INSERT INTO _tenants (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, now))


def tenant_exists(db: apsw.Connection, name: str) -> bool:
    """True when there is a tenant of that name."""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM _tenants WHERE name = ?)", (name,)).get)
