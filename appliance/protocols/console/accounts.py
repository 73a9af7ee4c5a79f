"""The people who may use the console."""

from __future__ import annotations

from appliance.protocols.base import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
