"""Which conversations have changed, for those who see all of them: told while it happens, bounded, merged."""

from __future__ import annotations

from appliance.engine.log import Wakeup

CHANGED_MAX = 500
"""Conversations that one slow reader is owed; then it is told to look again by itself."""


class Bulletin:
    """One for the whole engine; nothing is stored, a reader learns what changes from now on."""

    def __init__(self) -> None:
        self._readers: set[BulletinReader] = set()

    def is_read(self, tenant: str) -> bool:
        """Is anybody there who would see that a person of that tenant is asked for?"""
        return any(reader.tenant == tenant for reader in self._readers)

    def note(self, conversation_id: str, tenant: str) -> None:
        """That conversation has changed; with an empty id, only how many there are of some kind."""
        for reader in self._readers:
            if reader.tenant == tenant:
                reader.note(conversation_id)

    def open(self, tenant: str, wakeup: Wakeup) -> BulletinReader:
        """A reader of its own, of that tenant's news; `wakeup` is set whenever there is some."""
        reader = BulletinReader(tenant, self._readers, wakeup)
        self._readers.add(reader)
        return reader


class BulletinReader:
    """Collects until `take`; a conversation that changes ten times meanwhile is one."""

    def __init__(self, tenant: str, readers: set[BulletinReader], wakeup: Wakeup) -> None:
        self.tenant = tenant
        self._readers = readers
        self._wakeup = wakeup
        self._changed: dict[str, None] = {}
        self.missed = False
        """There was more than a reader is owed: what it has may be old."""

    def note(self, conversation_id: str) -> None:
        """Something has changed."""
        if conversation_id:
            self._changed.pop(conversation_id, None)
            self._changed[conversation_id] = None
        if len(self._changed) > CHANGED_MAX:
            self._changed.clear()
            self.missed = True
        self._wakeup.set()

    def take(self) -> tuple[list[str], bool]:
        """The conversations that changed since the last call, and whether some were left out."""
        changed, missed = list(self._changed), self.missed
        self._changed, self.missed = {}, False
        return changed, missed

    def close(self) -> None:
        """Collect no more; closing twice is fine."""
        self._readers.discard(self)
