"""Stores the ends of turns, and those that could not be stored with the next one that can."""

from __future__ import annotations

from appliance.errors import StoreError
from appliance.store import settling
from appliance.store.store import Store


class Settler:
    """Keeps what a full disk refused, so that no reservation and no answer is lost while we run."""

    def __init__(self) -> None:
        self._refused: list[settling.Settlement] = []

    async def settle(self, store: Store, settlement: settling.Settlement) -> None:
        """Store one end, older ones first; raises `StoreError`."""
        waiting, self._refused = self._refused, []
        try:
            await store.write(settling.settle_all, [*waiting, settlement])
        except StoreError:
            self._refused = [*waiting, *self._refused]
            raise

    def keep(self, settlement: settling.Settlement) -> None:
        """Try this one again later."""
        self._refused.append(settlement)

    async def retry(self, store: Store) -> None:
        """Store what was refused, if there is any; raises `StoreError`."""
        if not self._refused:
            return
        newest = self._refused.pop()
        try:
            await self.settle(store, newest)
        except StoreError:
            self.keep(newest)
            raise
