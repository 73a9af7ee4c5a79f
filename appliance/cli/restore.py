"""`appliance restore`: put a backup in place of the database."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import apsw
import click
import msgspec

from appliance.botfiles.data_file import NAME
from appliance.store import facts
from appliance.store.backup import restore
from appliance.tools.sql_schema import open_read_only


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print path, bytes, tables and kept as JSON.")
def command(file: Path, data: str, as_json: bool) -> None:
    """Check FILE, keep the old database under another name, and put FILE's content in its place."""
    restored = restore(file, Path(data), time.time())
    if _had_rules(Path(restored.path)):
        click.echo(_reminder(Path(data)), err=True)
    if as_json:
        click.echo(msgspec.json.encode(restored).decode())
        return
    tables = ", ".join(restored.tables) or "none"
    click.echo(f"Restored {restored.path}: {restored.bytes / 1e6:,.1f} MB; tables of yours: {tables}")
    if restored.kept:
        click.echo(f"The database before it is kept as {restored.kept}")


def _had_rules(database: Path) -> bool:
    """Whether rules for every bot were in force when the backup was made; an old one does not know."""
    try:
        with closing(open_read_only(database)) as db:
            return facts.get(db, facts.DATA_RULES) is not None
    except apsw.Error:
        return False


def _reminder(data: Path) -> str:
    told = (
        f"Rules in {NAME} protected this data. A backup is the database alone: {NAME}, bots and secrets.key "
        f"are not in it; bring them to {data} from where the backup was made."
    )
    return told if (data / NAME).exists() else f"{told} Without {NAME} the server will not start."
