"""The real AI SDK, from the oldest release that is promised to the newest, with React's `useChat`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.stage import HANDBOOK, client_stage
from tests.support.programs import run_node_tests
from tests.support.served_knowledge import add_base

RELEASES = ["ai-5-first", "ai-5", "ai-6", "ai-7"]


@pytest.mark.node
@pytest.mark.parametrize("release", RELEASES)
async def test_the_ai_sdk_chats(tmp_path: Path, release: str) -> None:
    async with client_stage(tmp_path, embedding_provider="none") as stage:
        await add_base(stage.served, "handbook", HANDBOOK)
        lines_key = stage.key(stream_format="ndjson")
        await run_node_tests("ai_sdk.test.mjs", **stage.environ, RELEASE=release, LINES_KEY=lines_key)
