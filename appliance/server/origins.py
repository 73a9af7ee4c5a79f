"""Whether a request that a cookie vouches for was asked for by a page of ours.

Browsers send a cookie along with whatever any page asks for, so that a stranger's page could act with the
rights of an administrator who looks at it. Keys and tokens are shown on purpose and need none of this.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from appliance.errors import Forbidden

HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Change nothing, and no other page may read what they give: credentials are not allowed across origins."""
_OWN = frozenset({"same-origin", "none"})
"""What a browser says of requests that a page of the same origin made, or the person at the keyboard."""


NOBODY = "null"
"""What browsers send as the origin of pages that have none, or will not tell it."""
ORIGIN_CHARS_MAX = 300


def foreign_page(origin: str, host: str, site: str) -> str:
    """The origin of the page of another site that asks; '' for our own pages and for programs.

    The arguments are the headers `Origin`, `Host` and `Sec-Fetch-Site`; no page can choose what its browser
    sends in them. A browser that says that another site's page asks and not which one gives `null`.
    """
    if site == "same-origin":
        return ""
    if not origin:
        return NOBODY if site in ("same-site", "cross-site") else ""
    if not site and host and urlsplit(f"//{host}").netloc.lower() == _netloc(origin):
        return ""
    return origin[:ORIGIN_CHARS_MAX]


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


class Headers(Protocol):
    """Headers of a request, by name in whichever case."""

    def get(self, name: str, default: str) -> str:
        """Its value."""
        ...


def check_own_page(method: str, headers: Headers) -> None:
    """Raises `Forbidden` for a change that a page of another origin may have asked for.

    Programs send neither `Sec-Fetch-Site` nor `Origin`. From those a JSON content type is wanted: pages
    cannot send that elsewhere without asking first. `headers` do not mind the case of names.
    """
    if method in HARMLESS:
        return
    site = headers.get("Sec-Fetch-Site", "")
    origin = headers.get("Origin", "")
    if site:
        is_own = site in _OWN
    elif origin:
        is_own = urlsplit(origin).netloc.lower() == headers.get("Host", "").lower() != ""
    else:
        is_own = headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
    if not is_own:
        raise Forbidden(
            "A cookie lets only pages of this server change something. Send the token as "
            "Authorization: Bearer <token>."
        )
