"""The offline model: no weights, deterministic; answers data questions within a documented grammar."""

from appliance.providers.offline.provider import Offline

__all__ = ["Offline"]
