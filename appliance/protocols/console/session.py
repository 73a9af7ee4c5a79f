"""Coming in: first setup, login, logout, one's own account."""

from __future__ import annotations

from appliance.protocols.base import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
