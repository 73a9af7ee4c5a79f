"""The command `appliance` in a process of its own, without the second in which a new interpreter imports it.

One process for each process of tests imports what the commands use, and waits. Each command is a fork of it,
with arguments, environment, folder and streams of its own, and runs what `python -m appliance` runs. Tests of
terminals, signals and servers start an interpreter themselves; `test_commands.py` compares the two.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[2]
USED_LATER = (
    "appliance.engine.knowledge.library",
    "appliance.server.main",
    "appliance.tools.own_process",
    "appliance.tools.sql_pool",
    "httpcore",
    "tree_sitter_typescript",
    "yaml",
)
"""What commands import when they need it."""


def run_command(
    *words: object,
    env: Mapping[str, str],
    given: bytes = b"",
    cwd: Path | None = None,
    timeout_s: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `appliance WORDS` with `given` as its input; when late, it is ended and `TimeoutExpired` raised.

    Variables that only a new interpreter reads are as they are here.
    """
    arguments = [str(word) for word in words]
    assert _for_python(env) <= _for_python(os.environ), "start an interpreter for these variables"
    asked = {"arguments": arguments, "env": dict(env), "cwd": str(cwd or Path.cwd())}
    told, telling = socket.socketpair()
    with told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with telling, _holding(json.dumps(asked).encode()) as order, _holding(given) as stdin:
            files = [one.fileno() for one in (order, stdin, out, errors, telling)]
            socket.send_fds(_waiting(), [b"."], files)
        status = _status(told, arguments, timeout_s)
        return subprocess.CompletedProcess(arguments, status, _text(out), _text(errors))


def _for_python(env: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(name, value) for name, value in env.items() if name.startswith("PYTHON")}


def _status(told: socket.socket, arguments: list[str], timeout_s: float) -> int:
    """Of the process that tells its id and later how it ended, one a line."""
    with told.makefile() as lines:
        process = int(lines.readline())
        told.settimeout(timeout_s)
        try:
            return int(lines.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(arguments, timeout_s) from None


def _holding(data: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    file.write(data)
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@functools.cache
def _waiting() -> socket.socket:
    """Where the process takes orders that waits to be forked; it ends with ours."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.commands"], cwd=ROOT, stdin=its, stdout=subprocess.DEVNULL
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# -- in the process that waits -----------------------------------------------------------------------


def _wait() -> None:
    """Fork for each order; returns in the new process that is to become the command, else never."""
    orders = socket.socket(fileno=os.dup(0))
    while True:
        _, files, _, _ = socket.recv_fds(orders, 1, 5)
        _forget_ended()
        if not files:
            sys.exit()  # whoever ran the tests has gone
        if os.fork() == 0:
            orders.close()
            return _begin(*files)
        for file in files:
            os.close(file)


def _begin(order: int, stdin: int, out: int, errors: int, telling: int) -> None:
    """Fork once more: one process waits for the other and tells how it ended; the other returns."""
    process = os.fork()
    if process:
        os.write(telling, f"{process}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(telling, f"{status}\n".encode())
        os._exit(0)
    with os.fdopen(order) as file:
        asked: dict[str, Any] = json.load(file)
    for own, given in enumerate((stdin, out, errors)):
        os.dup2(given, own)
        os.close(given)
    os.close(telling)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    sys.argv[1:] = asked["arguments"]


def _forget_ended() -> None:
    """Take note of processes that have told their end."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _import_all() -> None:
    package = importlib.import_module("appliance.cli")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"appliance.cli.{module.name}")
    for name in USED_LATER:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each fork would copy all that its first collection looks at


def _run() -> NoReturn:
    """Run the command and end as an interpreter would, but for taking apart all that it has imported."""
    status: Any = 0
    try:
        runpy.run_module("appliance", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _import_all()
    _wait()
    _run()
