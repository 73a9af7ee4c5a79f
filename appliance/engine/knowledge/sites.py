"""Pages of the web as sources: one page, or all that a site map names."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import trio

from appliance.engine.knowledge import site_maps
from appliance.engine.knowledge.items import Content, Listing, Problem, Unread, Version
from appliance.engine.knowledge.site_maps import BadSiteMap, SiteMap
from appliance.engine.knowledge.web_pages import WebPages, judged, written

PAGES_MAX = 5000
MAPS_MAX = 200
SYNC_S_MAX = 6 * 3600.0
"""A politely read site of 5,000 pages takes about two hours."""
SITE_BYTES_MAX = 1024**3
PROBLEMS_MAX = 1000
"""Of those that are told: more are read by nobody."""

_MAP_NAME = re.compile(r"[^/]*sitemap[^/]*\.(?:xml|xml\.gz|txt)", re.IGNORECASE)


def is_site_map(url: str) -> bool:
    """Does the address look like that of a site map?"""
    return bool(_MAP_NAME.fullmatch(urlsplit(url).path.rpartition("/")[2]))


class OnePage:
    """A source of one document: the page at `url`."""

    def __init__(self, url: str, pages: WebPages) -> None:
        self._url = url
        self._pages = pages

    async def listing(self) -> Listing:
        """Its address."""
        return Listing(paths=[self._url])

    async def read(self, path: str, known: Version | None) -> Content | None:
        """The page as it is now."""
        return await self._pages.get(path, known)


class Site:
    """The pages that the site map at `url`, and those it names, list.

    Pages of other hosts are left out unless `other_hosts`. What is over a bound is left out and told, and the
    listing is not whole then.
    """

    def __init__(
        self,
        url: str,
        pages: WebPages,
        *,
        private: bool = False,
        other_hosts: bool = False,
        pages_max: int = PAGES_MAX,
        bytes_max: int = SITE_BYTES_MAX,
    ) -> None:
        self._url = url
        self._pages = pages
        self._private = private
        self._other_hosts = other_hosts
        self._pages_max = pages_max
        self._bytes_left = bytes_max
        self._until = trio.current_time() + SYNC_S_MAX
        self._problems: list[Problem] = []
        self._whole = True

    async def listing(self) -> Listing:
        """All addresses; raises `Unread` when the first site map cannot be read."""
        host = judged(self._url, private=self._private).host
        found: dict[str, None] = {}
        maps = [self._url]
        for number, url in enumerate(maps):  # which grows while it is read
            try:
                site_map = await self._read_map(url)
            except Unread as unread:
                if number == 0:
                    raise
                self._leave_out(url, unread.text)
                continue
            maps += await trio.to_thread.run_sync(self._further, site_map, frozenset(maps), host)
            found |= dict.fromkeys(await trio.to_thread.run_sync(self._own, site_map, host))
            if len(found) > self._pages_max:
                break
        paths = list(found)[: self._pages_max]
        if len(found) > len(paths):
            self._leave_out("", f"It names more than {len(paths):,} pages; the others are left out.")
        return Listing(paths=paths, problems=self._problems, whole=self._whole)

    async def read(self, path: str, known: Version | None) -> Content | None:
        """One page; a redirect may not leave the host."""
        if trio.current_time() > self._until:
            raise Unread("The time for this site is over.")
        if self._bytes_left <= 0:
            raise Unread("The site is larger than what is read of one.")
        page = await self._pages.get(path, known, stay=not self._other_hosts)
        self._bytes_left -= len(page.data) if page else 0
        return page

    async def _read_map(self, url: str) -> SiteMap:
        got = await self._pages.get(url, stay=not self._other_hosts)
        if got is None:
            raise Unread("It answered that nothing has changed, which nobody asked.")
        try:
            return await trio.to_thread.run_sync(site_maps.parse, got.data)
        except BadSiteMap as error:
            raise Unread(f"{url} cannot be read as a site map. {error}") from error

    def _further(self, site_map: SiteMap, maps: frozenset[str], host: str) -> list[str]:
        """Site maps that this one names, none twice; no more are looked at than are read."""
        new: list[str] = []
        for url in site_map.maps:
            if url in maps or not self._is_own(url, host):
                continue
            if len(maps) + len(new) >= MAPS_MAX:
                self._leave_out("", f"It names more than {MAPS_MAX} site maps; the others are left out.")
                break
            new.append(url)
        return new

    def _own(self, site_map: SiteMap, host: str) -> list[str]:
        return [written(url).partition("#")[0] for url in site_map.pages if self._is_own(url, host)]

    def _is_own(self, url: str, host: str) -> bool:
        """Tells about each that is left out because of its address."""
        try:
            target = judged(url, private=self._private)
        except Unread as unread:
            self._tell(url, unread.text)
            return False
        if target.host != host and not self._other_hosts:
            self._tell(url, "It is of another host.")
            return False
        return True

    def _leave_out(self, path: str, reason: str) -> None:
        self._tell(path, reason)
        self._whole = False

    def _tell(self, path: str, reason: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(Problem(path[:500], reason))
