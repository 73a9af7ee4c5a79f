# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Where a search may look: which bases, and which of their documents the viewer and the filter leave.

Every way to candidates asks here, and so does the last reading of the rows that are handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from appliance.knowledge import DocumentFilter, Viewer
from appliance.store.knowledge import unseen
from appliance.store.knowledge.filters import Condition, is_empty, matches, visible

DOCUMENTS = "_documents AS d JOIN _knowledge_bases AS b ON b.number = d.base"
"""What a condition of `filters` is about, under the names that it uses."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """`bases` and the condition on their documents; `open` when every chunk of theirs counts.

    While chunks are put in or deleted that nobody sees, no base that has some is open: they would take the
    places of others among the candidates.
    """

    bases: list[int]
    condition: Condition
    open: bool

    @property
    def chunks_sql(self) -> str:
        """A query for the numbers of all chunks that count."""
        return (
            f"SELECT c.number FROM {DOCUMENTS} "
            "CROSS JOIN _chunks AS c ON c.document = d.number AND c.version = d.version "
            f"WHERE d.base IN ({_list(self.bases)}) AND {self.condition.sql}"
        )

    @property
    def bindings(self) -> tuple[Any, ...]:
        """For the condition, wherever it stands."""
        return self.condition.bindings


def scope_of(db: apsw.Connection, bases: Sequence[int], viewer: Viewer, filter: DocumentFilter) -> Scope:
    """What of these bases a viewer's search with this filter is about."""
    numbers = sorted(set(bases))
    seen = visible(viewer)
    is_open = is_empty(filter) and (viewer.everything or not _has_private(db, numbers))
    is_open = is_open and not unseen.are_in(db, numbers)
    return Scope(bases=numbers, condition=seen & matches(filter), open=is_open)


def allowed(db: apsw.Connection, scope: Scope, chunks: Sequence[int]) -> set[int]:
    """Those of these chunks that count."""
    if not chunks:
        return set()
    rows = db.execute(
        "SELECT c.number FROM _chunks AS c CROSS JOIN _documents AS d "
        "ON d.number = c.document AND d.version = c.version "
        "CROSS JOIN _knowledge_bases AS b ON b.number = d.base "
        "WHERE c.number IN (SELECT value FROM json_each(?)) "
        f"AND d.base IN ({_list(scope.bases)}) AND {scope.condition.sql}",
        (as_json(chunks), *scope.bindings),
    )
    return {number for (number,) in rows}


def size_up_to(db: apsw.Connection, scope: Scope, most: int) -> int:
    """How many chunks count, or `most` when there are more."""
    if scope.open:
        return min(most, size_of(db, scope.bases))
    counted = f"SELECT count(*) FROM ({scope.chunks_sql} LIMIT {int(most)})"
    return int(db.execute(counted, scope.bindings).get)


def size_of(db: apsw.Connection, bases: Sequence[int]) -> int:
    """How many chunks these bases have, whosesoever they are, and unseen ones with them."""
    return int(
        db.execute(f"SELECT coalesce(sum(chunks), 0) FROM _base_sizes WHERE base IN ({_list(bases)})").get
    )


def as_json(numbers: Sequence[int]) -> str:
    """For `json_each`: a query with many numbers as one value is read by SQLite once and kept."""
    return f"[{_list(numbers)}]"


def _has_private(db: apsw.Connection, bases: list[int]) -> bool:
    found = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM _documents WHERE base IN ({_list(bases)}) AND user_id > '')"
    ).get
    return bool(found)


def _list(numbers: Sequence[int]) -> str:
    """Our own keys, never anything that came from outside."""
    return ", ".join(str(int(number)) for number in numbers)
