"""Runs in the container, on its standard input: asks the demo shop's bot and checks the table.

Connects to 127.0.0.2, which a server has only when it listens on all addresses. With the argument `stay`
it keeps the chat open until the server hangs up.
"""

from __future__ import annotations

import sys
import urllib.request

import trio

from appliance.client import AIChat, ChatEvent

SERVER = "127.0.0.2:8080"
QUESTION = "Show me the top 10 users by order count"
ROWS = 10
STAY_S = 30


async def main() -> None:
    for path in ("/healthz", "/readyz", "/chat/sql-assistant"):
        await trio.to_thread.run_sync(get, path)
    gone = trio.Event()

    def watch(event: ChatEvent) -> None:
        if event.type == "disconnected":
            gone.set()

    async with AIChat(f"ws://{SERVER}/ai/ws", on_event=watch, reconnect_attempts=0) as chat:
        with trio.fail_after(30):
            await ask(chat)
        if "stay" in sys.argv:
            print("Staying until the server hangs up.")
            with trio.move_on_after(STAY_S):
                await gone.wait()


def get(path: str) -> None:
    with urllib.request.urlopen(f"http://{SERVER}{path}", timeout=10) as answer:
        assert answer.status == 200, (path, answer.status)


async def ask(chat: AIChat) -> None:
    answer = chat.ask("sql-assistant", QUESTION)
    results = [event async for event in answer if event.type == "query_result"]
    assert [len(result.data) for result in results] == [ROWS], results
    counts = [row[results[0].columns[-1]] for row in results[0].data]
    assert counts == sorted(counts, reverse=True), counts
    assert counts[-1] > 0, counts
    assert answer.text, "no sentence"
    assert answer.usage, "no usage"
    assert answer.usage.total_tokens > 0, answer.usage
    print(f"{results[0].query}\n{len(counts)} rows, {answer.usage.total_tokens} tokens: {answer.text[:100]}…")


trio.run(main)
