"""`appliance backup`: the whole database as one file, also beside a running server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click
import msgspec

from appliance.errors import NotFound
from appliance.store.backup import back_up
from appliance.store.database import connect, database_path


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print path, bytes and tables as JSON.")
def command(file: Path, data: str, force: bool, as_json: bool) -> None:
    """Copy the database to FILE as it is at this moment."""
    path = database_path(data)
    if not path.exists():
        raise NotFound(f"There is no database in {data}, so there is nothing to back up.")
    with closing(connect(path)) as db:
        copied = back_up(db, file, force=force)
    if as_json:
        click.echo(msgspec.json.encode(copied).decode())
        return
    tables = ", ".join(copied.tables) or "none"
    click.echo(f"Wrote {copied.path}: {copied.bytes / 1e6:,.1f} MB; tables of yours: {tables}")
