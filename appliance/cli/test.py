"""`appliance test`: ask a bot the questions of its tests, on a copy of the data, and judge the answers."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
import trio

from appliance.botfiles.data_file import NAME as RULES
from appliance.bundled import bots_folder
from appliance.errors import ApplianceError, NotFound
from appliance.settings import Settings, load
from appliance.store.backup import back_up
from appliance.store.database import connect, database_path
from appliance.store.secret import ENCRYPTION_FILE_NAME, load_secret

ANSWER_CHARS = 300
RUN_S = 6 * 3600.0
"""A run has as many tests as there may be, each with its own deadline."""
PASSED, FAILED = "passed", "FAILED"


class TestsFailed(ApplianceError):
    """A sentence for the terminal; the command ends with exit code 1."""

    __test__ = False
    code = "tests_failed"


@click.command("test")
@click.argument("bot")
@click.option("--data", default="./data", envvar="APPLIANCE_DATA", show_default=True, help="Data folder.")
@click.option("--bots", metavar="DIR", help="Folder of bot files.  [env: APPLIANCE_BOTS]")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(bot: str, data: str, bots: str | None, as_json: bool) -> None:
    """Ask BOT (its name, NAMESPACE:NAME or id) the questions of its tests; exit 1 when one fails.

    The tests are those of tests.yaml beside the bot file, and those made in the console. They run on a copy
    of the database, so nothing that they do stays, and beside a running server.
    """
    given = {"data": data, **({"bots": bots} if bots else {})}
    settings = msgspec.structs.replace(load(os.environ), **given)
    with tempfile.TemporaryDirectory(prefix="appliance-test-") as folder:
        outcome = trio.run(_run, _copied(settings, Path(folder)), bot)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode())
    else:
        _print(outcome)
    if outcome["failed"]:
        sys.exit(1)


def _copied(settings: Settings, folder: Path) -> Settings:
    """Settings for a server of its own on a copy; the bots and the rules are read where they are."""
    data = Path(settings.data)
    if database_path(data).exists():
        with closing(connect(database_path(data))) as db:
            back_up(db, database_path(folder))
    if (data / ENCRYPTION_FILE_NAME).exists():
        shutil.copy2(data / ENCRYPTION_FILE_NAME, folder / ENCRYPTION_FILE_NAME)
    rules = settings.data_rules or (str((data / RULES).absolute()) if (data / RULES).exists() else "")
    return msgspec.structs.replace(
        settings,
        data=str(folder),
        host="127.0.0.1",
        port=0,
        bots=str(bots_folder(settings).absolute()),
        data_rules=rules,
        shutdown_grace_s=0.0,
    )


async def _run(settings: Settings, bot: str) -> dict[str, Any]:
    """Serve, ask the server to run the tests, stop."""
    from appliance.server.main import Started, run
    from appliance.server.tokens import make_user_token

    started = trio.Event()
    urls: list[str] = []

    def on_started(told: Started) -> None:
        urls.extend(told.urls)
        started.set()

    outcome: dict[str, Any] = {}
    failure: ApplianceError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run, settings, on_started))
        await started.wait()
        secret = load_secret(Path(settings.data), settings.jwt_secret)
        token = make_user_token(secret, user_id="cli", role="admin", now=time.time(), lifetime_s=86_400)
        try:
            outcome = await _ask(urls[0], token, bot)
        except ApplianceError as error:  # a nursery would wrap it in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return outcome


async def _ask(url: str, token: str, wanted: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{url}/admin/api", headers=headers, timeout=RUN_S) as client:
        try:
            bots = (await client.get("/bots")).raise_for_status().json()["items"]
            found = _find(bots, wanted)
            answer = await client.post(f"/bots/{found['id']}/tests/run")
        except httpx.HTTPError as error:
            raise TestsFailed("The tests were broken off.") from error
        body: dict[str, Any] = answer.json()
        if answer.is_error:
            raise TestsFailed(str(body.get("error")))
        return {"bot": f"{found['namespace']}/{found['name']}", **body}


def _find(bots: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    namespace, _, name = wanted.replace("/", ":").rpartition(":")
    found = [
        one
        for one in bots
        if one["id"] == wanted
        or (one["name"] == name and (one["namespace"] == namespace if namespace else True))
    ]
    found.sort(key=lambda one: str(one["namespace"]) != "default")
    if not found:
        known = ", ".join(str(one["name"]) for one in bots) or "none"
        raise NotFound(f"There is no bot {wanted!r}; there is {known}.")
    return found[0]


def _print(outcome: dict[str, Any]) -> None:
    if not outcome["results"]:
        click.echo(
            f"{outcome['bot']} has no tests: write a tests.yaml beside its file, or make some in the console."
        )
        return
    for one in outcome["results"]:
        click.echo(
            f"{PASSED if one['passed'] else FAILED}  {one['took_ms'] / 1000:6.1f} s  {_line(one['question'])}"
        )
        for problem in one["problems"]:
            click.echo(f"{'':18}{_line(problem)}")
        if not one["passed"] and one["answer"]:
            click.echo(f"{'':18}It says: {_line(one['answer'])}")
    click.echo(f"{outcome['bot']}: {outcome['passed']} passed, {outcome['failed']} failed", err=True)


def _line(text: str) -> str:
    """What a model or a file says, as one line that moves no cursor."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(plain.split())
    return line if len(line) <= ANSWER_CHARS else line[: ANSWER_CHARS - 1] + "…"
