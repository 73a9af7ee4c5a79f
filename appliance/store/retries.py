"""Answering a message anew: what followed it is deleted and its new turn admitted, in one transaction."""

from __future__ import annotations

import apsw
import msgspec

from appliance.errors import ConversationNotFound, Forbidden, MessageNotFound
from appliance.store import conversations, turns


class Removed(msgspec.Struct, frozen=True):
    """A message that was deleted, and `Caller.owner` of who wrote it ('' for the bot)."""

    id: str
    author: str


def admit_again(db: apsw.Connection, ask: turns.Admission) -> list[Removed]:
    """Take up the message `ask.message_id` again; returns what people saw of what was deleted behind it.

    It keeps its id and place and says `ask.content` from now on. Changes that the deleted answers proposed
    cannot be agreed to any more. Raises `ConversationNotFound`, `MessageNotFound`, `LimitReached`, and
    `Forbidden` when others than the owner would delete what people wrote.
    """
    conversation = conversations.find(db, ask.conversation_id, ask.caller, ask.now)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    row = db.execute(
        "SELECT position, created_at FROM _messages WHERE conversation_id = ? AND id = ? AND role = 'user'",
        (ask.conversation_id, ask.message_id),
    ).fetchone()
    if row is None:
        raise MessageNotFound("There is no such message in this conversation.")
    turns.count_in(db, ask, conversation.turn_count)
    removed = db.execute(
        "SELECT id, iif(role = 'user', iif(owner = '', ?3, owner), '') FROM _messages "
        "WHERE conversation_id = ?1 AND position > ?2 AND (role = 'user' OR parts != x'5b5d') "
        "ORDER BY position",
        (ask.conversation_id, row[0], conversation.owner),
    ).fetchall()
    others = {author for _, author in removed} - {"", ask.caller.owner}
    if others and conversation.owner != ask.caller.owner:
        raise Forbidden("Other people have written since; only the conversation's owner may delete that.")
    db.execute(
        "DELETE FROM _messages WHERE conversation_id = ? AND position > ?", (ask.conversation_id, row[0])
    )
    db.execute(
        "UPDATE _changes SET status = 'expired', decided_at = ? WHERE conversation_id = ? "
        "AND status = 'proposed' AND created_at >= ?",
        (ask.now, ask.conversation_id, row[1]),
    )
    db.execute(
        "UPDATE _messages SET turn_id = ?, status = 'queued', content = ?, payload = ?, "
        "first_seq = 0, last_seq = 0 WHERE id = ?",
        (ask.turn_id, ask.content, turns.encoded(ask.payload, {})[0], ask.message_id),
    )
    turns.add_answer(db, ask)
    turns.begin(db, ask)
    return [Removed(str(id), str(author)) for id, author in removed]
