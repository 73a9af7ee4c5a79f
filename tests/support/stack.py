"""The whole appliance in a test: real sockets, real database, real workers, a scripted model."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import trio

from appliance.importer.demo import create_demo
from appliance.server.main import Started, run
from appliance.server.tokens import make_user_token
from appliance.settings import Settings
from appliance.store.database import connect, database_path
from appliance.store.secret import ENCRYPTION_FILE_NAME, load_secret
from appliance.store.users import remember_user
from tests.support.model_server import ModelServer, Script, model_server
from tests.support.sdk import AIChat, Ear

DEMO_DAY = date(2026, 6, 15)
ENCRYPTION_KEY = "the same in all tests that serve from a new folder"
OPEN_BOT = """---
description: Answers anybody about the shop.
allow-unauthenticated: true
persist-conversations: true
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
allowed-tables: [users, orders]
---
You are the shop's assistant.
"""


class Stack:
    """A running appliance; `model` is what its bots talk to."""

    def __init__(self, url: str, data: Path, model: ModelServer | None) -> None:
        self.url = url
        self.data = data
        self.model = model

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ai/ws"

    def token(self, user: str = "alice", role: str = "authenticated", lifetime_s: float = 3600) -> str:
        """A good token; the user is known from now on."""
        db = connect(database_path(self.data))
        remember_user(db, "default", user, time.time())
        db.close()
        secret = load_secret(self.data)
        return make_user_token(secret, user_id=user, role=role, now=time.time(), lifetime_s=lifetime_s)

    def chat(self, nursery: trio.Nursery, ear: Ear, **options: Any) -> AIChat:
        """A chat of the SDK that tells everything to `ear`."""
        return AIChat(nursery, ws_url=self.ws_url, **ear.callbacks, **options)


def write_bots(folder: Path, bots: Mapping[str, str]) -> None:
    """Write bot files; a name without a slash is `<name>/bot.md`."""
    for name, text in bots.items():
        path = folder / (name if name.endswith((".ts", ".md")) else f"{name}/bot.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@asynccontextmanager
async def stack(
    data: Path,
    replies: Script | None = None,
    *,
    bots: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    demo: bool = False,
    **settings: Any,
) -> AsyncIterator[Stack]:
    """Serve `bots` from `data` on a free port while the block runs.

    Without `replies` the offline model answers. `settings` are fields of `Settings`.
    """
    write_bots(data / "bots", bots if bots is not None else {"shop": OPEN_BOT})
    _furnish(data, demo)
    if replies is None:
        async with _served(data, None, clock, settings) as served:
            yield served
        return
    async with model_server(replies) as model:
        base_url = f"{model.url}/v1"
        async with _served(data, model, clock, {"openai_base_url": base_url, **settings}) as served:
            yield served


def _furnish(data: Path, demo: bool) -> None:
    """What a server would make at its first start, as copies: that is half of the work of a start.

    The folder that has a database already keeps it. With one encryption key its cipher is derived once.
    """
    if not database_path(data).exists():
        database_path(data).write_bytes(_new_database(demo))
        (data / ENCRYPTION_FILE_NAME).write_text(ENCRYPTION_KEY)
    elif demo:
        with closing(connect(database_path(data))) as db:
            create_demo(db, DEMO_DAY)


@functools.cache
def _new_database(demo: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = database_path(folder)
        with closing(connect(path)) as db:
            if demo:
                create_demo(db, DEMO_DAY)
        return path.read_bytes()


@asynccontextmanager
async def _served(
    data: Path, model: ModelServer | None, clock: Callable[[], float], settings: dict[str, Any]
) -> AsyncIterator[Stack]:
    given = {"openai_model": "scripted", "shutdown_grace_s": 0.0, "bots": str(data / "bots"), **settings}
    ready = trio.Event()
    urls: list[str] = []

    def started(told: Started) -> None:
        urls.extend(told.urls)
        ready.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run, Settings(data=str(data), port=0, **given), started, clock))
        with trio.fail_after(60):
            await ready.wait()
        try:
            yield Stack(urls[0], data, model)
        finally:
            nursery.cancel_scope.cancel()
