"""`appliance data`: bring the team's own tables into the database, also beside a running server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import apsw
import click
import msgspec

from appliance.cli.folder import existing
from appliance.errors import InvalidInput, NotFound
from appliance.importer.formats import open_sources
from appliance.importer.listing import team_tables
from appliance.importer.load import Imported, import_sources
from appliance.importer.source import Advance, Source
from appliance.importer.sqlite_file import SqliteTable, views
from appliance.schema import Table
from appliance.store.database import connect, database_path
from appliance.store.pragmas import translate

MISFITS_TOLD_MAX = 5
"""Lines that say why a column is text: nobody mends more at a time."""
VALUE_CHARACTERS_MAX = 40
VIEWS_TOLD_MAX = 10

data_option = click.option(
    "--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder."
)


@click.group()
def command() -> None:
    """Import and list the team's own data, and make it searchable by meaning."""


@command.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--table", help="Name of the table; of a SQLite file with several, the one to take.")
@click.option("--replace", is_flag=True, help="Put the rows in place of tables that are there already.")
@data_option
def import_(files: tuple[str, ...], table: str | None, replace: bool, data: str) -> None:
    """Make a table of each CSV, TSV, JSON, NDJSON or SQLite FILE: all of them, or none if one fails."""
    path = database_path(data)
    started = time.monotonic()
    sources = open_sources(_checked(files, path), table)
    try:
        with closing(connect(path)) as db, _progress(sources) as advance:
            done = import_sources(db, sources, replace=replace, advance=advance)
    except apsw.Error as error:
        raise translate(error, path) from error
    _report(done, table)
    if table is None:
        _tell_views(sources)
    click.echo(f"Done in {time.monotonic() - started:.1f} s.", err=True)


@command.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of tables and nothing else.")
def tables(data: str, as_json: bool) -> None:
    """List the team's tables: rows and columns."""
    path = database_path(data)
    if not path.exists():
        raise NotFound(f"There is no database in {data}; make one with: appliance data import FILE")
    try:
        with closing(connect(path)) as db:
            found = team_tables(db)
    except apsw.Error as error:
        raise translate(error, path) from error
    click.echo(_as_json(found) if as_json else _as_text(found))


@command.command()
@click.argument("table")
@click.option("--content", required=True, help="The column with the texts.")
@click.option(
    "--column",
    default="embedding",
    show_default=True,
    help="The column for the vectors; made if it is missing.",
)
@click.option(
    "--all", "anew", is_flag=True, help="Also rows that have a vector, for example of another model."
)
@click.option("--model", default="", help="The model to ask for; without it, the one that is configured.")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")
def embed(table: str, content: str, column: str, anew: bool, model: str, data: str, as_json: bool) -> None:
    """Make a vector of each text in TABLE that has none yet, also beside a running server.

    What was stopped goes on where it was when it is run again.
    """
    # Only here: what makes vectors takes long to import, and importing data needs none of it.
    import trio

    from appliance.cli.data_embed import fill

    trio.run(partial(fill, existing(data), table, content, column, anew=anew, model=model, as_json=as_json))


def _checked(files: Sequence[str], database: Path) -> list[Path]:
    """The paths; never the database itself, which must not be opened a second time."""
    paths = [Path(file) for file in files]
    for path in paths:
        if database.exists() and path.exists() and path.samefile(database):
            raise InvalidInput(f"{path}: this is the appliance's own database; it cannot import itself")
    return paths


@contextmanager
def _progress(sources: Sequence[Source]) -> Iterator[Advance]:
    """A bar of bytes on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Only here: it costs a third of the command's start.
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Importing", total=sum(source.size for source in sources))
        yield lambda count: bar.advance(task, count)


def _report(done: Sequence[Imported], wanted: str | None) -> None:
    misfits_left = MISFITS_TOLD_MAX
    for table in done:
        columns = _counted(table.columns, "column")
        click.echo(f"{table.table}: {_counted(table.rows, 'row')}, {columns}, from {table.path}")
        if wanted not in {None, table.table}:
            click.echo(f"  table {wanted!r} is called {table.table}")
        for old, new in table.renamed:
            click.echo(f"  column {old!r} is called {new}")
        for column, value, line in table.misfits[:misfits_left]:
            shown = value if len(value) <= VALUE_CHARACTERS_MAX else f"{value[:VALUE_CHARACTERS_MAX]}…"
            click.echo(f"  {column} is text because of {shown!r} in line {line}")
        misfits_left = max(0, misfits_left - len(table.misfits))


def _tell_views(sources: Sequence[Source]) -> None:
    """What of SQLite files is not there now, though a question may be about it."""
    for path in dict.fromkeys(source.path for source in sources if isinstance(source, SqliteTable)):
        names = [name if name.isprintable() else repr(name) for name in views(path)]
        if names:
            more = ", …" if len(names) > VIEWS_TOLD_MAX else ""
            told = ", ".join(names[:VIEWS_TOLD_MAX])
            click.echo(f"{_counted(len(names), 'view')} left behind: {told}{more}, from {path}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _as_json(found: Sequence[Table]) -> str:
    return msgspec.json.encode(
        [
            {
                "name": table.name,
                "rows": table.row_count,
                "columns": [{"name": column.name, "type": column.type} for column in table.columns],
            }
            for table in found
        ]
    ).decode()


def _as_text(found: Sequence[Table]) -> str:
    if not found:
        return "There are no tables yet; add some with: appliance data import FILE"
    width = max(len(table.name) for table in found)
    return "\n".join(
        f"{table.name:<{width}}  {table.row_count or 0:>12,} {'row ' if table.row_count == 1 else 'rows'}  "
        + ", ".join(f"{column.name} {column.type}".rstrip() for column in table.columns)
        for table in found
    )
