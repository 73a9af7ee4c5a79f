"""Which pages of the web may show a bot: one strict reading of `Origin`, and lists of allowed ones. Pure.

An origin is what a browser sends: scheme, host and port, without anything that two programs could read
differently. What is not of that form is nobody's origin and is allowed nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ORIGIN_CHARS_MAX = 300
ANY = "*"
"""In a list of patterns: every page, as without a list."""

_PORTS = {"https": "443", "http": "80"}
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([1-9][0-9]{0,4}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def normal(origin: str) -> str | None:
    """The origin in lower case without the scheme's own port; None for what is none, as `null`."""
    text = origin.lower()
    if len(text) > ORIGIN_CHARS_MAX or not (found := _ORIGIN.fullmatch(text)):
        return None
    scheme, host, port = found.groups()
    if port and int(port) > 65_535:
        return None
    if not host.startswith("[") and not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return None  # also a trailing dot: browsers tell it apart from the host without one
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def pattern(text: str) -> str:
    """An entry of `allowed-origins` in its one form; raises `ValueError` whose text continues the key."""
    given = text.strip()
    if given == ANY:
        return ANY
    scheme, slashes, rest = given.partition("://")
    is_wide = rest.startswith("*.")
    found = normal(f"{scheme}{slashes}{rest.removeprefix('*.')}")
    if found is None or (is_wide and (rest.count(".") < 2 or rest[2:3] == "[")):
        raise ValueError(
            "needs origins like https://www.example.com or https://*.example.com (scheme, host and port, "
            f"nothing behind them), not {text!r}"
        )
    return found.replace("://", "://*.", 1) if is_wide else found


def allows(patterns: Iterable[str], origin: str) -> bool:
    """Is the origin named? `https://*.example.com` names all subdomains, at any depth, and not the domain."""
    found = normal(origin)
    return any(one == ANY or (found is not None and _fits(one, found)) for one in patterns)


def _fits(one: str, origin: str) -> bool:
    if "://*." not in one:
        return one == origin
    scheme, _, rest = one.partition("://*.")
    return origin.startswith(f"{scheme}://") and origin.endswith(f".{rest}")
