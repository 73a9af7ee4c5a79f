"""`appliance kb add` and `kb sync`: documents from files, folders, archives and sites, in and kept so."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from appliance.cli.chat_tables import clean
from appliance.cli.folder import existing
from appliance.cli.kb_library import (
    Desk,
    counted,
    data_option,
    desk,
    json_option,
    namespace_option,
    print_json,
    tenant_option,
)
from appliance.cli.kb_progress import Shown, shown
from appliance.engine.knowledge import checking, sources
from appliance.engine.knowledge.ingest import Ingest
from appliance.engine.knowledge.items import Unread
from appliance.engine.knowledge.sites import is_site_map
from appliance.engine.knowledge.sources import Report
from appliance.errors import InvalidInput
from appliance.knowledge import KnowledgeBase
from appliance.store import lock
from appliance.store.knowledge import jobs
from appliance.store.knowledge import sources as stored
from appliance.store.knowledge.sources import Options, Source, SourceKind

LOOK_S = 0.2
PROBLEMS_TOLD_MAX = 20
"""Lines about what was left out: nobody mends more at a time, and --json has all."""

_wait_option = click.option(
    "--no-wait", is_flag=True, help="Leave the work to the server; without one, to the next command."
)


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one source."""

    source: Source
    report: Report | None = None
    unread: str = ""
    failed: list[tuple[str, str]] = []


@click.command()
@click.argument("name")
@click.argument("places", nargs=-1, required=True, metavar="PATH_OR_URL…")
@click.option("--tag", "tags", multiple=True, help="For all documents; may be repeated.")
@click.option(
    "--metadata", "pairs", multiple=True, metavar="KEY=VALUE", help="For all documents; repeatable."
)
@click.option("--user", default="", help="The documents are for this user alone.")
@click.option("--suffix", "suffixes", multiple=True, metavar=".md", help="Only such files; may be repeated.")
@click.option("--sitemap", is_flag=True, help="The URL is a site map, whatever it is called.")
@click.option("--pages", type=click.IntRange(1), help="Pages of a site at most; 5000.")
@click.option("--other-hosts", is_flag=True, help="Also pages of other hosts that a site map names.")
@click.option("--allow-private", is_flag=True, help="Also hosts of your own networks, such as an intranet.")
@_wait_option
@namespace_option
@tenant_option
@data_option
@json_option
def add(
    name: str,
    places: tuple[str, ...],
    tags: tuple[str, ...],
    pairs: tuple[str, ...],
    user: str,
    suffixes: tuple[str, ...],
    sitemap: bool,
    pages: int | None,
    other_hosts: bool,
    allow_private: bool,
    no_wait: bool,
    namespace: str,
    tenant: str,
    data: str,
    as_json: bool,
) -> None:
    """Add files, folders, ZIP archives, pages and site maps to the knowledge base NAME, and read them in.

    Adding the same again brings it up to date, as `kb sync` does for everything that was added.
    """
    options = Options(
        tags=checking.tags(tags, "--tag"),
        metadata=_metadata(pairs, user),
        suffixes=[_suffix(suffix) for suffix in suffixes],
        private=allow_private,
        other_hosts=other_hosts,
        pages_max=pages,
    )
    wanted = [_place(place, sitemap=sitemap) for place in places]

    async def choose(at: Desk, base: KnowledgeBase) -> list[Source]:
        return [
            await sources.remember(at.library, base, kind, location, options) for kind, location in wanted
        ]

    _run(name, namespace, tenant, data, choose, wait=not no_wait, as_json=as_json)


@click.command()
@click.argument("name")
@_wait_option
@namespace_option
@tenant_option
@data_option
@json_option
def sync(name: str, no_wait: bool, namespace: str, tenant: str, data: str, as_json: bool) -> None:
    """Look at everything again that was added to NAME: new, changed and deleted documents are followed."""

    async def choose(at: Desk, base: KnowledgeBase) -> list[Source]:
        found = await at.library.store.read(stored.of_base, base.number)
        return [source for source in found if source.options.bot is None]

    _run(name, namespace, tenant, data, choose, wait=not no_wait, as_json=as_json)


Choose = Callable[[Desk, KnowledgeBase], Awaitable[list[Source]]]


def _run(
    name: str, namespace: str, tenant: str, data: str, choose: Choose, *, wait: bool, as_json: bool
) -> None:
    folder = existing(data)
    stopped, outcomes, put_off = False, list[Outcome](), 0
    try:
        outcomes, put_off = trio.run(_work, name, namespace, tenant, folder, choose, wait, as_json)
    except* KeyboardInterrupt:
        stopped = True
    if stopped:
        click.echo(
            "Stopped. What was added is kept, and reading it in goes on with the server or with: "
            f"appliance kb sync {name}",
            err=True,
        )
        sys.exit(130)
    if as_json:
        print_json({"sources": [_public(one) for one in outcomes], "put_off": put_off})
    else:
        _tell(outcomes, put_off, waited=wait)
    if any(_went_wrong(one) for one in outcomes):
        sys.exit(1)


async def _work(
    name: str, namespace: str, tenant: str, data: Path, choose: Choose, wait: bool, quiet: bool
) -> tuple[list[Outcome], int]:
    async with desk(data, tenant) as at, trio.open_nursery() as nursery:
        base = await at.base(namespace, name)
        chosen = await choose(at, base)
        if wait:
            nursery.start_soon(Ingest(at.library, role="command").run)
        put_off = 0
        with shown(quiet=quiet) as progress:
            outcomes = [await _synced(at, base, source, progress) for source in chosen]
            if wait:
                put_off = await _until_read(at, base, progress)
        for outcome in outcomes:
            outcome.failed = await at.library.store.read(stored.failures, outcome.source.number)
        nursery.cancel_scope.cancel()
    if not wait and lock.holder(data) is None:
        click.echo("Note: no server runs, so nothing is read in until one does.", err=True)
    return outcomes, put_off


async def _synced(at: Desk, base: KnowledgeBase, source: Source, progress: Shown) -> Outcome:
    progress.begin(f"Looking at {source.location}")
    try:
        report = await sources.sync(at.library, at.caller, base, source, advance=progress.advance)
    except Unread as unread:
        return Outcome(source=source, unread=unread.text)
    return Outcome(source=source, report=report)


async def _until_read(at: Desk, base: KnowledgeBase, progress: Shown) -> int:
    """Return when no document of the base is left to be worked on now; how many wait for a later attempt."""
    total = 0
    progress.begin("Reading in")
    while True:
        now = at.library.clock()
        left = await at.library.store.read(jobs.open_in, base.number, now)
        total = max(total, left.at_work)
        progress.advance(total - left.at_work, total)
        if not left.at_work:
            return left.put_off
        progress.running(await at.library.store.read(jobs.running, base.number, now))
        await trio.sleep(LOOK_S)


def _place(place: str, *, sitemap: bool) -> tuple[SourceKind, str]:
    """What is meant by a word of the command line; raises `InvalidInput` for what is not there."""
    if place.startswith(("http://", "https://")):
        return ("sitemap" if sitemap or is_site_map(place) else "url"), checking.web_address(place, "URL")
    path = Path(place).absolute()
    if path.is_dir():
        return "folder", str(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {place}; a URL begins with https://.")
    return ("zip" if path.suffix.lower() == ".zip" else "file"), str(path)


def _metadata(pairs: Sequence[str], user: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"--metadata {pair}: write KEY=VALUE.")
        found[key.strip()] = value
    if user:
        found["user_id"] = checking.user_id(user, "--user")
    return checking.json_object(found, "--metadata")


def _suffix(text: str) -> str:
    suffix = text.strip().lower().removeprefix("*")
    if not suffix.strip("."):
        raise InvalidInput(f"--suffix {text}: write it like .md.")
    return suffix if suffix.startswith(".") else f".{suffix}"


def _went_wrong(outcome: Outcome) -> bool:
    report = outcome.report
    return report is None or not report.whole or bool(report.problems or outcome.failed)


def _tell(outcomes: Sequence[Outcome], put_off: int, *, waited: bool) -> None:
    for outcome in outcomes:
        click.echo(clean(_line(outcome)))
        problems = sources.problem_lines(outcome.report.problems) if outcome.report else []
        problems += [f"{path}: {reason}" for path, reason in outcome.failed]
        for line in problems[:PROBLEMS_TOLD_MAX]:
            click.echo(clean(f"  {line}"), err=True)
        if len(problems) > PROBLEMS_TOLD_MAX:
            click.echo(f"  … and {len(problems) - PROBLEMS_TOLD_MAX:,} more; --json has all", err=True)
    if not outcomes:
        click.echo("There is nothing to look at again; add something with: appliance kb add", err=True)
    if put_off:
        click.echo(
            f"{counted(put_off, 'document')} will be tried again later; see: appliance kb documents", err=True
        )
    elif waited and outcomes:
        click.echo("Done.", err=True)


def _line(outcome: Outcome) -> str:
    report = outcome.report
    if report is None:
        return f"{outcome.source.location}: {outcome.unread}"
    counts = [
        f"{count:,} {word}"
        for word, count in (
            ("added", report.added),
            ("changed", report.changed),
            ("deleted", report.deleted),
            ("unchanged", report.unchanged),
            ("of other kinds skipped", report.skipped),
        )
        if count
    ]
    return f"{outcome.source.location}: {', '.join(counts) or 'nothing there'}"


def _public(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report or Report(whole=False)
    return {
        "kind": outcome.source.kind,
        "location": outcome.source.location,
        "error": outcome.unread,
        **{
            name: getattr(report, name)
            for name in ("added", "changed", "unchanged", "deleted", "skipped", "whole")
        },
        "problems": [{"path": problem.path, "reason": problem.reason} for problem in report.problems],
        "failed": [{"path": path, "reason": reason} for path, reason in outcome.failed],
    }
