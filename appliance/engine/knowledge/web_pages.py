"""Asks for pages of the web, politely: what `robots.txt` allows, one at a time, with a pause between.

Every address, that of a redirect too, is judged like one of the tool `http_get` and asked the same way
(`tools/http_fetch.py`): its name is looked up once, and only machines of the internet are asked. An operator
may open their own networks.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin, urlsplit

import trio

from appliance.engine.knowledge import robots
from appliance.engine.knowledge.items import Content, Unread, Version, title_of
from appliance.engine.knowledge.robots import Robots
from appliance.tools.http_fetch import Fetched, Fetcher, FetchFailed
from appliance.urlguard import Target, UrlRefused, allowed_addresses, check_page, operators_addresses

AGENT = "chat-appliance"
"""What we call ourselves, also in `robots.txt`."""
REDIRECTS_MAX = 5
DELAY_S = 0.5
"""Between two requests, when the site asks for no other pause."""
DEADLINE_S = 60.0

_HEADERS = {
    "accept": "text/html, text/plain;q=0.9, */*;q=0.8",
    "accept-encoding": "identity",
    "user-agent": AGENT,
    "connection": "close",
}
_GONE = (404, 410)
_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_MODIFIED = 304
_IN_ADDRESSES = "/%:@!$&'()*+,;=?~-._#[]"


class WebPages:
    """Reads pages up to `bytes_max` for one sync of a source; remembers what its hosts allow.

    `private` takes machines of the operator's own networks, too. `fetcher` replaces the usual one.
    """

    def __init__(
        self,
        *,
        bytes_max: int,
        private: bool = False,
        delay_s: float = DELAY_S,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._private = private
        self._delay_s = delay_s
        self._fetcher = fetcher or Fetcher(
            judge=operators_addresses if private else allowed_addresses,
            deadline_s=DEADLINE_S,
            body_bytes_max=bytes_max,
        )
        self._robots: dict[tuple[str, str, int], Robots] = {}
        self._next_at = -float("inf")

    async def get(self, url: str, known: Version | None = None, *, stay: bool = False) -> Content | None:
        """The page; None when the known version still holds. With `stay` no redirect may leave the host.

        Raises `Unread`, with `gone` for a page that is not there any more.
        """
        asked = judged(url, private=self._private)
        target, address = asked, written(url)
        for _ in range(REDIRECTS_MAX + 1):
            await self._check_robots(target)
            fetched = await self._ask(target, _conditions(known))
            if fetched.status not in _REDIRECTS or not fetched.location:
                return _content(fetched, address, target)
            address = urljoin(address, written(fetched.location))
            target = self._redirected(target, address, asked.host if stay else None)
        raise Unread(f"{url} leads to more than {REDIRECTS_MAX} other addresses, one after the other.")

    def _redirected(self, before: Target, address: str, host: str | None) -> Target:
        target = judged(address, private=self._private)
        if host is not None and target.host != host:
            raise Unread(f"It leads to another host, {target.host}.")
        if before.scheme == "https" and target.scheme == "http" and not self._private:
            raise Unread("It leads from https to http.")
        return target

    async def _ask(self, target: Target, headers: dict[str, str]) -> Fetched:
        """One request, not before its time; raises `Unread` when no answer comes."""
        await trio.sleep(max(0.0, self._next_at - trio.current_time()))
        try:
            return await self._fetcher.fetch(target, _HEADERS | headers)
        except (FetchFailed, UrlRefused) as error:
            raise Unread(str(error)) from error
        finally:
            said = self._robots.get(_site(target))
            delay_s = self._delay_s if said is None or said.delay_s is None else said.delay_s
            self._next_at = trio.current_time() + delay_s

    async def _check_robots(self, target: Target) -> None:
        site = _site(target)
        if site not in self._robots:
            self._robots[site] = await self._read_robots(target)
        if self._robots[site] is robots.NOTHING:
            raise Unread(f"{target.host} does not tell what may be read: its robots.txt cannot be had now.")
        if not self._robots[site].allows(target.path):
            raise Unread(f"The robots.txt of {target.host} asks programs not to read it.")

    async def _read_robots(self, target: Target) -> Robots:
        """Followed where it leads; a missing one allows all, a broken server nothing (RFC 9309, 2.3.1)."""
        url = f"{target.scheme}://{target.host_header}/robots.txt"
        for _ in range(REDIRECTS_MAX + 1):
            try:
                fetched = await self._ask(judged(url, private=self._private), {})
            except Unread:
                return robots.NOTHING
            if fetched.status in _REDIRECTS and fetched.location:
                url = urljoin(url, written(fetched.location))
            elif fetched.is_good:
                text = fetched.body[: robots.BYTES_MAX].decode("utf-8-sig", "replace")
                return robots.parse(text, AGENT)
            else:
                return Robots() if fetched.status < 500 else robots.NOTHING
        return Robots()


def judged(url: str, *, private: bool) -> Target:
    """The address as it may be asked; raises `Unread`."""
    try:
        return check_page(written(url), private=private)
    except UrlRefused as error:
        raise Unread(str(error)) from error


def written(url: str) -> str:
    """An address as programs write it: in a path, blanks and letters beyond ASCII are percent-encoded."""
    return quote(url.strip(), safe=_IN_ADDRESSES)


def _conditions(known: Version | None) -> dict[str, str]:
    if known is None:
        return {}
    both = {"if-none-match": known.etag, "if-modified-since": known.last_modified}
    return {name: value for name, value in both.items() if value and value.isascii() and value.isprintable()}


def _site(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port


def _content(fetched: Fetched, address: str, target: Target) -> Content | None:
    if fetched.status == _NOT_MODIFIED:
        return None
    if not fetched.is_good:
        raise Unread(f"{target.host} answered with status {fetched.status}.", gone=fetched.status in _GONE)
    path = unquote(urlsplit(address).path, errors="replace")
    last = path.rstrip("/").rpartition("/")[2]
    return Content(
        data=fetched.body,
        file_name=last if "." in last else "",
        title=title_of(last) if last else target.host,
        mime_type=fetched.content_type.partition(";")[0].strip().lower()[:100],
        source_url=address.partition("#")[0],
        version=Version(etag=fetched.etag[:500], last_modified=fetched.last_modified[:100]),
    )
