"""What administrators ask for: sums of turns, all conversations of a tenant, the calls in the audit trail."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.conversation import Conversation
from appliance.store.audit import AuditEntry
from appliance.store.conversations import COLUMNS, LIVE, conversation_of

Key = tuple[str, str]
"""Namespace and name of a bot."""

_ACTING_FOR = "CAST(details AS TEXT) ->> '$.acting_for'"
_SUCCESS = "coalesce(CAST(details AS TEXT) ->> '$.success', action != 'data.refuse')"
_CALLS = (
    "action IN ('sql.execute', 'data.change', 'data.propose', 'data.decline', 'data.refuse', 'tool.call')"
)
"""Word for word as in the index `_audit_calls`, or it is not used."""


class TurnEnd(msgspec.Struct, frozen=True, kw_only=True):
    """One ended turn, to be counted. `is_answered` when it was answered to its end, in `took_s`."""

    tenant: str
    namespace: str
    bot: str
    provider_id: str
    provider_name: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    is_error: bool
    is_answered: bool
    took_s: float


class TurnSum(msgspec.Struct, frozen=True, kw_only=True):
    """Ended turns of one bot with one provider and model; `provider_id` is empty where none was reached."""

    namespace: str
    bot: str
    provider_id: str
    provider_name: str
    model: str
    turns: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    answered: int
    answered_s: float


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """All that is counted of a tenant; `open` are turns that have not ended yet, by bot."""

    ended: list[TurnSum]
    open: dict[Key, int]
    live_conversations: int
    conversations: int


def count_turn(db: apsw.Connection, end: TurnEnd) -> None:
    """Add one turn, in the transaction that closes it."""
    db.execute(
        "INSERT INTO _turn_sums (tenant, namespace, bot, provider_id, provider_name, model, turns, errors, "
        "prompt_tokens, completion_tokens, answered, answered_s) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET turns = turns + 1, errors = errors + excluded.errors, "
        "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
        "completion_tokens = completion_tokens + excluded.completion_tokens, "
        "answered = answered + excluded.answered, answered_s = answered_s + excluded.answered_s",
        (
            *(end.tenant, end.namespace, end.bot, end.provider_id, end.provider_name, end.model),
            *(end.is_error, end.prompt_tokens, end.completion_tokens),
            *(end.is_answered, max(0.0, end.took_s) if end.is_answered else 0.0),
        ),
    )


def sums(db: apsw.Connection, tenant: str, now: float) -> Sums:
    """What is counted of a tenant; as many rows as it has bots and models."""
    fields = TurnSum.__struct_fields__
    ended = db.execute(f"SELECT {', '.join(fields)} FROM _turn_sums WHERE tenant = ?", (tenant,))  # noqa: S608 constants
    waiting = db.execute(
        "SELECT namespace, bot, count(*) FROM _turns WHERE ended_at IS NULL AND tenant = ? "
        "GROUP BY namespace, bot",
        (tenant,),
    )
    live = db.execute(
        f"SELECT count(*) FROM _conversations WHERE tenant = :tenant AND {LIVE}",  # noqa: S608 constant
        {"tenant": tenant, "now": now},
    )
    kept = db.execute("SELECT count(*) FROM _conversations WHERE tenant = ?", (tenant,))
    return Sums(
        ended=[msgspec.convert(dict(zip(fields, row, strict=True)), TurnSum) for row in ended],
        open={(str(namespace), str(bot)): int(str(count)) for namespace, bot, count in waiting},
        live_conversations=int(str(live.get)),
        conversations=int(str(kept.get)),
    )


def counted_bots(db: apsw.Connection, tenant: str) -> list[Key]:
    """The bots that the tenant has ever talked to, also those that are not there any more."""
    return [
        (str(namespace), str(bot))
        for namespace, bot in db.execute(
            "SELECT DISTINCT namespace, bot FROM _turn_sums WHERE tenant = ?", (tenant,)
        )
    ]


class ConversationsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations of a tenant. Without a `status` all but the deleted ones."""

    tenant: str
    bot: Key | None = None
    owner: str | None = None
    status: str | None = None


def conversations(
    db: apsw.Connection, wanted: ConversationsWanted, now: float, *, limit: int, offset: int
) -> tuple[list[tuple[Conversation, str]], int]:
    """A page of kept conversations with their status, the latest touched first, and how many there are."""
    conditions = ["tenant = :tenant", "persist", "(status = 'deleted' OR coalesce(expires_at > :now, 1))"]
    values: dict[str, Any] = {"tenant": wanted.tenant, "now": now}
    if wanted.bot is not None:
        conditions.append("namespace = :namespace AND bot = :bot")
        values["namespace"], values["bot"] = wanted.bot
    if wanted.owner is not None:
        conditions.append("owner = :owner")
        values["owner"] = wanted.owner
    conditions.append("status != 'deleted'" if wanted.status is None else "status = :status")
    values |= {} if wanted.status is None else {"status": wanted.status}
    where = " AND ".join(conditions)
    total = db.execute(f"SELECT count(*) FROM _conversations WHERE {where}", values).get  # noqa: S608 constants
    rows = db.execute(
        f"SELECT {COLUMNS}, status FROM _conversations WHERE {where} "  # noqa: S608 constants
        "ORDER BY updated_at DESC, id LIMIT :limit OFFSET :offset",
        values | {"limit": limit, "offset": offset},
    )
    return [(conversation_of(row[:-1]), str(row[-1])) for row in rows], int(str(total))


class CallsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls of tools; `user_id` finds what somebody did and what was done in their name."""

    tenant: str
    bot: Key | None = None
    user_id: str | None = None
    success: bool | None = None


def calls(
    db: apsw.Connection, wanted: CallsWanted, *, limit: int, offset: int
) -> tuple[list[AuditEntry], int]:
    """A page of the trail's calls, the newest first, and how many there are in all."""
    conditions = ["tenant = :tenant", _CALLS]
    values: dict[str, Any] = {"tenant": wanted.tenant}
    if wanted.bot is not None:
        conditions.append("target = :target")
        values["target"] = f"bot:{wanted.bot[0]}/{wanted.bot[1]}"
    if wanted.user_id is not None:
        conditions.append(f"(actor = 'user:' || :user OR {_ACTING_FOR} = :user)")
        values["user"] = wanted.user_id
    if wanted.success is not None:
        conditions.append(f"{_SUCCESS} = :success")
        values["success"] = int(wanted.success)
    where = " AND ".join(conditions)
    total = db.execute(f"SELECT count(*) FROM _audit WHERE {where}", values).get  # noqa: S608 constants
    rows = db.execute(
        "SELECT id, at, tenant, actor, action, target, details FROM _audit WHERE id IN ("  # noqa: S608 constants
        f"SELECT id FROM _audit WHERE {where} ORDER BY id DESC LIMIT :limit OFFSET :offset) ORDER BY id DESC",
        values | {"limit": limit, "offset": offset},
    )
    return [_entry(row) for row in rows], int(str(total))


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    values = dict(zip(AuditEntry.__struct_fields__, row, strict=True))
    return AuditEntry(**values | {"details": msgspec.json.decode(values["details"], type=dict[str, Any])})
