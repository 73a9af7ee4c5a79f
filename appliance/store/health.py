"""Is the database there and does it answer?"""

from __future__ import annotations

import apsw


def check(db: apsw.Connection) -> int:
    """Read from the file; raises if that is not possible. Returns the number of conversations."""
    return int(db.execute("SELECT count(*) FROM _conversations").get)


def schema_version(db: apsw.Connection) -> int:
    """A number that changes with every table that is made, changed or dropped."""
    return int(db.pragma("schema_version"))
