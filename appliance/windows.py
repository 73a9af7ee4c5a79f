"""How often something may happen: a sliding window over the moments at which it did.

Pure; time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict, deque

KEYS_MAX = 10_000
"""Keys that are remembered at once; the one used longest ago goes first."""


class SlidingWindow:
    """At most `limit` in `window_s` seconds; 0 is no limit. What is refused does not count."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._moments: deque[float] = deque()

    def take(self, now: float) -> float:
        """0 when one more is fine, else the seconds until it would be."""
        self._forget(now)
        if self.limit and len(self._moments) >= self.limit:
            return self._moments[0] + self.window_s - now
        self._moments.append(now)
        return 0.0

    def left(self, now: float) -> int:
        """How many more would be fine now."""
        self._forget(now)
        return max(0, self.limit - len(self._moments))

    def resets_in_s(self, now: float) -> float:
        """When the oldest one leaves the window."""
        self._forget(now)
        return self._moments[0] + self.window_s - now if self._moments else 0.0

    def _forget(self, now: float) -> None:
        while self._moments and self._moments[0] <= now - self.window_s:
            self._moments.popleft()


class Windows:
    """A sliding window for each key."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._windows: OrderedDict[str, SlidingWindow] = OrderedDict()

    def of(self, key: str) -> SlidingWindow:
        """The key's own."""
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = SlidingWindow(self._limit, self._window_s)
            if len(self._windows) > KEYS_MAX:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        return window
