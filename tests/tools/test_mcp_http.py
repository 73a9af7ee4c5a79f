from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from appliance.bot import McpServer
from appliance.tools.base import ToolError
from appliance.tools.mcp import McpTools
from appliance.tools.mcp_talk import Deadlines
from tests.tools.mcp_bots import call, context, secret, tool_named, web_server
from tests.tools.web_server import Authority, reply
from tests.tools.web_server import web_server as told

# The SDK and its HTTP client leave generators to the garbage collector when a stream is not read to its end.
pytestmark = pytest.mark.filterwarnings(r"ignore:Async generator '(httpx2|httpcore2|mcp)\.:ResourceWarning")


@pytest.fixture
async def source() -> AsyncIterator[McpTools]:
    async with McpTools(deadlines=Deadlines(call_s=15)) as source:
        yield source


@pytest.mark.parametrize("form", ["sse", "json"])
async def test_a_server_at_an_address_lists_answers_and_fails(source: McpTools, form: str) -> None:
    async with web_server(form) as url:
        about = context(McpServer(name="web", url=url))
        names = [tool.name for tool in await source.tools(about)]
        assert names == ["web_add", "web_greet", "web_fail", "web_huge", "web_slow", "web_headers"]
        assert (await call(source, about, "web_add", a=2, b=3)).content == "5"
        assert (await call(source, about, "web_greet", who="Ada")).content == "Grüße, Ada 語 🙂"
        assert (await call(source, about, "web_fail")).ok is False
        with pytest.raises(ToolError, match="gave no result"):
            await call(source, about, "web_huge")
        assert (await call(source, about, "web_add", a=1, b=1)).content == "2"


async def test_headers_carry_secrets_that_come_back_nowhere(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="appliance")
    async with web_server("json") as url:
        headers = {"Authorization": "Bearer {{token}}", "X-User": "{{user_id}}", "X-Empty": "{{none}}"}
        about = context(
            McpServer(name="web", url=url, headers=headers), system={"token": secret("s3cr3t-t0ken")}
        )
        output = await call(source, about, "web_headers")
        seen = msgspec.json.decode(output.content)
        assert seen["authorization"] == "***"
        assert seen["x-user"] == "ada"
        assert "x-empty" not in seen
        assert seen["accept-encoding"] == "identity"
    assert "s3cr3t" not in caplog.text


async def test_a_slow_call_ends_at_its_deadline_and_by_a_cancel(caplog: pytest.LogCaptureFixture) -> None:
    async with web_server("sse") as url, McpTools(deadlines=Deadlines(call_s=1)) as source:
        about = context(McpServer(name="web", url=url))
        tool = await tool_named(source, about, "web_slow")
        with pytest.raises(ToolError, match="did not answer within 1 s"):
            await tool.run(about, {})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tool.run, about, {})
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
        assert (await call(source, about, "web_add", a=1, b=1)).content == "2"


async def test_a_server_that_goes_away_is_left_out_and_its_call_fails(source: McpTools) -> None:
    async with web_server("json") as url:
        about = context(McpServer(name="web", url=url))
        tool = await tool_named(source, about, "web_add")
    with pytest.raises(ToolError, match="server web: it"):
        await tool.run(about, {"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(b"no", "text/plain", 401), "HTTP status 401"),
        (reply(b"", "", 302, "Location: https://elsewhere.example/mcp"), "Redirect to https://elsewhere"),
        (reply(b"<html>", "text/html"), "Unexpected content type"),
        (reply(b"{]", "application/json"), "Failed to parse"),
        (reply(b"x", "application/json", 200, "Content-Encoding: gzip"), "compressed answer"),
        (reply(b'"' + b"x" * 10_100_000), "more than 10 MB"),
        (b"nonsense\r\n\r\n", "it cannot be asked"),
    ],
)
async def test_what_is_no_mcp_server_is_left_out_with_a_reason(
    source: McpTools, answer: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with told(answer) as server:
        about = context(McpServer(name="web", url=f"http://127.0.0.1:{server.port}/mcp"))
        assert await source.tools(about) == []
    assert reason in caplog.text
    assert "left out" in caplog.text


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    source: McpTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "server.pem")
    async with told(reply(b"{}"), tls=Authority().server("127.0.0.1", path)) as server:
        headers = {"Authorization": "Bearer abcdef"}
        about = context(McpServer(name="web", url=f"https://127.0.0.1:{server.port}/mcp", headers=headers))
        assert await source.tools(about) == []
    assert server.heads == []
    assert "certificate" in caplog.text.lower()
