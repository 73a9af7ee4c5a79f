"""The users whom bots know."""

from __future__ import annotations

from appliance.protocols.base import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
