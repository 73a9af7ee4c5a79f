"""How much of the server one client may take, or all of them together."""

from __future__ import annotations

import msgspec

from appliance.settings import Settings

DRAINED = 4
"""A body of up to so many times the limit is read before it is refused: some clients hang when they are
answered while they still send. What is larger is cut."""


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may take from the server; `of(settings)` reads the operator's choices."""

    message_bytes_max: int = 262_144
    body_bytes_max: int = 1_048_576
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
    def of(cls, settings: Settings) -> ServerLimits:
        """Take the limits that an operator may set from `settings`; the rest keep their defaults."""
        return cls(
            message_bytes_max=settings.message_bytes_max,
            body_bytes_max=settings.body_bytes_max * DRAINED,
            sockets_max=settings.sockets_max,
            ping_interval_s=settings.ping_interval_s,
            write_timeout_s=settings.write_timeout_s,
            grace_s=settings.shutdown_grace_s,
        )
