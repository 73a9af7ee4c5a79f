"""`appliance settings`: values for `{{key}}` in bot files, also beside a running server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import click
import msgspec

from appliance import settings as settings_module
from appliance.botsettings import SettingName, SettingValues
from appliance.cli.folder import existing
from appliance.errors import InvalidInput, NotFound, StoreError
from appliance.identity import DEFAULT_TENANT
from appliance.store import audit
from appliance.store import settings as store
from appliance.store.database import connect, database_path
from appliance.store.secret import CHARACTERS_MIN, load_encryption_key
from appliance.store.tenants import tenant_exists
from appliance.store.users import user_exists
from appliance.store.vault import Vault

USER_CHARACTERS_MAX = 256
"""As long as a token's user id may be."""

_data_option = click.option(
    "--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder."
)
_tenant_option = click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
_user_option = click.option("--user", "user_id", help="For one user; without it, for everybody.")


@click.group()
def command() -> None:
    """Set, list and remove values for {{key}} in bot files; all are stored encrypted."""


@command.command("set")
@click.argument("key")
@click.argument("value", required=False)
@_user_option
@_tenant_option
@click.option("--secret", is_flag=True, help="Never shown, and never in a prompt.")
@_data_option
def set_(key: str, value: str | None, user_id: str | None, tenant: str, secret: bool, data: str) -> None:
    """Store VALUE under KEY. Without VALUE it is asked for, or read from standard input.

    So a secret needs to be in no shell history: appliance settings set crm.token --secret < token.txt
    """
    store.check_key(key)
    owner = _owner(user_id)
    given = value if value is not None else _asked(f"Value of {key}", hidden=secret)
    folder, now = existing(data), time.time()
    vault = _vault(folder)
    with _database(folder) as db, db:
        _check_tenant(db, tenant)
        store.prepare(db, vault)
        store.put(db, vault, tenant=tenant, user_id=owner, key=key, value=given, secret=secret, now=now)
        _audit(db, "settings.set", now, tenant, key, {"user": owner, "secret": secret})
        known = not owner or user_exists(db, tenant, owner)
    if not known:
        click.echo(f"Note: nobody with the id {owner!r} has been seen yet.", err=True)
    kind = "secret" if secret else "plain"
    click.echo(f"Stored {key} for {_whose(owner)} ({kind}, encrypted).", err=True)


@command.command("list")
@click.option("--user", "user_id", help="Only those of one user.")
@_tenant_option
@click.option("--show", is_flag=True, help="Show the values that are not secret.")
@_data_option
@click.option("--json", "as_json", is_flag=True, help='Print {"settings": […]} and nothing else.')
def list_(user_id: str | None, tenant: str, show: bool, data: str, as_json: bool) -> None:
    """List the system's and all users' settings; values of secrets are never shown."""
    folder = existing(data)
    owner = None if user_id is None else _owner(user_id)
    vault = _vault(folder) if show else None
    with _database(folder) as db:
        _check_tenant(db, tenant)
        names = store.names(db, tenant, owner)
        plain = _plain_values(db, vault, tenant, names) if vault else {}
    listed = [_public(name, plain) for name in names]
    if as_json:
        click.echo(msgspec.json.encode({"settings": listed}).decode())
        return
    for name, entry in zip(names, listed, strict=True):
        shown = f"  {_value_text(entry)}" if show else ""
        click.echo(
            f"{name.key:24}  {entry['kind']:6}  {_whose(name.user_id):16}  {entry['updated_at']}{shown}"
        )
    if not names:
        click.echo("There are no settings; make one with: appliance settings set KEY", err=True)


@command.command()
@click.argument("key")
@_user_option
@_tenant_option
@_data_option
def remove(key: str, user_id: str | None, tenant: str, data: str) -> None:
    """Forget a value, in a running server too."""
    owner, now = _owner(user_id), time.time()
    with _database(existing(data)) as db, db:
        store.remove(db, tenant=tenant, user_id=owner, key=key)
        _audit(db, "settings.remove", now, tenant, key, {"user": owner})
    click.echo(f"Removed {key} of {_whose(owner)}.", err=True)


@command.command()
@_data_option
def rekey(data: str) -> None:
    """Encrypt all values again after the key was changed; the old key is asked for, or read from input."""
    folder, now = existing(data), time.time()
    old = _asked("The old key", hidden=True).strip()
    if len(old) < CHARACTERS_MIN:
        raise InvalidInput(f"That is no key: keys have at least {CHARACTERS_MIN} characters.")
    new = _vault(folder)
    with _database(folder) as db, db:
        count = _resealed(db, Vault(old), new)
        _audit(db, "settings.rekey", now, DEFAULT_TENANT, "", {"count": count})
    click.echo(
        f"Encrypted {count} values with the new key. Restart the server: it has the old one.", err=True
    )


def _resealed(db: apsw.Connection, old: Vault, new: Vault) -> int:
    """How many values were encrypted again; a refusal leaves the caller's transaction."""
    try:
        return store.reseal(db, old, new)
    except StoreError as error:
        raise InvalidInput(
            "The old key that was given does not open the stored values, so nothing was changed. Give the "
            "one that the server had when they were stored: the former APPLIANCE_ENCRYPTION_KEY, or what "
            f"secrets.key held. (If it is that one, a row was changed: {error.text})"
        ) from error


@contextmanager
def _database(folder: Path) -> Iterator[apsw.Connection]:
    """The database of a data folder, closed afterwards."""
    db = connect(database_path(folder))
    try:
        yield db
    finally:
        db.close()


def _vault(folder: Path) -> Vault:
    return Vault(load_encryption_key(folder, settings_module.load(os.environ).encryption_key))


def _asked(question: str, *, hidden: bool) -> str:
    """A line from the terminal, or all of standard input without its last line end."""
    if sys.stdin.isatty():
        return str(click.prompt(question, hide_input=hidden, err=True))
    data = sys.stdin.buffer.read(store.VALUE_BYTES_MAX + len("\r\n") + 1)
    try:
        text: str | None = data.decode()
    except UnicodeDecodeError:  # that error carries the value
        text = None
    if text is None:
        raise InvalidInput("What came from standard input is not UTF-8 text.")
    return text.removesuffix("\n").removesuffix("\r")


def _owner(user_id: str | None) -> str:
    """The user's id, or "" for the system; an empty --user is likely an unset shell variable."""
    if user_id is None:
        return ""
    if not user_id or len(user_id) > USER_CHARACTERS_MAX or not user_id.isprintable():
        raise InvalidInput(
            f"--user {user_id!r} is no user: write 1 to {USER_CHARACTERS_MAX} printable characters, or leave "
            "--user out for everybody."
        )
    return user_id


def _check_tenant(db: apsw.Connection, tenant: str) -> None:
    if not tenant_exists(db, tenant):
        raise NotFound(
            f"There is no tenant {tenant!r}; it is made with its first key: "
            f"appliance keys create --type tenant --tenant {tenant}"
        )


def _plain_values(
    db: apsw.Connection, vault: Vault, tenant: str, names: list[SettingName]
) -> dict[tuple[str, str], str | None]:
    """(user, key) -> value, or None where it cannot be decrypted, of those that are not secret."""
    found: dict[tuple[str, str], str | None] = {}
    for user_id in {name.user_id for name in names}:
        values: SettingValues = store.values(db, vault, tenant, user_id)
        settings = values.user if user_id else values.system
        found |= {(user_id, key): each.value for key, each in settings.items() if not each.secret}
    return found


def _public(name: SettingName, plain: dict[tuple[str, str], str | None]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "key": name.key,
        "user": name.user_id or None,
        "kind": "secret" if name.secret else "plain",
        "updated_at": datetime.fromtimestamp(int(name.updated_at), UTC).isoformat().replace("+00:00", "Z"),
    }
    place = (name.user_id, name.key)
    return {**entry, "value": plain[place]} if place in plain else entry


def _value_text(entry: dict[str, Any]) -> str:
    if "value" not in entry:
        return "(secret)"
    return "(cannot be decrypted)" if entry["value"] is None else repr(entry["value"])


def _whose(owner: str) -> str:
    return f"user {owner}" if owner else "everybody"


def _audit(
    db: apsw.Connection, action: str, now: float, tenant: str, key: str, details: dict[str, Any]
) -> None:
    audit.record(db, at=now, tenant=tenant, actor="cli", action=action, target=key, details=details)
