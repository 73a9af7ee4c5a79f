"""Users as administrators see them: who was here, a token in somebody's name, forgetting somebody."""

from __future__ import annotations

import apsw

from appliance.engine import erased_words, witness
from appliance.engine.engine import Engine
from appliance.engine.knowledge import bases, removing
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.removing import Removed
from appliance.errors import InvalidInput, NotFound
from appliance.identity import Caller
from appliance.store import erasing as stored
from appliance.store.erasing import UserSeen as UserSeen
from appliance.store.knowledge import documents

DOCUMENTS_AT_ONCE = 10
LIFETIME_S_MIN = 60
LIFETIME_S_MAX = 30 * 86_400
"""Longer than that a token should be made where it can be seen: on the command line."""


async def listed(
    engine: Engine, tenant: str, text: str, *, limit: int, offset: int
) -> tuple[list[UserSeen], int]:
    """A page of users, who was there last first, and how many there are; `text` is a part of id or name."""
    return await engine.services.store.read(stored.users, tenant, text, limit=limit, offset=offset)


async def get(engine: Engine, tenant: str, id: str) -> UserSeen:
    """One of them; raises `NotFound`."""
    found = await engine.services.store.read(stored.user, tenant, id)
    if found is None:
        raise NotFound("There is no such user.")
    return found


async def erase(engine: Engine, caller: Caller, id: str, *, with_limits: bool = True) -> dict[str, int]:
    """Forget a user with all that is theirs, and stop what runs for them; how much there was of what.

    `with_limits` also what they have used up of them. That it was done stays in the audit trail. Cut short,
    it can be done again. Raises `NotFound`.
    """
    await get(engine, caller.tenant, id)
    services, tenant = engine.services, caller.tenant
    ids = await services.store.write(stored.conversations_of, tenant, id, services.clock())
    await engine.chats.stop_deleted(ids)
    library = services.library
    counts = {"documents": 0, "knowledge_bases": 0}
    if library is not None:
        counts["documents"] = await _erase_documents(library, tenant, id)
        for base in await services.store.read(stored.bases_of, tenant, id):
            await bases.delete(library, caller, base)
            counts["knowledge_bases"] += 1
    counts = {**await services.store.write(stored.erase, tenant, id, with_limits=with_limits), **counts}
    await witness.did(services, caller, "user.erase", f"user:{id}", counts)
    await erased_words.forget(services.store, "_widget_words")
    if counts["documents"] or counts["knowledge_bases"]:
        await erased_words.forget(services.store, "_words")
    return counts


async def make_token(engine: Engine, caller: Caller, id: str, lifetime_s: int) -> tuple[str, float]:
    """A token that makes its bearer that user, and when it ends; raises `NotFound`, `InvalidInput`."""
    user = await get(engine, caller.tenant, id)
    if not LIFETIME_S_MIN <= lifetime_s <= LIFETIME_S_MAX:
        raise InvalidInput(
            f"lifetime_s must be between {LIFETIME_S_MIN} and {LIFETIME_S_MAX} seconds, not {lifetime_s}."
        )
    expires_at = engine.services.clock() + lifetime_s
    token = engine.services.session_tokens.for_user(user.tenant, user.id, lifetime_s)
    details = {"lifetime_s": lifetime_s}
    await witness.did(engine.services, caller, "token.create", f"user:{id}", details)
    return token, expires_at


async def _erase_documents(library: Library, tenant: str, id: str) -> int:
    def write(db: apsw.Connection) -> list[Removed]:
        numbers = stored.documents_of(db, tenant, id, DOCUMENTS_AT_ONCE)
        found = [document for number in numbers if (document := documents.by_number(db, number))]
        return removing.take_out_all(db, found, library.clock())

    count = 0
    while removed := await library.store.write(write):
        await removing.finish(library, removed)
        count += len(removed)
    return count
