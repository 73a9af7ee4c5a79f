"""The parts of the word index, brought together while nobody works on documents.

Every word of a question is looked for in each part (a segment of FTS5), and each write adds one. What SQLite
brings together by itself while it writes leaves a dozen or more; with one part a search by words takes two
thirds of the time.
"""

from __future__ import annotations

import apsw

PARTS_FEW = 4
"""So many are left as they are."""
REST = 1 / 4
"""When all others together have so much of the largest part it is written anew, too."""
PAGES_AT_ONCE = 16
"""Of the index (4 KiB each) that one transaction writes, some 10 ms: others write in between."""
AS_GOOD_AS_NONE = 2
"""Changes of a command that found nothing to do; SQLite tells it so."""


def are_many(db: apsw.Connection) -> bool:
    """Is there something for `join` to do? For a reader: the answer takes a millisecond."""
    return len(_sizes(db)) > PARTS_FEW


def join(db: apsw.Connection) -> bool:
    """Bring some of it together; in a transaction of its own, again and again until it is False."""
    sizes = _sizes(db)
    if len(sizes) <= PARTS_FEW:
        return False
    all_ = sum(sizes[:-1]) >= REST * sizes[-1]
    if not all_ and db.execute("SELECT v FROM _words_config WHERE k = 'usermerge'").get != 2:
        _command(db, "usermerge", 2)  # two parts of about one size become one
    before = db.total_changes()
    _command(db, "merge", -PAGES_AT_ONCE if all_ else PAGES_AT_ONCE)  # below 0: of all parts one
    return db.total_changes() - before >= AS_GOOD_AS_NONE


def _command(db: apsw.Connection, name: str, value: int) -> None:
    db.execute("INSERT INTO _words (_words, rank) VALUES (?, ?)", (name, value))


def _sizes(db: apsw.Connection) -> list[int]:
    """How many pages each part has, about, the largest last."""
    rows = db.execute("SELECT count(*) AS pages FROM _words_idx GROUP BY segid ORDER BY pages")
    return [int(pages) for (pages,) in rows]
