"""The example programs that the project started from run against the appliance; see seeds/README.md."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.stage import BOT, ClientStage, client_stage
from tests.support import proxy
from tests.support.programs import run_node, run_python
from tests.support.stack import OPEN_BOT

pytestmark = pytest.mark.node


async def test_the_aichat_class_of_fluxbase(tmp_path: Path) -> None:
    async with client_stage(tmp_path, bots={"sql-assistant": OPEN_BOT}) as stage:
        ran = await run_node(
            "seeds/fluxbase-aichat.mjs",
            until="Tokens:",
            WS_URL=stage.ws_url,
            TOKEN=stage.served.token(),
        )
    assert "You said: Show me the top 10 users by order count" in ran.text


async def test_the_streaming_program_of_chatbase(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage:
        key = stage.key(stream_format="ndjson")
        ran = await run_node("seeds/chatbase-streaming.mjs", URL=stage.url, AGENT_ID=BOT, KEY=key)
        mount = f"{stage.url}/ndjson"
        again = await run_node("seeds/chatbase-streaming.mjs", URL=mount, AGENT_ID=BOT, KEY=stage.key())
    for told in (ran.text, again.text):
        first, answer, cost = told.splitlines()
        assert re.fullmatch(r"Message ID: msg_\S+", first)
        assert answer == "You said: Explain quantum computing"
        assert cost == "Credits used: 1"


async def test_the_readme_of_botpress(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage:
        ran = await run_node("seeds/botpress-chat.mjs", URL=stage.url, WEBHOOK_ID=BOT)
    assert ran.text.endswith("done\n")
    sent, listed = ran.text.split("messages [")
    assert "text: 'hello world'" in sent
    assert listed.count("payload:") == 2
    assert "text: 'You said: hello world'" in listed


async def test_the_readme_of_botpress_about_reconnecting(tmp_path: Path) -> None:
    async with client_stage(tmp_path) as stage, proxy.serve(urlsplit(stage.url).port or 0) as network:
        # Once its first new connection fails, the client of that release goes on with dead sockets for ever.
        for last_try in (False, False, True):
            try:
                ran = await run_node(
                    "seeds/botpress-chat-realtime.mjs",
                    deadline_s=20,
                    when=("Hello from the model.", network.cut),
                    until="You said: again",
                    URL=f"http://127.0.0.1:{network.port}",
                    WEBHOOK_ID=BOT,
                )
                break
            except AssertionError:
                if last_try:
                    raise
    assert "reconnected 2" in ran.text


async def test_the_javascript_class_of_lexicon(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        chat = await make_chat(stage)
        ran = await run_node("seeds/lexicon-class.mjs", WS_URL=stage.ws_url, KEY=stage.key(), CHAT_ID=chat)
    lines = ran.text.splitlines()
    assert lines[:4] == [
        "Connected to chat",
        "Connection established",
        "Message received: Hello, I need help with my account",
        "AI is thinking...",
    ]
    whole = "You said: Hello, I need help with my account"
    # 1005: the program closes without a code.
    assert lines[-3:] == [f"So far: {whole}", f"AI response complete: {whole}", "Disconnected: 1005 "]


async def test_the_react_hook_of_lexicon(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        chat = await make_chat(stage)
        ran = await run_node("lexicon_hook.mjs", WS_URL=stage.ws_url, KEY=stage.key(), CHAT_ID=chat)
    assert ran.last == {
        "shown": ["You:Hi there", "AI:You said: Hi there", "You:slow", "AI:One, two, three, four."],
        "streamed": True,
        "status": "Status: Connected",
        "refused": "Error: Invalid API keyReconnect",
    }


async def test_the_python_client_of_lexicon(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        chat = await make_chat(stage)
        ran = await run_python(
            "seeds/lexicon_client.py",
            until="AI response complete: You said: Hello, I need help!",
            WS_URL=stage.ws_url,
            KEY=stage.key(),
            CHAT_ID=chat,
        )
    assert "Message received: Hello, I need help!\nAI is responding..." in ran.text


async def make_chat(stage: ClientStage) -> str:
    """The id of a new chat of `user123`, as the documentation makes it."""
    async with httpx.AsyncClient(headers={"X-API-Key": stage.key()}) as client:
        made = await client.post(f"{stage.url}/api/v1/chats/", json={"user_id": "user123"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
