"""What happened and what it cost; prices and budgets."""

from __future__ import annotations

from appliance.protocols.base import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
