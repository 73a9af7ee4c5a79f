"""`appliance bots`: list the bots of a folder, or check their files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance import settings
from appliance.bot import Bot, Finding
from appliance.botfiles.fields import hint
from appliance.botfiles.folder import LoadedFile, load_folder, printable
from appliance.botfiles.near_miss import near_misses
from appliance.bundled import bots_folder
from appliance.importer.listing import team_names
from appliance.sqlguard import SqlPolicy
from appliance.store.database import database_path
from appliance.store.pragmas import open_connection


@click.group()
def command() -> None:
    """List and check bot files."""


def _options(function: Any) -> Any:
    """The options that both subcommands have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--data", metavar="DIR", help="Data folder; its folder bots is read."),
        click.option("--bots", metavar="DIR", help="Folder of bot files."),
    ):
        function = option(function)
    return function


@command.command("list")
@_options
def list_(bots: str | None, data: str | None, as_json: bool) -> None:
    """Show every bot and what it may use."""
    folder, files = _load(bots, data)
    if as_json:
        _print_json({"folder": str(folder), "bots": [_described(file) for file in files]})
    elif files:
        _print_table(folder, files)
    else:
        click.echo(f"No bot files in {folder}")


@command.command("check")
@_options
def check(bots: str | None, data: str | None, as_json: bool) -> None:
    """Tell mistakes with file and line; exit 1 on errors."""
    folder, files = _load(bots, data)
    if data and database_path(data).exists():
        files = _with_missing_tables(files, database_path(data))
    bad = [file for file in files if file.file.bot is None]
    misnamed = [
        f"{printable(str(path))}:1: warning: is not read; a bot file is named {meant}"
        for path, meant in near_misses(folder)
    ]
    if as_json:
        report = [{**_place(file), "findings": file.file.findings} for file in files]
        _print_json({"folder": str(folder), "ok": not bad, "bots": report, "not_read": misnamed})
    else:
        told = [file.tell(finding) for file in files for finding in file.file.findings]
        for line in [*told, *misnamed]:
            click.echo(line)
        count = "1 bot file" if len(files) == 1 else f"{len(files)} bot files"
        click.echo(f"{count} in {folder}, {len(bad)} with errors", err=True)
    if bad:
        sys.exit(1)


def _with_missing_tables(files: list[LoadedFile], database: Path) -> list[LoadedFile]:
    """The same files, warned about `allowed-tables` that the database does not have."""
    with closing(open_connection(database, read_only=True)) as db:
        names = team_names(db, "table", "virtual", "view")
    return [
        msgspec.structs.replace(
            file,
            file=msgspec.structs.replace(
                file.file, findings=[*file.file.findings, *_missing_tables(file, names)]
            ),
        )
        for file in files
    ]


def _missing_tables(file: LoadedFile, names: list[str]) -> Iterator[Finding]:
    bot = file.file.bot
    for entry in bot.allowed_tables if bot else []:
        policy = SqlPolicy(allowed_tables=[entry], allowed_schemas=bot.allowed_schemas if bot else [])
        if not any(policy.allows(name) for name in names):
            message = f"allowed-tables: no table matches {entry}{hint(entry, tuple(names))}"
            yield Finding(severity="warning", line=_line_of(file.path, "allowed-tables"), message=message)


def _line_of(path: Path, key: str) -> int:
    """The first line that has the key, else 1: a bot that was read keeps no lines."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if key in line.lower()), 1)


def _load(bots: str | None, data: str | None) -> tuple[Path, list[LoadedFile]]:
    given = {key: value for key, value in (("bots", bots), ("data", data)) if value}
    chosen = msgspec.structs.replace(settings.load(os.environ), **given)
    folder = bots_folder(chosen)
    return folder, load_folder(folder)


def _place(file: LoadedFile) -> dict[str, Any]:
    return {
        "namespace": file.namespace,
        "name": file.name,
        "file": printable(str(file.path)),
    }


def _described(file: LoadedFile) -> dict[str, Any]:
    bot = file.file.bot
    settings_of_bot = msgspec.to_builtins(bot) if bot else None
    errors = [file.tell(error) for error in file.file.errors]
    return {**_place(file), "ok": bot is not None, "errors": errors, "bot": settings_of_bot}


def _print_json(report: dict[str, Any]) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())


def _print_table(folder: Path, files: list[LoadedFile]) -> None:
    # Imported here: `--json` and `check` have no use for it.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("namespace", "name", "description", "public", "tables", "file"):
        table.add_column(heading, overflow="fold")
    for file in files:
        path = printable(str(file.path.relative_to(folder)))
        cells = [file.namespace, file.name, *_cells(file.file.bot), path]
        table.add_row(*(escape(cell) for cell in cells))
    Console().print(table)


def _cells(bot: Bot | None) -> list[str]:
    """Description, public and tables as words."""
    if bot is None:
        return ["has errors: see `appliance bots check`", "", ""]
    tables = ", ".join(bot.allowed_tables) or f"all of {', '.join(bot.allowed_schemas)}"
    return [bot.description, "yes" if bot.public else "no", tables]
