"""Chatbase's agents, which are our bots, and the two endpoints about the server and the key (3.1, 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from appliance.bot import Bot
from appliance.engine import spending
from appliance.engine.bot_entries import Entry
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.engine.spending import Spent
from appliance.errors import BotNotFound
from appliance.identity import Caller
from appliance.limits import RATE_WINDOW_S
from appliance.protocols.chatbase import shapes
from appliance.protocols.chatbase.requests import Mark, cursor_of, limit_in, mark_in, signed_in
from appliance.protocols.credits import TOKENS_OF_A_CREDIT
from appliance.wire import Reply, Request

OWN_PERMISSIONS = ["agents:read", "chat", "conversations:own"]
"""What a user's token may do here; a workspace's key may do everything."""
RATE_LIMIT_MESSAGE = "Too many messages, please try again later"


async def health(engine: Engine, request: Request) -> Reply:
    """`GET /health` (3.1)."""
    return Reply(body=shapes.Health(timestamp=int(engine.services.clock())))


async def me(engine: Engine, request: Request) -> Reply:
    """`GET /me`: the tenant, and what the key may do (3.2)."""
    caller = signed_in(request)
    expires_at = None if caller.expires_at is None else _timestamp(caller.expires_at)
    return Reply(
        body=shapes.Me(
            workspace=shapes.Workspace(id=caller.tenant, name=caller.tenant),
            plan="self-hosted",
            credential=shapes.Credential(
                source="api_key" if caller.key_id else "token",
                expires_at=expires_at,
                permissions=None if caller.is_workspace else OWN_PERMISSIONS,
            ),
        )
    )


async def list_agents(engine: Engine, request: Request) -> Reply:
    """`GET /agents`: the enabled bots by namespace and name; private ones for workspaces only."""
    caller = signed_in(request)
    limit, mark = limit_in(request), mark_in(request, "agents")
    entries = [entry for entry in engine.catalogue.all() if _may_see(entry, caller)]
    rest = [entry for entry in entries if mark is None or entry.key > _key_in(mark)]
    has_more = len(rest) > limit
    page = rest[:limit]
    return Reply(
        body=shapes.Agents(
            data=await _told(engine, page, caller),
            pagination=shapes.Pagination(
                cursor=cursor_of(_mark_of(page[-1])) if has_more else None,
                has_more=has_more,
                total=len(entries),
            ),
        )
    )


async def get_agent(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{agentId}`: the bare agent, by its id, its name or `namespace:name`."""
    caller = signed_in(request)
    entry = engine.catalogue.entry(agent_in(engine, request).key)
    if entry is None or not _may_see(entry, caller):
        raise BotNotFound("Agent not found.")
    [agent] = await _told(engine, [entry], caller)
    return Reply(body=agent)


def agent_in(engine: Engine, request: Request) -> Bot:
    """The bot that the path names; raises `BotNotFound`."""
    return find_bot(engine, request.path["agent"])


def _may_see(entry: Entry, caller: Caller) -> bool:
    return entry.bot is not None and entry.bot.enabled and (entry.bot.public or caller.is_workspace)


async def _told(engine: Engine, entries: Sequence[Entry], caller: Caller) -> list[shapes.Agent]:
    """What a bot is told to do, and what the whole tenant spent on it, is for workspaces only."""
    spent = await spending.this_month(engine, caller.tenant) if caller.is_workspace else {}
    unit = engine.services.settings.credits
    return [
        _agent(entry, spent.get(entry.key, Spent()), unit, with_prompt=caller.is_workspace)
        for entry in entries
    ]


def _agent(entry: Entry, spent: Spent, unit: str, *, with_prompt: bool) -> shapes.Agent:
    """One agent.

    There is no limit for an agent and a month, so `creditLimit` is null: a bot's limits are for each person
    and day. A file that changes is taken up by itself, so it retrains by itself.
    """
    bot = entry.bot
    assert bot is not None, "only loaded bots are shown"
    changed_at = _timestamp(entry.updated_at)
    return shapes.Agent(
        id=entry.id,
        name=bot.name,
        instructions=bot.prompt if with_prompt else "",
        model=bot.model or "",
        auto_retrain=True,
        temp=min(max(bot.temperature, 0.0), 1.0),
        visibility="public" if bot.public else "private",
        suggested_messages=bot.suggestions or None,
        credits_used=round(spent.tokens / TOKENS_OF_A_CREDIT) if unit == "tokens" else spent.requests,
        ip_rate_limits=shapes.IpRateLimits(
            limit=bot.rate_limit_per_minute, timeframe=int(RATE_WINDOW_S), message=RATE_LIMIT_MESSAGE
        ),
        created_at=changed_at,
        last_message_at=None if spent.last_message_at is None else _timestamp(spent.last_message_at),
        last_trained_at=changed_at,
        status="trained",
        size=len(bot.prompt.encode()),
    )


def _mark_of(entry: Entry) -> Mark:
    return Mark("agents", id=f"{entry.namespace}/{entry.name}")


def _key_in(mark: Mark) -> tuple[str, str]:
    namespace, _, name = mark.id.partition("/")
    return (namespace, name)


def _timestamp(at: float) -> str:
    """Unix seconds as ISO 8601 in UTC (2)."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
