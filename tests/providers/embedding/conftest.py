from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from appliance.providers.embedding.making import make
from appliance.providers.embedding.remote import Remote
from appliance.settings import Settings

Make = Callable[..., Remote]


@pytest.fixture
def make_embedder(client: httpx.AsyncClient) -> Make:
    def made(
        family: str = "openai", *, model: str = "m", settings: dict[str, Any] | None = None, **config: str
    ) -> Remote:
        return make(Settings(**{"provider_retries": 2, **(settings or {})}), client, family, config, model)

    return made
