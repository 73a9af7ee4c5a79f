"""How often one connection may send. Pure; time is an argument."""

from __future__ import annotations

from typing import Protocol

BURST_S = 20.0
"""A connection may send this many seconds' worth of frames at once."""


class Pace(Protocol):
    """How often a connection may send."""

    def take(self, now: float) -> float:
        """0 when one more frame is fine at `now`, else the seconds until it would be."""
        ...


class TokenBucket:
    """At most `per_second` on average, with bursts of `BURST_S` seconds' worth; 0 is no limit."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._level = 0.0
        self._at = 0.0

    def take(self, now: float) -> float:
        """0 when one more is fine, else the seconds until it would be."""
        if not self.per_second:
            return 0.0
        self._level = max(0.0, self._level - (now - self._at) * self.per_second)
        self._at = now
        over = self._level + 1 - self.per_second * BURST_S
        if over > 0:
            return over / self.per_second
        self._level += 1
        return 0.0
