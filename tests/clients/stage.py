"""The appliance as foreign clients meet it: bots, keys, and a model whose answer depends on the question.

The programs beside this file know the questions of `QUESTIONS`; any other question is echoed.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.model_replies import Reply, error, openai_text, openai_tool_calls, stream, text
from tests.support.model_server import Recorded
from tests.support.served_knowledge import add_base, add_document, admin
from tests.support.stack import OPEN_BOT, Stack, stack

PAUSE_S = 0.12

BOT = "shop"
CLIENT_TOOLS = """client-tools:
  - name: get_place
    description: Where the user is, as the page knows it.
    parameters: {type: object, properties: {precise: {type: boolean}}}
"""
BOTS = {
    BOT: OPEN_BOT.replace("allowed-tables:", f"{CLIENT_TOOLS}allowed-tables:"),
    "members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false"),
    "reader": OPEN_BOT.replace("allowed-tables:", "knowledge-base: handbook\nallowed-tables:"),
    "helped": OPEN_BOT.replace("allowed-tables:", "handoff: true\nallowed-tables:"),
    "strict": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1"),
}

RETURNS = "how many days to return an item"
HANDBOOK = {"Returns": "# Returns\n\nYou have 30 days to return an item: within 30 days of delivery."}
"""Texts of the base that the bot `reader` answers from."""
WEB_PAGE = {
    "title": "Returns on the web",
    "content": "# Broken items\n\nA broken item goes back for as many days as its guarantee lasts.",
    "source": "https://shop.example/returns",
}
"""One more, which has an address."""

QUESTIONS: dict[str, Callable[[Recorded], Reply]] = {
    "hello": lambda _: openai_text("Hello", " from", " the model."),
    "slow": lambda _: openai_text("One,", " two,", " three,", " four.", delay_s=PAUSE_S),
    "stuck": lambda _: stream(text("Well, "), text("let me see"), then="hang"),
    "break": lambda _: stream(text("Half an ans"), then="reset"),
    "refuse": lambda _: error(400, "the model's own private words"),
    "where am I": lambda _: openai_tool_calls(("get_place", {"precise": True})),
    "recall": lambda request: openai_text(json.dumps(_told(request))),
    "a person": lambda _: openai_tool_calls(("talk_to_person", {"reason": "A broken lamp"})),
    "nothing": lambda _: openai_text(),
    RETURNS: lambda _: openai_text("Yes: “within 30 ", "days of delivery” [", "1], not [8]."),
    "long": lambda _: openai_text(*(f"Line {number} ü🌍\n" for number in range(400))),
}
"""`recall` answers with what the model was told: a JSON list of [role, text] without the system's words."""


def reply(request: Recorded) -> Reply:
    """The model's answer to the newest message of a request."""
    last = request.body["messages"][-1]
    if last["role"] == "tool":
        return _told_by_tool(request, str(last["content"]))
    question = _plain(last["content"])
    return QUESTIONS[question](request) if question in QUESTIONS else openai_text("You said: ", question)


def _told_by_tool(request: Recorded, said: str) -> Reply:
    names = [call["function"]["name"] for call in request.body["messages"][-2]["tool_calls"]]
    if "talk_to_person" in names:
        return openai_text("Somebody will come.")
    return openai_text("You are in ", said, ".")


def _told(request: Recorded) -> list[list[str]]:
    said = request.body["messages"]
    return [[message["role"], _plain(message["content"])] for message in said if message["role"] != "system"]


def _plain(content: Any) -> str:
    """A message's text, whether it is sent as a string or as parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content or "")


class ClientStage:
    """`key()` makes a tenant key; `environ` is what every program gets."""

    def __init__(self, served: Stack) -> None:
        self.served = served
        self.url = served.url
        self.ws_url = served.url.replace("http", "ws", 1)

    def key(self, tenant: str = "default", **options: Any) -> str:
        """A new tenant key; `options` are those of `create_key`."""
        db = connect(database_path(self.served.data))
        try:
            # Not `with db:`: it keeps the interpreter's lock while it waits for the server's writer, which
            # is a thread of this very process.
            db.execute("BEGIN IMMEDIATE")
            _, key = create_key(db, "tenant", tenant, time.time(), **options)
            db.execute("COMMIT")
        finally:
            db.close()
        return key

    @property
    def environ(self) -> dict[str, str]:
        return {"URL": self.url, "WS_URL": self.ws_url, "KEY": self.key(), "BOT": BOT}

    @property
    def at_desk(self) -> dict[str, str]:
        """`environ` for programs in which anna of the team joins the chats of the bot `helped`."""
        return self.environ | {"BOT": "helped", "ADMIN": self.served.token("anna", "admin")}

    def asked(self) -> list[str]:
        """Questions that reached the model, in order: one for each turn that ran."""
        assert self.served.model is not None
        newest = [request.body["messages"][-1] for request in self.served.model.requests]
        return [_plain(message["content"]) for message in newest if message["role"] == "user"]


async def add_handbook(served: Stack) -> None:
    """The base that the bot `reader` answers from."""
    base = await add_base(served, "handbook", HANDBOOK)
    async with admin(served) as http:
        await add_document(http, base["id"], **WEB_PAGE)


@asynccontextmanager
async def client_stage(data: Path, **settings: Any) -> AsyncIterator[ClientStage]:
    """Serve `BOTS` from folder `data` while the block runs; `settings` are fields of `Settings`."""
    bots = settings.pop("bots", BOTS)
    # All programs come from one address.
    free = {"strangers_users_per_minute_max": 0, "strangers_conversations_per_minute_max": 0}
    settings = free | settings
    async with stack(data, reply, bots=bots, **settings) as served:
        yield ClientStage(served)
