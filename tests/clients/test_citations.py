"""Documents that an answer cites, as the real clients of each wire are told of them."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest
import trio

from tests.clients.stage import RETURNS, ClientStage, add_handbook, client_stage
from tests.support.programs import run_node_tests

SHOWN = "Yes: “within 30 days of delivery” [1], not."


@pytest.mark.node
async def test_javascript_clients_have_what_is_cited(tmp_path: Path) -> None:
    async with client_stage(tmp_path, embedding_provider="none", default_bot="reader") as stage:
        await add_handbook(stage.served)
        token = stage.served.token("alice")
        given = {"PACKAGE": "@botpress/chat", "TOKEN": token}
        await run_node_tests("citations.test.mjs", **stage.environ, **given)


async def test_the_openai_package_has_annotations_whole_and_streamed(tmp_path: Path) -> None:
    async with client_stage(tmp_path, embedding_provider="none") as stage:
        await add_handbook(stage.served)
        await trio.to_thread.run_sync(_read_annotations, stage)


def _read_annotations(stage: ClientStage) -> None:
    asked = [{"role": "user", "content": RETURNS}]
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=stage.key(), max_retries=0) as client:
        create = client.chat.completions.create
        message = create(model="reader", messages=asked).choices[0].message
        [whole] = [annotation.model_dump() for annotation in message.annotations or []]
        chunks = list(create(model="reader", messages=asked, stream=True))
        with client.chat.completions.stream(model="reader", messages=asked) as stream:
            final = stream.get_final_completion().choices[0].message
    assert message.content == final.content == SHOWN
    cited = whole["url_citation"]
    assert (cited["title"], SHOWN[cited["start_index"] : cited["end_index"]]) == ("Returns", "[1]")
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert [one for delta in deltas for one in (delta.model_extra or {}).get("annotations", [])] == [whole]
    assert [annotation.model_dump() for annotation in final.annotations or []] == [whole]
