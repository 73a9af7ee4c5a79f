"""Everything of one visitor or user goes, when they ask for it themselves."""

from __future__ import annotations

import msgspec

from appliance.engine import console_users, erased_words, widget_history, witness
from appliance.engine.engine import Engine
from appliance.errors import Forbidden, OriginNotAllowed
from appliance.identity import Caller
from appliance.store import widget_erasing
from appliance.store import widget_history as stored


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was."""

    conversations: int
    files: int
    documents: int


async def erase(engine: Engine, caller: Caller) -> Gone:
    """Delete all that is the caller's for good, and stop what runs for them.

    What they used up of limits stays, and that it was done is in the audit trail. Raises `AuthRequired`, and
    `Forbidden` for those who are here in somebody's name or to administer, `OriginNotAllowed` for a page
    that may not show all bots with which they talked.
    """
    widget_history.require_session(caller)
    if caller.impersonated_by or caller.is_admin:
        raise Forbidden("Only people themselves delete their data here; administrators do it in the console.")
    hidden = widget_history.hidden(engine, caller)
    is_elsewhere = await engine.services.store.read(stored.talks_with, caller, hidden)
    if is_elsewhere:
        raise OriginNotAllowed(
            f"Pages from {caller.origin[:100]} may not show all bots that you talked with: delete your data "
            "on one that may, or on the appliance's own."
        )
    if caller.is_user:
        counts = await console_users.erase(engine, caller, caller.user_id, with_limits=False)
        return Gone(
            conversations=counts["conversations"], files=counts["files"], documents=counts["documents"]
        )
    services, tenant, owner = engine.services, caller.tenant, caller.owner
    conversations, files = services.store.read_now(widget_erasing.count, tenant, owner)
    ids = await services.store.write(widget_erasing.hide, tenant, owner, services.clock())
    await engine.chats.stop_deleted(ids)
    await services.store.write(widget_erasing.erase, tenant, owner)
    details = {"conversations": conversations, "files": files}
    await witness.did(services, caller, "visitor.erase", owner, details)
    await erased_words.forget(services.store, "_widget_words")
    return Gone(conversations=conversations, files=files, documents=0)
