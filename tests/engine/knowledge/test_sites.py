from __future__ import annotations

import gzip
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from appliance.engine.knowledge import robots, site_maps, sites, sources
from appliance.engine.knowledge.items import Unread
from appliance.engine.knowledge.site_maps import BadSiteMap
from appliance.engine.knowledge.sites import OnePage, Site, is_site_map
from appliance.engine.knowledge.sources import Report
from appliance.engine.knowledge.web_pages import WebPages
from appliance.knowledge import KnowledgeBase
from appliance.store.knowledge.sources import Options, Source
from tests.engine.knowledge.shelf import ADMIN, Shelf, shelf
from tests.tools.web_server import reply, web_server


class Web:
    """A site on loopback: answers by path, and which paths were asked."""

    def __init__(self) -> None:
        self.url = ""
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []

    def page(self, path: str, text: str, *headers: str) -> None:
        self.pages[path] = reply(
            f"<html><title>{text}</title><p>{text}</p></html>".encode(), "text/html", 200, *headers
        )

    def file(self, path: str, data: bytes, content_type: str = "application/xml") -> None:
        self.pages[path] = reply(data, content_type)

    def moved(self, path: str, to: str) -> None:
        self.pages[path] = reply(b"", "", 302, f"Location: {to}")

    def map(self, *paths: str, path: str = "/sitemap.xml") -> None:
        locs = "".join(f"<url><loc>{one if '://' in one else self.url + one}</loc></url>" for one in paths)
        self.file(
            path, f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</urlset>'.encode()
        )


@asynccontextmanager
async def web() -> AsyncIterator[Web]:
    site = Web()

    async def answer(stream: trio.abc.Stream) -> None:
        head = server.heads[-1]
        path = head.split(" ", 2)[1]
        site.asked.append(path)
        site.heads.append(head.lower())
        known = site.pages.get(path, reply(b"Not here.", "text/plain", 404))
        etag = next((line for line in known.decode("latin-1").split("\r\n") if line.startswith("ETag: ")), "")
        if etag and f"if-none-match: {etag[6:].lower()}" in head.lower():
            known = reply(b"", "", 304)
        await stream.send_all(known)

    async with web_server(answer) as server:
        site.url = f"http://127.0.0.1:{server.port}"
        yield site


def reader(bytes_max: int = 1_000_000, *, private: bool = True) -> WebPages:
    return WebPages(bytes_max=bytes_max, private=private, delay_s=0)


async def sync(at: Shelf, base: KnowledgeBase, url: str, kind: str = "sitemap") -> tuple[Report, Source]:
    source = await sources.remember(at.library, base, kind, url, Options(private=True))  # type: ignore[arg-type]
    opened = sources.open_source(at.library, source, delay_s=0)
    return await sources.sync(at.library, ADMIN, base, source, opened=opened), source


async def test_the_pages_of_a_site_map_become_documents_and_are_followed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at, web() as site:
        base = await at.base()
        site.map("/", "/a", "/b.html", "https://elsewhere.example/x")
        site.page("/", "Start", 'ETag: "one"')
        site.page("/a", "Page A", 'ETag: "two"')
        site.page("/b.html", "Page B")
        report, _ = await sync(at, base, f"{site.url}/sitemap.xml")
        assert (report.added, report.whole) == (3, True)
        assert [problem.reason for problem in report.problems] == ["It is of another host."]
        await at.work()
        found = await at.all(base)
        assert set(found) == {"Start", "Page A", "Page B"}
        assert found["Page A"].source_url == f"{site.url}/a"
        assert found["Page A"].source_type == "sitemap"

        site.asked.clear()
        site.page("/a", "Page A2", 'ETag: "three"')
        del site.pages["/b.html"]
        report, _ = await sync(at, base, f"{site.url}/sitemap.xml")
        assert (report.added, report.changed, report.unchanged, report.deleted) == (0, 1, 1, 1)
        assert 'if-none-match: "one"' in site.heads[-3]
        site.map("/")
        report, _ = await sync(at, base, f"{site.url}/sitemap.xml")
        assert (report.unchanged, report.deleted) == (1, 1)


async def test_a_page_that_fails_keeps_its_document(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at, web() as site:
        base = await at.base()
        site.map("/a", "/b")
        site.page("/a", "A")
        site.page("/b", "B")
        await sync(at, base, f"{site.url}/sitemap.xml")
        site.pages["/b"] = reply(b"", "", 503)
        report, _ = await sync(at, base, f"{site.url}/sitemap.xml")
        assert (report.unchanged, report.deleted) == (1, 0)
        assert "status 503" in report.problems[0].reason
        assert len(await at.all(base)) == 2


async def test_an_index_of_site_maps_packed_ones_too_is_followed(tmp_path: Path) -> None:
    async with web() as site:
        site.map("/a", path="/one.xml")
        site.file("/two.xml.gz", gzip.compress(f"{site.url}/b\n{site.url}/c\n".encode()), "application/gzip")
        maps = "".join(
            f"<sitemap><loc>{site.url}{path}</loc></sitemap>"
            for path in ("/one.xml", "/two.xml.gz", "/sitemap.xml", "/missing.xml")
        )
        site.file("/sitemap.xml", f"<sitemapindex>{maps}</sitemapindex>".encode())
        listing = await Site(f"{site.url}/sitemap.xml", reader(), private=True).listing()
        assert listing.paths == [f"{site.url}/{name}" for name in "abc"]
        assert not listing.whole
        assert listing.problems[0].path.endswith("/missing.xml")
        few = await Site(f"{site.url}/sitemap.xml", reader(), private=True, pages_max=2).listing()
        assert (len(few.paths), few.whole) == (2, False)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><urlset>&b;</urlset>', "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><urlset/>', "document type"),
        (b"<urlset><url><loc>" + b"x" * 10_000 + b"</loc></url></urlset>", "too long"),
        (b"<urlset>" + b"<url>" * 50, "nested"),
        (b"<urlset><url>", "no good XML"),
        (b"<html></html>", "no site map"),
        (b"Just some words.", "no site map"),
        (gzip.compress(b"x" * 100, mtime=0)[:20], "its end is missing"),
        (gzip.compress(b"\0" * (site_maps.BYTES_MAX + 10)), "larger than 50 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_honest_site_map_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadSiteMap, match=says):
        site_maps.parse(data)


def test_an_index_that_names_too_many_site_maps_is_refused() -> None:
    named = b"<sitemap><loc>https://example.com/a</loc></sitemap>"
    site_maps.parse(b"<sitemapindex>" + named * site_maps.ADDRESSES_MAX + b"</sitemapindex>")
    with pytest.raises(BadSiteMap, match="more than 50,000"):
        site_maps.parse(b"<sitemapindex>" + named * (site_maps.ADDRESSES_MAX + 1) + b"</sitemapindex>")


async def test_no_more_site_maps_are_judged_than_are_read_and_none_on_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[threading.Thread] = []
    judge = sites.judged

    def witnessed(url: str, **more: bool) -> object:
        judged.append(threading.current_thread())
        return judge(url, **more)

    async with web() as site:
        names = "".join(f"<sitemap><loc>{site.url}/{number}.xml</loc></sitemap>" for number in range(2_000))
        site.file("/sitemap.xml", f"<sitemapindex>{names}</sitemapindex>".encode())
        monkeypatch.setattr(sites, "judged", witnessed)
        listing = await Site(f"{site.url}/sitemap.xml", reader(), private=True).listing()
    assert (len(set(site.asked) - {"/robots.txt"}), listing.whole) == (sites.MAPS_MAX, False)
    assert any("more than 200 site maps" in problem.reason for problem in listing.problems)
    of_maps = [thread for thread in judged[1:] if thread is threading.main_thread()]
    assert (len(judged) < 300, of_maps) == (True, [])


async def test_what_robots_txt_asks_is_respected() -> None:
    async with web() as site:
        site.page("/open/a", "Open")
        site.page("/closed/a", "Closed")
        site.file("/robots.txt", b"User-agent: *\nDisallow: /closed\n", "text/plain")
        pages = reader()
        assert await pages.get(f"{site.url}/open/a") is not None
        with pytest.raises(Unread, match=r"robots\.txt of 127\.0\.0\.1 asks"):
            await pages.get(f"{site.url}/closed/a")
        assert "/closed/a" not in site.asked
        site.moved("/open/to", "/closed/a")
        with pytest.raises(Unread, match=r"robots\.txt"):
            await pages.get(f"{site.url}/open/to")
        site.pages["/robots.txt"] = reply(b"", "", 503)
        with pytest.raises(Unread, match="cannot be had"):
            await reader().get(f"{site.url}/open/a")
        assert site.asked.count("/closed/a") == 0


def test_the_longest_rule_of_robots_txt_decides() -> None:
    text = """
        User-agent: other
        Disallow: /
        User-agent: chat-appliance
        User-agent: third
        Disallow: /private   # nothing there
        Allow: /private/open
        Disallow: /*.pdf$
        Disallow: /*/draft*end
        Crawl-delay: 3
        User-agent: *
        Disallow: /everything
    """
    rules = robots.parse(text, "chat-appliance")
    allowed = {
        "/": True, "/private": False, "/private/open/x": True, "/a.pdf": False, "/a.pdf?x": True,
        "/everything": True, "/x/draft/y/end": False, "/robots.txt": True,
    }  # fmt: skip
    assert {path: rules.allows(path) for path in allowed} == allowed
    assert rules.delay_s == 3
    assert robots.parse(text, "somebody").rules == [robots.Rule(False, "/everything")]
    assert robots.parse("Disallow: /", "x").allows("/")
    assert not robots.Robots(rules=[robots.Rule(False, "/" + "*a" * 500 + "$")]).allows("/" + "a" * 5000)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "http://localhost/", "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/",
        "http://intranet/", "http://metadata.google.internal/", "file:///etc/passwd", "http://user@example.com/",
    ],
)  # fmt: skip
async def test_own_networks_are_not_asked_unless_an_operator_says_so(url: str) -> None:
    with pytest.raises(Unread):
        await reader(private=False).get(url)


@pytest.mark.parametrize("address", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0"])
async def test_a_cloud_platform_is_never_asked(address: str) -> None:
    with pytest.raises(Unread, match=r"cannot be (asked|had)"):
        await reader().get(f"http://{address}/latest/meta-data")


async def test_a_redirect_is_judged_again_and_a_site_is_not_left() -> None:
    async with web() as site, web() as other:
        other.page("/x", "Other")
        site.moved("/away", f"http://localhost:{other.url.rpartition(':')[2]}/x")
        assert await reader().get(f"{site.url}/away") is not None
        with pytest.raises(Unread, match="leads to another host, localhost"):
            await reader().get(f"{site.url}/away", stay=True)
        site.moved("/inside", "http://169.254.169.254/latest")
        with pytest.raises(Unread):
            await reader().get(f"{site.url}/inside")
        site.moved("/round", "/round")
        with pytest.raises(Unread, match="one after the other"):
            await reader().get(f"{site.url}/round")
        assert other.asked.count("/x") == 1


async def test_a_page_that_is_too_large_is_left_in_the_middle() -> None:
    async with web() as site:
        site.page("/large", "x" * 50_000)
        with pytest.raises(Unread, match="larger than"):
            await reader(10_000).get(f"{site.url}/large")


async def test_one_page_is_a_document_and_stays_when_it_is_gone(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at, web() as site:
        base = await at.base()
        site.page("/grüße a", "x")
        site.page("/gr%C3%BC%C3%9Fe%20a", "Greetings")
        report, _ = await sync(at, base, f"{site.url}/grüße a", "url")
        assert report.problems == []
        await at.work()
        assert set(await at.all(base)) == {"Greetings"}
        site.pages.clear()
        await sync(at, base, f"{site.url}/grüße a", "url")
        assert set(await at.all(base)) == {"Greetings"}
        assert isinstance(
            sources.open_source(at.library, (await sync(at, base, site.url, "url"))[1]), OnePage
        )


def test_site_maps_are_known_by_their_names() -> None:
    good = ["https://a.example/sitemap.xml", "https://a.example/x/sitemap_index.xml.gz?y=1"]
    assert [is_site_map(url) for url in [*good, "https://a.example/sitemap", "https://a.example/"]] == [
        True, True, False, False,
    ]  # fmt: skip
