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
from appliance.store.knowledge.members import DOCUMENTS, Members, members


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """`bases` and the condition on their documents.

    While chunks are put in or deleted that nobody sees, no base that has some is open: they would take the
    places of others among the candidates. `members` has which chunks count where not all of them do.
    """

    bases: list[int]
    condition: Condition
    members: Members | None

    @property
    def open(self) -> bool:
        """Does every chunk of the bases count?"""
        return self.members is None

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
    condition = visible(viewer) & matches(filter)
    every = is_empty(filter)
    if every and (viewer.everything or not _has_private(db, numbers)) and not unseen.are_in(db, numbers):
        return Scope(bases=numbers, condition=condition, members=None)
    found = members(db, _list(numbers), condition, private_alone=every)
    none_hidden = found.hidden and not found.runs
    return Scope(bases=numbers, condition=condition, members=None if none_hidden else found)


def allowed(db: apsw.Connection, scope: Scope, chunks: Sequence[int]) -> set[int]:
    """Those of these chunks that count."""
    if scope.members is not None:
        chunks = scope.members.among(chunks)
        if not scope.members.hidden:
            return set(chunks)
    rows = db.execute(  # of a narrow index, as it is asked of hundreds
        "SELECT c.number FROM json_each(?) AS n CROSS JOIN _chunks AS c INDEXED BY _chunks_by_base "
        f"WHERE c.base IN ({_list(scope.bases)}) AND c.number = n.value",
        (as_json(chunks),),
    )
    return {number for (number,) in rows}


def size(db: apsw.Connection, scope: Scope) -> int:
    """How many chunks count."""
    members = scope.members
    if members is None:
        return size_of(db, scope.bases)
    return size_of(db, scope.bases) - members.count if members.hidden else members.count


def size_up_to(db: apsw.Connection, scope: Scope, most: int) -> int:
    """How many chunks count, or `most` when there are more."""
    return min(most, size(db, scope))


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
