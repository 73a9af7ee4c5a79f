"""The appliance, bots with a scripted model, and a network in between that can be cut: for tests of clients.

What the model says depends on the question; see `QUESTIONS`. Any other question is echoed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trio

from tests.support import proxy
from tests.support.model_replies import Reply, openai_text, openai_tool_calls, stream, text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack

SQL = "SELECT name, id FROM users ORDER BY id LIMIT 2"
FOREIGN_SQL = "SELECT * FROM secrets"
SLOW_TEXT = "Grüße 🌍🌍 and then the rest."
PAUSE_S = 0.15

NASTY = """# Report

Names like order_items and user_id stay whole, `a_b` too, _this_ is *emphasis*, it costs $5 or $x.

<img src=x onerror="document.title='owned'"> <script>document.title='owned'</script>

[good](https://example.com/a_b_c) [bad](javascript:document.title='owned') [1]

![picture](https://example.com/pixel.png)

| name | total |
|---|---:|
| Ada | 12 |

```sql
SELECT user_id FROM order_items
```
"""

QUESTIONS: dict[str, Callable[[], Reply]] = {
    "top users": lambda: openai_tool_calls(("execute_sql", {"sql": SQL, "description": "users"})),
    "wrong table": lambda: openai_tool_calls(("execute_sql", {"sql": FOREIGN_SQL, "description": "no"})),
    "slow": lambda: openai_text("Grüße 🌍", "🌍 and", " then", " the rest.", delay_s=PAUSE_S),
    "cut": lambda: openai_text("Grüße 🌍", "🌍 and", " then", " the rest.", delay_s=PAUSE_S),
    "stuck": lambda: stream(text("Well, "), text("let me see"), then="hang"),
    "break": lambda: stream(text("Half an ans"), then="reset"),
    "nasty": lambda: openai_text(*NASTY),
}

BOTS = {
    "sql-assistant": OPEN_BOT,
    "support": OPEN_BOT,
    "strict": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1"),
    "members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false"),
}


def reply(request: Recorded) -> Reply:
    """The model's answer to the newest message of a request."""
    last = request.body["messages"][-1]
    if last["role"] == "tool":
        return openai_text("The top two ", "are shown above.")
    question = str(last["content"])
    return QUESTIONS[question]() if question in QUESTIONS else openai_text("You said: ", question)


class Stage:
    """`ws_url` and `url` lead through the network; `server` has the direct ones."""

    def __init__(self, server: Stack, network: proxy.Proxy) -> None:
        self.server = server
        self.network = network
        self.url = f"http://127.0.0.1:{network.port}"
        self.ws_url = f"ws://127.0.0.1:{network.port}/ai/ws"

    def asked(self) -> list[str]:
        """Questions that reached the model, in order: one for each turn that ran."""
        assert self.server.model is not None
        messages = [request.body["messages"][-1] for request in self.server.model.requests]
        return [message["content"] for message in messages if message["role"] == "user"]

    async def cut_in_mid_answer(self) -> None:
        """Cut the network each time when the answer to the question `cut` has begun; runs until cancelled."""
        done = 0
        while True:
            await trio.sleep(0.01)
            if self.asked().count("cut") > done:
                done += 1
                await trio.sleep(2.5 * PAUSE_S)
                await self.network.cut()


@asynccontextmanager
async def stage(data: Path) -> AsyncIterator[Stage]:
    """All of it while the block runs, on free ports, in folder `data`."""
    async with stack(data, reply, bots=BOTS, demo=True) as server:
        port = urlsplit(server.url).port
        assert port is not None
        async with proxy.serve(port) as network:
            yield Stage(server, network)
