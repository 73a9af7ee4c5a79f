"""The knowledge bases of a data folder for one command: opened, and found by their names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from appliance.engine.knowledge import bases
from appliance.engine.knowledge.library import Library, open_library
from appliance.errors import NotFound
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.knowledge import KnowledgeBase
from appliance.providers.http import new_client
from appliance.settings import load
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.store import Store
from appliance.store.tenants import tenant_exists
from appliance.store.vault import Vault

data_option = click.option(
    "--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder."
)
tenant_option = click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
namespace_option = click.option("--namespace", default=bases.NAMESPACE, show_default=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")


class Desk(msgspec.Struct, frozen=True):
    """What a command works with: the library, and as whom."""

    library: Library
    caller: Caller

    async def base(self, namespace: str, name: str) -> KnowledgeBase:
        """The base of that name or id; raises `NotFound` that says how to make it."""
        found = await bases.listed(self.library, self.caller)
        for base, _ in found:
            if (base.namespace, base.name) == (namespace, name) or base.id == name:
                return base
        others = [base.namespace for base, _ in found if base.name == name]
        if others:
            raise NotFound(
                f"There is no knowledge base {name!r} in the namespace {namespace!r}, but one in "
                f"{others[0]!r}: add --namespace {others[0]}"
            )
        option = "" if namespace == bases.NAMESPACE else f" --namespace {namespace}"
        raise NotFound(
            f"There is no knowledge base {name!r}; make it with: appliance kb create {name}{option}"
        )


@asynccontextmanager
async def desk(data: Path, tenant: str, user: str = "") -> AsyncIterator[Desk]:
    """Open the data folder, also beside a running server; `user` is in whose name things are looked for."""
    # What goes wrong with a document is told by the command itself.
    logging.getLogger("appliance").setLevel(logging.ERROR)
    settings = msgspec.structs.replace(load(os.environ), data=str(data))
    _check_tenant(data, tenant)
    vault = Vault(load_encryption_key(data, settings.encryption_key))
    async with (
        Store.open(database_path(data)) as store,
        new_client() as client,
        open_library(settings, store, vault, client, time.time) as library,
    ):
        yield Desk(library, Caller(tenant=tenant, role="service_role", key_id="cli", user_id=user))


def _check_tenant(data: Path, tenant: str) -> None:
    db = connect(database_path(data))
    try:
        if not tenant_exists(db, tenant):
            raise NotFound(f"There is no tenant {tenant!r}; check --tenant.")
    finally:
        db.close()


def counted(count: int, noun: str) -> str:
    """`1 document`, `2,000 documents`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    click.echo(msgspec.json.encode(value).decode())
