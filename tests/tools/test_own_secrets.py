"""Secrets do not leave a bot's own functions: not in results, cut or whole, prints or errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from appliance.botsettings import Setting, SettingValues
from appliance.tools.base import ToolContext
from appliance.tools.own import OwnTools
from appliance.tools.own_process import LINE_BYTES_MAX, PrintedLines
from tests.tools.own_bots import bot, call, context, error

SECRET = "sk-very-secret-0123456789"
PART = SECRET[:18]

SOURCE = """
kept = []

def say(context: Context) -> str:
    "Prints it."
    kept.append(context.settings["api"])
    print("key", kept[0], flush=True)
    return "x"

def again() -> str:
    "Prints what an earlier call got."
    print("again", kept[0], flush=True)
    return "x"

def edge(context: Context) -> str:
    "Tells it where the result is cut."
    return "x" * (20_000 - 18) + context.settings["api"]

def strip(context: Context) -> str:
    "Tells it without the line end."
    return context.settings["api"].strip()

def fail(context: Context) -> str:
    "Fails with a long text, cut at both ends."
    raise ValueError("x" * 1_970 + context.settings["api"] * 800)
"""


@pytest.fixture
async def own() -> AsyncIterator[OwnTools]:
    async with OwnTools() as own:
        yield own


def knowing(folder: Path, secret: str | None = SECRET) -> ToolContext:
    about = context(bot(folder, SOURCE))
    values = SettingValues(system={"api": Setting(value=secret, secret=True)} if secret else {})
    return ToolContext(
        bot=about.bot, caller=about.caller, user_message="", run_sql=about.run_sql, values=values
    )


async def printed(caplog: pytest.LogCaptureFixture, word: str) -> None:
    with trio.fail_after(30):
        while f"printed: {word}" not in caplog.text:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_a_print_is_masked_also_when_it_comes_in_a_later_call(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await call(own, knowing(tmp_path), "say")).ok
    assert (await call(own, knowing(tmp_path, None), "again")).ok
    await printed(caplog, "key ***")
    await printed(caplog, "again ***")
    assert SECRET not in caplog.text


async def test_no_part_of_a_secret_stays_where_a_result_is_cut(own: OwnTools, tmp_path: Path) -> None:
    content = (await call(own, knowing(tmp_path), "edge")).content
    assert content.startswith("x" * 19_982 + "***\n[truncated: 20000 of 20007 characters")


async def test_a_secret_stored_with_a_line_end_is_masked_without_it(own: OwnTools, tmp_path: Path) -> None:
    assert (await call(own, knowing(tmp_path, SECRET + "\n"), "strip")).content == "***"


async def test_no_part_of_a_secret_stays_where_an_error_is_cut(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "sk-very" not in error(await call(own, knowing(tmp_path), "fail"))
    assert "fail of bot shop failed" in caplog.text
    assert "sk-very" not in caplog.text
    assert "secret-01" not in caplog.text


async def test_a_line_without_end_is_read_up_to_its_limit_only(caplog: pytest.LogCaptureFixture) -> None:
    lines = PrintedLines("tools.py")
    lines.feed(b"a" * (LINE_BYTES_MAX + 1))
    lines.feed(b"rest of it")
    lines.feed(b" and the end\nnext\nlast")
    lines.end()
    told = [record.getMessage().partition(" printed: ")[2] for record in caplog.records]
    assert told == ["a" * 1000, "next", "last"]
