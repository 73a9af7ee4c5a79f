"""One worker process of a `tools.py`: how it is started, spoken to, listened to and ended."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self

import msgspec
import trio

from appliance.redact import Redactor
from appliance.tools.own_wire import (
    REPLY_BYTES_MAX,
    Loaded,
    Problem,
    Reply,
    Request,
    frame,
    parse_reply,
)
from appliance.workers import pipe
from appliance.workers.pipe import RECEIVE_BYTES, WorkerEnded, WorkerPipe

START_GRACE_S = 15.0
"""A loaded machine may need seconds to start an interpreter that usually takes 0.2 s."""
LINE_CHARS_MAX = 1000
LINE_BYTES_MAX = 4 * LINE_CHARS_MAX
LINES_MAX = 100
"""Printed lines that the log takes in a window of `LINES_WINDOW_S`; more are counted only."""
LINES_WINDOW_S = 60.0
SECRETS_MAX = 1000
"""Of those that one process was given, the latest ones: each printed line is searched for them."""

ENVIRONMENT = (
    *pipe.ENVIRONMENT,
    *("HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""All that it inherits; the code of a bot's author may talk to others."""

logger = logging.getLogger("appliance.tools")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes of a tools file may take."""

    memory_mib: int = 1024
    load_timeout_s: float = 10.0
    processes_max: int = 2
    idle_s: float = 300.0


def command(tools_file: str, limits: Limits) -> list[str]:
    """The program; -B because new files in the bots folder would look like changes of the bot."""
    program = [sys.executable, "-B", "-m", "appliance.tools.own_worker"]
    return [*program, tools_file, str(limits.memory_mib), str(limits.load_timeout_s)]


def environment() -> dict[str, str]:
    """What the process sees of ours."""
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    # Each arena of malloc takes 64 MiB of the address space that a process may have.
    return known | {"MALLOC_ARENA_MAX": "2"}


def not_loaded(reason: str) -> Loaded:
    """A file whose process did not come as far as telling what is wrong."""
    return Loaded(problems=[Problem(line=0, message=reason)], failed=True)


class ToolProcess:
    """A process and its pipes; `log_output` has to run beside it."""

    def __init__(self, process: trio.Process, name: str) -> None:
        self._process = process
        self._name = name
        self._pipe = WorkerPipe(process, bytes_max=REPLY_BYTES_MAX)
        self._secrets: dict[str, None] = {}
        self._redactor = Redactor(())
        self.idle_since = 0.0

    @classmethod
    async def start(cls, tools_file: str, limits: Limits) -> Self:
        """Start one; raises `OSError`. A cancel meanwhile leaves no process behind."""
        with trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                command(tools_file, limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C in a terminal is for the server alone; and what it starts can be ended with it.
                start_new_session=True,
                env=environment(),
            )
        return cls(process, tools_file)

    def keep_secret(self, secrets: Iterable[str]) -> None:
        """Mask these from now on in what it prints: code may hold on to what one call has given it."""
        if new := {secret: None for secret in secrets if secret not in self._secrets}:
            known = [*self._secrets, *new][-SECRETS_MAX:]
            self._secrets = dict.fromkeys(known)
            self._redactor = Redactor(known)

    def _clean(self, text: str) -> str:
        return self._redactor.clean_cut(text, end=True)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it could take another call."""
        return self._process.poll() is None

    async def send(self, request: Request) -> None:
        """Pass a message on; raises `WorkerEnded`."""
        await self._pipe.send(frame(request))

    async def receive(self) -> Reply:
        """The next message; raises `WorkerEnded`."""
        try:
            return parse_reply(await self._pipe.receive())
        except msgspec.MsgspecError:
            raise WorkerEnded(None) from None

    async def log_output(self) -> None:
        """Put what the author's code prints into our log, as warnings, until the process ends."""
        assert self._process.stderr is not None
        lines = PrintedLines(self._name, self._clean)
        # Closed here and not with the process, so that its last words are read.
        async with self._process.stderr as output:
            while received := await output.receive_some(RECEIVE_BYTES):
                lines.feed(bytes(received))
        lines.end()

    async def kill(self) -> None:
        """End the process and all that it started, and wait until it has gone; not held up by a cancel."""
        with trio.CancelScope(shield=True):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            await self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    await stream.aclose()


class PrintedLines:
    """Cuts printed bytes into lines for the log: none too long, not too many in a minute.

    Each goes through `clean` before it is cut, which may mask what is secret. Of a line that is much too long
    only the beginning is read.
    """

    def __init__(self, name: str, clean: Callable[[str], str] = str) -> None:
        self._name = name
        self._clean = clean
        self._rest = b""
        self._skips = False
        self._window_ends = 0.0
        self._count = 0

    def feed(self, received: bytes) -> None:
        """Take what was printed next."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if lines and self._skips:
            del lines[0]
            self._skips = False
        if self._skips:
            self._rest = b""
        elif len(self._rest) > LINE_BYTES_MAX:
            # Half of a letter would hide the half of a secret before it.
            lines.append(self._rest.decode(errors="ignore").encode())
            self._rest, self._skips = b"", True
        for line in lines:
            self._log(line)

    def end(self) -> None:
        """Nothing more comes."""
        if self._rest and not self._skips:
            self._log(self._rest)

    def _log(self, line: bytes) -> None:
        now = trio.current_time()
        if now >= self._window_ends:
            self._window_ends, self._count = now + LINES_WINDOW_S, 0
        self._count += 1
        if self._count < LINES_MAX:
            text = printable(self._clean(line.decode(errors="replace")))
            logger.warning("%s printed: %s", self._name, text)
        elif self._count == LINES_MAX:
            logger.warning("%s prints too much; the rest of this minute is left out", self._name)


def printable(text: str) -> str:
    """One line without control characters, which could forge lines or drive a terminal."""
    cut = text.rstrip()[:LINE_CHARS_MAX]
    return "".join(letter if letter.isprintable() else " " for letter in cut)
