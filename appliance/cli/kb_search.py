"""`appliance kb search`: what a bot would find, as numbered passages."""

from __future__ import annotations

import textwrap
from typing import Any, cast, get_args

import click
import trio

from appliance.cli.chat_tables import clean
from appliance.cli.folder import existing
from appliance.cli.kb_library import (
    data_option,
    desk,
    json_option,
    namespace_option,
    print_json,
    tenant_option,
)
from appliance.engine.knowledge import searching
from appliance.knowledge import DocumentFilter, Found, Passage, SearchMode

SNIPPET_CHARS = 400
WIDTH = 100


@click.command()
@click.argument("name")
@click.argument("words", nargs=-1, required=True, metavar="QUESTION…")
@click.option("--mode", default="hybrid", show_default=True, type=click.Choice(get_args(SearchMode)))
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--threshold", type=float, help="Least similarity from 0 to 1; without it, the embedder's own.")
@click.option("--tag", "tags", multiple=True, help="Only documents with this tag; may be repeated.")
@click.option("--user", default="", help="As this user, whose own documents count, too.")
@namespace_option
@tenant_option
@data_option
@json_option
def search(
    name: str,
    words: tuple[str, ...],
    mode: str,
    limit: int,
    threshold: float | None,
    tags: tuple[str, ...],
    user: str,
    namespace: str,
    tenant: str,
    data: str,
    as_json: bool,
) -> None:
    """Search a knowledge base NAME for a QUESTION and print the passages, best first."""

    async def run() -> Found:
        async with desk(existing(data), tenant, user) as at:
            base = await at.base(namespace, name)
            return await searching.in_base(
                at.library,
                at.caller,
                base.id,
                text=" ".join(words),
                mode=cast("SearchMode", mode),
                limit=limit,
                threshold=threshold,
                filter=DocumentFilter(tags=list(tags)),
            )

    found = trio.run(run)
    if as_json:
        print_json({"mode": found.mode, "passages": [_public(passage) for passage in found.passages]})
        return
    for number, passage in enumerate(found.passages, start=1):
        click.echo("\n".join(_lines(number, passage)))
    if not found.passages:
        click.echo("Nothing was found.", err=True)
    elif found.mode != mode:
        click.echo(f"Note: searched by {found.mode}, since there are no vectors for {mode}.", err=True)


def _lines(number: int, passage: Passage) -> list[str]:
    """Where it stands, then how it begins."""
    path = " > ".join(dict.fromkeys([passage.title, *passage.headings]))
    page = f", page {passage.page}" if passage.page is not None else ""
    text = textwrap.shorten(clean(" ".join(passage.content.split())), SNIPPET_CHARS, placeholder=" …")
    indent = " " * 4
    return [
        clean(f"[{number}] {passage.similarity:.2f}  {path}{page}"),
        textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent),
    ]


def _public(passage: Passage) -> dict[str, Any]:
    names = (
        "document_id", "chunk_id", "title", "headings", "page", "content", "similarity", "cosine", "coverage",
        "source_url", "tags", "start", "end",
    )  # fmt: skip
    return {name: getattr(passage, name) for name in names}
