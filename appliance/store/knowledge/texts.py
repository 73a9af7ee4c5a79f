"""What was read from documents, and how much of it has vectors already."""

from __future__ import annotations

import apsw
import msgspec

from appliance.knowledge import EmbeddingSpace, Outline

_OUTLINE = msgspec.json.Decoder(Outline)


def get(db: apsw.Connection, document: int) -> tuple[str, Outline] | None:
    """The text of a document and where things are in it; None when nothing was read yet."""
    sql = "SELECT text, outline FROM _document_texts WHERE document = ?"
    row = db.execute(sql, (document,)).fetchone()
    return (row[0], _OUTLINE.decode(row[1])) if row else None


def embedded(db: apsw.Connection, document: int, space: EmbeddingSpace) -> tuple[int, int]:
    """How many of a document's chunks have a vector in this space, and how many there are."""
    sql = (
        "SELECT count(v.chunk), count(*) FROM _documents d "  # noqa: S608 - ours
        "JOIN _chunks c ON c.document = d.number AND c.version = d.version "
        f"LEFT JOIN _vectors_{space.number} v ON v.chunk = c.number WHERE d.number = ?"
    )
    return next((int(done), int(total)) for done, total in db.execute(sql, (document,)))
