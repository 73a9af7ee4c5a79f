"""The bot that a page's widget shows."""

from __future__ import annotations

from typing import Literal

from appliance.bot import Bot
from appliance.engine import admission
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound
from appliance.identity import Caller

DEFAULT_NAMESPACE = "default"


def find(engine: Engine, name: str, namespace: str, caller: Caller) -> Bot:
    """The enabled bot of that name, or id; without a namespace that of `default`, or the only public one.

    Raises `BotNotFound`, and `OriginNotAllowed` when the page that asks may not show it.
    """
    if namespace:
        bot = engine.catalogue.get(namespace, name)
    else:
        entry = engine.catalogue.lookup(name).entry or engine.catalogue.entry(name)
        bot = engine.catalogue.get(DEFAULT_NAMESPACE, name, enabled_only=True) or (
            entry.bot if entry else None
        )
    if bot is None or not bot.enabled:
        raise BotNotFound(f"There is no bot {name[:100]!r}.")
    admission.check_page(bot, caller)
    return bot


def identity_wanted(bot: Bot) -> Literal["none", "optional", "required"]:
    """`none`, `optional` or `required`: a bot that talks to nobody but users wants to know who it is."""
    if bot.identity == "optional" and not bot.allow_unauthenticated:
        return "required"
    return bot.identity


def somebody_is_there(engine: Engine, tenant: str) -> bool:
    """Does anybody look at the tenant's conversations just now, who would see that a person is wanted?"""
    return engine.services.bulletin.is_read(tenant)
