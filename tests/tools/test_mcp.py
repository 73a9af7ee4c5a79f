from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from appliance.bot import Bot, McpServer, SavedQuery
from appliance.tools import mcp
from appliance.tools.base import ToolError
from appliance.tools.mcp import McpTools, mcp_findings
from appliance.tools.mcp_result import CONTENT_CHARS_MAX
from appliance.tools.mcp_talk import Deadlines
from tests.tools.mcp_bots import (
    COMMAND,
    WEB,
    call,
    context,
    is_gone,
    lines_with,
    program,
    secret,
    seen,
    tool_named,
)


@pytest.fixture
async def source() -> AsyncIterator[McpTools]:
    async with McpTools(reserved={"execute_sql"}) as source:
        yield source


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


async def test_the_tools_of_a_program_are_offered_under_its_name_and_answer(source: McpTools) -> None:
    about = context(program())
    tool = await tool_named(source, about, "shop_echo")
    assert tool.description == "[Tool of the MCP server shop, described by it] Say it again."
    assert tool.parameters["required"] == ["text"]
    assert tool.timeout_s > 30
    assert tool.label({}) == "Executing shop_echo..."
    output = await tool.run(about, {"text": "häß 語 🙂 \u0000|"})
    assert (output.ok, output.content) == (True, "häß 語 🙂 \u0000|")


async def test_a_server_made_with_the_sdk_answers_over_its_pipes(source: McpTools) -> None:
    about = context(McpServer(name="web", command=[sys.executable, str(WEB), "stdio"]))
    assert (await call(source, about, "web_add", a=2, b=3)).content == "5"
    assert (await call(source, about, "web_greet", who="Ada")).content == "Grüße, Ada 語 🙂"
    failed = await call(source, about, "web_fail")
    assert not failed.ok
    assert "fail" in failed.content


async def test_a_bot_without_servers_has_no_tools_and_nothing_is_imported(
    source: McpTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp, "is_installed", None)  # would fail if it were asked
    assert await source.tools(context()) == []


def test_importing_the_source_does_not_import_the_sdk() -> None:
    code = "import appliance.server.main, appliance.tools.mcp, sys; sys.exit('mcp' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


async def test_without_the_extra_one_line_says_how_to_install_it(
    source: McpTools, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mcp, "is_installed", lambda: False)
    about = context(program())
    assert await source.tools(about) == []
    assert await source.tools(about) == []
    [record] = caplog.records
    assert "pip install 'chat-appliance[mcp]'" in record.getMessage()
    [finding] = mcp_findings(about.bot)
    assert finding.severity == "warning"
    assert "chat-appliance[mcp]" in finding.message
    assert mcp_findings(Bot(name="plain")) == []


async def test_an_error_of_the_server_is_an_output_that_is_not_ok(source: McpTools) -> None:
    about = context(program())
    output = await call(source, about, "shop_fail")
    assert (output.ok, output.content) == (False, "no such thing")
    with pytest.raises(ToolError, match="not as the protocol wants it"):
        await call(source, about, "shop_wrong")
    with pytest.raises(ToolError, match="it answered with an error: unknown 'rpc_error'"):
        await call(source, about, "shop_rpc_error")


async def test_parts_that_are_no_text_are_told_in_a_few_words(source: McpTools) -> None:
    about = context(program())
    assert (await call(source, about, "shop_parts")).content.splitlines() == [
        "seen",
        "[image, 12 kB]",
        "[audio, 3 bytes]",
        "[resource memo://1]",
        "a memo",
        "[resource memo://2, 3 bytes]",
        "[link to resource third: memo://3]",
        '{"count":3}',
    ]
    assert (await call(source, about, "shop_same")).content == '{"count": 3}'


async def test_a_long_result_is_cut(source: McpTools) -> None:
    content = (await call(source, context(program()), "shop_huge")).content
    assert len(content) == CONTENT_CHARS_MAX
    assert content.startswith("語語")
    assert content.endswith("the rest is left out.]")


async def test_a_message_without_end_ends_the_server_and_not_our_memory(source: McpTools) -> None:
    about = context(program())
    with pytest.raises(ToolError, match="a message of more than 10 MB"):
        await call(source, about, "shop_flood")
    assert (await call(source, about, "shop_echo", text="again")).content == "again"


async def test_a_call_has_a_deadline_and_the_server_is_told(notes: Path) -> None:
    async with McpTools(deadlines=Deadlines(call_s=0.5)) as source:
        about = context(program(NOTES=str(notes)))
        tool = await tool_named(source, about, "shop_slow")
        with pytest.raises(ToolError, match=r"did not answer within 0\.5 s\. Whether it did anything"):
            await tool.run(about, {})
        [slow] = await lines_with(notes, "slow")
        assert await lines_with(notes, "cancelled") == [slow.replace("slow", "cancelled")]
        assert (await call(source, about, "shop_echo", text="still here")).content == "still here"
        assert len(await lines_with(notes, "start")) == 1


async def test_a_server_that_never_answers_again_is_given_up(notes: Path) -> None:
    async with McpTools(deadlines=Deadlines(call_s=0.2)) as source:
        about = context(program(NOTES=str(notes)))
        tool = await tool_named(source, about, "shop_slow")
        for _ in range(2):
            with pytest.raises(ToolError, match="did not answer"):
                await tool.run(about, {})
        await source.tools(about)
        assert len(await lines_with(notes, "start", 2)) == 2


async def test_cancelling_a_turn_tells_the_server_and_leaves_it_to_the_others(
    source: McpTools, notes: Path
) -> None:
    about = context(program(NOTES=str(notes)))
    tool = await tool_named(source, about, "shop_slow")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tool.run, about, {})
        await lines_with(notes, "slow")
        nursery.cancel_scope.cancel()
    await lines_with(notes, "cancelled")
    assert (await call(source, about, "shop_echo", text="there")).content == "there"
    assert len(await lines_with(notes, "start")) == 1


async def test_a_server_that_dies_in_a_call_is_started_again_but_the_call_is_not_repeated(
    source: McpTools, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = context(program(NOTES=str(notes)))
    with pytest.raises(ToolError, match=r"its process ended with status 7\. Whether it did anything"):
        await call(source, about, "shop_die")
    assert len(await lines_with(notes, "die")) == 1
    assert "MCP server shop: it broke off" not in logged(caplog)
    assert "its process ended with status 7" in logged(caplog)
    assert (await call(source, about, "shop_echo", text="back")).content == "back"
    assert len(await lines_with(notes, "start")) == 2


async def test_a_server_that_died_between_calls_is_started_again(source: McpTools, notes: Path) -> None:
    about = context(program(NOTES=str(notes)))
    tool = await tool_named(source, about, "shop_echo")
    [start] = await lines_with(notes, "start")
    pid = int(start.split()[1])
    os.kill(pid, signal.SIGKILL)
    assert await is_gone(pid)
    [link] = source._links.values()
    await link.ended()
    assert (await tool.run(about, {"text": "back"})).content == "back"


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (McpServer(name="shop", command=["/no/such/program"]), "cannot be started: No such file"),
        (McpServer(name="shop", command=["/"]), "cannot be started: Permission denied"),
        (program(MODE="exits"), "its process ended with status 3"),
        (program(MODE="silent"), "it did not start within 3 s"),
        (McpServer(name="shop", url="http://127.0.0.1:9/mcp"), "it cannot be asked"),
    ],
)
async def test_a_server_that_does_not_start_is_left_out_for_a_while(
    server: McpServer, reason: str, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if server.command == COMMAND:
        server = msgspec.structs.replace(server, env=server.env | {"NOTES": str(notes)})
    async with McpTools(deadlines=Deadlines(start_s=3)) as source:
        about = context(server, program("good"))
        names = [tool.name for tool in await source.tools(about)]
        assert "good_echo" in names
        assert not any(name.startswith("shop_") for name in names)
        assert reason in logged(caplog)
        assert "left out for 30 s" in logged(caplog)
        caplog.clear()
        await source.tools(about)
        assert logged(caplog) == ""
        if server.command == COMMAND:
            [start] = await lines_with(notes, "start")
            assert await is_gone(int(start.split()[1]))


async def test_a_server_that_was_left_out_gets_another_chance(tmp_path: Path) -> None:
    script = tmp_path / "server"
    async with McpTools(deadlines=Deadlines(retry_s=0)) as source:
        about = context(McpServer(name="shop", command=[str(script)]))
        assert await source.tools(about) == []
        script.write_text(f'#!/bin/sh\nexec "{COMMAND[0]}" "{COMMAND[1]}"\n')
        script.chmod(0o755)
        assert await source.tools(about) != []


async def test_lines_that_are_no_messages_do_no_harm(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    about = context(program(MODE="garbage"))
    assert (await call(source, about, "shop_echo", text="fine")).content == "fine"
    assert "a line of its output is no message: Welcome!" in logged(caplog)
    assert "\x00" not in logged(caplog)


async def test_of_a_thousand_tools_the_first_are_offered_and_wanted_ones_are_found(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(await source.tools(context(program(MODE="thousand")))) == 64
    assert "only 64 of its 1000 tools are offered" in logged(caplog)
    wanted = await source.tools(context(program(MODE="thousand", tools=["t3", "t999", "nope"])))
    assert [tool.name for tool in wanted] == ["shop_t3", "shop_t999"]
    assert "it has no tool 'nope'" in logged(caplog)
    assert await source.tools(context(program(MODE="endless"))) == []


async def test_odd_tools_are_renamed_cut_or_left_out(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    token = secret("s3cr3t-t0ken")
    about = context(program(MODE="odd", TOKEN="{{token}}"), system={"token": token})
    tools = {tool.name: tool for tool in await source.tools(about)}
    names = list(tools)
    assert len(names) == 4
    assert names[0].startswith("shop_a_b_")
    assert names[1] == "shop_a_b"
    assert names[2].startswith("shop_lll")
    assert len(names[2]) == 64
    assert names[3].startswith("shop__berschrift_")
    assert len(tools[names[0]].description) < 1100
    assert tools["shop_a_b"].description.endswith("[31mred")
    assert tools["shop_a_b"].parameters["properties"] == {}
    assert "its tool 'big' is not offered: its schema has more than 20 kB" in logged(caplog)
    assert "its tool 'listlike' is not offered: it is not described as" in logged(caplog)
    assert "its tool '***' is not offered: its name shows a secret" in logged(caplog)
    assert "s3cr3t" not in logged(caplog)


async def test_no_tool_takes_the_name_of_another() -> None:
    async with McpTools(reserved={"shop_echo"}) as source:
        about = context(program(tools=["echo", "env", "fail"]))
        query = SavedQuery(name="shop_env", description="", sql="SELECT 1")
        bot = msgspec.structs.replace(about.bot, queries=[query])
        names = [tool.name for tool in await source.tools(msgspec.structs.replace(about, bot=bot))]
    assert names[0].startswith("shop_echo_")
    assert names[1] == "shop_fail"
    assert names[2].startswith("shop_env_")


async def test_a_change_of_the_list_is_seen(source: McpTools, notes: Path) -> None:
    about = context(program(NOTES=str(notes)))
    await source.tools(about)
    assert "shop_grown" not in [tool.name for tool in await source.tools(about)]
    assert len(await lines_with(notes, "list")) == 1
    await call(source, about, "shop_grow")
    assert "shop_grown" in [tool.name for tool in await source.tools(about)]


async def test_nothing_is_declared_and_nothing_done_for_a_server(source: McpTools, notes: Path) -> None:
    about = context(program(NOTES=str(notes)))
    output = await call(source, about, "shop_ask_us")
    assert "not supported" in output.content or "Method not found" in output.content
    assert await lines_with(notes, "initialize") == ["initialize {}"]


async def test_a_program_sees_its_own_environment_only_and_an_empty_folder(
    source: McpTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    about = context(program(SHOP="{{user_id}} of {{namespace}}"))
    told = msgspec.json.decode((await call(source, about, "shop_env")).content)
    assert told["env"]["SHOP"] == "ada of acme"
    assert "PATH" in told["env"]
    assert "OPENAI_API_KEY" not in told["env"]
    assert os.listdir(told["cwd"]) == []


async def test_secrets_reach_the_program_and_come_back_nowhere(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    about = context(program(TOKEN="Bearer {{token}}"), system={"token": secret("s3cr3t-t0ken")})
    assert (await call(source, about, "shop_noise")).content == "still here ***"
    with pytest.raises(ToolError) as caught:
        await call(source, about, "shop_rpc_error")
    assert "s3cr3t" not in str(caught.value)
    await seen(lambda: "to stderr ***" in logged(caplog))
    assert "is no message: this is no message ***" in logged(caplog)
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in repr(source.__dict__)


async def test_bots_share_a_server_and_users_with_own_secrets_do_not(source: McpTools) -> None:
    async def pid(name: str, user: str, **env: str) -> int:
        settings = {"key": secret(f"key-of-{user}")}
        output = await call(source, context(program(name, **env), user=user, own=settings), f"{name}_env")
        found: int = msgspec.json.decode(output.content)["pid"]
        return found

    assert await pid("shop", "ada") == await pid("store", "bob")
    assert await pid("shop", "ada", K="{{user:key}}") != await pid("shop", "bob", K="{{user:key}}")
    assert await pid("shop", "ada", K="{{user:key}}") == await pid("shop", "ada", K="{{user:key}}")


async def test_calls_of_many_turns_run_at_the_same_time_in_one_session(source: McpTools, notes: Path) -> None:
    about = context(program(NOTES=str(notes)))
    outputs: dict[int, str] = {}

    async def turn(number: int) -> None:
        outputs[number] = (await call(source, about, "shop_echo", text=str(number))).content

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(turn, number)
    assert outputs == {number: str(number) for number in range(20)}
    assert len(await lines_with(notes, "start")) == 1
    assert len(await lines_with(notes, "list")) == 1


async def test_a_value_that_cannot_be_passed_on_leaves_its_server_out(
    source: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"bad": secret("two\nlines\0")}
    server = McpServer(name="web", url="http://127.0.0.1:9/mcp", headers={"X-Key": "{{bad}}"})
    assert await source.tools(context(server, program(KEY="{{bad}}"), system=settings)) == []
    assert "the header 'X-Key' cannot be sent with this value" in logged(caplog)
    assert "the value of KEY has a zero byte" in logged(caplog)
    assert "two" not in logged(caplog)


async def test_the_end_ends_all_processes_and_what_they_started(notes: Path) -> None:
    async with McpTools() as source:
        about = context(program(NOTES=str(notes)))
        child = int((await call(source, about, "shop_child")).content)
        folder = next(iter(source._links.values()))._cwd
        assert os.listdir(folder) == []
    [start] = await lines_with(notes, "start")
    assert await is_gone(int(start.split()[1]))
    assert await is_gone(child)
    assert Path(folder).name not in os.listdir(tempfile.gettempdir())
    assert await lines_with(notes, "end")  # it was let end by itself


async def test_a_session_without_use_is_ended_and_started_again_when_needed(notes: Path) -> None:
    async with McpTools(deadlines=Deadlines(idle_s=0.4)) as source:
        about = context(program(NOTES=str(notes)))
        tool = await tool_named(source, about, "shop_echo")
        await lines_with(notes, "end")
        assert (await tool.run(about, {"text": "back"})).content == "back"
        assert len(await lines_with(notes, "start")) == 2
