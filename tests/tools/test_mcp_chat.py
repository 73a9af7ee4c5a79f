"""MCP servers in real turns of a real appliance."""

from __future__ import annotations

import json
import re
from pathlib import Path

from appliance.botfiles.reader import read_bot
from appliance.store.audit import entries
from appliance.store.database import connect, database_path
from tests.support.model_replies import tool_then_text
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import text_of, wire
from tests.tools.mcp_bots import COMMAND, is_gone, lines_with


async def test_a_turn_uses_a_tool_of_a_server_and_the_end_of_the_appliance_ends_it(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    servers = {"shop": {"command": COMMAND, "env": {"NOTES": str(notes)}, "tools": ["echo"]}}
    bot = OPEN_BOT.replace("rate-limit", f"mcp-servers: {json.dumps(servers)}\nrate-limit", 1)
    replies = tool_then_text("shop_echo", {"text": "Grüße"}, "It said so.")
    async with (
        stack(tmp_path, replies, bots={"shop": bot}) as served,
        wire(served.ws_url) as client,
    ):
        assert text_of(await client.ask(await client.start())) == "It said so."
        assert served.model is not None
        first, second = (request.body for request in served.model.requests)
        names = [tool["function"]["name"] for tool in first["tools"]]
        assert sorted(names) == ["execute_sql", "shop_echo"]
        assert second["messages"][-1]["content"] == "Grüße"
    [start] = await lines_with(notes, "start")
    assert await is_gone(int(start.split()[1]))
    db = connect(database_path(tmp_path))
    [call] = [entry for entry in entries(db, tenant="default") if entry.action == "tool.call"]
    db.close()
    assert call.details["tool"] == "shop_echo"
    assert call.details["server"] == "shop"


def test_the_example_of_the_docs_is_a_good_bot_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text()
    [example] = re.findall(r"```markdown\n(.*?)```", page, re.DOTALL)
    read = read_bot("support/bot.md", example, name="support", namespace="default")
    assert read.findings == []
    assert read.bot is not None
    assert [server.name for server in read.bot.mcp_servers] == ["manuals", "crm"]


async def test_a_server_that_is_not_there_does_not_keep_a_bot_from_answering(tmp_path: Path) -> None:
    servers = {"gone": {"command": ["/no/such/program"]}}
    bot = OPEN_BOT.replace("rate-limit", f"mcp-servers: {json.dumps(servers)}\nrate-limit", 1)
    replies = tool_then_text("gone_tool", {}, "I cannot.")
    async with stack(tmp_path, replies, bots={"shop": bot}) as served, wire(served.ws_url) as client:
        assert text_of(await client.ask(await client.start())) == "I cannot."
        assert served.model is not None
        told = served.model.requests[1].body["messages"][-1]["content"]
        assert re.search("There is no tool 'gone_tool'", told)
