# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Chunks as passages for those who asked: read with their documents, and neighbours joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from appliance.fusion import touch
from appliance.knowledge import Passage
from appliance.store.knowledge.scope import Scope, as_json

_COLUMNS = (
    'c.number, c.id, c.position, c.start, c."end", c.page, c.headings, c.content, '
    "d.id, d.title, d.source_url, d.mime_type, d.tags, d.metadata, d.user_id, b.id, b.name"
)

_TEXTS = msgspec.json.Decoder(list[str])
_METADATA = msgspec.json.Decoder(dict[str, Any])


def read(db: apsw.Connection, scope: Scope, chunks: Sequence[int]) -> list[Passage]:
    """These chunks, those of them that are in scope: the condition is asked once more here, of every one."""
    bases = ", ".join(str(int(base)) for base in scope.bases)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM _chunks AS c CROSS JOIN _documents AS d "
        "ON d.number = c.document AND d.version = c.version "
        "CROSS JOIN _knowledge_bases AS b ON b.number = d.base "
        "WHERE c.number IN (SELECT value FROM json_each(?)) "
        f"AND b.number IN ({bases}) AND {scope.condition.sql}",
        (as_json(chunks), *scope.bindings),
    )
    return [_passage(*row) for row in rows]


def joined(passages: Sequence[Passage]) -> list[Passage]:
    """Neighbours of a document as one passage, at the better one's place; still `text[start:end]`."""
    kept: list[Passage] = []
    for passage in passages:
        for at, other in enumerate(kept):
            if touch(passage, other):
                kept[at] = _join(other, passage)
                break
        else:
            kept.append(passage)
    return kept if len(kept) == len(passages) else joined(kept)


def _join(better: Passage, other: Passage) -> Passage:
    """The better one, longer; who it is, and what it scored, stay."""
    first, second = sorted((better, other), key=lambda passage: (passage.start, passage.end))
    rest = second.content[max(0, first.end - second.start) :]
    return msgspec.structs.replace(
        better,
        content=first.content + rest,
        start=first.start,
        end=max(first.end, second.end),
        page=first.page,
    )


def _passage(
    number: int,
    id_: str,
    position: int,
    start: int,
    end: int,
    page: int | None,
    headings: bytes,
    content: str,
    *document: Any,
) -> Passage:
    document_id, title, source_url, mime_type, tags, metadata, user_id, base_id, base_name = document
    return Passage(
        chunk=number,
        chunk_id=id_,
        chunk_index=position,
        start=start,
        end=end,
        page=page,
        headings=_TEXTS.decode(headings),
        content=content,
        document_id=document_id,
        title=title,
        source_url=source_url,
        mime_type=mime_type,
        tags=_TEXTS.decode(tags),
        metadata=_METADATA.decode(metadata),
        private=bool(user_id),
        base_id=base_id,
        base_name=base_name,
    )
