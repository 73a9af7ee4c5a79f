"""Users whom a tenant's server names come into being by themselves, when they first visit."""

from __future__ import annotations

from appliance.engine.engine import Engine
from appliance.store import users


async def first_visit(engine: Engine, tenant: str, user_id: str) -> bool:
    """Note that this user of the tenant is here; True once in their life, however many come at the same time.

    Users who are known from elsewhere are not new. The id is checked by the asker. Raises `StoreError`.
    """
    services = engine.services
    return await services.store.write(users.add_user, tenant, user_id, services.clock())
