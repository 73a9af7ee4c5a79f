"""Tokens of those who talk in a page's widget: made and read by a server that has the secret."""

from __future__ import annotations

from typing import Protocol

from appliance.errors import InvalidCredential


class SessionTokens(Protocol):
    """Makes and reads tokens; times are Unix seconds."""

    def for_user(self, tenant: str, user_id: str, lifetime_s: float) -> str:
        """A token that makes its bearer that user; raises `InvalidCredential` for a bad id."""
        ...

    def for_visitor(self, tenant: str, visitor_id: str) -> tuple[str, float]:
        """A token for that visitor, and when it expires."""
        ...

    def visitor_in(self, token: str, tenant: str) -> str:
        """The visitor of a good token of that tenant; '' for all else, whatever is wrong with it."""
        ...


class NoSessionTokens:
    """Makes none; what holds when nobody brought the secret."""

    def for_user(self, tenant: str, user_id: str, lifetime_s: float) -> str:
        """Refuses."""
        raise InvalidCredential("No tokens are made here.")

    def for_visitor(self, tenant: str, visitor_id: str) -> tuple[str, float]:
        """Refuses."""
        raise InvalidCredential("No tokens are made here.")

    def visitor_in(self, token: str, tenant: str) -> str:
        """Knows nobody."""
        return ""
