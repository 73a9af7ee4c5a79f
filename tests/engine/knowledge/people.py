"""Who asks in the tests of knowledge bases, and what they ask for often."""

from __future__ import annotations

from typing import Any

from appliance.engine.knowledge import bases, documents
from appliance.identity import Caller
from appliance.knowledge import BaseDraft, Document, KnowledgeBase
from appliance.store import audit
from appliance.store.audit import AuditEntry
from tests.engine.knowledge.shelf import Shelf

ALICE = Caller(role="authenticated", user_id="alice")
BOB = Caller(role="authenticated", user_id="bob")
ADMIN = Caller(role="admin", user_id="root", ip="10.1.2.3")
ANYBODY = Caller()
VISITOR = Caller(visitor_id="v1")
GUEST = Caller(guest_id="alice")
SERVER = Caller(role="tenant_service", key_id="k7")

ELSEWHERE = "acme"
ALICE_ELSEWHERE = Caller(tenant=ELSEWHERE, role="authenticated", user_id="alice")
ADMIN_ELSEWHERE = Caller(tenant=ELSEWHERE, role="admin", user_id="root")


async def make(shelf: Shelf, caller: Caller, name: str = "handbook", **draft: Any) -> KnowledgeBase:
    """A base of that caller."""
    return await bases.create(shelf.library, caller, BaseDraft(name=name, **draft))


async def write(
    shelf: Shelf, caller: Caller, base: KnowledgeBase, content: str = "Some text.", **more: Any
) -> Document:
    """A text of that caller."""
    return await documents.add_text(shelf.library, caller, base.id, content=content, **more)


async def titles(shelf: Shelf, caller: Caller, base: KnowledgeBase) -> list[str]:
    """What the caller sees in a list, in order of the alphabet."""
    found, total = await documents.listed(shelf.library, caller, base.id)
    assert total == len(found)
    return sorted(one.title for one in found)


def entries(shelf: Shelf, action: str = "", tenant: str = "default") -> list[AuditEntry]:
    """What the audit trail says of an action, oldest first."""
    found = shelf.store.read_now(audit.entries, tenant=tenant)
    return [one for one in reversed(found) if not action or one.action == action]
