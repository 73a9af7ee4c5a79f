"""The real AI SDK, from the oldest release that is promised to the newest, with React's `useChat`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.stage import add_handbook, client_stage
from tests.support.programs import run_node_tests

RELEASES = ["ai-5-first", "ai-5", "ai-6", "ai-7"]


@pytest.mark.node
@pytest.mark.parametrize("release", RELEASES)
async def test_the_ai_sdk_chats(tmp_path: Path, release: str) -> None:
    async with client_stage(tmp_path, embedding_provider="none") as stage:
        await add_handbook(stage.served)
        lines_key = stage.key(stream_format="ndjson")
        await run_node_tests("ai_sdk.test.mjs", **stage.environ, RELEASE=release, LINES_KEY=lines_key)


@pytest.mark.node
@pytest.mark.parametrize("release", RELEASES)
async def test_a_person_takes_over(tmp_path: Path, release: str) -> None:
    async with client_stage(tmp_path) as stage:
        await run_node_tests("ai_sdk_handoff.test.mjs", **stage.at_desk, RELEASE=release)
        assert {"Are you a person?", "Hi", "My lamp"}.isdisjoint(stage.asked())
