"""The command `appliance`: each subcommand is one module of this package, imported when it is used."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from appliance.errors import ApplianceError

COMMANDS = {
    "serve": "Serve chat, pages and API from one data folder.",
    "demo": "Prepare demo data and serve it: the one-command tour.",
    "chat": "Chat with a bot in the terminal.",
    "token": "Make tokens for users.",
    "admin": "Invite, list and remove people of the console; make one-time links.",
    "keys": "Make, list and revoke API keys.",
    "settings": "Set, list and remove values for {{key}} in bot files.",
    "data": "Import and list the team's own data, and make it searchable by meaning.",
    "bots": "List, check and send bot files.",
    "test": "Ask a bot the questions of its tests and judge the answers.",
    "kb": "Make, fill and search knowledge bases.",
    "backup": "Copy the database to one file while it is served.",
    "restore": "Put a backup in place of the database.",
}
"""Command -> one line of help; module `appliance.cli.<command>` exports a click command `command`."""


class _Lazy(click.Group):
    """Imports a subcommand only when it runs, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chat-appliance")
def _group() -> None:
    """A chat-bot appliance for small teams: one process, one SQLite file, one script tag."""


def main() -> None:
    """Run the command line; an `ApplianceError` is one clear sentence on stderr and exit code 1."""
    try:
        _group(prog_name="appliance")
    except ApplianceError as error:
        _say_and_exit(error)
    except BaseExceptionGroup as group:
        # Whatever ran in a trio nursery comes out in a group; our own errors are answers all the same.
        answers, bugs = group.split(ApplianceError)
        if answers is None or bugs is not None:
            raise
        _say_and_exit(_first(answers))


def _say_and_exit(error: ApplianceError) -> NoReturn:
    click.echo(f"appliance: {error.text}", err=True)
    sys.exit(1)


def _first(group: BaseExceptionGroup[ApplianceError]) -> ApplianceError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
