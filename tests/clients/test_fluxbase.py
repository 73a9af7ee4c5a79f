"""Fluxbase's chat class under Node; it is in no package, so ours stands for it: same name, same methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.stage import client_stage
from tests.support.programs import run_node_tests


@pytest.mark.node
async def test_a_person_takes_over(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage:
        token = stage.served.token("alice")
        await run_node_tests("fluxbase_handoff.test.mjs", **stage.at_desk, TOKEN=token)
        assert "Are you a person?" not in stage.asked()
