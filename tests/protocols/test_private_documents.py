"""A document of one user reaches nobody else: over every wire, in every mode, by every tool and endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.protocols.everybody import ENCRYPTION_KEY, MISSING, WIRES, person
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.served_knowledge import BASES, add_base, add_document, admin, good
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

SECRET = "amethyst-lantern-4711"
NAMED = "Quorvexia Holdings GmbH"
TEXT = (
    f"# Contract of Alice\n\nThe contract number of Alice is {SECRET}. {NAMED} is based in Berlin. "
    f"Alice Wonderwald works at {NAMED}."
)
SHARED = "# Contracts\n\nEvery contract number is kept by the office. Ask there for the number of a contract."
QUESTION = "What is the contract number?"
TOOLS = "search_vectors, query_knowledge_graph, find_related_entities, browse_knowledge_graph"
BOT = OPEN_BOT.replace("---\nYou are", f"knowledge-base: contracts\nmcp-tools: {TOOLS}\n---\nYou are")


async def library(served: Stack) -> dict[str, Any]:
    """A base with a document for everybody and one of alice's."""
    made = await add_base(served, "contracts", {"Contracts": SHARED}, visibility="public")
    async with admin(served) as http:
        made["private"] = await add_document(http, made["id"], "Alice", TEXT, metadata={"user_id": "alice"})
    return made


def served_with(tmp_path: Path, replies: Any, embedder: str = "none", bot: str = BOT, **settings: Any) -> Any:
    given = {
        "embedding_provider": embedder,
        "botpress_encryption_key": ENCRYPTION_KEY,
        "default_bot": "shop",
        **settings,
    }
    return stack(tmp_path, replies, bots={"shop": bot}, **given)


def prompted(served: Stack) -> str:
    """Everything that the model got to read."""
    assert served.model is not None
    return json.dumps([asked.body for asked in served.model.requests])


def parrot(asked: Recorded) -> Any:
    """Says what its prompt holds, so that a leak is seen by the client, too."""
    return openai_text(asked.body["messages"][0]["content"][-3000:])


@pytest.mark.parametrize("over", WIRES)
async def test_over_every_wire_alice_gets_hers_and_nobody_else_does(tmp_path: Path, over: str) -> None:
    async with served_with(tmp_path, parrot) as served:
        await library(served)
        for user, may in (("bob", False), ("alice", True)):
            async with person(served, user) as somebody:
                await somebody.join_botpress()
                said = await somebody.say(over, await somebody.start(), QUESTION)
                assert (SECRET in said) is may, (over, user)
            assert (SECRET in prompted(served)) is may, (over, user)


@pytest.mark.parametrize("embedder", ["none", "local"])
async def test_the_anonymous_other_tenants_and_admins_do_not_get_it_in_a_chat(
    tmp_path: Path, embedder: str
) -> None:
    async with served_with(tmp_path, parrot, embedder) as served:
        await library(served)
        db = connect(database_path(served.data))
        other = create_key(db, "tenant", "acme", 0.0)[1]
        own = create_key(db, "tenant", "default", 0.0)[1]
        db.close()
        tokens = [None, other, own, served.token("root", "admin"), served.token("bob")]
        for token in tokens:
            async with wire(served.ws_url, token) as socket:
                frames = await socket.ask(await socket.start(), QUESTION)
            assert frames[-1]["type"] == "done"
            assert "Ask there for the number" in json.dumps(frames)
            assert SECRET not in json.dumps(frames), token
        headers = {"Authorization": f"Bearer {other}"}
        body = {"model": "shop", "messages": [{"role": "user", "content": QUESTION}], "user": "alice"}
        async with httpx.AsyncClient(base_url=served.url) as http:  # another tenant's alice is somebody else
            good(await http.post("/v1/chat/completions", json=body, headers=headers))
        assert SECRET not in prompted(served)


@pytest.mark.parametrize(
    "call",
    [
        ("search_vectors", {"query": QUESTION, "limit": 20, "threshold": 0}),
        ("search_vectors", {"query": SECRET}),
        ("search_vectors", {"query": QUESTION, "metadata_filter": {"user_id": "alice"}}),
        (
            "search_vectors",
            {
                "query": QUESTION,
                "metadata_filter": {
                    "logical_op": "OR",
                    "conditions": [
                        {"key": "user_id", "value": "alice"},
                        {"key": "user_id", "operator": "IS NULL"},
                    ],
                },
            },
        ),
        ("query_knowledge_graph", {"knowledge_base_id": "contracts", "limit": 50}),
        ("query_knowledge_graph", {"knowledge_base_id": "contracts", "search_query": "Quorvexia"}),
        ("browse_knowledge_graph", {"knowledge_base_id": "contracts", "start_entity": NAMED}),
        ("browse_knowledge_graph", {"knowledge_base_id": "contracts", "start_entity": "Alice Wonderwald"}),
    ],
    ids=lambda call: f"{call[0]}-{len(json.dumps(call[1]))}",
)
async def test_no_tool_finds_it_for_somebody_else(tmp_path: Path, call: tuple[str, Any]) -> None:
    def script(asked: Recorded) -> Any:
        if asked.body["messages"][-1]["role"] == "tool":
            return openai_text("I looked.")
        return openai_tool_calls(call)

    async with served_with(tmp_path, script) as served:
        await library(served)
        for token in (served.token("bob"), None):
            async with wire(served.ws_url, token) as socket:
                frames = await socket.ask(await socket.start(), "Look it up")
            assert frames[-1]["type"] == "done"
            for told in (json.dumps(frames), _behind_calls(served, call)):
                assert f"Alice is {SECRET}" not in told
                assert "Wonderwald works" not in told
                assert "based in Berlin" not in told
        async with wire(served.ws_url, served.token("alice")) as socket:
            await socket.ask(await socket.start(), "Look it up")
        told = _behind_calls(served, call)
        assert SECRET in told or "Quorvexia" in told


def _behind_calls(served: Stack, call: tuple[str, Any]) -> str:
    """Results of tools that the model got."""
    assert served.model is not None
    results = [
        message["content"]
        for asked in served.model.requests
        for message in asked.body["messages"]
        if message["role"] == "tool"
    ]
    return json.dumps([result for result in results if "There is no entity" not in result])


async def test_no_endpoint_shows_it_to_somebody_else(tmp_path: Path) -> None:
    async with served_with(tmp_path, parrot) as served, httpx.AsyncClient(base_url=served.url) as http:
        made = await library(served)
        base, document = f"/api/v1/ai/knowledge-bases/{made['id']}", made["private"]
        one = f"{base}/documents/{document}"
        for token in (served.token("bob"), served.token("carol")):
            headers = {"Authorization": f"Bearer {token}"}
            for mode in ("keyword", "semantic", "hybrid"):
                for path in ("search", "debug-search"):
                    body = {"query": QUESTION, "mode": mode, "threshold": 0, "max_chunks": 50, "limit": 50}
                    found = await http.post(f"{base}/{path}", json=body, headers=headers)
                    assert SECRET not in found.text
                    assert document not in found.text
            listed = good(await http.get(f"{base}/documents", headers=headers)).json()
            assert listed["count"] == len(listed["documents"]) == 1
            assert good(await http.get(base, headers=headers)).json()["document_count"] == 1
            for path in ("", "/chunks", "/original", "/permissions"):
                missing = await http.get(f"{base}/documents/{MISSING}{path}", headers=headers)
                assert (await http.get(one + path, headers=headers)).status_code == missing.status_code
            for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
                refused = await http.request(method, one, json=body, headers=headers)
                assert refused.status_code in (403, 404), (method, refused.text)
            for path in ("entities", "entities/search?q=Quorvexia", "graph"):
                told = await http.get(f"{base}/{path}", headers=headers)
                assert "Quorvexia" not in told.text
                assert "Wonderwald" not in told.text
        headers = {"Authorization": f"Bearer {served.token('alice')}"}
        assert SECRET in good(await http.get(one, headers=headers)).text
        assert good(await http.get(base, headers=headers)).json()["document_count"] == 2
        found = await http.post(f"{base}/search", json={"query": QUESTION, "limit": 5}, headers=headers)
        assert SECRET in good(found).text


async def test_an_administrators_search_finds_no_users_own_document(tmp_path: Path) -> None:
    async with served_with(tmp_path, parrot) as served, admin(served) as http:
        made = await library(served)
        for mode in ("keyword", "hybrid", "semantic"):
            body = {"query": QUESTION, "mode": mode, "threshold": 0, "max_chunks": 50}
            found = await http.post(f"{BASES}/{made['id']}/search", json=body)
            assert SECRET not in found.text


async def test_it_goes_for_its_user_too_when_it_is_deleted(tmp_path: Path) -> None:
    async with served_with(tmp_path, parrot) as served, admin(served) as http:
        made = await library(served)
        assert (await http.delete(f"{BASES}/{made['id']}/documents/{made['private']}")).status_code == 204
        async with wire(served.ws_url, served.token("alice")) as socket:
            frames = await socket.ask(await socket.start(), QUESTION)
        assert SECRET not in json.dumps(frames)


async def test_scores_do_not_spell_out_the_words_of_a_hidden_document(tmp_path: Path) -> None:
    async with served_with(tmp_path, parrot) as served, httpx.AsyncClient(base_url=served.url) as http:
        made = await library(served)
        headers = {"Authorization": f"Bearer {served.token('bob')}"}

        async def similarity(more: str) -> float:
            body = {"query": f"office {more}", "mode": "keyword", "threshold": 0}
            found = good(
                await http.post(f"/api/v1/ai/knowledge-bases/{made['id']}/search", json=body, headers=headers)
            )
            told: float = found.json()["results"][0]["similarity"]
            return told

        nowhere = await similarity("zzzz*")
        assert await similarity("keep* kept") > nowhere
        assert {await similarity(f"{begin}*") for begin in ("ame", "quorv", "wonderw")} == {nowhere}
