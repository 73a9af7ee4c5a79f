"""What the benchmarks share: the appliance and a scripted model as processes of their own, and figures.

The appliance is started as users start it, by `appliance serve` on a new data folder, and asked over its
socket. Every process is ended with its block.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.support.model_replies import Reply

ROOT = Path(__file__).resolve().parent.parent

BOT = """---
description: Answers anybody.
allow-unauthenticated: true
persist-conversations: true
rate-limit: 0
daily-limit: 0
token-budget: 0
max-turns: 0
{more}
---
You are a helpful assistant.
"""
"""A bot without limits: what is measured here is speed."""


class Served(NamedTuple):
    """A running server."""

    url: str
    pid: int

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ai/ws"


@contextmanager
def model(reply: Reply) -> Iterator[Served]:
    """A model server that gives every question the same reply."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.json"
        script.write_bytes(msgspec.json.encode([reply]))
        arguments = ["-m", "tests.support.model_server", "--repeat", "--script", str(script)]
        with process(arguments, {}, "listening on ") as served:
            yield served


@contextmanager
def appliance(model_url: str = "", bot: str = "") -> Iterator[Served]:
    """`appliance serve` with one bot, `bench`; `bot` are further lines of its settings."""
    with tempfile.TemporaryDirectory() as data:
        path = Path(data) / "bots" / "bench" / "bot.md"
        path.parent.mkdir(parents=True)
        path.write_text(BOT.format(more=bot))
        settings = {"OPENAI_BASE_URL": f"{model_url}/v1", "OPENAI_MODEL": "scripted"} if model_url else {}
        settings["APPLIANCE_LOG_LEVEL"] = "warning"
        settings["APPLIANCE_STRANGERS_CONVERSATIONS_PER_MINUTE_MAX"] = "0"
        with process(
            ["-m", "appliance", "serve", "--data", data, "--port", "0"], settings, "Serving "
        ) as served:
            yield served


@contextmanager
def process(arguments: Sequence[str], settings: dict[str, str], announces: str) -> Iterator[Served]:
    """Python with `arguments`, ready when it prints a line with `announces` and its address behind."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(settings)
    ) as child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if line.startswith(announces):
                    yield Served(line.removeprefix(announces).strip(), child.pid)
                    return
            raise SystemExit(f"python {' '.join(arguments)} ended before it was ready")
        finally:
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Ours, less all that configures an appliance or leads its calls to a proxy."""
    foreign = ("APPLIANCE_", "OPENAI_", "AZURE_OPENAI_", "OLLAMA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "NO_PROXY": "127.0.0.1", **settings}


def cpu_s(pid: int) -> float:
    """CPU time of that process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def load() -> str:
    """One line on how busy the machine was, to print above figures."""
    one_minute, _, _ = os.getloadavg()
    return f"load average {one_minute:.1f} on {os.cpu_count()} cores"


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
