"""Places for connections that stay open: sockets and streams of one user, key or network share one count."""

from __future__ import annotations

from collections import Counter


class Places:
    """How many connections of each bucket are open now."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def place(self) -> Place:
        """For one connection, which has taken none yet."""
        return Place(self._taken)


class Place:
    """One connection's place, if it has taken one."""

    def __init__(self, taken: Counter[str]) -> None:
        self._taken = taken
        self._bucket = ""

    def take(self, bucket: str, limit: int) -> bool:
        """False when `limit` places of that bucket are taken; 0 is no limit."""
        if limit and self._taken[bucket] >= limit:
            return False
        self.leave()
        self._taken[bucket] += 1
        self._bucket = bucket
        return True

    def leave(self) -> None:
        """Give it back; without one, and a second time, nothing."""
        if self._bucket:
            self._taken[self._bucket] -= 1
            if not self._taken[self._bucket]:
                del self._taken[self._bucket]
            self._bucket = ""
