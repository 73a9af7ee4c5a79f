"""Of texts that were erased no word stays in an index, either."""

from __future__ import annotations

from appliance.store import erased_words as stored
from appliance.store.erased_words import Index
from appliance.store.store import Store


async def forget(store: Store, index: Index) -> None:
    """Write the index anew, piece by piece beside other writes; cut short, it can be done again."""
    first = True
    while await store.write(stored.merge, index, first=first):
        first = False
