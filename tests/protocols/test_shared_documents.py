"""A shared conversation and one person's own document: its passages reach nobody who joins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.protocols.everybody import Person, person
from tests.protocols.test_private_documents import BOT, QUESTION, SECRET, library, prompted, served_with
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.served_knowledge import good
from tests.support.stack import Stack
from tests.support.wire import wire

QUIET = "I would rather not say in this company."
WITH_TOOL = BOT.replace(
    "rate-limit",
    "client-tools:\n  - name: where_am_i\n    description: Where the user is.\n"
    "    parameters: {type: object, properties: {}}\nrate-limit",
    1,
)


async def add(alice: Person, id: str, user: str) -> None:
    url = f"{alice.url}/botpress/shop/conversations/{id}/participants"
    good(await alice.http.post(url, json={"userId": user}, headers={"x-user-key": alice.user_key}))


async def read_by(bob: Person, id: str, frame_type: str = "sources") -> str:
    """All that bob can read of the conversation, over every wire."""
    bearer = {"Authorization": f"Bearer {bob.token}"}
    async with wire(f"{bob.ws_url}/ai/ws", bob.token) as socket:
        await socket.send("resume", conversation_id=id, after=0)
        while not socket.frames or socket.frames[-1]["type"] != frame_type:
            await socket.receive()
        seen = json.dumps(socket.frames)
    for path, headers in (
        (f"/api/v1/ai/conversations/{id}", bearer),
        (f"/api/v2/agents/shop/conversations/{id}/messages", bearer),
        (f"/api/chat/shop/{id}", bearer),
        (f"/botpress/shop/conversations/{id}/messages", {"x-user-key": bob.user_key}),
    ):
        answer = await bob.http.get(bob.url + path, headers=headers)
        assert answer.status_code in (200, 404), (path, answer.text)
        seen += answer.text
    return seen


def quiet_after(calls: tuple[str, Any]) -> Any:
    """Looks things up and does not tell what was found."""

    def script(asked: Recorded) -> Any:
        if any(message["role"] == "tool" for message in asked.body["messages"][-2:]):
            return openai_text(QUIET)
        return openai_tool_calls(calls)

    return script


async def test_what_is_asked_in_company_is_not_looked_up_in_anybodys_own_documents(tmp_path: Path) -> None:
    call = ("search_vectors", {"query": QUESTION, "limit": 20, "threshold": 0})
    async with (
        served_with(tmp_path, quiet_after(call)) as served,
        person(served, "alice") as alice,
        person(served, "bob") as bob,
    ):
        await _begin(served, alice, bob)
        id = await alice.start()
        await add(alice, id, "bob")
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(id, QUESTION)
        assert "Ask there for the number" in json.dumps(frames)
        assert SECRET not in json.dumps(frames)
        assert SECRET not in prompted(served)
        assert SECRET not in await read_by(bob, id)
        # Somebody who takes part is not alone there either, also not when they ask.
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(await _shared_by(bob, "alice"), QUESTION)
        assert SECRET not in json.dumps(frames)
        assert SECRET not in prompted(served)


async def test_what_was_found_before_somebody_joined_is_not_shown_to_them(tmp_path: Path) -> None:
    call = ("search_vectors", {"query": QUESTION, "limit": 20, "threshold": 0})
    async with (
        served_with(tmp_path, quiet_after(call)) as served,
        person(served, "alice") as alice,
        person(served, "bob") as bob,
    ):
        await _begin(served, alice, bob)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            frames = await socket.ask(id, QUESTION)
            assert SECRET in json.dumps(frames)
            await add(alice, id, "bob")
            seen = await read_by(bob, id)  # what is in memory, since alice still reads
        assert SECRET not in seen
        assert "A document of one person" in seen
        assert "Ask there for the number" in seen
        asked = len(served.model.requests) if served.model else 0
        async with wire(f"{bob.ws_url}/ai/ws", bob.token) as socket:
            assert SECRET not in json.dumps(await socket.ask(id, QUESTION))
        assert served.model is not None
        assert SECRET not in json.dumps([one.body for one in served.model.requests[asked:]])
    async with served_with(tmp_path, []) as served, person(served, "bob") as bob:
        await bob.join_botpress()
        assert SECRET not in await read_by(bob, id)


async def test_who_joins_while_an_answer_is_made_reads_no_passage_of_it(tmp_path: Path) -> None:
    slow = [openai_text("I", " think", delay_s=3600)]
    async with (
        served_with(tmp_path, slow) as served,
        person(served, "alice") as alice,
        person(served, "bob") as bob,
    ):
        await _begin(served, alice, bob)
        id = await alice.start()
        async with wire(f"{alice.ws_url}/ai/ws", alice.token) as socket:
            await socket.send("message", conversation_id=id, content=QUESTION)
            await socket.until("sources")
            assert SECRET in json.dumps(socket.frames)
            await add(alice, id, "bob")
            assert SECRET not in await read_by(bob, id)
            await socket.send("cancel", conversation_id=id)
            await socket.until("cancelled")
        assert SECRET not in await read_by(bob, id, "cancelled")


async def test_an_answer_that_goes_on_for_somebody_else_does_not_read_them_again(tmp_path: Path) -> None:
    replies = [openai_tool_calls(("where_am_i", {})), openai_text(QUIET)]
    async with (
        served_with(tmp_path, replies, bot=WITH_TOOL) as served,
        person(served, "alice") as alice,
        person(served, "bob") as bob,
    ):
        await _begin(served, alice, bob)
        id = await alice.start()
        message = {"id": "m-1", "role": "user", "parts": [{"type": "text", "text": QUESTION}]}
        url = f"{alice.url}/api/chat/shop"
        first = good(
            await alice.http.post(
                url,
                json={"id": id, "messages": [message], "trigger": "submit-message"},
                headers={"Authorization": f"Bearer {alice.token}"},
            )
        )
        assert "where_am_i" in first.text
        await add(alice, id, "bob")
        chunks = [json.loads(line[6:]) for line in first.text.splitlines() if line.startswith("data: {")]
        call = next(chunk for chunk in chunks if chunk["type"] == "tool-input-available")
        part = {
            "type": "tool-where_am_i",
            "toolCallId": call["toolCallId"],
            "state": "output-available",
            "input": {},
            "output": "Berlin",
        }
        answer = {"id": chunks[0]["messageId"], "role": "assistant", "parts": [part]}
        went_on = await bob.http.post(
            url,
            json={"id": id, "messages": [message, answer], "trigger": "submit-message"},
            headers={"Authorization": f"Bearer {bob.token}"},
        )
        assert went_on.status_code == 200, went_on.text
        assert QUIET in went_on.text
        assert served.model is not None
        assert SECRET in json.dumps(served.model.requests[0].body)
        assert SECRET not in json.dumps(served.model.requests[-1].body)
        assert SECRET not in went_on.text


async def _begin(served: Stack, alice: Person, bob: Person) -> None:
    await library(served)
    await alice.join_botpress()
    await bob.join_botpress()


async def _shared_by(owner: Person, with_user: str) -> str:
    """A new conversation of `owner` in which the other takes part."""
    id = await owner.start()
    await add(owner, id, with_user)
    return id
