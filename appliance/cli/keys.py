"""`appliance keys`: make, list and revoke API keys, also beside a running server; the identity secret."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

import apsw
import click
import msgspec

from appliance.cli.folder import existing, existing_or_new
from appliance.errors import InvalidInput
from appliance.identity import DEFAULT_TENANT
from appliance.store import audit, settings, widget_secret
from appliance.store.database import connect, database_path
from appliance.store.keys import ApiKey, KeyType, StreamFormat, create_key, list_keys, revoke_key
from appliance.store.secret import load_encryption_key
from appliance.store.tenants import tenant_exists
from appliance.store.vault import Vault

_data_option = click.option(
    "--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder."
)


@click.group()
def command() -> None:
    """Make, list and revoke API keys."""


@command.command()
@click.option("--type", "type_", required=True, type=click.Choice(get_args(KeyType)))
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Made if it is missing.")
@click.option("--bot", default="", metavar="NAME", help="Answers where a request with this key names none.")
@click.option(
    "--stream-format",
    type=click.Choice([name for name in get_args(StreamFormat) if name]),
    help="Of Chatbase streams; without it, the usual one (sse).",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Only pages from here may use it, like https://example.com; may be repeated.",
)
@_data_option
@click.option("--json", "as_json", is_flag=True, help='Print {"id": …, "key": …} and nothing else.')
def create(
    type_: str,
    tenant: str,
    bot: str,
    stream_format: str | None,
    origins: tuple[str, ...],
    data: str,
    as_json: bool,
) -> None:
    """Make a key. It is shown this once and stored only as a hash.

    anon: for web pages, identifies nobody. service: all rights. tenant: for a tenant's own server.
    """
    now = time.time()
    with _database(existing_or_new(data)) as db, db:
        made, key = create_key(
            db,
            cast("KeyType", type_),
            tenant,
            now,
            bot=_bot_name(bot),
            stream_format=cast("StreamFormat", stream_format or ""),
            origins=tuple(dict.fromkeys(origins)),
        )
        _audit(db, made, "key.create", now)
    if as_json:
        click.echo(msgspec.json.encode({"id": made.id, "key": key}).decode())
        return
    click.echo(key)
    click.echo(f"Keep it now, it cannot be shown again. Its id is {made.id}.", err=True)


@command.command("list")
@_data_option
@click.option("--json", "as_json", is_flag=True, help='Print {"keys": […]} and nothing else.')
def list_(data: str, as_json: bool) -> None:
    """List all keys by their hints; the keys themselves are not stored."""
    with _database(existing(data)) as db:
        found = list_keys(db)
    if as_json:
        click.echo(msgspec.json.encode({"keys": [_public(key) for key in found]}).decode())
        return
    for key in found:
        state = f"revoked {_time(key.revoked_at)}" if key.revoked_at is not None else "good"
        words = [state, *(f"{name}={value}" for name, value in _choices(key).items())]
        fixed = f"{key.id}  {key.type:7}  {key.tenant:12}  {key.hint}  {_time(key.created_at)}"
        click.echo(f"{fixed}  {'  '.join(words)}")
    if not found:
        click.echo("There are no keys; make one with: appliance keys create --type anon", err=True)


@command.command()
@click.argument("key_id", metavar="ID")
@_data_option
@click.option("--json", "as_json", is_flag=True, help='Print {"id": …, "revoked_at": …} and nothing else.')
def revoke(key_id: str, data: str, as_json: bool) -> None:
    """Refuse a key from now on, in a running server too."""
    now = time.time()
    with _database(existing(data)) as db, db:
        key, changed = revoke_key(db, key_id, now)
        if changed:
            _audit(db, key, "key.revoke", now)
    if as_json:
        click.echo(msgspec.json.encode({"id": key.id, "revoked_at": _time(key.revoked_at)}).decode())
        return
    click.echo(f"{key.hint} {'is' if changed else 'was already'} revoked.", err=True)


@command.command()
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option("--rotate", is_flag=True, help="Make a new one; the old one is good for 24 hours.")
@_data_option
@click.option("--json", "as_json", is_flag=True, help='Print {"hint": …, "secret": …} and nothing else.')
def identity(tenant: str, rotate: bool, data: str, as_json: bool) -> None:
    """The secret with which your pages' server signs who a visitor is.

    It is made when there is none, shown when it is made, and never again.
    """
    now = time.time()
    folder = existing_or_new(data)
    vault = Vault(load_encryption_key(folder, os.environ.get("APPLIANCE_ENCRYPTION_KEY", "")))
    with _database(folder) as db, db:
        if not tenant_exists(db, tenant):
            raise InvalidInput(f"There is no tenant {tenant!r}.")
        if not rotate:  # which is the way on when the key is lost
            settings.prepare(db, vault)
        write = widget_secret.rotate if rotate else widget_secret.make
        secret = write(db, vault, tenant, now)
        if secret is not None:
            audit.record(db, at=now, tenant=tenant, actor="cli", action="identity.rotate")
        found = widget_secret.find(db, tenant, now)
    assert found is not None, "there is one, or it was made"
    if as_json:
        click.echo(msgspec.json.encode({"hint": found.hint, "secret": secret}).decode())
    elif secret is not None:
        click.echo(secret)
        click.echo("Keep it now on your server, it cannot be shown again.", err=True)
    else:
        click.echo(found.hint)
        click.echo("It cannot be shown again. For a new one: appliance keys identity --rotate", err=True)


@contextmanager
def _database(folder: Path) -> Iterator[apsw.Connection]:
    """The database of a data folder, closed afterwards."""
    db = connect(database_path(folder))
    try:
        yield db
    finally:
        db.close()


def _audit(db: apsw.Connection, key: ApiKey, action: str, now: float) -> None:
    details = {"type": key.type, "hint": key.hint, **_choices(key)}
    audit.record(db, at=now, tenant=key.tenant, actor="cli", action=action, target=key.id, details=details)


def _bot_name(bot: str) -> str:
    """Which bots there are, the server knows; a name that no bot can have is refused here."""
    name = bot.strip()
    if bot and not (name and name.isprintable()):
        raise InvalidInput(f"{bot!r} is no bot's name; write NAME, NAMESPACE:NAME or the bot's id.")
    return name


def _choices(key: ApiKey) -> dict[str, str]:
    """What was chosen with the key, if anything."""
    given = {"bot": key.bot, "stream_format": key.stream_format, "origins": ",".join(key.origins)}
    return {name: value for name, value in given.items() if value}


def _public(key: ApiKey) -> dict[str, str | list[str] | None]:
    return {
        "id": key.id,
        "type": key.type,
        "tenant": key.tenant,
        "hint": key.hint,
        "created_at": _time(key.created_at),
        "revoked_at": _time(key.revoked_at),
        "bot": key.bot or None,
        "stream_format": key.stream_format or None,
        "origins": list(key.origins),
    }


def _time(at: float | None) -> str | None:
    """Unix seconds in RFC 3339 form, UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
