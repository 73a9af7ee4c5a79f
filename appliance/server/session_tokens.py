"""Tokens of the widget's visitors and users, signed with the appliance's secret like all others."""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import InvalidCredential
from appliance.identity import DEFAULT_TENANT
from appliance.server.tokens import VISITOR_LIFETIME_S, make_user_token, make_visitor_token, verify

ROLE = "authenticated"
"""A page vouches for who somebody is, never for what they may do here."""


class SignedSessions:
    """`secret` is the appliance's, `clock` gives Unix seconds."""

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def for_user(self, tenant: str, user_id: str, lifetime_s: float) -> str:
        """As `SessionTokens.for_user`."""
        now = self._clock()
        return make_user_token(
            self._secret, user_id=user_id, role=ROLE, now=now, lifetime_s=lifetime_s, tenant=tenant
        )

    def for_visitor(self, tenant: str, visitor_id: str) -> tuple[str, float]:
        """As `SessionTokens.for_visitor`."""
        now = self._clock()
        token = make_visitor_token(self._secret, now=now, tenant=tenant, visitor_id=visitor_id)
        return token, now + VISITOR_LIFETIME_S

    def visitor_in(self, token: str, tenant: str) -> str:
        """As `SessionTokens.visitor_in`."""
        try:
            claims = verify(token, self._secret, self._clock())
        except InvalidCredential:
            return ""
        return claims.visitor_id if (claims.tenant or DEFAULT_TENANT) == tenant else ""
