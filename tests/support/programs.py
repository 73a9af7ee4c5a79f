"""Programs of foreign clients as processes of their own: what they printed, and why they failed."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import trio

CLIENTS = Path(__file__).parent.parent / "clients"
INSTALL = Path(__file__).with_name("install-clients")
# Node 20 has its own WebSocket only by this flag; newer ones take the flag and need it not.
NODE = ["node", "--experimental-websocket", "--no-warnings"]
LOOK_EVERY_S = 0.02
SHOWN_CHARS = 20_000
"""Of a failed program's output, so that a run which printed without end can still be read."""

When: TypeAlias = tuple[str, Callable[[], Awaitable[object]]]


class Printed:
    """What a program that ended well wrote to its standard output."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def json(self) -> list[Any]:
        """Each line that is a JSON object, in order; other lines are for people."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    @property
    def last(self) -> Any:
        """The last JSON object."""
        return self.json[-1]


async def run_node(
    program: str, *, deadline_s: float = 60, until: str = "", when: When | None = None, **environ: str
) -> Printed:
    """Run `program`, a file of tests/clients, with the published packages in reach, until it ends.

    With `until` it is ended, by its own id, as soon as it has printed that text; `when` is a text and what is
    to be done once it has been printed. Fails, with all that the program wrote, when it ends badly or late.
    """
    await trio.to_thread.run_sync(install_clients)
    return await _printed_by([*NODE, program], deadline_s, until, when, environ)


async def run_node_tests(program: str, *, deadline_s: float = 90, **environ: str) -> None:
    """Run `program`, a file of tests for Node's own runner, like `run_node`; fails with what did not hold.

    Sockets that a test left open do not keep the process alive.
    """
    await trio.to_thread.run_sync(install_clients)
    command = [*NODE, "--test-force-exit", "--test-reporter=tap", program]
    # How it ended is told by the report, which must be whole: a process that died early has no last lines.
    ran = await _printed_by(command, deadline_s, "\n# todo ", None, environ)
    counts = dict(re.findall(r"^# (\w+) (\d+)$", ran.text, re.MULTILINE))
    assert counts["tests"] == counts["pass"] != "0", f"{program} {environ} {counts}\n{_failures(ran.text)}"


async def run_python(program: str, *, deadline_s: float = 60, until: str = "", **environ: str) -> Printed:
    """Run a Python program of tests/clients with this interpreter, like `run_node`."""
    return await _printed_by([sys.executable, "-u", program], deadline_s, until, None, environ)


def _failures(tap: str) -> str:
    """The parts of a report in the Test Anything Protocol that tell of failures."""
    blocks = re.finditer(r"^( *)not ok .*?^\1  \.\.\.$", tap, re.MULTILINE | re.DOTALL)
    return "\n".join(block[0] for block in blocks)[:SHOWN_CHARS]


async def _printed_by(
    command: list[str], deadline_s: float, until: str, when: When | None, environ: dict[str, str]
) -> Printed:
    with ExitStack() as files:
        out, errors = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        process = await trio.lowlevel.open_process(
            command,
            cwd=CLIENTS,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        status = await _watched(process, out, deadline_s, until, when)
        told, complaints = (_text(file) for file in (out, errors))
    good = until in told if until else status == 0
    ending = "did not end in time" if status is None else f"ended with {status}"
    assert good, f"{' '.join(command)} {ending}\n{told[-SHOWN_CHARS:]}\n{complaints[-SHOWN_CHARS:]}"
    return Printed(told)


async def _watched(
    process: trio.Process, out: BinaryIO, deadline_s: float, until: str, when: When | None
) -> int | None:
    """The exit status, None when the process had to be ended."""
    try:
        with trio.move_on_after(deadline_s):
            if when:
                text, act = when
                await _has_printed(process, out, text)
                await act()
            if until:
                await _has_printed(process, out, until)
            else:
                await process.wait()
    finally:
        status = process.poll()
        if status is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
    return status


async def _has_printed(process: trio.Process, out: BinaryIO, text: str) -> None:
    """Return when the text stands in the file, or the process has ended."""
    while process.poll() is None and text not in _text(out):  # noqa: ASYNC110  # nobody is told
        await trio.sleep(LOOK_EVERY_S)


def _text(file: BinaryIO) -> str:
    """All that was written; the place where the process writes stays where it is."""
    written = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return written.decode(errors="replace")


@functools.cache
def install_clients() -> None:
    """Have the packages of tests/clients/package.json; fails, rather than skips, where that cannot be."""
    done = subprocess.run([INSTALL], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    assert done.returncode == 0, done.stdout
