"""Names that clients give to conversations and messages, after these were made."""

from __future__ import annotations

import apsw

from appliance.conversation import External
from appliance.messages import Message
from appliance.store.message_rows import COLUMNS, message_of


def set_external(db: apsw.Connection, conversation_id: str, external: External, now: float) -> bool:
    """Call a conversation so from now on; False when another live one is called that."""
    try:
        db.execute(
            "UPDATE _conversations SET external_scope = ?, external_id = ?, updated_at = ? WHERE id = ?",
            (external.scope, external.id, now, conversation_id),
        )
    except apsw.ConstraintError:
        return False
    return True


def by_client_id(
    db: apsw.Connection, client_id: str, *, tenant: str, owner: str, bot: tuple[str, str], now: float
) -> Message | None:
    """What is called so in the bot's live conversations that `owner` has or takes part in; the newest."""
    columns = ", ".join(f"m.{column}" for column in COLUMNS.split(", "))
    row = db.execute(
        f"SELECT {columns} FROM _conversations c JOIN _messages m ON m.conversation_id = c.id "  # noqa: S608 constants
        "WHERE m.client_id = :client_id AND c.tenant = :tenant AND c.namespace = :namespace AND c.bot = :bot "
        "AND c.status = 'active' AND (c.expires_at IS NULL OR c.expires_at > :now) AND c.id IN ("
        " SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :owner"
        " UNION SELECT conversation_id FROM _participants WHERE owner = :owner) "
        "ORDER BY m.position DESC LIMIT 1",
        {
            "client_id": client_id,
            "tenant": tenant,
            "owner": owner,
            "namespace": bot[0],
            "bot": bot[1],
            "now": now,
        },
    ).fetchone()
    return message_of(row) if row else None


def set_client_id(db: apsw.Connection, id: str, client_id: str) -> bool:
    """Call a message so from now on; False when another one of its conversation is called that."""
    try:
        db.execute("UPDATE _messages SET client_id = ? WHERE id = ?", (client_id, id))
    except apsw.ConstraintError:
        return False
    return True
