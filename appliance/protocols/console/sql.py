"""Questions to the data in SQL, read-only."""

from __future__ import annotations

from appliance.protocols.base import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
