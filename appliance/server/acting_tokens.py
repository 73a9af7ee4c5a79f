"""Tokens with which somebody acts in another's name, signed with the appliance's secret like all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.engine.acting_tokens import Claim
from appliance.server.tokens import make_acting_token


class SignedActing:
    """`secret` is the appliance's, `clock` gives Unix seconds."""

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def for_acting(
        self, tenant: str, user_id: str, role: str, claims: Mapping[str, Claim], by: str, lifetime_s: float
    ) -> str:
        """As `ActingTokens.for_acting`."""
        return make_acting_token(
            self._secret,
            user_id=user_id,
            role=role,
            claims=claims,
            by=by,
            now=self._clock(),
            lifetime_s=lifetime_s,
            tenant=tenant,
        )
