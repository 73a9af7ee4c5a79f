"""Keeps a base's documents in step with where they come from: a folder, a file, an archive, pages of the web.

What is unchanged stays as it is, what changed is read anew, what is gone is deleted; but nothing is deleted
after a look that may have missed something. Being cut short does no harm: the next sync goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import msgspec
import trio

from appliance.engine.knowledge import documents, keeping, removing
from appliance.engine.knowledge.archives import Archive
from appliance.engine.knowledge.folders import Folder, SingleFile
from appliance.engine.knowledge.items import Content, Listing, Opened, Problem, Unread, Version
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.removing import Removed
from appliance.engine.knowledge.sites import PAGES_MAX, OnePage, Site
from appliance.engine.knowledge.web_pages import DELAY_S, WebPages
from appliance.errors import InvalidInput, QuotaReached
from appliance.extract.kinds import SUPPORTED_SUFFIXES
from appliance.identity import Caller
from appliance.knowledge import KnowledgeBase
from appliance.store.knowledge import documents as stored_documents
from appliance.store.knowledge import sources as stored
from appliance.store.knowledge.sources import Known, Options, Source, SourceKind

SOURCE_TYPES: dict[SourceKind, str] = {
    "folder": "folder",
    "file": "upload",
    "zip": "zip",
    "url": "url",
    "sitemap": "sitemap",
}
"""What documents say of where they came from (Fluxbase 6.1 and more)."""
_WEB = ("url", "sitemap")


class Report(msgspec.Struct, kw_only=True):
    """What a sync did: counts of documents, what was left out and why.

    `whole` is False when the source could not be read wholly; nothing was deleted then.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    skipped: int = 0
    problems: list[Problem] = []
    whole: bool = True


Advance = Callable[[int, int], None]
"""Hears how many of how many documents of a source were looked at."""


async def remember(
    library: Library, base: KnowledgeBase, kind: SourceKind, location: str, options: Options
) -> Source:
    """Make the source of a base, or give one that is there other options."""
    return await library.store.write(stored.put, base.number, kind, location, options, library.clock())


async def sync(
    library: Library,
    caller: Caller,
    base: KnowledgeBase,
    source: Source,
    *,
    opened: Opened | None = None,
    may_empty: bool = False,
    advance: Advance = lambda done, total: None,
) -> Report:
    """Look at the source and queue what is new or changed; raises `Unread` when it cannot be read at all.

    A source in which nothing is found any more keeps its documents unless `may_empty`: a disk that is not
    mounted looks just so. Raises what `documents.add_file` raises about rights.
    """
    work = _Sync(library, caller, base, source, opened or open_source(library, source))
    try:
        await work.run(may_empty=may_empty, advance=advance)
    except Unread as unread:
        await work.end(unread.text)
        raise
    reasons = [problem.reason for problem in work.report.problems if not problem.path]
    await work.end("" if work.report.whole else " ".join(reasons) or "Not everything could be read.")
    return work.report


def open_source(library: Library, source: Source, *, delay_s: float = DELAY_S) -> Opened:
    """What reads a source."""
    options, bytes_max = source.options, library.settings.document_bytes_max
    suffixes = options.suffixes or SUPPORTED_SUFFIXES
    if source.kind in _WEB:
        pages = WebPages(bytes_max=bytes_max, private=options.private, delay_s=delay_s)
        if source.kind == "url":
            return OnePage(source.location, pages)
        return Site(
            source.location,
            pages,
            private=options.private,
            other_hosts=options.other_hosts,
            pages_max=options.pages_max or PAGES_MAX,
        )
    path = Path(source.location)
    if source.kind == "folder":
        return Folder(path, suffixes, bytes_max)
    return Archive(path, suffixes, bytes_max) if source.kind == "zip" else SingleFile(path, bytes_max)


async def remove(library: Library, source: Source) -> int:
    """Delete a source with all its documents, and return how many those were."""
    known = await library.store.read(stored.known, source.number)
    for one in known.values():
        await _delete(library, one)
    await library.store.write(stored.forget, source.number)
    return len(known)


class _Sync:
    """One look at a source."""

    def __init__(
        self, library: Library, caller: Caller, base: KnowledgeBase, source: Source, opened: Opened
    ) -> None:
        self._library = library
        self._caller = caller
        self._base = base
        self._source = source
        self._opened = opened
        self._versions = dict(source.options.versions)
        self.report = Report()

    async def run(self, *, may_empty: bool, advance: Advance) -> None:
        known = await self._library.store.read(stored.known, self._source.number)
        listing = await self._opened.listing()
        report = self.report
        report.problems = list(listing.problems)
        report.skipped, report.whole = listing.skipped, listing.whole
        gone: set[str] = set()
        for count, path in enumerate(listing.paths):
            advance(count, len(listing.paths))
            try:
                await self._one(path, known.get(path))
            except Unread as unread:
                if unread.gone:
                    gone.add(path)
                self._leave_out(path, unread.text)
            except QuotaReached as full:
                self._leave_out(path, full.text)
                self._not_whole("The knowledge base is full; what comes after that was not looked at.")
                break
            except InvalidInput as error:
                self._leave_out(path, error.text)
        advance(len(listing.paths), len(listing.paths))
        await self._delete_gone(known, listing, gone, may_empty=may_empty)

    async def end(self, error: str) -> None:
        """Remember how it went."""
        with trio.CancelScope(shield=True):
            await self._library.store.write(
                stored.synced, self._source.number, self._library.clock(), error[:1000], self._versions
            )

    async def _one(self, path: str, known: Known | None) -> None:
        """Add a document, or read it anew if it changed."""
        kept = self._versions.get(path) if known is not None else None
        version = Version(etag=kept[0], last_modified=kept[1]) if kept else None
        content = await self._opened.read(path, version)
        if content is None:
            self.report.unchanged += 1
            return
        if known is None:
            await self._add(path, content)
            self.report.added += 1
        elif known.hash == await keeping.digest(content.data):
            self.report.unchanged += 1
        else:
            await self._replace(path, known, content)
        if content.version is not None:
            self._versions[path] = (content.version.etag, content.version.last_modified)

    async def _add(self, path: str, content: Content) -> None:
        options = self._source.options
        await documents.add_file(
            self._library,
            self._caller,
            self._base.id,
            data=content.data,
            file_name=content.file_name,
            mime_type=content.mime_type,
            title=content.title,
            metadata=options.metadata,
            tags=options.tags,
            source=self._source.number,
            path=path,
            source_type=SOURCE_TYPES[self._source.kind],
            source_url=content.source_url,
        )

    async def _replace(self, path: str, known: Known, content: Content) -> None:
        document = await self._library.store.read(stored_documents.by_number, known.number)
        if document is None:
            raise Unread("It was deleted meanwhile; the next sync adds it again.")
        await documents.replace_file(
            self._library,
            document,
            content.data,
            file_name=content.file_name,
            mime_type=content.mime_type,
            title=content.title,
            source_url=content.source_url,
        )
        self.report.changed += 1

    async def _delete_gone(
        self, known: dict[str, Known], listing: Listing, gone: set[str], *, may_empty: bool
    ) -> None:
        """Delete documents that the source has no more, if it was read wholly."""
        there = set(listing.paths) - gone | {problem.path for problem in listing.problems}
        missing = [path for path in known if path not in there]
        if missing and gone.issuperset(listing.paths) and not may_empty:
            self._not_whole("Nothing is there any more, so nothing was deleted; is it all right?")
        if not self.report.whole:
            return
        for path in missing:
            await _delete(self._library, known[path])
            self._versions.pop(path, None)
            self.report.deleted += 1

    def _leave_out(self, path: str, reason: str) -> None:
        self.report.problems.append(Problem(path, reason))

    def _not_whole(self, reason: str) -> None:
        self._leave_out("", reason)
        self.report.whole = False


async def _delete(library: Library, known: Known) -> None:
    def take_out(db: apsw.Connection) -> list[Removed]:
        document = stored_documents.by_number(db, known.number)
        return [removing.take_out(db, document, library.clock())] if document else []

    await removing.finish(library, await library.store.write(take_out))


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """What was left out, for people."""
    return [f"{problem.path}: {problem.reason}" if problem.path else problem.reason for problem in problems]
