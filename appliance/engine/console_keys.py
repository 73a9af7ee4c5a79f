"""API keys as administrators make and revoke them: their texts are shown once and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from appliance.engine import witness
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.errors import NotFound
from appliance.identity import Caller
from appliance.store import keys as stored
from appliance.store.keys import ApiKey as ApiKey
from appliance.store.keys import KeyType as KeyType


async def listed(engine: Engine) -> list[ApiKey]:
    """All keys of all tenants, the newest first, revoked ones too."""
    return list(reversed(await engine.services.store.read(stored.list_keys)))


async def create(
    engine: Engine, caller: Caller, type: KeyType, *, bot: str, origins: Sequence[str], name: str
) -> tuple[ApiKey, str]:
    """Make one of the caller's tenant; `bot` answers where a request names none.

    Raises `InvalidInput`, `BotNotFound`.
    """
    bot, name = bot.strip(), " ".join(name.split())
    if bot:
        found = find_bot(engine, bot)
        bot = f"{found.namespace}:{found.name}"
    wanted = list(dict.fromkeys(origin.strip() for origin in origins))

    def write(db: apsw.Connection) -> tuple[ApiKey, str]:
        now = engine.services.clock()
        return stored.create_key(db, type, caller.tenant, now, bot=bot, origins=wanted, name=name)

    made, text = await engine.services.store.write(write)
    await witness.did(engine.services, caller, "key.create", made.id, _told(made))
    return made, text


async def revoke(engine: Engine, caller: Caller, id: str) -> ApiKey:
    """Refuse the key from now on; twice is fine. Raises `NotFound`."""
    try:
        key, changed = await engine.services.store.write(stored.revoke_key, id, engine.services.clock())
    except NotFound:
        raise NotFound("There is no such key.") from None
    if changed:
        await witness.did(engine.services, caller, "key.revoke", key.id, _told(key))
    return key


def _told(key: ApiKey) -> dict[str, object]:
    return {"type": key.type, "tenant": key.tenant, "hint": key.hint, "name": key.name, "bot": key.bot}
