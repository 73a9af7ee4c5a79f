"""Runs the JavaScript client's tests under Node, against the appliance behind a network that gets cut."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import trio

from tests.support.change_stage import change_stage
from tests.support.stage import stage

HERE = Path(__file__).parent
NODE = ["node", "--experimental-websocket", "--test"]


@pytest.mark.node
async def test_the_client_works_under_node(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.cut_in_mid_answer)
        await run("client.test.mjs", scene.url, scene.ws_url, scene.server.token("alice"))
        nursery.cancel_scope.cancel()


@pytest.mark.node
async def test_the_client_works_where_no_websocket_gets_through(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.cut_in_mid_answer)
        over_events = ["--import", "./over_events.mjs"]
        await run("client.test.mjs", scene.url, scene.ws_url, scene.server.token("alice"), *over_events)
        nursery.cancel_scope.cancel()


@pytest.mark.node
async def test_changes_are_decided_under_node(tmp_path: Path) -> None:
    async with change_stage(tmp_path) as scene:
        await run("changes.test.mjs", scene.url, scene.ws_url, scene.served.token("alice"))
        assert [id for id, _ in scene.orders()] == [1, 2, 3, 4]
        assert [status for _, status in scene.orders()] == ["paid", "paid", "sent", "new"]


async def run(file: str, url: str, ws_url: str, token: str, *options: str) -> None:
    """The tests of one file, in a process of their own."""
    environ = os.environ | {"CHAT_URL": ws_url, "SERVER_URL": url, "TOKEN": token}
    with trio.fail_after(60):
        ended = await trio.run_process(
            [*NODE, *options, file],
            cwd=HERE,
            env=environ,
            check=False,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
        )
    assert ended.returncode == 0, ended.stdout.decode()
