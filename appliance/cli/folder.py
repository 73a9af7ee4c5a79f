"""The data folder of a command: there already, or made with a word about it."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.errors import NotFound


def existing(data: str) -> Path:
    """The data folder; raises `NotFound` when there is none."""
    path = Path(data)
    if not path.exists():
        raise NotFound(f"There is no database in {data}; check --data, or start the server once.")
    return path


def existing_or_new(data: str) -> Path:
    """The data folder, which may be prepared before its first server; a typing error shows in the note."""
    path = Path(data)
    if not path.exists():
        click.echo(f"Note: {data} did not exist and is a new data folder now.", err=True)
    return path
