"""`appliance demo`: demo data in a folder of its own, served at once."""

from __future__ import annotations

import os
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from appliance.cli.serve import start
from appliance.importer.demo import TABLES, create_demo
from appliance.settings import load
from appliance.store import lock
from appliance.store.database import connect, database_path

QUESTION = "Show me the top 10 users by order count"


@click.command("demo")
@click.option("--data", default="./demo-data", show_default=True, help="Data folder for the demo shop.")
@click.option("--port", type=int, help="Port to listen on.  [env: APPLIANCE_PORT; default: 8080]")
@click.option("--host", help="Address to listen on.  [env: APPLIANCE_HOST; default: 127.0.0.1]")
@click.option("--bots", help="Folder of bot files.  [env: APPLIANCE_BOTS]")
def command(data: str, port: int | None, host: str | None, bots: str | None) -> None:
    """Prepare demo data and serve it: the one-command tour."""
    given = {"port": port, "host": host, "bots": bots}
    settings = msgspec.structs.replace(
        load(os.environ), data=data, **{k: v for k, v in given.items() if v is not None}
    )
    if lock.holder(Path(data)) is None:  # else `start` says who has the folder
        _prepare(data)
    start(settings, hint=f'Open a chat page and ask: "{QUESTION}"  (Ctrl-C stops)')


def _prepare(data: str) -> None:
    """Fill the folder, or refuse one with tables of somebody's own; says which on stderr."""
    # Parts of the engine: loaded once the folder is known to be free, and the server needs them as well.
    from appliance.engine.demo import bring_to_life

    with closing(connect(database_path(data))) as db:
        if create_demo(db, datetime.now(UTC).date()):
            click.echo(f"Added the demo shop to {data}: tables {', '.join(TABLES)}", err=True)
        else:
            click.echo(f"The demo shop is in {data} already: nothing added", err=True)
        if talks := bring_to_life(db, time.time()):
            click.echo(f"Added {talks} made-up conversations of two weeks, for the console", err=True)
