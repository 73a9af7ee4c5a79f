"""Runs the JavaScript client's tests under Node, against the appliance behind a network that gets cut."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import trio

from tests.support.stage import stage

HERE = Path(__file__).parent
NODE = ["node", "--experimental-websocket", "--test", "client.test.mjs"]


@pytest.mark.node
async def test_the_client_works_under_node(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.cut_in_mid_answer)
        environ = os.environ | {
            "CHAT_URL": scene.ws_url,
            "SERVER_URL": scene.url,
            "TOKEN": scene.server.token("alice"),
        }
        with trio.fail_after(60):
            run = await trio.run_process(
                NODE, cwd=HERE, env=environ, check=False, capture_stdout=True, stderr=subprocess.STDOUT
            )
        nursery.cancel_scope.cancel()
    assert run.returncode == 0, run.stdout.decode()
