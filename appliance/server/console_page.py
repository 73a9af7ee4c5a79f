"""The console's one HTML page, the same at every address below `/admin`; its script finds what to show."""

from __future__ import annotations

from pathlib import Path

import trio
from quart import Response, request

UP = b"{up}"
HEADERS = {
    # As on every page of ours; beyond that no script may make HTML of a text (Trusted Types), and no other
    # page may show this one in a frame, where a click could be stolen.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def console_page(static: Path) -> Response:
    """The page, with its files' addresses relative to the asked one, so that it works below any base path."""
    page = await trio.Path(static / "admin" / "index.html").read_bytes()
    answer = Response(page.replace(UP, b"../" * _depth()), content_type="text/html; charset=utf-8")
    answer.headers.update(HEADERS)
    answer.headers["Cache-Control"] = "no-cache"
    await answer.add_etag()
    whole: Response = await answer.make_conditional(request)
    return whole


def _depth() -> int:
    """How many folders the asked address is below the appliance's root; an encoded slash makes none."""
    asked: bytes = request.scope.get("raw_path") or request.path.encode()
    return asked.count(b"/") - 1
