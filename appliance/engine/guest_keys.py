"""Signed keys by which messenger users are known again; who signs them is a choice of each tenant.

*Shared*: no key of the tenant's own is configured. Keys are made here for anybody who asks, so what they
name are guests. *Personal*: the tenant's own server signs them, so it vouches for whom they name: users.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from appliance.errors import InvalidCredential


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a good key says of who shows it; `expires_at` is in Unix seconds, None for never."""

    id: str
    name: str | None = None
    picture_url: str | None = None
    profile: str | None = None
    expires_at: float | None = None


class GuestKeys(Protocol):
    """Makes and judges keys; the server brings one that knows the secrets."""

    def is_personal(self, tenant: str) -> bool:
        """Does the tenant sign keys itself? Raises `StoreError` when that cannot be read."""
        ...

    def sign(self, tenant: str, id: str) -> str:
        """A key for a guest; raises `InvalidCredential` when the tenant signs keys itself."""
        ...

    def verify(self, tenant: str, key: str) -> Named:
        """Raises `InvalidCredential` that says no more than that the key is not good."""
        ...


class NoGuestKeys:
    """Refuses everybody; what holds when nobody brought the secrets."""

    def is_personal(self, tenant: str) -> bool:
        """Nobody gets a key here."""
        return True

    def sign(self, tenant: str, id: str) -> str:
        """Refuses."""
        raise InvalidCredential("No keys are made here.")

    def verify(self, tenant: str, key: str) -> Named:
        """Refuses."""
        raise InvalidCredential("Invalid user key.")
