"""Every example of docs/clients.md runs against `appliance demo`; only addresses and tokens are put in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest

from tests.support.loopback import ROOT, LoopbackServer, cli_server

DOCS = (ROOT / "docs" / "clients.md").read_text()
BLOCKS = [
    pytest.param(language, code, id=f"{language}-{number}")
    for number, (language, code) in enumerate(re.findall(r"```(\w+)\n(.*?)```", DOCS, re.DOTALL))
    if language != "sh"
]
COMMANDS = [
    line
    for code in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
    for line in code.splitlines()
    if line.startswith("appliance chat") and '"Show' in line
]
RUN_S = 20


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LoopbackServer, str]]:
    data = str(tmp_path_factory.mktemp("demo") / "data")
    with cli_server("demo", "--data", data, "--port", "0") as server:
        make = ["token", "create", "--user", "alice", "--data", data, "--json"]
        made = subprocess.run([sys.executable, "-m", "appliance", *make], capture_output=True, check=True)
        yield server, json.loads(made.stdout)["token"]


@pytest.mark.node
@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_an_example_of_the_docs_runs(
    language: str, code: str, demo: tuple[LoopbackServer, str], tmp_path: Path
) -> None:
    server, token = demo
    code = code.replace("//localhost:8080", f"//127.0.0.1:{server.port}")
    for placeholder in ("my-jwt-token", "your-jwt-token", "your-anon-key"):
        code = code.replace(placeholder, token)
    if language == "python":
        command = [sys.executable, "-u", _written(tmp_path / "example.py", code)]
    else:
        client = (ROOT / "static" / "client.js").as_uri()
        code = code.replace("'./client.js'", f"'{client}'")
        command = ["node", "--experimental-websocket", _written(tmp_path / "example.mjs", code)]
    output = _output_until("Tokens", command)
    assert "[querying] Executing: top 10 users by number of orders" in output
    assert re.search(r"ORDER BY orders DESC", output)
    assert re.search(r"10 rows|Rows: 10", output)
    assert "Error" not in output
    assert int(re.search(r"Tokens[^:]*: (\d+)", output)[1]) > 0  # type: ignore[index]


def test_the_terminal_example_prints_ten_rows(demo: tuple[LoopbackServer, str]) -> None:
    (line,) = COMMANDS
    bot, question = re.fullmatch(r'appliance chat (\S+) "(.+)"', line).groups()  # type: ignore[union-attr]
    command = [sys.executable, "-m", "appliance", "chat", bot, question, "--url", demo[0].url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    assert run.returncode == 0, run.stderr
    rows = re.findall(r"^ .+│ +\d+ *$", run.stdout, re.MULTILINE)
    assert len(rows) == 10, run.stdout
    assert "top 10 users" in run.stderr


def _written(path: Path, code: str) -> str:
    path.write_text(code)
    return str(path)


def _output_until(word: str, command: list[str]) -> str:
    """Run until a line with `word`; the JavaScript examples keep their socket, so they do not end."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    lines: SimpleQueue[str] = SimpleQueue()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        Thread(target=_pass_on, args=(process.stdout, lines)).start()
        output = ""
        try:
            while word not in output.rpartition("\n")[0].rpartition("\n")[2]:
                line = lines.get(timeout=RUN_S)
                if not line:
                    break
                output += line
        except Empty:
            output += "… and then nothing more"
        process.kill()
    return output


def _pass_on(stream: Iterator[str], lines: SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
