"""How much of the server one client may take, or all of them together."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from appliance.settings import Settings

DRAINED = 4
"""A body of up to so many times the limit is read before it is refused: some clients hang when they are
answered while they still send. What is larger is cut."""
FORM_BYTES = 1_048_576
"""Room for what a form has beside its file: boundaries, heads and further fields."""


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may take from the server; `of(settings)` reads the operator's choices."""

    message_bytes_max: int = 262_144
    body_bytes_max: int = 1_048_576
    uploads: tuple[str, ...] = ()
    """What takes larger bodies: methods and paths of endpoints, such as `POST /documents/<id>/upload`."""
    upload_bytes_max: int = 0
    uploads_max: int = 4
    """Bodies over `body_bytes_max` that are taken at the same time. Each is in memory until it is stored."""
    sockets_max: int = 2000
    ping_interval_s: float = 25.0
    """Two pings in a row without any sign of life end a WebSocket; 0 turns pings off."""
    write_timeout_s: float = 20.0
    grace_s: float = 10.0
    head_bytes_max: int = 32_768
    """Room for a token in the query string and another in a header."""
    head_timeout_s: float = 20.0
    """From connecting, or from the first byte of a later request, to the end of its head."""
    keep_alive_s: float = 75.0
    """Longer than the 60 s for which common proxies reuse a connection, so that they close first."""

    @classmethod
    def of(cls, settings: Settings, *, uploads: tuple[str, ...] = ()) -> ServerLimits:
        """Take the limits that an operator may set from `settings`; the rest keep their defaults."""
        return cls(
            message_bytes_max=settings.message_bytes_max,
            body_bytes_max=settings.body_bytes_max * DRAINED,
            uploads=uploads,
            upload_bytes_max=settings.document_bytes_max + FORM_BYTES,
            sockets_max=settings.sockets_max,
            ping_interval_s=settings.ping_interval_s,
            write_timeout_s=settings.write_timeout_s,
            grace_s=settings.shutdown_grace_s,
        )

    def bytes_max(self, method: str, raw_path: bytes) -> int:
        """How large the body of this request may be; `raw_path` is as it was sent, query and all."""
        if not self.uploads:
            return self.body_bytes_max
        asked = f"{method} {raw_path.decode('latin-1').partition('?')[0]}"
        is_upload = _pattern(self.uploads).fullmatch(asked) is not None
        return max(self.upload_bytes_max, self.body_bytes_max) if is_upload else self.body_bytes_max


@lru_cache(maxsize=8)
def _pattern(uploads: tuple[str, ...]) -> re.Pattern[str]:
    paths = ("[^/]+".join(map(re.escape, re.split(r"<\w+>", path))) for path in uploads)
    return re.compile(f"(?:{'|'.join(paths)})/?")
