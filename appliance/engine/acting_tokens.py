"""Tokens with which somebody acts in another's name: made by a server that has the secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from appliance.errors import InvalidCredential

Claim: TypeAlias = str | int | float | bool


class ActingTokens(Protocol):
    """Makes tokens; lifetimes are in seconds."""

    def for_acting(
        self, tenant: str, user_id: str, role: str, claims: Mapping[str, Claim], by: str, lifetime_s: float
    ) -> str:
        """A token for this user; `by` is the principal who acts. Raises `InvalidCredential` for a bad id."""
        ...


class NoActingTokens:
    """Makes none; what holds when nobody brought the secret."""

    def for_acting(
        self, tenant: str, user_id: str, role: str, claims: Mapping[str, Claim], by: str, lifetime_s: float
    ) -> str:
        """Refuses."""
        raise InvalidCredential("No tokens are made here.")
