"""What admins do in other people's names or conversations, written to the audit trail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from appliance.bot import Bot
from appliance.engine.services import Services
from appliance.errors import StoreError
from appliance.identity import Caller
from appliance.store import audit

logger = logging.getLogger("appliance.engine")


async def did(
    services: Services,
    caller: Caller,
    action: str,
    target: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """One line about what `caller` did: `action` is `noun.verb`, secrets never belong in `details`.

    Raises `StoreError` when it cannot be written: then what was done must not stand unseen either.
    """
    await services.store.write(
        audit.record,
        at=services.clock(),
        tenant=caller.tenant,
        actor=caller.principal,
        action=action,
        target=target,
        details={"ip": caller.ip, **(details or {})},
    )


async def access(services: Services, action: str, id: str, caller: Caller) -> None:
    """An admin reads, or acts in, another's conversation; a full disk does not keep them from it."""
    try:
        await services.store.write(
            audit.record,
            at=services.clock(),
            tenant=caller.tenant,
            actor=caller.principal,
            action=action,
            target=f"conversation:{id}",
            details={"ip": caller.ip},
        )
    except StoreError as error:
        logger.warning("an access could not be audited: %s", error.text)


async def impersonation(services: Services, target: Caller, bot: Bot) -> None:
    """An admin chats as somebody else."""
    await services.store.write(
        audit.record,
        at=services.clock(),
        tenant=target.tenant,
        actor=target.impersonated_by,
        action="chat.impersonate",
        target=f"user:{target.user_id}",
        details={"bot": bot.name, "namespace": bot.namespace, "ip": target.ip},
    )
