"""What administrators see of their tenant: counts of turns, everybody's conversations, the calls of tools."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.conversation import Conversation
from appliance.engine.bot_entries import bot_id
from appliance.engine.engine import Engine
from appliance.errors import ConversationNotFound
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import audit, conversations, insight, message_rows
from appliance.store.audit import AuditEntry


class BotCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one bot was asked, and what it cost."""

    id: str
    name: str
    namespace: str
    turns: int
    errors: int
    tokens: int


class ProviderCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider answered with one model; `latency_ms` is the mean of whole turns."""

    id: str
    name: str
    model: str
    turns: int
    errors: int
    latency_ms: float


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """All counts of a tenant. An error is a turn that failed or that a crash ended, not a cancelled one."""

    turns: int
    ended: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    live_conversations: int
    conversations: int
    latency_ms: float
    bots: list[BotCount]
    providers: list[ProviderCount]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the audit trail. `ran` says that it was carried out, `refused` that a rule forbade it.

    `user_id` is in whose name it was made, `actor` who made it. `facts` are what the tool told of it.
    """

    id: int
    at: float
    action: str
    actor: str
    user_id: str | None
    namespace: str
    bot: str
    conversation_id: str | None
    message_id: str | None
    tool: str | None
    sql: str | None
    ran: bool
    refused: bool
    success: bool
    error: str | None
    rows: int | None
    duration_ms: float | None
    tables: list[str]
    operations: list[str]
    ip: str | None
    user_agent: str | None
    facts: dict[str, Any]


async def metrics(engine: Engine, tenant: str) -> Metrics:
    """What a tenant has asked so far, also in conversations that are deleted."""
    sums = await engine.services.store.read(insight.sums, tenant, engine.services.clock())
    return _metrics(sums)


async def conversations_of(
    engine: Engine,
    tenant: str,
    *,
    bot: str | None,
    user_id: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[list[tuple[Conversation, str]], int]:
    """A page of a tenant's kept conversations with their status, and how many there are.

    `bot` is the id of a bot, which need not be there any more; nobody has talked to an unknown one.
    """
    key = await _key(engine, tenant, bot)
    if bot is not None and key is None:
        return [], 0
    owner = None if user_id is None else f"user:{user_id}"
    wanted = insight.ConversationsWanted(tenant=tenant, bot=key, owner=owner, status=status)
    now = engine.services.clock()
    return await engine.services.store.read(insight.conversations, wanted, now, limit=limit, offset=offset)


async def messages_of(engine: Engine, id: str, caller: Caller) -> list[Message]:
    """All messages of a live conversation of the tenant; that an admin has read them is written down.

    Raises `ConversationNotFound`.
    """
    store, now = engine.services.store, engine.services.clock()
    found = await store.read(conversations.find_in_tenant, id, caller.tenant, now)
    if found is None:
        raise ConversationNotFound("There is no such conversation.")
    await store.write(
        audit.record,
        at=now,
        tenant=caller.tenant,
        actor=caller.principal,
        action="conversation.read",
        target=f"conversation:{id}",
        details={"ip": caller.ip, "user_agent": caller.user_agent},
    )
    return await store.read(message_rows.messages, id)


async def calls(
    engine: Engine,
    tenant: str,
    *,
    bot: str | None,
    user_id: str | None,
    success: bool | None,
    limit: int,
    offset: int,
) -> tuple[list[Call], int]:
    """A page of the calls of tools, the newest first, and how many there are."""
    key = await _key(engine, tenant, bot)
    if bot is not None and key is None:
        return [], 0
    wanted = insight.CallsWanted(tenant=tenant, bot=key, user_id=user_id, success=success)
    found, total = await engine.services.store.read(insight.calls, wanted, limit=limit, offset=offset)
    return [_call(entry) for entry in found], total


async def _key(engine: Engine, tenant: str, id: str | None) -> tuple[str, str] | None:
    """Namespace and name of a bot that is there, or that the tenant once talked to."""
    if id is None:
        return None
    entry = engine.catalogue.entry(id)
    if entry is not None:
        return entry.namespace, entry.name
    known = await engine.services.store.read(insight.counted_bots, tenant)
    return next((key for key in known if bot_id(*key) == id), None)


def _metrics(sums: insight.Sums) -> Metrics:
    ended = sums.ended
    turns_ended = sum(one.turns for one in ended)
    return Metrics(
        turns=turns_ended + sum(sums.open.values()),
        ended=turns_ended,
        errors=sum(one.errors for one in ended),
        prompt_tokens=sum(one.prompt_tokens for one in ended),
        completion_tokens=sum(one.completion_tokens for one in ended),
        live_conversations=sums.live_conversations,
        conversations=sums.conversations,
        latency_ms=_latency_ms(ended),
        bots=_bots(sums),
        providers=_providers(ended),
    )


def _bots(sums: insight.Sums) -> list[BotCount]:
    counts = []
    for namespace, name in sorted({(one.namespace, one.bot) for one in sums.ended} | sums.open.keys()):
        own = [one for one in sums.ended if (one.namespace, one.bot) == (namespace, name)]
        counts.append(
            BotCount(
                id=bot_id(namespace, name),
                name=name,
                namespace=namespace,
                turns=sum(one.turns for one in own) + sums.open.get((namespace, name), 0),
                errors=sum(one.errors for one in own),
                tokens=sum(one.prompt_tokens + one.completion_tokens for one in own),
            )
        )
    return counts


def _providers(ended: list[insight.TurnSum]) -> list[ProviderCount]:
    """By provider and model, without turns that ended before they reached one."""
    counts = []
    for key in sorted({(one.provider_id, one.provider_name, one.model) for one in ended if one.provider_id}):
        own = [one for one in ended if (one.provider_id, one.provider_name, one.model) == key]
        id, name, model = key
        counts.append(
            ProviderCount(
                id=id,
                name=name,
                model=model,
                turns=sum(one.turns for one in own),
                errors=sum(one.errors for one in own),
                latency_ms=_latency_ms(own),
            )
        )
    return counts


def _latency_ms(ended: list[insight.TurnSum]) -> float:
    """The mean time of a turn that was answered to its end; 0 when there is none."""
    answered = sum(one.answered for one in ended)
    return round(sum(one.answered_s for one in ended) * 1000 / answered, 1) if answered else 0.0


_OWN = frozenset(
    ("conversation_id", "message_id", "ip", "user_agent", "acting_for", "sql", "success", "error", "rows")
) | frozenset(("duration_ms", "tables", "table", "operation", "rejected", "tool"))
"""Details that have a field of their own in `Call`."""


def _call(entry: AuditEntry) -> Call:
    told = entry.details
    namespace, _, bot = entry.target.removeprefix("bot:").partition("/")
    success = bool(told.get("success", entry.action != "data.refuse"))
    refused = bool(told.get("rejected", not success))
    rows, table = told.get("rows"), told.get("table")
    actor = entry.actor.removeprefix("user:") if entry.actor.startswith("user:") else None
    return Call(
        id=entry.id,
        at=entry.at,
        action=entry.action,
        actor=entry.actor,
        user_id=told.get("acting_for") or actor,
        namespace=namespace,
        bot=bot,
        conversation_id=told.get("conversation_id"),
        message_id=told.get("message_id") or None,
        tool=told.get("tool"),
        sql=told.get("sql"),
        ran=_ran(entry.action, success=success, refused=refused),
        refused=refused,
        success=success,
        error=told.get("error") or None,
        rows=len(rows) if isinstance(rows, list) else rows,
        duration_ms=told.get("duration_ms"),
        tables=told.get("tables") or ([table] if table else []),
        operations=[told["operation"]] if told.get("operation") else [],
        ip=told.get("ip") or None,
        user_agent=told.get("user_agent") or None,
        facts={name: value for name, value in told.items() if name not in _OWN},
    )


def _ran(action: str, *, success: bool, refused: bool) -> bool:
    """A statement that was too slow did run; a change that was only proposed or declined did not."""
    match action:
        case "sql.execute":
            return not refused
        case "data.change":
            return True
        case "tool.call":
            return success
        case _:
            return False
