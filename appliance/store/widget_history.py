"""The conversations of one person with what they said last, and the words on answers."""

from __future__ import annotations

from collections.abc import Collection

import apsw
import msgspec

from appliance.conversation import Conversation
from appliance.identity import Caller
from appliance.store.conversations import COLUMNS, LIVE, conversation_of

PREVIEW_CHARS = 100
_OF_BOTS = "json_array(namespace, bot) IN (SELECT value FROM json_each(:bots))"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, and the beginning of the last thing that was said by people."""

    conversation: Conversation
    preview: str


def page(
    db: apsw.Connection,
    caller: Caller,
    now: float,
    *,
    bot: str | None,
    namespace: str | None,
    after: tuple[float, str] | None,
    limit: int,
    hidden: Collection[tuple[str, str]] = (),
) -> tuple[list[Line], int]:
    """Up to `limit` kept conversations of the caller's own, newest first, behind `after` (time and id).

    And how many there are in all. Those in which nothing was said are left out, and those with `hidden` bots
    (namespace and name).
    """
    where = (  # constants and places for values
        f"tenant = :tenant AND owner = :owner AND {LIVE} AND persist "  # noqa: S608
        f"AND NOT {_OF_BOTS} "
        "AND (:bot IS NULL OR bot = :bot) AND (:namespace IS NULL OR namespace = :namespace) "
        "AND EXISTS (SELECT 1 FROM _messages m WHERE m.conversation_id = c.id)"
    )
    values = {
        "tenant": caller.tenant,
        "owner": caller.owner,
        "now": now,
        "bot": bot,
        "namespace": namespace,
        "at": after[0] if after else None,
        "after": after[1] if after else "",
        "limit": limit,
        "bots": msgspec.json.encode([*hidden]).decode(),
    }
    total = int(db.execute(f"SELECT count(*) FROM _conversations c WHERE {where}", values).get)  # noqa: S608 constants
    rows = db.execute(
        f"SELECT {COLUMNS}, (SELECT substr(content, 1, {PREVIEW_CHARS}) FROM _messages m "  # noqa: S608 constants
        "WHERE m.conversation_id = c.id AND m.role = 'user' ORDER BY position DESC LIMIT 1) "
        f"FROM _conversations c WHERE {where} AND (:at IS NULL OR (last_message_at, id) < (:at, :after)) "
        "ORDER BY last_message_at DESC, id DESC LIMIT :limit",
        values,
    ).fetchall()
    return [Line(conversation=conversation_of(row[:-1]), preview=str(row[-1] or "")) for row in rows], total


def talks_with(db: apsw.Connection, caller: Caller, bots: Collection[tuple[str, str]]) -> bool:
    """Is there a conversation of theirs with one of these bots?"""
    values = {
        "tenant": caller.tenant,
        "owner": caller.owner,
        "bots": msgspec.json.encode([*bots]).decode(),
    }
    sql = f"SELECT 1 FROM _conversations WHERE tenant = :tenant AND owner = :owner AND {_OF_BOTS}"  # noqa: S608 constants
    return db.execute(sql, values).fetchone() is not None


def value(
    db: apsw.Connection, conversation_id: str, message_id: str, feedback: str | None, comment: str
) -> bool:
    """What somebody thinks of an answer, and why; None takes both back. False without such an answer."""
    db.execute(
        "UPDATE _messages SET feedback = ?, feedback_comment = ? "
        "WHERE conversation_id = ? AND id = ? AND role = 'assistant'",
        (feedback, comment if feedback else "", conversation_id, message_id),
    )
    return db.changes() > 0
