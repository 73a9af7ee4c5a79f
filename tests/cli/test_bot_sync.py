"""`appliance bots sync` in a process of its own, against a real server."""

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from appliance.engine.bot_entries import bot_id
from tests.support.commands import run_command
from tests.support.sdk import create_client
from tests.support.stack import OPEN_BOT, Stack, stack, write_bots

TS = "/** A helper */\nexport default `Help.`"


async def sync(served: Stack | str, *arguments: str, role: str = "admin") -> subprocess.CompletedProcess[str]:
    """Run the command with the token of a user with that role."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}
    url = served if isinstance(served, str) else served.url
    token = "none" if isinstance(served, str) else served.token("root", role=role)
    environ = {**clean, "CHAT_APPLIANCE_TOKEN": token}
    run = partial(run_command, "bots", "sync", "--url", url, *arguments, env=environ)
    return await trio.to_thread.run_sync(run)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bots(tmp_path / "mine", {"plain": "export default is no program here", "team/helper.ts": TS})
    return tmp_path / "mine"


async def test_bots_are_sent_with_their_namespaces_and_then_unchanged(tmp_path: Path, folder: Path) -> None:
    async with stack(tmp_path) as served:
        done = await sync(served, str(folder))
        assert (done.returncode, done.stdout.splitlines()) == (
            0,
            [
                "created default/plain",
                "warning: default/plain: line 1: no description; lists of bots have nothing to show for it",
                "created team/helper",
            ],
        )
        assert done.stderr.splitlines()[-1].startswith("team: Bots were synced: 1 created")
        again = await sync(served, str(folder), "--json")
        results = json.loads(again.stdout)["results"]
        assert [result["details"]["unchanged"] for result in results] == [["plain"], ["helper"]]


async def test_a_markdown_file_stays_markdown_whatever_its_prompt_says(tmp_path: Path, folder: Path) -> None:
    async with stack(tmp_path) as served:
        await sync(served, str(folder))
        done = await sync(served, "--json")
        assert json.loads(done.stdout)["results"][0]["details"]["unchanged"] == ["shop"]
        async with create_client(served.url, served.token("root", role="admin")) as client:
            path = f"/api/v1/admin/ai/chatbots/{bot_id('default', 'plain')}"
            assert (await client.request("GET", path)).data["code"].endswith("is no program here")


async def test_a_dry_run_changes_nothing_and_missing_ones_go_when_asked(tmp_path: Path, folder: Path) -> None:
    async with stack(tmp_path) as served:
        dry = await sync(served, str(folder), "--dry-run", "--namespace", "team")
        assert dry.stdout == "created team/helper\n"
        real = await sync(served, str(folder), "--namespace", "team")
        assert real.stdout == dry.stdout
        write_bots(folder, {"team/other.ts": TS})
        (folder / "team/helper.ts").unlink()
        gone = await sync(served, str(folder), "--namespace", "team", "--delete-missing")
        assert gone.stdout == "created team/other\ndeleted team/helper\n"


async def test_bad_files_are_told_and_the_exit_code_is_1(tmp_path: Path, folder: Path) -> None:
    write_bots(folder, {"bad": "---\ntemprature: 1\n---\np", "own": OPEN_BOT})
    (folder / "own/tools.py").write_text("")
    (folder / "team/latin.ts").write_bytes(b"\xff")
    async with stack(tmp_path) as served:
        done = await sync(served, str(folder))
        assert done.returncode == 1
        assert (
            "error: default/bad: line 2: unknown setting temprature; did you mean temperature?" in done.stdout
        )
        assert f"{folder}/team/latin.ts:1: error: " in done.stdout
        assert f"{folder}/own/bot.md:1: warning: tools.py beside it is not sent" in done.stdout
        assert "created default/own" in done.stdout
        held = await sync(served, str(folder), "--delete-missing")
        assert (held.returncode, held.stdout) == (1, "")
        assert "nothing was sent" in held.stderr


async def test_refusals_and_wrong_addresses_are_one_sentence(tmp_path: Path, folder: Path) -> None:
    async with stack(tmp_path) as served:
        refused = await sync(served, str(folder), role="authenticated")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("appliance: the server refused with 403: This needs the role admin")
        empty = await sync(served, str(folder), "--namespace", "nowhere")
        assert "there are no bot files in namespace 'nowhere'" in empty.stderr
    torn = await sync(served.url, str(folder), "--token", "t0p\nsecret")
    assert "--token" in torn.stderr
    assert "secret" not in torn.stderr
    gone = await sync(served.url, str(folder))
    assert gone.returncode == 1
    assert "cannot be asked" in gone.stderr
    assert "Traceback" not in gone.stderr
