"""What a site map says: pages of a site, or further site maps (sitemaps.org). Pure.

The XML is read by expat itself, and a document type ends the reading: without one there are no entities.
"""

from __future__ import annotations

import zlib
from xml.parsers import expat

import msgspec

BYTES_MAX = 50 * 1024**2
"""Unpacked; what sitemaps.org allows."""
ADDRESSES_MAX = 50_000
"""The same."""
ADDRESS_CHARS_MAX = 2048

_GZIP = b"\x1f\x8b"


class BadSiteMap(Exception):
    """It is none, or not within bounds; the text says why."""


class SiteMap(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of `pages`, or of further site `maps`, each once and in order."""

    pages: list[str] = []
    maps: list[str] = []


def parse(data: bytes) -> SiteMap:
    """Read `sitemap.xml`, an index of such, or a text with an address in each line; packed by gzip, too.

    Raises `BadSiteMap`. Blocking: a large one takes a second.
    """
    if data.startswith(_GZIP):
        data = _unpacked(data)
    if len(data) > BYTES_MAX:
        raise BadSiteMap(f"It is larger than {BYTES_MAX // 1024**2} MiB.")
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _of_text(data)
    reader = _Reader()
    reader.read(data)
    return SiteMap(pages=list(dict.fromkeys(reader.pages)), maps=list(dict.fromkeys(reader.maps)))


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, BYTES_MAX + 1)
    except zlib.error as error:
        raise BadSiteMap("It is packed by gzip and broken.") from error
    if len(unpacked) <= BYTES_MAX and not unpacker.eof:
        raise BadSiteMap("It is packed by gzip and its end is missing.")
    return unpacked


def _of_text(data: bytes) -> SiteMap:
    lines = (line.strip() for line in data.decode("utf-8-sig", "replace").splitlines())
    pages = [line for line in lines if line.startswith(("http://", "https://"))]
    if not pages:
        raise BadSiteMap("It is no site map: neither XML nor lines with addresses.")
    return SiteMap(pages=_bounded(list(dict.fromkeys(pages))))


class _Reader:
    """Collects the text of each `loc` that stands in a `url` or a `sitemap`."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.maps: list[str] = []
        self._open: list[str] = []
        self._text = ""
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise BadSiteMap(f"It is no good XML: {error}.") from error
        except (ValueError, LookupError) as error:
            raise BadSiteMap("It is no good XML: its encoding is not known.") from error
        if self._root not in ("urlset", "sitemapindex"):
            raise BadSiteMap("It is XML, and no site map.")

    _root = ""

    def _refuse(self, *_: object) -> None:
        raise BadSiteMap("It has a document type, which no site map needs.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if len(self._open) > 10:
            raise BadSiteMap("It is nested deeper than a site map.")
        self._root = self._root or local
        self._open.append(local)
        self._text = ""

    def _characters(self, text: str) -> None:
        if self._open[-1:] == ["loc"]:
            self._text += text
            if len(self._text) > 2 * ADDRESS_CHARS_MAX:
                raise BadSiteMap("It has an address that is too long.")

    def _end(self, name: str) -> None:
        self._open.pop()
        if name.rpartition(":")[2] != "loc" or len(self._open) != 2:
            return
        address = self._text.strip()
        if address:
            found = self.maps if self._open[1] == "sitemap" else self.pages
            found.append(address)
            _bounded(found)


def _bounded(addresses: list[str]) -> list[str]:
    if len(addresses) > ADDRESSES_MAX:
        raise BadSiteMap(f"It has more than {ADDRESSES_MAX:,} addresses.")
    return addresses
