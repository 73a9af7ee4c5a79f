"""The page on the AI SDK names what there is: endpoints, chunks, refusals, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.protocols.aisdk import words
from appliance.protocols.aisdk.face import FACE
from tests.protocols.test_chunks import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "ai-sdk.md").read_text()


def firsts(heading: str, cells: int = 1) -> list[str]:
    """The first cells of the first table behind a heading."""
    lines = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [" ".join(line.split("|")[1 : cells + 1]) for line in table]


def test_every_endpoint_is_documented() -> None:
    told = {cell.strip().strip("`") for cell in firsts("Endpoints")}
    assert told == {f"{endpoint.method} {endpoint.path}" for endpoint in FACE.endpoints}


def test_every_chunk_is_documented() -> None:
    assert {name for cell in firsts("What is sent") for name in re.findall(r"`([a-z-]+)`", cell)} == set(KEYS)


def test_every_refusal_is_documented_with_its_status() -> None:
    told = {
        (int(status), code)
        for cell in firsts("Refusals", 2)
        for code in re.findall(r"`([A-Z_]+)`", cell)
        for status in re.findall(r"\d{3}", cell)
    }
    assert told == words.REFUSALS


def test_the_endpoints_admit_to_every_refusal_that_a_chat_can_meet() -> None:
    [post] = [endpoint for endpoint in FACE.endpoints if endpoint.path == "/api/chat"]
    assert set(post.errors) == {status for status, _ in words.REFUSALS} - {405}
