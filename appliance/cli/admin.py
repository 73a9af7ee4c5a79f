"""`appliance admin`: the people of the console and their one-time links, also beside a running server.

Nobody's password is set here: a link lets them choose one themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import apsw
import click
import msgspec

from appliance.cli.folder import existing, existing_or_new
from appliance.errors import Conflict, NotFound
from appliance.identity import DEFAULT_TENANT
from appliance.settings import load
from appliance.store import audit, console_accounts, console_links
from appliance.store.console_accounts import Account, Role
from appliance.store.database import connect, database_path

_data_option = click.option(
    "--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder."
)
_url_option = click.option(
    "--url",
    envvar="APPLIANCE_PUBLIC_URL",
    help="Where people reach the server; else its host and port.  [env: APPLIANCE_PUBLIC_URL]",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group()
def command() -> None:
    """Invite, list and remove people of the console; make one-time links."""


@command.command()
@click.argument("name", required=False)
@_url_option
@_data_option
@_json_option
def link(name: str | None, url: str | None, data: str, as_json: bool) -> None:
    """Make a link that works once, within 24 hours.

    Without NAME: for the first admin. With it: to come for the first time, or to choose a new password; a
    second factor that was lost is gone then, too.
    """
    now = time.time()
    folder = existing(data) if name else existing_or_new(data)
    with _database(folder) as db, db:
        token = _first(db, now) if name is None else console_links.make(db, _account(db, name), now)
        _audit(db, "account.link", name, now)
    _tell_link(token, url, as_json)


@command.command("list")
@_data_option
@_json_option
def list_(data: str, as_json: bool) -> None:
    """List the people of the console."""
    with _database(existing(data)) as db:
        found = console_accounts.everybody(db)
    if as_json:
        click.echo(msgspec.json.encode({"accounts": [_public(one) for one in found]}).decode())
        return
    for one in found:
        click.echo(f"{one.name:30}  {one.role:8}  {_state(one):10}  {_time(one.seen_at) or 'never seen'}")
    if not found:
        click.echo(
            "There is nobody yet; make a link for the first admin with: appliance admin link", err=True
        )


@command.command()
@click.argument("name")
@click.option("--role", default="operator", show_default=True, type=click.Choice(get_args(Role)))
@click.option("--display-name", default="", help="What colleagues and visitors read; else NAME.")
@_url_option
@_data_option
@_json_option
def add(name: str, role: str, display_name: str, url: str | None, data: str, as_json: bool) -> None:
    """Invite somebody: prints the link by which they come."""
    now = time.time()
    with _database(existing_or_new(data)) as db, db:
        account = console_accounts.add(db, name.strip().lower(), display_name, cast("Role", role), now)
        token = console_links.make(db, account, now)
        _audit(db, "account.add", account.name, now, role=role)
    _tell_link(token, url, as_json)


@command.command()
@click.argument("name")
@_data_option
@_json_option
def remove(name: str, data: str, as_json: bool) -> None:
    """Remove somebody, in a running server too; the last admin stays."""
    with _database(existing(data)) as db, db:
        removed = console_accounts.remove(db, _account(db, name).name)
        _audit(db, "account.remove", removed.name, time.time())
    if as_json:
        click.echo(msgspec.json.encode({"removed": removed.name}).decode())
        return
    click.echo(f"{removed.name} is removed.", err=True)


@contextmanager
def _database(folder: Path) -> Iterator[apsw.Connection]:
    """The database of a data folder, closed afterwards."""
    db = connect(database_path(folder))
    try:
        yield db
    finally:
        db.close()


def _first(db: apsw.Connection, now: float) -> str:
    token = console_links.make_first(db, now)
    if token is None:
        raise Conflict("There is an admin already. For a new password: appliance admin link NAME")
    return token


def _account(db: apsw.Connection, name: str) -> Account:
    found = console_accounts.find(db, name.strip().lower())
    if found is None:
        raise NotFound(f"There is no account {name!r}; see: appliance admin list")
    return found


def _tell_link(token: str, url: str | None, as_json: bool) -> None:
    settings = load(os.environ)
    base = (url or f"http://{settings.host}:{settings.port}").rstrip("/")
    whole = f"{base}/admin#setup={token}"
    if as_json:
        click.echo(msgspec.json.encode({"link": whole}).decode())
        return
    click.echo(whole)
    click.echo("It works once, within 24 hours. Whoever has it can use it.", err=True)


def _audit(db: apsw.Connection, action: str, name: str | None, now: float, **details: Any) -> None:
    target = f"account:{name}" if name else "account"
    audit.record(
        db, at=now, tenant=DEFAULT_TENANT, actor="cli", action=action, target=target, details=details
    )


def _public(one: Account) -> dict[str, str | bool | None]:
    return {
        "name": one.name,
        "display_name": one.display_name,
        "role": one.role,
        "totp": one.totp is not None,
        "disabled": one.disabled,
        "pending": one.pending,
        "created_at": _time(one.created_at),
        "seen_at": _time(one.seen_at),
    }


def _state(one: Account) -> str:
    return "disabled" if one.disabled else "invited" if one.pending else "good"


def _time(at: float | None) -> str | None:
    """Unix seconds in RFC 3339 form, UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
