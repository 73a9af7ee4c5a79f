"""`appliance bots`: list the bots of a folder, check their files, or send them to a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance import settings
from appliance.bot import Bot
from appliance.botfiles.folder import LoadedFile, load_folder, printable
from appliance.bundled import bots_folder
from appliance.cli.bot_checks import Checked, checked, errors_among
from appliance.errors import InvalidInput, NotFound
from appliance.settings import Settings

URL = "http://127.0.0.1:8080"


@click.group()
def command() -> None:
    """List, check and send bot files."""


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
    found = checked(files, folder, _settings(bots, data) if data else None)
    if as_json:
        report = [{**_place(file), "findings": file.file.findings} for file in found.files]
        told = {"data": found.of_data, "tools": found.of_tools, "not_read": found.misnamed}
        _print_json({"folder": str(folder), "ok": found.is_ok, "bots": report, **told})
    else:
        for line in (*found.of_data, *_lines(found.files), *found.of_tools, *found.misnamed):
            click.echo(line)
        click.echo(_summary(found, folder), err=True)
    if not found.is_ok:
        sys.exit(1)


@command.command("sync")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--url", default=URL, show_default=True, help="The server: http://….")
@click.option(
    "--token",
    envvar="CHAT_APPLIANCE_TOKEN",
    required=True,
    help="An administrator's token or a service key; CHAT_APPLIANCE_TOKEN hides it from others.",
)
@click.option("--namespace", help="Only this namespace.")
@click.option("--delete-missing", is_flag=True, help="Delete bots that were sent before and are not in DIR.")
@click.option("--dry-run", is_flag=True, help="Change nothing and tell what would be.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sync(
    folder: str | None,
    url: str,
    token: str,
    namespace: str | None,
    delete_missing: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send the bot files of DIR to a running server; without DIR it reads its own files again.

    Exit 1 if a bot was not taken.
    """
    # Imported here: the other commands send nothing.
    from appliance.cli.bot_sync import Server, payloads, told

    server = Server(url=url, token=token, delete_missing=delete_missing, dry_run=dry_run)
    lines: list[str] = []
    if folder is None:
        results = [server.sync(namespace or "", None)]
    else:
        bots, lines = payloads(Path(folder), namespace)
        if delete_missing and any(": error: " in line for line in lines):
            mend = "; ".join(lines)
            raise InvalidInput(
                f"nothing was sent: the bots of these files would be deleted. Mend them: {mend}"
            )
        results = [server.sync(name, bots[name]) for name in sorted(bots)]
    if as_json:
        _print_json({"files": lines, "results": results})
    else:
        for line in (*lines, *(line for result in results for line in told(result))):
            click.echo(line)
        for result in results:
            click.echo(f"{result.get('namespace')}: {result.get('message')}", err=True)
    if any(result.get("errors") for result in results) or any(": error: " in line for line in lines):
        sys.exit(1)


def _lines(files: list[LoadedFile]) -> list[str]:
    return [file.tell(finding) for file in files for finding in file.file.findings]


def _summary(found: Checked, folder: Path) -> str:
    """How many files have errors, and how many errors other files have."""
    text = f"{_counted(len(found.files), 'bot file')} in {folder}, {len(found.bad)} with errors"
    for name, lines in (("data.yaml", found.of_data), ("tools.py", found.of_tools)):
        if count := len(errors_among(lines)):
            text += f"; {_counted(count, 'error')} in {name}"
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _load(bots: str | None, data: str | None) -> tuple[Path, list[LoadedFile]]:
    if data and not Path(data).is_dir():
        raise NotFound(f"there is no data folder {data}; check --data")
    folder = bots_folder(_settings(bots, data))
    return folder, load_folder(folder)


def _settings(bots: str | None, data: str | None) -> Settings:
    given = {key: value for key, value in (("bots", bots), ("data", data)) if value}
    return msgspec.structs.replace(settings.load(os.environ), **given)


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
