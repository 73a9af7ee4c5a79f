"""The support bot of the examples with its documents, served whole, and somebody who asks it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio
import trio_websocket
import yaml

from tests.support.knowledge import ADMIN, Desk, settled
from tests.support.stack import Stack, stack

BOT = Path(__file__).parents[2] / "bots" / "support"
QUESTIONS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("support_questions.yaml").read_text()
)


@dataclass
class Answer:
    """What came back: the text, the sources that were found, and those that the text cites."""

    text: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    queried: bool = False

    @property
    def cited(self) -> list[dict[str, Any]]:
        numbers = {int(number) for number in re.findall(r"\[(\d+)\]", self.text)}
        return [source for source in self.sources if source["number"] in numbers]

    def cites(self, phrase: str) -> bool:
        """Does it stand in a passage that is cited?"""
        return any(plain(phrase) in plain(source["content"]) for source in self.cited)


@dataclass
class Score:
    """How many questions were answered with the right passage, and what went wrong."""

    right: int = 0
    asked: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, right: bool, told: str) -> None:
        self.asked += 1
        self.right += right
        if not right:
            self.wrong.append(told)

    @property
    def share(self) -> float:
        return self.right / self.asked


def plain(text: str) -> str:
    """Without blanks, case and the bars of tables."""
    return re.sub(r"[\s|]+", "", text).casefold()


def asked(case: dict[str, Any]) -> list[str]:
    """The questions of a case as one conversation."""
    return [case["ask"]] if isinstance(case["ask"], str) else list(case["ask"])


@asynccontextmanager
async def support(data: Path, **settings: Any) -> AsyncIterator[Stack]:
    """Serve the demo shop with the support bot, all documents of its folder read."""
    folder = data / "bots" / "support"
    shutil.copytree(BOT, folder)
    file = folder / "bot.md"
    file.write_text(re.sub(r"(rate-limit|daily-limit): .*", r"\1: 100000", file.read_text()))
    async with stack(data, bots={}, demo=True, **settings) as served:
        await _read(served, len(list((folder / "knowledge").iterdir())))
        yield served


async def ask(served: Stack, questions: Sequence[str]) -> Answer:
    """The answer to the last of the questions, asked one after the other in a conversation of their own."""
    answer = Answer()
    # Signed in, since strangers may open only so many conversations a minute.
    url = f"{served.ws_url}?token={served.token('customer')}"
    async with trio_websocket.open_websocket_url(url) as socket:
        await _send(socket, type="start_chat", chatbot="support", namespace="default")
        started = await _until(socket, "chat_started", Answer())
        for question in questions:
            answer = Answer()
            await _send(socket, type="message", conversation_id=started["conversation_id"], content=question)
            await _until(socket, "done", answer)
    return answer


async def _send(socket: trio_websocket.WebSocketConnection, **frame: Any) -> None:
    await socket.send_message(json.dumps(frame))


async def _until(socket: trio_websocket.WebSocketConnection, wanted: str, answer: Answer) -> dict[str, Any]:
    with trio.fail_after(60):
        while True:
            frame: dict[str, Any] = json.loads(await socket.get_message())
            match frame["type"]:
                case "content":
                    answer.text += frame["delta"]
                case "sources":
                    answer.sources += frame["data"]
                case "query_result" | "tool_result":
                    answer.queried = answer.queried or bool(frame.get("query"))
                case "error":
                    raise AssertionError(frame)
            if frame["type"] == wanted:
                return frame


async def _read(served: Stack, files: int) -> None:
    """Wait until every file of the folder is a document that can be found."""
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        desk = Desk(client, served.token("root", "admin"), ADMIN)
        with trio.fail_after(300):
            while True:
                bases = (await desk.get())["knowledge_bases"]
                found = next((base for base in bases if base["name"] == "support"), None)
                documents = await settled(desk, found["id"]) if found else []
                if len(documents) == files:
                    break
                await trio.sleep(0.05)
    assert {document["status"] for document in documents} == {"indexed"}, documents
