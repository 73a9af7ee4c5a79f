"""The example of docs/adding-a-protocol.md, as it stands there, served like every other protocol."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trio

from appliance import protocols
from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, stack

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-protocol.md"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example's file, among the protocols."""
    found = re.search(r"```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    folder = tmp_path / "protocols"
    folder.mkdir()
    file = folder / "plain.py"
    file.write_text(found[1])
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(folder)])
    yield file
    sys.modules.pop("appliance.protocols.plain", None)


async def test_the_example_streams_an_answer_to_curl(example: Path, tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Twelve ", "orders.", delay_s=0.01)]) as served:
        command = ["curl", "-sN", "-d", "How many orders?", f"{served.url}/plain/shop"]
        done = await trio.run_process(command, capture_stdout=True)
        assert served.model is not None
        assert served.model.requests[0].body["messages"][-1]["content"] == "How many orders?"
    assert done.stdout == b"Twelve orders.\n"


async def test_the_example_tells_what_is_wrong_in_its_own_form(example: Path, tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1"), "locked": "---\n---\nHi."}
    async with (
        stack(tmp_path, [openai_text("Yes.")], bots=bots) as served,
        httpx.AsyncClient(base_url=served.url) as http,
    ):
        told = [
            await http.post(f"/plain/{bot}", content=question)
            for bot, question in (
                ("shop", ""),
                ("locked", "x"),
                ("nobody", "x"),
                ("shop", "x"),
                ("shop", "x"),
            )
        ]
        path = await http.get("/plain/shop/more")
        method = await http.get("/plain/shop")
    assert [one.status_code for one in told] == [400, 401, 404, 200, 429]
    assert told[-1].text.startswith("Rate limit exceeded")
    assert method.status_code == 405
    assert (path.status_code, path.text) == (404, "There is no such endpoint.\n")


def test_the_example_is_clean_and_short(example: Path) -> None:
    """As every adapter has to be: linted, and typed as strictly as the package."""
    assert len([line for line in example.read_text().splitlines() if line.strip()]) <= 60
    config = str(PAGE.parents[1] / "pyproject.toml")
    for command in (["ruff", "check", "--config", config], ["ruff", "format", "--check", "--config", config]):
        subprocess.run([Path(sys.executable).parent / command[0], *command[1:], example], check=True)
