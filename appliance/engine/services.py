"""What turns need from outside themselves, made once by the server and handed down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from appliance.bot import Bot
from appliance.botsettings import SettingValues, missing_settings
from appliance.datarules import DataConfig
from appliance.engine.acting_tokens import ActingTokens, NoActingTokens
from appliance.engine.bots import Bots
from appliance.engine.bulletin import Bulletin
from appliance.engine.console_passwords import Passwords
from appliance.engine.guest_keys import GuestKeys, NoGuestKeys
from appliance.engine.knowledge.library import Library
from appliance.engine.providers import Providers
from appliance.engine.schemas import Known, Schemas
from appliance.engine.session_tokens import NoSessionTokens, SessionTokens
from appliance.engine.settler import Settler
from appliance.errors import SettingsMissing
from appliance.identity import Caller
from appliance.providerconfig import FROM_CONFIG
from appliance.providers.base import Provider
from appliance.settings import Settings
from appliance.sqlguard import SqlPolicy
from appliance.store import settings as stored_settings
from appliance.store.store import Store
from appliance.store.vault import Vault
from appliance.template import render_prompt
from appliance.tools.base import Tool, ToolSource
from appliance.tools.sql_pool import SqlPool

logger = logging.getLogger("appliance.engine")


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The store, the models, the tools, the settings and the clock (Unix seconds)."""

    settings: Settings
    store: Store
    sql: SqlPool
    tools: Mapping[str, Tool]
    choose_provider: Callable[[Bot], Provider]
    """Raises `ProviderNotConfigured` when the bot names a provider that is not there."""
    clock: Callable[[], float]
    providers: Providers | None = None
    """For administrators; `choose_provider` is its `choose`."""
    bots: Bots | None = None
    """For administrators, who can change what the catalogue has."""
    sources: Sequence[ToolSource] = ()
    """Tools that differ from bot to bot."""
    vault: Vault
    make_visitor: Callable[[str], str] = str
    """A token for a stranger of that tenant, with which they find their own conversations again."""
    session_tokens: SessionTokens = NoSessionTokens()
    """Tokens of those who talk in a page's widget."""
    acting_tokens: ActingTokens = NoActingTokens()
    """Tokens with which administrators try a bot as somebody else."""
    guest_keys: GuestKeys = NoGuestKeys()
    """Keys by which users of Botpress clients are known again."""
    data: Callable[[], DataConfig] = DataConfig
    """The rules that hold for every bot, as `data.yaml` has them now."""
    library: Library | None = None
    """The knowledge bases."""
    bulletin: Bulletin = msgspec.field(default_factory=Bulletin)
    """Tells which conversations change."""
    settler: Settler = msgspec.field(default_factory=Settler)
    schemas: Schemas = msgspec.field(default_factory=Schemas)
    passwords: Passwords = msgspec.field(default_factory=Passwords)
    """Of the console's accounts."""

    async def schema(self, bot: Bot, policy: SqlPolicy) -> Known:
        """The tables that the policy allows; raises `StoreError` when the file cannot be read."""
        return await self.schemas.get(policy, (self.data().notes, bot.schema_notes), self.store, self.sql)

    def name_provider(self, provider: Provider | None) -> tuple[str, str]:
        """The id and the name under which administrators know a provider; empty for none."""
        if provider is None:
            return "", ""
        return self.providers.known_as(provider) if self.providers else (FROM_CONFIG, provider.name)

    def utc_text(self) -> str:
        """Now, like `2026-04-29T10:11:12Z`."""
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def setting_values(self, bot: Bot, caller: Caller) -> SettingValues:
        """What `{{key}}`s stand for when this caller asks; raises `SettingsMissing`, `StoreError`."""
        values = self.store.read_now(stored_settings.values, self.vault, caller.tenant, caller.user_id)
        if values.unreadable:
            logger.warning("settings that cannot be decrypted: %s", ", ".join(values.unreadable))
        if missing := missing_settings(bot, values):
            raise SettingsMissing(
                f"The bot {bot.name!r} needs settings that nobody has made: {', '.join(missing)}. "
                "Make them with: appliance settings set KEY"
            )
        return values

    def render_prompt(self, bot: Bot, caller: Caller, values: SettingValues) -> str:
        """The bot's prompt with its template variables replaced for this caller; secrets stay out."""
        return render_prompt(
            bot.prompt,
            user_id=caller.user_id,
            namespace=bot.namespace,
            user_settings=values.plain_user,
            system_settings=values.plain_system,
        )
