"""Files for browsers, as small as they can be: comments and blanks taken out, packed by gzip.

There is no build step: what is in `static/` is what people edit. A file is made small when it is first asked
for, and again when it has changed. The widget's bundle was packed when it was made, and better than there is
time for here: what `name` was packed to is `name.gz`.
"""

from __future__ import annotations

import gzip
import mimetypes
import time
from pathlib import Path

import msgspec
import rcssmin
import trio
from quart import Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from appliance.server import scripts
from appliance.server.widget_bundle import WidgetBundle

AS_THEY_ARE = ("dist/",)
"""Small already."""
PACKED_FROM_BYTES = 200
"""Below that gzip makes files larger."""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A file ready to be sent; `zipped` is None where gzip does not help. `mark` changes with the file."""

    content_type: str
    plain: bytes
    zipped: bytes | None
    mark: tuple[int, int]


class StaticFiles:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packed: dict[str, Packed] = {}
        self._bundle = WidgetBundle(folder, time.monotonic)

    async def answer(self, name: str) -> Response:
        """The file below the folder, for any origin; raises `NotFound`, also for another version (`?v=`).

        Browsers ask by ETag each time, so that an upgrade is seen at once and by all files together.
        """
        packed = await trio.to_thread.run_sync(self._get, name, request.args.get("v"))
        zipped = packed.zipped if request.accept_encodings.quality("gzip") > 0 else None
        answer = Response(zipped or packed.plain, content_type=packed.content_type)
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        # Modules of the widget are asked for by pages of other origins; there is nothing secret in them.
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        await answer.add_etag()
        whole: Response = await answer.make_conditional(request)
        return whole

    def _get(self, asked: str, version: str | None) -> Packed:
        if version and version != self._bundle.version():
            raise NotFound("This file is of another version. Load the page anew.")
        name = self._bundle.name_of(asked, version)
        path = safe_join(str(self._folder), name)
        if path is None or not Path(path).is_file():
            raise NotFound()
        stat = Path(path).stat()
        mark = (stat.st_mtime_ns, stat.st_size)
        known = self._packed.get(name)
        if known is None or known.mark != mark:
            known = self._packed[name] = pack(Path(path), mark, is_ours=not name.startswith(AS_THEY_ARE))
        return known


def pack(path: Path, mark: tuple[int, int] = (0, 0), *, is_ours: bool = True) -> Packed:
    """The file at `path`, made small."""
    plain = path.read_bytes()
    if is_ours and path.suffix in MINIFIERS:
        plain = MINIFIERS[path.suffix](plain.decode()).encode()
    before = path.with_name(f"{path.name}.gz")
    if not is_ours and before.is_file():
        zipped: bytes | None = before.read_bytes()
    else:
        zipped = gzip.compress(plain, 9, mtime=0) if len(plain) >= PACKED_FROM_BYTES else None
    if zipped is not None and len(zipped) >= len(plain):
        zipped = None
    content_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return Packed(content_type=content_type, plain=plain, zipped=zipped, mark=mark)


def _style(text: str) -> str:
    return str(rcssmin.cssmin(text))


MINIFIERS = {".js": scripts.minify, ".css": _style}
