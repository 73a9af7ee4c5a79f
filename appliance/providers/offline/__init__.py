"""The offline model: no weights, deterministic; answers data questions within a documented grammar."""

from appliance.providers.offline.model import Offline

__all__ = ["Offline"]
