"""Tests of bots that people made in the console; those of files stand beside the bots."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from appliance.bottests import BotTest
from appliance.store.bots import Key
from appliance.store.usage import Bucket

_TEST = msgspec.json.Decoder(BotTest)


class KeptTest(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    id: str
    test: BotTest


def of_bot(db: apsw.Connection, key: Key) -> list[KeptTest]:
    """Those of a bot, in their order."""
    rows = db.execute(
        "SELECT id, test FROM _bot_tests WHERE namespace = ? AND bot = ? ORDER BY position", key
    )
    return [KeptTest(id=str(id), test=_TEST.decode(test)) for id, test in rows]


def replace(db: apsw.Connection, key: Key, tests: Sequence[KeptTest], created_by: str, now: float) -> None:
    """Keep these in place of all there were."""
    db.execute("DELETE FROM _bot_tests WHERE namespace = ? AND bot = ?", key)
    for position, one in enumerate(tests, start=1):
        _add(db, key, position, one, created_by, now)


def add(db: apsw.Connection, key: Key, one: KeptTest, created_by: str, now: float) -> None:
    """Keep one more, as the last."""
    sql = "SELECT coalesce(max(position), 0) + 1 FROM _bot_tests WHERE namespace = ? AND bot = ?"
    _add(db, key, int(db.execute(sql, key).get), one, created_by, now)


def _add(db: apsw.Connection, key: Key, position: int, one: KeptTest, created_by: str, now: float) -> None:
    db.execute(
        "INSERT INTO _bot_tests (id, namespace, bot, position, test, created_by, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (one.id, *key, position, msgspec.json.encode(one.test), created_by, now),
    )


def documents(db: apsw.Connection, ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """Title, file name and path of these documents, as far as they are still there."""
    rows = db.execute(
        "SELECT title, file_name, path FROM _documents WHERE id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(list(ids)).decode(),),
    )
    return [(str(title), str(file_name), str(path)) for title, file_name, path in rows]


def unread(db: apsw.Connection, key: Key) -> int:
    """How many documents of the bases that a bot answers from are not read in yet."""
    return int(
        db.execute(
            "SELECT count(*) FROM _documents WHERE status IN ('pending', 'processing') AND base IN "
            "(SELECT base FROM _bot_knowledge WHERE namespace = ? AND bot = ? AND NOT removed)",
            key,
        ).get
    )


def forget(db: apsw.Connection, conversation_id: str, bucket: Bucket) -> None:
    """Take out what a test has left: its conversation, and what was counted for its user."""
    db.execute("DELETE FROM _conversations WHERE id = ?", (conversation_id,))
    for table in ("_usage", "_recent_requests"):
        db.execute(
            f"DELETE FROM {table} WHERE tenant = ? AND namespace = ? AND bot = ? AND principal = ?",  # noqa: S608 ours
            bucket.key,
        )
