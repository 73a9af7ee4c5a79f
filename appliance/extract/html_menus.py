"""What on a page leads elsewhere: menus, lists of chapters, "see also"; known by what generators call it."""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from appliance.extract.cleaning import one_line

_NAMES = """
breadcrumb breadcrumbs guidelinks menu mw-editsection nav nav-bar navbar navigation navlinks pager
pagination prevnext related-links relatedlinks see-also seealso seealsolinks sidebar skip-link skiplink
sphinxsidebar table-of-contents tableofcontents toc
"""
_MENUS = frozenset(_NAMES.split())
"""What generators of pages call what leads elsewhere; it is left out where it is mostly links."""
_TURNERS = frozenset({"navfooter", "navheader"})
"""What DocBook calls the rows with the chapters before and behind, whose names are no links."""
_MENU_LINKS = 0.5


def is_menu(node: LexborNode) -> bool:
    """Is it called a menu, and is most of it links?"""
    attributes = node.attributes
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower().split()
    if not _TURNERS.isdisjoint(names):
        return True
    if _MENUS.isdisjoint(names):
        return False
    chars = len(one_line(node.text()))
    return sum(len(one_line(link.text())) for link in node.css("a")) >= _MENU_LINKS * chars
