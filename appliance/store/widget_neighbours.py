# ruff: noqa: S608 what is written into SQL here is the condition of `filters`
"""Passages beside those that an answer was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from appliance.knowledge import Viewer
from appliance.store.knowledge.filters import visible

NEAR = 4
"""So many passages before and behind."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A passage beside one that was read, or that one itself."""

    headings: list[str]
    content: str
    was_read: bool


def near(db: apsw.Connection, chunk_ids: Sequence[str], viewer: Viewer) -> list[Neighbour]:
    """The passages round these chunks, in the order of their documents, if the viewer may see those now."""
    condition = visible(viewer)
    found = []
    for id in chunk_ids:
        rows: list[tuple[Any, ...]] = db.execute(
            "SELECT n.headings, n.content, n.number = c.number FROM _chunks c "
            "JOIN _chunks n ON n.document = c.document AND n.version = c.version "
            "AND n.position BETWEEN c.position - ? AND c.position + ? "
            "JOIN _documents d ON d.number = c.document AND d.version = c.version "
            "JOIN _knowledge_bases b ON b.number = d.base "
            f"WHERE c.id = ? AND {condition.sql} ORDER BY n.position",
            (NEAR, NEAR, id, *condition.bindings),
        ).fetchall()
        for headings, content, is_own in rows:
            path = msgspec.json.decode(headings, type=list[str])
            found.append(Neighbour(headings=path, content=str(content), was_read=bool(is_own)))
    return found
