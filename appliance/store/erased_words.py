"""Words of deleted texts taken out of the full-text indexes, where they stay until parts are merged.

SQLite's `secure-delete` does nothing for indexes that keep no text, as ours: what is deleted is only marked.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import apsw

Index: TypeAlias = Literal["_widget_words", "_words"]
PAGES = 64
"""Of about 4 KiB, written at a time, for other writers wait (about 20 ms in memory, 130 at worst)."""


def merge(db: apsw.Connection, index: Index, *, first: bool) -> bool:
    """Write a piece of the index anew without what is deleted; False when there is nothing left to do.

    The `first` call begins, and the ones after it go on; `first` again beside another's is no harm.
    """
    before = db.total_changes()
    pages = -PAGES if first else PAGES  # negative: all parts, not only the many of about one size
    db.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608 constants
    return db.total_changes() - before >= 2  # as SQLite's documentation tells how to see it
