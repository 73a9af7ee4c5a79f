import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from appliance.messages import PromptMessage
from appliance.providers.base import ModelRequest, ToolSpec

# Loading the certificates takes most of the time of making a client.
TLS = ssl.create_default_context()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(trust_env=False, verify=TLS, limits=limits) as client:
        yield client


@pytest.fixture
def ask() -> ModelRequest:
    return ModelRequest(messages=[PromptMessage(role="user", content="Hello?")])


@pytest.fixture
def sql_tool() -> ToolSpec:
    parameters = {"type": "object", "properties": {"sql": {"type": "string"}}}
    return ToolSpec(name="execute_sql", description="Run SQL", parameters=parameters)
