from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from appliance.identity import Caller
from appliance.tools.own import OwnTools, describe
from appliance.tools.own_process import Limits
from tests.tools.own_bots import bot, call, context, error, pids, tool_named

ECHO = '''
def echo(text: str, times: int = 1) -> str:
    """Say it again."""
    return text * times
'''


@pytest.fixture
async def own() -> AsyncIterator[OwnTools]:
    async with OwnTools(reserved={"execute_sql", "think"}) as own:
        yield own


async def test_a_function_runs_in_another_process_and_its_text_goes_to_the_model(
    own: OwnTools, tmp_path: Path
) -> None:
    about = context(bot(tmp_path, ECHO))
    tool = await tool_named(own, about, "echo")
    assert tool.description == "Say it again."
    assert tool.parameters["required"] == ["text"]
    assert tool.timeout_s > 30
    assert tool.label({}) == "Executing echo..."
    output = await tool.run(about, {"text": "häß 語 🙂 \u0000|", "times": 2})
    assert (output.ok, output.content) == (True, "häß 語 🙂 \u0000|häß 語 🙂 \u0000|")
    assert output.query is None


async def test_a_bot_without_a_tools_file_has_none(own: OwnTools, tmp_path: Path) -> None:
    assert await own.tools(context(msgspec.structs.replace(bot(tmp_path, ""), tools_file=""))) == []


async def test_values_become_json(own: OwnTools, tmp_path: Path) -> None:
    source = '''
    import dataclasses, datetime, decimal

    @dataclasses.dataclass
    class Order:
        id: int
        total: decimal.Decimal

    def order() -> dict:
        """An order."""
        return {"order": Order(7, decimal.Decimal("1.50")), "at": datetime.date(2026, 1, 5), "none": None}

    def thing() -> object:
        """Nothing that JSON has."""
        return order
    '''
    about = context(bot(tmp_path, source))
    output = await call(own, about, "order")
    assert msgspec.json.decode(output.content) == {
        "order": {"id": 7, "total": "1.50"},
        "at": "2026-01-05",
        "none": None,
    }
    assert "Encoding objects of type function is unsupported" in error(await call(own, about, "thing"))


async def test_wrong_arguments_are_an_error_for_the_model(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, ECHO))
    told = error(await call(own, about, "echo", text=5))
    assert told == "Wrong arguments for echo: Expected `str`, got `int` - at `$.text`"
    assert "unknown field `rm`" in error(await call(own, about, "echo", text="x", rm="-rf"))
    huge = 10**40
    assert "- at `$.times`" in error(await call(own, about, "echo", text="x", times=str(huge)))
    assert (await call(own, about, "echo", text="x" * 0, times=huge)).ok is False
    assert (await call(own, about, "echo", text="still here")).content == "still here"


async def test_the_context_tells_who_asks_and_has_the_settings(own: OwnTools, tmp_path: Path) -> None:
    source = '''
    def who(context: Context) -> dict:
        """Who asks."""
        caller = context.caller
        return {
            "user": caller.user_id, "role": caller.role, "tenant": caller.tenant, "claims": caller.claims,
            "is_user": caller.is_user, "bot": context.bot, "namespace": context.namespace,
            "key": context.settings["crm.key"], "shown": "s3cret" in repr(context),
        }

    async def who_async(context: AsyncContext) -> str:
        """Who asks."""
        return context.caller.user_id + context.settings["crm.key"]
    '''
    caller = Caller(user_id="bob", role="staff", tenant="t1", claims={"app_metadata.team": "north"})
    about = context(bot(tmp_path, source), caller=caller, settings={"crm.key": "s3cret"})
    assert msgspec.json.decode((await call(own, about, "who")).content) == {
        "user": "bob",
        "role": "staff",
        "tenant": "t1",
        "claims": {"app_metadata.team": "north"},
        "is_user": True,
        "bot": "shop",
        "namespace": "acme",
        "key": "s3cret",
        "shown": False,
    }
    assert (await call(own, about, "who_async")).content == "bobs3cret"


async def test_async_functions_run_under_trio(own: OwnTools, tmp_path: Path) -> None:
    source = '''
    import trio

    async def gather(count: int) -> list[int]:
        """Many at once."""
        found = []

        async def one(n):
            await trio.lowlevel.checkpoint()
            found.append(n)

        async with trio.open_nursery() as nursery:
            for n in range(count):
                nursery.start_soon(one, n)
        return sorted(found)

    async def fail() -> None:
        """Fail in a nursery."""
        async with trio.open_nursery():
            raise ToolError("closed on Sundays")
    '''
    about = context(bot(tmp_path, source))
    assert (await call(own, about, "gather", count=4)).content == "[0,1,2,3]"
    assert error(await call(own, about, "fail")) == "closed on Sundays"


async def test_errors_go_to_the_model_without_and_to_the_log_with_their_traceback(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = '''
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError("no")

    def bad() -> None:
        """Bad."""
        raise ValueError("no such thing\\nforged line")

    def told() -> None:
        """Told."""
        raise ToolError("The shop is closed.")

    def rude() -> None:
        """Rude."""
        raise Rude

    def leave() -> None:
        """Leave."""
        raise SystemExit(3)

    def deep(n: int = 0) -> None:
        """Deep."""
        return deep(n + 1)
    '''
    about = context(bot(tmp_path, source))
    assert error(await call(own, about, "bad")) == "ValueError: no such thing\nforged line"
    [record] = [record for record in caplog.records if "Traceback" in record.getMessage()]
    assert 'raise ValueError("no such thing' in record.getMessage()
    assert record.levelno == logging.WARNING
    assert all(line.startswith("    ") for line in record.getMessage().splitlines()[1:])
    caplog.clear()
    assert error(await call(own, about, "told")) == "The shop is closed."
    assert caplog.records == []
    assert error(await call(own, about, "rude")) == "Rude"
    assert error(await call(own, about, "leave")) == "leave ended itself (SystemExit)"
    assert error(await call(own, about, "deep")).startswith("RecursionError")
    assert len(pids(own)) == 1


async def test_a_long_result_is_cut_and_says_so(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, ECHO))
    content = (await call(own, about, "echo", text="ä", times=30_000_000)).content
    assert content.startswith("ä" * 20_000)
    assert content[20_000:] == "\n[truncated: 20000 of 30000000 characters are shown; ask for less]"
    assert (await call(own, about, "echo", text="ä", times=20_000)).content == "ä" * 20_000


async def test_neighbouring_modules_and_the_file_itself_can_be_imported(
    own: OwnTools, tmp_path: Path
) -> None:
    (tmp_path / "prices.py").write_text("def price():\n    from tools import VAT\n    return 100 * VAT\n")
    source = '''
    import prices

    VAT = 2

    def price() -> int:
        """The price."""
        return prices.price()
    '''
    about = context(bot(tmp_path, source))
    assert (await call(own, about, "price")).content == "200"
    assert sorted(os.listdir(tmp_path)) == ["prices.py", "tools.py"]  # no __pycache__


BROKEN = [
    ("def f(:\n    pass", 2, "SyntaxError: invalid syntax"),
    ("x = 1\n\nraise RuntimeError('no\\nluck')", 4, "RuntimeError: no luck"),
    ("import nowhere_to_be_found", 2, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    ("import sys\nsys.exit()", 3, "it ends the program while it is imported"),
    ("import os\nos._exit(9)", 0, "its process ended while it was imported (status 9)"),
    ("import sys\nx = bytearray(2_000_000_000)", 3, "importing it needs more memory"),
    ("@tool\ndef f():\n    'F.'", 2, "TypeError: tool() takes 0 positional arguments"),
    (
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except Exception:\n        pass",
        5,
        "took longer",
    ),
]


@pytest.mark.parametrize(("source", "line", "reason"), BROKEN)
async def test_a_file_that_cannot_be_imported_offers_nothing_and_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, line: int, reason: str
) -> None:
    broken = bot(tmp_path, source)
    limits = Limits(load_timeout_s=1.0 if "sleep" in source else 10.0)
    async with OwnTools(limits=limits) as own:
        assert await own.tools(context(broken)) == []
        assert await own.tools(context(broken)) == []
        assert pids(own) == set()
    [record] = caplog.records
    assert record.getMessage().startswith(f"{broken.tools_file}:{line}: ")
    assert reason in record.getMessage()
    assert "\n" not in record.getMessage()


async def test_functions_that_cannot_be_offered_are_reported_once_and_the_others_work(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = f'''{ECHO}
def think(thought: str) -> str:
    """Not this one."""
    return thought

def undocumented(x: int) -> int:
    return x
'''
    about = context(bot(tmp_path, source))
    assert [tool.name for tool in await own.tools(about)] == ["echo"]
    await own.tools(about)
    [first, second] = [record.getMessage() for record in caplog.records]
    assert first.endswith("tools.py:7: think is not offered: a built-in tool has that name")
    assert "tools.py:11: undocumented is not offered: it has no docstring" in second


async def test_a_changed_file_is_read_again_when_its_mark_changes(own: OwnTools, tmp_path: Path) -> None:
    source = 'def version() -> str:\n    """V."""\n    return "{0}"\n'
    old = context(bot(tmp_path, source.format(1), mark="1"))
    before = await tool_named(own, old, "version")
    assert (await before.run(old, {})).content == "1"
    [pid] = pids(own)
    assert (await call(own, old, "version")).content == "1"
    assert pids(own) == {pid}
    new = context(bot(tmp_path, source.format(2).replace("version", "number"), mark="2"))
    assert (await call(own, new, "number")).content == "2"
    assert pid not in pids(own)
    assert len(pids(own)) == 1
    assert "is not offered any more" in error(await before.run(old, {}))
    assert len(pids(own)) == 1


async def test_a_repaired_file_offers_its_tools(own: OwnTools, tmp_path: Path) -> None:
    assert await own.tools(context(bot(tmp_path, "nonsense(", mark="1"))) == []
    assert len(await own.tools(context(bot(tmp_path, ECHO, mark="2")))) == 1


async def test_two_turns_that_ask_at_once_start_one_process(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, ECHO))
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(own.tools, about)
    assert len(pids(own)) == 1


def test_describe_tells_tools_and_problems_without_a_loop(tmp_path: Path) -> None:
    path = bot(tmp_path, f"{ECHO}\ndef bad(x): 'Bad.'\n").tools_file
    description = describe(path, reserved={"nothing"})
    assert [tool.name for tool in description.tools] == ["echo"]
    [problem] = description.problems
    assert (problem.severity, problem.line) == ("warning", 7)
    assert problem.message == "bad is not offered: its parameter x has no annotation"
    assert describe(path, reserved={"echo"}).tools == []


@pytest.mark.parametrize(
    ("source", "message"),
    [("import os\nos._exit(0)", "(status 0)"), ("1/0", "ZeroDivisionError: division by zero")],
)
def test_describe_tells_why_a_file_cannot_be_imported(tmp_path: Path, source: str, message: str) -> None:
    description = describe(bot(tmp_path, source).tools_file)
    assert description.tools == []
    [problem] = description.problems
    assert problem.severity == "error"
    assert message in problem.message


def test_describe_tells_of_a_missing_file(tmp_path: Path) -> None:
    [problem] = describe(tmp_path / "tools.py").problems
    assert "FileNotFoundError" in problem.message
