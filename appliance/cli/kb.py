"""`appliance kb`: make, fill, search and delete knowledge bases, also beside a running server."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, cast, get_args

import click
import trio

from appliance.cli.chat_tables import clean
from appliance.cli.folder import existing, existing_or_new
from appliance.cli.kb_add import add, sync
from appliance.cli.kb_library import (
    counted,
    data_option,
    desk,
    json_option,
    namespace_option,
    print_json,
    tenant_option,
)
from appliance.cli.kb_search import search
from appliance.engine.knowledge import bases, documents, gaps
from appliance.errors import InvalidInput
from appliance.knowledge import (
    FILED_CHUNK_SIZE,
    BaseDraft,
    Document,
    DocumentStatus,
    Gap,
    KnowledgeBase,
    Strategy,
    Visibility,
)
from appliance.store.knowledge import jobs
from appliance.store.knowledge import sources as stored_sources

PAGE = 1000


@click.group()
def command() -> None:
    """Make, fill, search and delete knowledge bases: documents that bots answer from."""


command.add_command(add)
command.add_command(sync)
command.add_command(search)


@command.command()
@click.argument("name")
@click.option("--description", default="")
@click.option("--embedding-model", default="", help="Without it, the usual one of the embedding provider.")
@click.option("--chunk-size", type=int, help="Tokens of a chunk (about four characters each); 320.")
@click.option("--chunk-overlap", type=int, help="Tokens that neighbouring chunks share; 50.")
@click.option("--chunk-strategy", type=click.Choice(get_args(Strategy)))
@click.option("--visibility", type=click.Choice(get_args(Visibility)), help="For signed-in users; private.")
@click.option("--per-user", is_flag=True, help="What users add is theirs alone.")
@namespace_option
@tenant_option
@data_option
@json_option
def create(
    name: str,
    description: str,
    embedding_model: str,
    chunk_size: int | None,
    chunk_overlap: int | None,
    chunk_strategy: str | None,
    visibility: str | None,
    per_user: bool,
    namespace: str,
    tenant: str,
    data: str,
    as_json: bool,
) -> None:
    """Make an empty knowledge base."""
    draft = BaseDraft(
        name=name,
        namespace=namespace,
        description=description,
        embedding_model=embedding_model,
        chunk_size=chunk_size or FILED_CHUNK_SIZE,
        chunk_overlap=chunk_overlap,
        chunk_strategy=cast("Strategy | None", chunk_strategy),
        visibility=cast("Visibility | None", visibility),
        per_user=per_user,
    )

    async def run() -> None:
        async with desk(existing_or_new(data), tenant) as at:
            made = await bases.create(at.library, at.caller, draft)
            if as_json:
                print_json({"id": made.id, "namespace": made.namespace, "name": made.name})
            else:
                click.echo(
                    f"Made {made.namespace}/{made.name}; fill it with: appliance kb add {made.name} PATH"
                )
            if why := at.library.embedders.why_none(made.embedding_model):
                click.echo(f"Note: it is searched by words only. {why}", err=True)

    trio.run(run)


@command.command("list")
@click.option("--namespace", help="Only those of one namespace.")
@tenant_option
@data_option
@json_option
def list_(namespace: str | None, tenant: str, data: str, as_json: bool) -> None:
    """List all knowledge bases."""

    async def run() -> list[KnowledgeBase]:
        async with desk(existing(data), tenant) as at:
            return [base for base, _ in await bases.listed(at.library, at.caller, namespace=namespace)]

    found = trio.run(run)
    if as_json:
        print_json([_public(base) for base in found])
        return
    width = max((len(f"{base.namespace}/{base.name}") for base in found), default=0)
    for base in found:
        name = clean(f"{base.namespace}/{base.name}")
        click.echo(f"{name:<{width}}  {_holds(base)}  {_found_by(base)}".rstrip())
    if not found:
        click.echo("There are no knowledge bases; make one with: appliance kb create NAME", err=True)


@command.command()
@click.argument("name")
@namespace_option
@tenant_option
@data_option
@json_option
def show(name: str, namespace: str, tenant: str, data: str, as_json: bool) -> None:
    """Show one knowledge base: what it holds, where that comes from, what waits or failed."""

    async def run() -> dict[str, Any]:
        async with desk(existing(data), tenant) as at:
            base = await at.base(namespace, name)
            store = at.library.store
            sources = await store.read(stored_sources.of_base, base.number)
            waiting = await store.read(jobs.open_in, base.number, at.library.clock())
            _, failed = await documents.listed(at.library, at.caller, base.id, status="failed", limit=1)
            return {
                **_public(base),
                "sources": [
                    {
                        "kind": one.kind,
                        "location": one.location,
                        "synced_at": _time(one.synced_at),
                        "error": one.error,
                    }
                    for one in sources
                ],
                "waiting": waiting.at_work,
                "put_off": waiting.put_off,
                "failed": failed,
            }

    shown = trio.run(run)
    if as_json:
        print_json(shown)
        return
    for key, value in shown.items():
        if key != "sources" and value not in (None, ""):
            click.echo(f"{key:<16} {clean(str(value))}")
    for source in shown["sources"]:
        error = f"  {source['error']}" if source["error"] else ""
        click.echo(
            clean(f"{source['kind']:<16} {source['location']}  {source['synced_at'] or 'never read'}{error}")
        )


@command.command("documents")
@click.argument("name")
@click.option("--status", type=click.Choice(get_args(DocumentStatus)), help="Only those.")
@namespace_option
@tenant_option
@data_option
@json_option
def documents_(name: str, status: str | None, namespace: str, tenant: str, data: str, as_json: bool) -> None:
    """List the documents of a knowledge base, newest first."""

    async def run() -> list[Document]:
        async with desk(existing(data), tenant) as at:
            base = await at.base(namespace, name)
            found: list[Document] = []
            while True:
                page, total = await documents.listed(
                    at.library,
                    at.caller,
                    base.id,
                    offset=len(found),
                    limit=PAGE,
                    status=cast("DocumentStatus | None", status),
                )
                found += page
                if not page or len(found) >= total:
                    return found

    found = trio.run(run)
    if as_json:
        print_json([_document(one) for one in found])
        return
    for one in found:
        where = one.path or one.source_url or one.file_name
        error = f"  {one.error_message}" if one.error_message else ""
        click.echo(clean(f"{one.id}  {one.status:<10}  {one.chunks_count:>6,}  {one.title}  {where}{error}"))
    if not found:
        click.echo(f"There are none; add some with: appliance kb add {name} PATH", err=True)


@command.command()
@click.argument("name")
@click.option("--document", metavar="ID", help="Only this document of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@namespace_option
@tenant_option
@data_option
def delete(name: str, document: str | None, yes: bool, namespace: str, tenant: str, data: str) -> None:
    """Delete a knowledge base with all its documents, or one document."""

    async def run() -> str:
        async with desk(existing(data), tenant) as at:
            base = await at.base(namespace, name)
            if document is not None:
                await documents.delete(at.library, at.caller, base.id, document)
                return f"Deleted the document from {base.namespace}/{base.name}."
            await bases.delete(at.library, at.caller, base.id)
            return f"Deleted {base.namespace}/{base.name} with {counted(base.document_count, 'document')}."

    if not yes and document is None:
        if not sys.stdin.isatty():
            raise InvalidInput("This deletes documents for good; say --yes.")
        click.confirm(f"Delete {namespace}/{name} with all its documents?", abort=True)
    click.echo(clean(trio.run(run)), err=True)


@command.command("gaps")
@click.option("--bot", help="Only of one bot.")
@click.option("--namespace", help="Only of one namespace.")
@click.option("--all", "with_closed", is_flag=True, help="Also those that were closed.")
@click.option(
    "--close", "close_id", metavar="ID", help="Close this one instead: something was done about it."
)
@tenant_option
@data_option
@json_option
def gaps_(
    bot: str | None,
    namespace: str | None,
    with_closed: bool,
    close_id: str | None,
    tenant: str,
    data: str,
    as_json: bool,
) -> None:
    """List questions that the documents did not answer, the most frequent first."""

    async def run() -> list[dict[str, Any]]:
        async with desk(existing(data), tenant) as at:
            if close_id is not None:
                return [_gap(await gaps.close(at.library, at.caller, close_id))]
            status = None if with_closed else "open"
            found, _ = await gaps.listed(
                at.library, at.caller, namespace=namespace, bot=bot, status=cast("Any", status), limit=500
            )
            return [_gap(one) for one in found]

    found = trio.run(run)
    if as_json:
        print_json(found)
        return
    for one in found:
        name = f"{one['namespace']}/{one['bot']}"
        click.echo(
            clean(f"{one['id']}  {one['count']:>5} times  {one['status']:<6}  {name}  {one['question']}")
        )
    if not found:
        click.echo("No question was left without an answer.", err=True)


def _gap(gap: Gap) -> dict[str, Any]:
    names = ("id", "namespace", "bot", "question", "count", "reason", "best", "status")
    return {name: getattr(gap, name) for name in names} | {
        "first_at": _time(gap.first_at),
        "last_at": _time(gap.last_at),
    }


def _public(base: KnowledgeBase) -> dict[str, Any]:
    names = (
        "id", "namespace", "name", "description", "enabled", "visibility", "per_user", "source", "chunk_size",
        "chunk_overlap", "chunk_strategy", "document_count", "total_chunks", "total_bytes",
    )  # fmt: skip
    return {name: getattr(base, name) for name in names} | {
        "search": _found_by(base),
        "updated_at": _time(base.updated_at),
    }


def _holds(base: KnowledgeBase) -> str:
    return f"{counted(base.document_count, 'document'):>16}  {counted(base.total_chunks, 'chunk'):>14}"


def _found_by(base: KnowledgeBase) -> str:
    """How it is searched, for people."""
    if base.next_space is not None:
        return "meaning is being prepared" if base.space is None else "meaning (new vectors are being made)"
    return "words" if base.space is None else "meaning"


def _document(document: Document) -> dict[str, Any]:
    names = (
        "id", "title", "status", "error_message", "chunks_count", "bytes", "mime_type", "source_type", "path",
        "source_url", "file_name", "tags", "metadata", "user_id",
    )  # fmt: skip
    return {name: getattr(document, name) for name in names} | {"updated_at": _time(document.updated_at)}


def _time(at: float | None) -> str | None:
    """Unix seconds in RFC 3339 form, UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
