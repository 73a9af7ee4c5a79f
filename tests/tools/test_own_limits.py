from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import trio

from appliance.identity import Caller
from appliance.tools.own import OwnTools
from appliance.tools.own_process import LINE_CHARS_MAX, LINES_MAX, Limits, command, environment
from appliance.tools.own_wire import Call, frame
from tests.tools.own_bots import bot, call, context, error, pids, tool_named

SOURCE = '''
import ctypes, os, signal, subprocess, sys, threading, time

def ok() -> str:
    """Works."""
    return "ok"

@tool(timeout_s=0.5)
def hang(path: str = "") -> None:
    """Hangs, and holds on to the only interpreter lock of its process."""
    if path:
        open(path, "w").close()
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    ctypes.PyDLL(None).sleep(100)

@tool(timeout_s=0.5)
async def hang_async() -> None:
    """Hangs politely."""
    import trio
    await trio.sleep_forever()

def wait(path: str) -> str:
    """Tells that it has begun, and goes on when a second one has."""
    open(f"{path}/{os.getpid()}", "w").close()
    while len(os.listdir(path)) < 2:
        time.sleep(0.01)
    return str(os.getpid())

def begin(path: str) -> None:
    """Tells its process id and that of a child, then never ends."""
    child = subprocess.Popen(["sleep", "1000"])
    with open(path + ".new", "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(path + ".new", path)
    time.sleep(1000)

def leave(status: int) -> None:
    """Ends its process."""
    print("last words")
    os._exit(status)

def crash() -> None:
    """Ends its process rudely."""
    os.kill(os.getpid(), signal.SIGSEGV)

def eat() -> int:
    """Eats memory."""
    eaten = []
    while True:
        eaten.append(bytearray(50_000_000))

def eat_once() -> int:
    """Eats memory in one bite."""
    return len("x" * 3_000_000_000)

def say(text: str, times: int = 1) -> str:
    """Prints."""
    for _ in range(times):
        print(text)
    print("to stderr", file=sys.stderr)
    return "said"

def listen() -> str:
    """Reads standard input."""
    return repr(sys.stdin.read())

def environment() -> dict:
    """What there is."""
    return dict(os.environ)

def forge() -> None:
    """Writes where only frames are written."""
    for number in range(3, 40):
        try:
            os.write(number, b"\\xff\\xff\\xff\\xff lots")
        except OSError:
            pass
    time.sleep(1000)
'''


@pytest.fixture
async def own() -> AsyncIterator[OwnTools]:
    async with OwnTools() as own:
        yield own


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what another process does."""
    with trio.fail_after(30):
        while not holds():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def appears(path: Path) -> None:
    await until(lambda: os.path.exists(path))


async def gone(pid: int) -> None:
    """Waits until the process has ended; one that nobody waits for stays as a zombie."""

    def has_ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    await until(has_ended)


@pytest.mark.parametrize("name", ["hang", "hang_async"])
async def test_a_call_that_hangs_is_killed_at_its_deadline_and_the_next_one_works(
    own: OwnTools, tmp_path: Path, name: str
) -> None:
    about = context(bot(tmp_path, SOURCE))
    assert error(await call(own, about, name)) == f"{name} took longer than 0.5 s and was stopped."
    assert pids(own) == set()
    assert (await call(own, about, "ok")).content == "ok"


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("leave", {"status": 0}, "leave stopped working (its process ended with status 0)."),
        ("leave", {"status": 3}, "leave stopped working (its process ended with status 3)."),
        ("crash", {}, "crash stopped working (its process ended with status -11)."),
        ("eat", {}, "eat used too much memory and was stopped."),
        ("eat_once", {}, "eat_once used too much memory and was stopped."),
        ("forge", {}, "forge was stopped."),
    ],
)
async def test_a_process_that_ends_is_told_and_replaced(
    own: OwnTools, tmp_path: Path, name: str, arguments: dict[str, int], told: str
) -> None:
    about = context(bot(tmp_path, SOURCE))
    assert error(await call(own, about, name, **arguments)) == told
    assert (await call(own, about, "ok")).content == "ok"
    assert len(pids(own)) == 1


async def test_two_calls_run_at_once_and_never_more_than_two_processes(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, SOURCE))
    (tmp_path / "begun").mkdir()
    found = []

    async def one() -> None:
        found.append((await call(own, about, "wait", path=str(tmp_path / "begun"))).content)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one)
    assert len(found) == 4
    assert {int(pid) for pid in found} == pids(own)
    assert len(pids(own)) == 2


async def test_a_cancelled_call_ends_its_process_and_what_that_started(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, SOURCE))
    path = tmp_path / "begun"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: call(own, about, "begin", path=str(path)))
        await appears(path)
        pid, child = map(int, path.read_text().split())
        assert pids(own) == {pid}
        nursery.cancel_scope.cancel()
    assert pids(own) == set()
    await gone(pid)
    await gone(child)
    assert (await call(own, about, "ok")).content == "ok"


async def test_a_cancel_while_the_file_is_imported_leaves_nothing_behind(
    own: OwnTools, tmp_path: Path
) -> None:
    path = tmp_path / "begun"
    slow = bot(tmp_path, f"import os, time\nopen({str(path)!r}, 'w').close()\ntime.sleep(1000)")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(own.tools, context(slow))
        await appears(path)
        [pid] = pids(own)
        nursery.cancel_scope.cancel()
    await gone(pid)
    assert pids(own) == set()
    assert len(await own.tools(context(bot(tmp_path, SOURCE, mark="2")))) > 5


async def test_the_end_ends_all_processes_also_those_that_run_a_call(tmp_path: Path) -> None:
    about = context(bot(tmp_path, SOURCE))
    path = tmp_path / "begun"
    outputs = []
    async with trio.open_nursery() as nursery:
        async with OwnTools() as own:
            tool = await tool_named(own, about, "begin")

            async def one() -> None:
                outputs.append(await tool.run(about, {"path": str(path)}))

            nursery.start_soon(one)
            await appears(path)
            pid, child = map(int, path.read_text().split())
        await gone(pid)
        await gone(child)
    assert "begin" in error(outputs[0])


async def test_processes_without_calls_end_after_a_while(tmp_path: Path) -> None:
    about = context(bot(tmp_path, SOURCE))
    async with OwnTools(limits=Limits(idle_s=0.1)) as own:
        for _ in range(2):
            output = await call(own, about, "environment")
            assert output.ok
            await until(lambda: not pids(own))


async def test_prints_go_to_the_log_as_warnings_and_do_not_disturb(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = context(bot(tmp_path, "print('at import')\n" + SOURCE))
    assert (await call(own, about, "say", text="hä\x1b[31m é")).ok
    assert error(await call(own, about, "leave", status=1))
    await until(lambda: "last words" in caplog.text)
    printed = [record.getMessage().partition(" printed: ")[2] for record in caplog.records]
    assert [line for line in printed if line] == ["at import", "hä [31m é", "to stderr", "last words"]
    assert all(record.levelname == "WARNING" for record in caplog.records)


async def test_floods_of_prints_are_cut(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = context(bot(tmp_path, SOURCE))
    assert (await call(own, about, "say", text="x" * 100_000, times=50)).ok
    assert (await call(own, about, "say", text="y", times=100_000)).ok
    await until(lambda: "prints too much" in caplog.text)
    assert len(caplog.records) <= LINES_MAX + 1
    assert max(len(record.getMessage()) for record in caplog.records) < LINE_CHARS_MAX + 500


async def test_standard_input_is_empty(own: OwnTools, tmp_path: Path) -> None:
    about = context(bot(tmp_path, SOURCE))
    assert (await call(own, about, "listen")).content == "''"
    assert (await call(own, about, "ok")).content == "ok"


async def test_the_servers_environment_is_not_theirs(
    own: OwnTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("APPLIANCE_SECRET", "canary")
    seen = msgspec.json.decode((await call(own, context(bot(tmp_path, SOURCE)), "environment")).content)
    assert "canary" not in str(seen)
    assert seen["PATH"] == os.environ["PATH"]


def test_a_call_whose_server_has_gone_ends_by_itself(tmp_path: Path) -> None:
    source = 'import time\n\ndef sleep() -> None:\n    """Sleep."""\n    time.sleep(1000)\n'
    path = bot(tmp_path, source).tools_file
    call = Call(
        name="sleep", arguments="{}", timeout_s=0.2, caller=Caller(), bot="", namespace="", settings={}
    )
    program = command(path, Limits())
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        process.stdin.write(frame(call))
        process.stdin.flush()
        try:
            assert process.wait(timeout=60) == -signal.SIGALRM
        finally:
            process.kill()
