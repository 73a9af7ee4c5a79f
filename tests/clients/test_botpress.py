"""The real @botpress/chat, in every dialect that it had."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from tests.clients.stage import client_stage
from tests.support.programs import run_node_tests

pytestmark = pytest.mark.node

FIRST = "0.2.4"
NEWEST = "0.5.5"
VERSIONS = ["0.4.0", "0.4.7", "0.5.1", NEWEST]
SECRET = "short"


def package(version: str) -> dict[str, str]:
    """The package's name in tests/clients/package.json, as the programs want it."""
    name = "@botpress/chat" if version == NEWEST else f"botpress-chat-{version}"
    return {"PACKAGE": name, "VERSION": version}


async def test_the_full_tour_of_every_build(tmp_path: Path) -> None:
    # All against one server at the same time: each listens for 12 s to a stream on which nothing happens.
    async with client_stage(tmp_path) as stage, trio.open_nursery() as nursery:
        first = stage.environ | package(FIRST)
        nursery.start_soon(partial(run_node_tests, "botpress_first.test.mjs", **first))
        for version in VERSIONS:
            nursery.start_soon(
                partial(run_node_tests, "botpress.test.mjs", **stage.environ, **package(version))
            )


async def test_a_person_takes_over_in_every_build(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage, trio.open_nursery() as nursery:
        program = partial(run_node_tests, "botpress_handoff.test.mjs", **stage.at_desk)
        for version in VERSIONS:
            nursery.start_soon(partial(program, **package(version)))
        first = stage.at_desk | package(FIRST)
        nursery.start_soon(partial(run_node_tests, "botpress_first_handoff.test.mjs", **first))


@pytest.mark.parametrize("version", VERSIONS)
async def test_keys_that_the_customer_signs(tmp_path: Path, version: str) -> None:
    async with client_stage(tmp_path, botpress_encryption_key=SECRET) as stage:
        await run_node_tests("botpress_personal.test.mjs", **stage.environ, **package(version), SECRET=SECRET)


async def test_keys_that_the_customer_signs_in_the_first_dialect(tmp_path: Path) -> None:
    async with client_stage(tmp_path, botpress_encryption_key=SECRET) as stage:
        program = "botpress_first_personal.test.mjs"
        await run_node_tests(program, **stage.environ, **package(FIRST), SECRET=SECRET)
