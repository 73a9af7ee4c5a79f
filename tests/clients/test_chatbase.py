"""Chatbase API v2 as its documentation tells a program to use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.stage import client_stage
from tests.support.programs import run_node_tests


@pytest.mark.node
async def test_the_api_as_documented(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage:
        keys = {
            "KEYS": ",".join(stage.key() for _ in range(4)),
            "LINES_KEY": stage.key(stream_format="ndjson"),
        }
        await run_node_tests("chatbase.test.mjs", **stage.environ, **keys, OTHER_KEY=stage.key("acme"))


@pytest.mark.node
async def test_a_person_takes_over(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage:
        await run_node_tests("chatbase_handoff.test.mjs", **stage.at_desk)
        assert {"Are you a person?", "Over the SDK?"}.isdisjoint(stage.asked())
