"""Which bot a request means, by whatever a wire names it."""

from __future__ import annotations

from appliance.bot import Bot
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound
from appliance.identity import Caller


def find_bot(engine: Engine, ref: str) -> Bot:
    """An enabled bot by its catalogue id, its name or `namespace:name`; raises `BotNotFound`.

    A name alone means the namespace `default`, else the only namespace that has such a bot.
    """
    namespace, _, name = ref.rpartition(":")
    entries = [one for one in engine.catalogue.all() if one.bot and one.bot.enabled]
    named = [one for one in entries if one.name == name and one.namespace == (namespace or one.namespace)]
    named.sort(key=lambda one: one.namespace != "default")
    found = next((one for one in entries if one.id == ref), None)
    if found is None and named and (named[0].namespace == "default" or len(named) == 1 or namespace):
        found = named[0]
    if found is None or found.bot is None:
        raise BotNotFound(f"There is no bot {ref!r}.")
    return found.bot


def default_bot(engine: Engine, caller: Caller) -> Bot:
    """The bot for a request that names none: the key's, the server's, or the only one.

    Raises `BotNotFound`.
    """
    ref = caller.default_bot or engine.services.settings.default_bot
    if ref:
        try:
            return find_bot(engine, ref)
        except BotNotFound:
            whose = "the key" if caller.default_bot else "APPLIANCE_DEFAULT_BOT"
            text = f"There is no bot {ref!r}, which {whose} names for requests without one."
            raise BotNotFound(text) from None
    bots = [one.bot for one in engine.catalogue.all() if one.bot and one.bot.enabled]
    if len(bots) == 1:
        return bots[0]
    raise BotNotFound(
        f"There are {len(bots)} bots and the request names none. Name one in it, make a key with --bot NAME, "
        "or set APPLIANCE_DEFAULT_BOT."
    )
