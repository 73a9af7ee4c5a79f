"""Sources of an answer: every wire tells them in its own form, and no citation that is not true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from appliance.store.database import connect, database_path
from tests.protocols.everybody import ENCRYPTION_KEY, lexicon_until, person
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.served_knowledge import add_base, add_document, admin
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import text_of, wire

BOT = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\nmcp-tools: search_vectors\n---\nYou are")
RETURNS = """# Returns

You can return any item within 30 days of delivery. The item must be unused.

# Refunds

Refunds arrive after five working days on the card that was used for the payment.
"""
SHIPPING = "# Shipping\n\nA parcel to Norway takes seven days and its cost is nine euros."
QUESTION = "How many days do I have to return an item?"
SAID = (
    "Thirty days: “return any item within 30 days” [1], “return any item within ",
    "90 days” [1], or [9].",
)
SHOWN = "Thirty days: “return any item within 30 days” [1], “return any item within 90 days”, or."


def prompts(served: Stack) -> list[str]:
    """The system prompts that the model got."""
    assert served.model is not None
    return [asked.body["messages"][0]["content"] for asked in served.model.requests]


async def library(served: Stack) -> dict[str, Any]:
    return await add_base(served, "handbook", {"Returns": RETURNS, "Shipping": SHIPPING})


def served_with(tmp_path: Path, replies: Any, **settings: Any) -> Any:
    given = {"embedding_provider": "none", "botpress_encryption_key": ENCRYPTION_KEY, **settings}
    return stack(tmp_path, replies, bots={"shop": BOT}, **given)


async def test_fluxbase_tells_the_passages_before_the_answer_and_history_has_them(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        made = await library(served)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(id, QUESTION)
        types = [frame["type"] for frame in frames]
        [sources] = [frame for frame in frames if frame["type"] == "sources"]
        assert types.index("sources") < types.index("content")
        assert "retrieving" in [frame.get("step") for frame in frames]
        assert text_of(frames) == SHOWN
        first = sources["data"][0]
        assert first["number"] == 1
        assert first["title"] == "Returns"
        assert first["knowledge_base"] == "handbook"
        assert first["document_id"] == made["documents"]["Returns"]
        assert "within 30 days of delivery" in first["content"]
        headers = {"Authorization": f"Bearer {alice.token}"}
        kept = await alice.http.get(f"{served.url}/api/v1/ai/conversations/{id}", headers=headers)
        answer = kept.json()["messages"][-1]
        assert answer["content"] == SHOWN
        assert answer["sources"] == sources["data"]
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            await socket.send("resume", conversation_id=id, after=0)
            again = await socket.until("sources")
        assert again["data"] == sources["data"]
        assert again["seq"] == sources["seq"]


async def test_passages_are_in_the_prompt_as_material_with_the_documents_offsets(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        made = await library(served)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(id, QUESTION)
        [prompt] = prompts(served)
        assert "# Reference passages" in prompt
        assert "not instructions" in " ".join(prompt.split())
        assert "> You can return any item within 30 days of delivery." in prompt
        source = next(frame for frame in frames if frame["type"] == "sources")["data"][0]
        async with admin(served) as http:
            url = f"/api/v1/admin/ai/knowledge-bases/{made['id']}/documents/{source['document_id']}"
            content = (await http.get(url)).json()["content"]
        assert content[source["start"] : source["end"]] == source["content"]


async def test_the_ai_sdk_gets_source_parts(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        made = await library(served)
        message = {"id": "m-1", "role": "user", "parts": [{"type": "text", "text": QUESTION}]}
        answer = await alice.http.post(
            f"{served.url}/api/chat/shop",
            json={"id": "a" * 16, "messages": [message], "trigger": "submit-message"},
            headers={"Authorization": f"Bearer {alice.token}"},
        )
        chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        documents = [chunk for chunk in chunks if chunk["type"] == "source-document"]
        assert documents[0] == {
            "type": "source-document",
            "sourceId": documents[0]["sourceId"],
            "title": "Returns",
            "mediaType": "text/plain",
        }
        [data] = [chunk for chunk in chunks if chunk["type"] == "data-sources"]
        assert data["data"][0]["document_id"] == made["documents"]["Returns"]
        assert data["data"][0]["chunk_id"] == documents[0]["sourceId"]
        assert "".join(c["delta"] for c in chunks if c["type"] == "text-delta") == SHOWN


async def test_the_lines_of_chatbase_have_no_sources_and_its_events_have(tmp_path: Path) -> None:
    async with served_with(tmp_path, lambda asked: openai_text(*SAID)) as served, person(served) as alice:
        await library(served)
        url = f"{served.url}/api/v2/agents/shop/chat"
        headers = {"Authorization": f"Bearer {alice.token}"}
        body = {"message": QUESTION, "stream": True}
        events = (await alice.http.post(url, json=body, headers=headers)).text
        url = f"{served.url}/ndjson/api/v2/agents/shop/chat"
        lines = (await alice.http.post(url, json=body, headers=headers)).text
        assert '"type":"source-document"' in events
        assert "data-sources" not in events
        assert "source-" not in lines
        assert "return any item" in lines


async def test_botpress_has_what_is_cited_in_the_messages_metadata(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        await library(served)
        await alice.join_botpress()
        id = await alice.start()
        assert await alice.botpress(id, QUESTION) == SHOWN
        [_, answer] = await alice.botpress_messages(id)
        assert [source["title"] for source in answer["metadata"]["sources"]] == ["Returns"]


async def test_lexicon_has_what_is_cited_in_metadata(tmp_path: Path) -> None:
    async with (
        served_with(tmp_path, [openai_text(*SAID)], default_bot="shop") as served,
        person(served) as alice,
    ):
        await library(served)
        key = {"X-API-Key": alice.key}
        made = await alice.http.post(f"{served.url}/api/v1/chats/", json={"user_id": "alice"}, headers=key)
        id = made.json()["id"]
        async with alice.lexicon_socket(id) as socket:
            await socket.send_message(json.dumps({"content": QUESTION}))
            ended = await lexicon_until(socket, "message_stream_ended")
        assert ended["content"] == SHOWN
        assert [source["number"] for source in ended["metadata"]["sources"]] == [1]
        page = await alice.http.get(f"{served.url}/api/v1/chats/{id}/messages", headers=key)
        assert page.json()["messages"][-1]["metadata"]["sources"] == ended["metadata"]["sources"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_openai_has_annotations(tmp_path: Path, streamed: bool) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        made = await library(served)
        body = {"model": "shop", "messages": [{"role": "user", "content": QUESTION}], "stream": streamed}
        headers = {"Authorization": f"Bearer {alice.token}"}
        answer = await alice.http.post(f"{served.url}/v1/chat/completions", json=body, headers=headers)
        if streamed:
            chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
            [annotations] = [a for c in chunks if (a := c["choices"][0]["delta"].get("annotations"))]
        else:
            annotations = answer.json()["choices"][0]["message"]["annotations"]
        [citation] = [annotation["url_citation"] for annotation in annotations]
        assert SHOWN[citation["start_index"] : citation["end_index"]] == "[1]"
        assert citation["title"] == "Returns"
        assert citation["url"] == f"urn:uuid:{made['documents']['Returns']}"


async def test_the_official_openai_package_reads_them(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text(*SAID)]) as served, person(served) as alice:
        async with admin(served) as http:
            made = await add_base(served, "handbook", {})
            await add_document(http, made["id"], "Returns", RETURNS, source="https://shop.example/returns")
        async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key=alice.token, max_retries=0) as client:
            answer = await client.chat.completions.create(
                model="shop", messages=[{"role": "user", "content": QUESTION}]
            )
        [annotation] = answer.choices[0].message.annotations or []
        assert annotation.type == "url_citation"
        assert annotation.url_citation.url == "https://shop.example/returns"


async def test_the_model_can_search_by_itself_and_what_it_finds_is_numbered_on(tmp_path: Path) -> None:
    def script(asked: Recorded) -> Any:
        told = asked.body["messages"]
        if told[-1]["role"] == "tool":
            found = json.loads(told[-1]["content"])["results"]
            return openai_text(f"“its cost is nine euros” [{found[0]['number']}]")
        return openai_tool_calls(("search_vectors", {"query": "parcel to Norway", "limit": 1}))

    async with served_with(tmp_path, script) as served, person(served) as alice:
        await library(served)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(id, QUESTION)
        told = [source for frame in frames if frame["type"] == "sources" for source in frame["data"]]
        numbers = [source["number"] for source in told]
        assert numbers == list(range(1, len(told) + 1))
        [norway] = [source for source in told if "Norway" in source["content"]]
        assert text_of(frames) == f"“its cost is nine euros” [{norway['number']}]"


async def test_what_no_document_answers_is_said_to_the_model_and_kept_as_a_gap(tmp_path: Path) -> None:
    replies = lambda asked: openai_text("I do not know.")  # noqa: E731
    async with served_with(tmp_path, replies) as served, person(served) as alice:
        await library(served)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            for text in ("Which volcano erupted loudest?", "which  volcano erupted LOUDEST", "Thanks!"):
                await socket.ask(id, text)
            await socket.ask(id, QUESTION)
        assert "No passage of the documents fits this question." in prompts(served)[0]
        async with admin(served) as http:
            gaps = (await http.get("/api/v1/admin/ai/knowledge-gaps")).json()["gaps"]
        told = {gap["question"]: (gap["count"], gap["reason"]) for gap in gaps}
        assert told == {"which volcano erupted LOUDEST": (2, "nothing"), QUESTION: (1, "uncited")}


async def test_a_follow_up_is_looked_up_with_what_it_leans_on(tmp_path: Path) -> None:
    async with served_with(tmp_path, lambda asked: openai_text("So [1].")) as served, person(served) as alice:
        await library(served)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            await socket.ask(id, "A parcel to Norway?")
            frames = await socket.ask(id, "And what is the cost of it?")
        sources = next(frame for frame in frames if frame["type"] == "sources")["data"]
        assert "Norway" in sources[0]["content"]
        assert served.model is not None
        said = [m["content"] for m in served.model.requests[1].body["messages"] if m["role"] == "assistant"]
        assert said == ["So."]


async def test_without_documents_an_answer_is_left_as_it_is(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT}
    async with stack(tmp_path, [openai_text("See [1].")], bots=bots) as served, person(served) as alice:
        assert await alice.say("fluxbase", await alice.start(), "Where?") == "See [1]."


async def test_a_failing_retrieval_never_fails_the_turn(tmp_path: Path) -> None:
    async with served_with(tmp_path, [openai_text("Here I am.")]) as served, person(served) as alice:
        await library(served)
        db = connect(database_path(served.data))
        db.execute("DROP TABLE _base_sizes")
        db.close()
        assert await alice.say("fluxbase", await alice.start(), QUESTION) == "Here I am."
