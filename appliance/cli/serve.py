"""`appliance serve`: one data folder, one address."""

from __future__ import annotations

import gc
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from appliance.settings import Settings, load
from appliance.store import lock

if TYPE_CHECKING:
    from appliance.server.main import Started

LINES_MAX = 9
"""What a server says of itself is read at a glance."""
CHATS_MAX = 3


@click.command("serve")
@click.option("--data", help="Data folder, made when missing.  [env: APPLIANCE_DATA]")
@click.option("--host", help="Address to listen on.  [env: APPLIANCE_HOST]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [env: APPLIANCE_PORT]")
@click.option("--bots", help="Folder of bot files.  [env: APPLIANCE_BOTS]")
def command(data: str | None, host: str | None, port: int | None, bots: str | None) -> None:
    """Serve chat, pages and API from one data folder."""
    given = {"data": data, "host": host, "port": port, "bots": bots}
    settings = load(os.environ)
    start(msgspec.structs.replace(settings, **{k: v for k, v in given.items() if v is not None}))


def start(settings: Settings, *, hint: str = "") -> None:
    """Serve until a signal; prints where and what in under ten lines."""
    lock.check(Path(settings.data))  # before the second that loading the server may take
    # httpx takes its command line along wherever rich is installed: 50 ms and 5 MiB that nobody asks for.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from appliance.server.main import run

    logging.basicConfig(
        level=settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # What is loaded now stays: collecting it again and again would cost start time and pauses.
    gc.disable()
    for chatty in ("httpx", "httpcore", "hypercorn", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    import trio

    trio.run(run, settings, partial(_announce, hint=hint, public_url=settings.public_url))


def _announce(started: Started, hint: str, public_url: str) -> None:
    gc.freeze()
    gc.enable()
    url = started.urls[0]
    lines = [
        f"Serving {url}",
        f"  data      {started.data.resolve()}",
        f"  model     {_model(started)}",
        f"  rules     {_rules(started)}",
        f"  admin     {_console(started, public_url)}",
    ]
    after = [f"  socket    {url.replace('http', 'ws', 1)}/ai/ws"]
    if started.problems:
        after.append(f"  warning   findings in bot files: {len(started.problems)}; see appliance bots check")
    if hint:
        after.append(hint)
    room = min(CHATS_MAX, LINES_MAX - len(lines) - len(after))
    chats = [f"  chat      {url}/chat/{bot.name}" for bot in started.bots if bot.public][:room]
    for line in [*lines, *chats, *after]:
        click.echo(line)
    sys.stdout.flush()


def _console(started: Started, public_url: str) -> str:
    """Where the console is; the first time with a link by which the first admin comes, good for a day."""
    page = f"{public_url.rstrip('/') or started.urls[0]}/admin"
    return page if started.setup is None else f"{page}#setup={started.setup}"


def _rules(started: Started) -> str:
    """Where the rules for every bot stand, and how many tables they name."""
    from appliance.engine.rule_targets import named_tables

    if started.rules_file is None:
        return "none: there is no data.yaml"
    name = started.rules_file.name
    tables, others = named_tables(started.rules)
    counted = [f"{tables} table{'' if tables == 1 else 's'}"] if tables else []
    parts = [*counted, *(["*"] if others else [])]
    return f"{name} ({' and '.join(parts)})" if parts else f"none in {name}"


def _model(started: Started) -> str:
    provider = started.provider
    if provider is None:
        return "none can be used, see the log"
    if provider.name == "offline":
        return "offline (set OPENAI_API_KEY or OLLAMA_MODEL to connect a real one)"
    return f"{provider.name} {provider.default_model}"
