"""What `appliance data embed` does: vectors into a table of the team's, so that it is found by meaning."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.kb_library import counted, desk, print_json
from appliance.cli.kb_progress import shown
from appliance.engine import row_embedding
from appliance.engine.row_embedding import Filled
from appliance.identity import DEFAULT_TENANT


async def fill(
    data: Path, table: str, content: str, column: str, *, anew: bool, model: str, as_json: bool
) -> None:
    """Make the vectors that are wanted, showing how far it is, and say what was done."""
    async with desk(data, DEFAULT_TENANT) as at:
        with shown(quiet=as_json) as bar:
            bar.begin(f"Embedding {table}")
            filled = await row_embedding.fill(
                at.library, table, content, column, anew=anew, model=model, tell=bar.advance
            )
    if as_json:
        print_json(filled)
    else:
        _tell(filled)


def _tell(filled: Filled) -> None:
    click.echo(
        f"{filled.table}.{filled.column}: {counted(filled.rows, 'new vector')} of {filled.dimensions} "
        f"numbers, made by {filled.model}"
    )
    if filled.without_text:
        click.echo(f"  {counted(filled.without_text, 'row')} without a text")
    if filled.changed:
        click.echo(f"  {counted(filled.changed, 'row')} changed meanwhile; run this again for them")
