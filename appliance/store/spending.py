"""What a tenant's bots have cost and when somebody last talked to them; read only, counting is `usage`."""

from __future__ import annotations

import apsw
import msgspec


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """One bot of one tenant: admitted requests and settled tokens, and the newest message's Unix seconds."""

    requests: int = 0
    tokens: int = 0
    last_message_at: float | None = None


def since(db: apsw.Connection, tenant: str, first_day: int) -> dict[tuple[str, str], Spent]:
    """By (namespace, bot), what was used from that UTC day on; bots that nobody used are not in it.

    The newest message is the newest of all days, as far as its conversation is still there.
    """
    spent = {
        (str(namespace), str(bot)): Spent(requests=requests, tokens=tokens)
        for namespace, bot, requests, tokens in db.execute(
            "SELECT namespace, bot, sum(requests), sum(tokens) FROM _usage "
            "WHERE tenant = ? AND day >= ? AND principal NOT LIKE 'network:%' GROUP BY namespace, bot",
            (tenant, first_day),
        )
    }
    newest = db.execute(
        "SELECT namespace, bot, max(last_message_at) FROM _conversations c "
        "WHERE tenant = ? AND status = 'active' "
        "AND EXISTS (SELECT 1 FROM _messages m WHERE m.conversation_id = c.id) GROUP BY namespace, bot",
        (tenant,),
    )
    for namespace, bot, at in newest:
        known = spent.get((namespace, bot), Spent())
        spent[namespace, bot] = msgspec.structs.replace(known, last_message_at=at)
    return spent
