"""EPUB books: the chapters in their reading order (EPUB 3.3: container, package document, spine)."""

from __future__ import annotations

import posixpath

from lxml import etree

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.decoding import decode
from appliance.extract.html import parse_html, write_html
from appliance.extract.package import BROKEN, Package, resolve
from appliance.knowledge import Extracted

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
_ENC = "{http://www.w3.org/2001/04/xmlenc#}"
_FONT_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Hiding fonts is no protection of the text."""
_PAGES = ("application/xhtml+xml", "text/html")


def read_epub(data: bytes) -> Extracted:
    """All chapters; one without a heading gets its title of the contents. Raises `DocumentUnreadable`."""
    package = Package.open(data)
    _check_open(package)
    opf = _package_document(package)
    root = package.xml(opf)
    builder = TextBuilder()
    titles = _toc_titles(package, root, opf)
    for name in _spine(root, opf):
        if name in package and not builder.full:
            _write_chapter(builder, package.read(name), titles.get(name, ""))
    return builder.build(title=one_line(root.findtext(f".//{_DC}title") or ""))


def _check_open(package: Package) -> None:
    root = package.xml_or_none("META-INF/encryption.xml")
    for method in root.iter(_ENC + "EncryptionMethod") if root is not None else ():
        if method.get("Algorithm") not in _FONT_ONLY:
            raise DocumentUnreadable("The book is protected against copying (DRM) and cannot be read.")


def _package_document(package: Package) -> str:
    for rootfile in package.xml("META-INF/container.xml").iter(_CONTAINER + "rootfile"):
        if path := rootfile.get("full-path"):
            return str(path)
    raise DocumentUnreadable(BROKEN)


def _spine(root: etree._Element, opf: str) -> list[str]:
    """The members with text, in reading order; the table of contents is none of them."""
    folder = posixpath.dirname(opf)
    items = {item.get("id"): item for item in root.iter(_OPF + "item")}
    found: dict[str, None] = {}
    for listed in root.iter(_OPF + "itemref"):
        item = items.get(listed.get("idref"))
        if (
            item is None
            or item.get("media-type") not in _PAGES
            or "nav" in (item.get("properties") or "").split()
        ):
            continue
        found[resolve(folder, item.get("href") or "")] = None
    return list(found)


def _toc_titles(package: Package, root: etree._Element, opf: str) -> dict[str, str]:
    """What the table of contents calls each member, of EPUB 3 or 2; the first entry of a member counts."""
    folder = posixpath.dirname(opf)
    titles: dict[str, str] = {}
    for item in root.iter(_OPF + "item"):
        name = resolve(folder, item.get("href") or "")
        if name not in package:
            continue
        if "nav" in (item.get("properties") or "").split():
            for link in parse_html(_markup(package.read(name))).css("nav a[href]"):
                target = resolve(posixpath.dirname(name), link.attributes.get("href") or "")
                titles.setdefault(target, one_line(link.text()))
        elif item.get("media-type") == "application/x-dtbncx+xml":
            for point in package.xml(name).iter(_NCX + "navPoint"):
                content = point.find(_NCX + "content")
                label = point.findtext(f"{_NCX}navLabel/{_NCX}text") or ""
                if content is not None:
                    titles.setdefault(
                        resolve(posixpath.dirname(name), content.get("src") or ""), one_line(label)
                    )
    return titles


def _write_chapter(builder: TextBuilder, data: bytes, title: str) -> None:
    tree = parse_html(_markup(data))
    if title and tree.css_first("h1, h2, h3, h4, h5, h6") is None:
        builder.heading(title, 1)
    write_html(builder, tree, whole=True)


def _markup(data: bytes) -> str:
    """XHTML as HTML: `<title/>` would swallow the page for a parser of HTML."""
    text = decode(data, is_markup=True)
    return text.replace("<title/>", "").replace("<title />", "").replace("<script/>", "")
