"""`appliance restore`: put a backup in place of the database."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from appliance.store.backup import restore


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print path, bytes, tables and kept as JSON.")
def command(file: Path, data: str, as_json: bool) -> None:
    """Check FILE, keep the old database under another name, and put FILE's content in its place."""
    restored = restore(file, Path(data), time.time())
    if as_json:
        click.echo(msgspec.json.encode(restored).decode())
        return
    tables = ", ".join(restored.tables) or "none"
    click.echo(f"Restored {restored.path}: {restored.bytes / 1e6:,.1f} MB; tables of yours: {tables}")
    if restored.kept:
        click.echo(f"The database before it is kept as {restored.kept}")
