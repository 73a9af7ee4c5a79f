"""What turns need from outside themselves, made once by the server and handed down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from appliance.bot import Bot
from appliance.engine.schemas import Schemas
from appliance.engine.settler import Settler
from appliance.identity import Caller
from appliance.providers.base import Provider
from appliance.schema import Schema
from appliance.settings import Settings
from appliance.sqlguard import SqlPolicy
from appliance.store.store import Store
from appliance.template import render_prompt
from appliance.tools.base import Tool
from appliance.tools.sql_pool import SqlPool


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The store, the models, the tools, the settings and the clock (Unix seconds)."""

    settings: Settings
    store: Store
    sql: SqlPool
    tools: Mapping[str, Tool]
    choose_provider: Callable[[Bot], Provider]
    """Raises `ProviderNotConfigured` when the bot names a provider that is not there."""
    clock: Callable[[], float]
    settler: Settler = msgspec.field(default_factory=Settler)
    schemas: Schemas = msgspec.field(default_factory=Schemas)

    async def schema(self, policy: SqlPolicy) -> Schema:
        """The tables that the policy allows; raises `StoreError` when the file cannot be read."""
        return await self.schemas.get(policy, self.store, self.sql)

    def utc_text(self) -> str:
        """Now, like `2026-04-29T10:11:12Z`."""
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def render_prompt(self, bot: Bot, caller: Caller) -> str:
        """The bot's prompt with its template variables replaced for this caller."""
        return render_prompt(
            bot.prompt,
            user_id=caller.user_id,
            namespace=bot.namespace,
            user_settings={},
            system_settings={},
        )
