"""The server as a process: starts once per folder, survives a kill, stops in time, says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
import trio

from appliance.store.database import connect, database_path
from tests.support.commands import run_command
from tests.support.loopback import cli_server
from tests.support.model_replies import openai_text, stream, text
from tests.support.model_server import model_server
from tests.support.stack import OPEN_BOT, write_bots
from tests.support.wire import text_of, wire


def environment(**more: str) -> dict[str, str]:
    """Ours, without providers that the developer may have."""
    mine = {
        k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "AZURE", "OLLAMA", "APPLIANCE"))
    }
    return mine | {"OPENAI_MODEL": "scripted"} | more


def serve_arguments(data: Path) -> list[str]:
    write_bots(data / "bots", {"shop": OPEN_BOT})
    return ["serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return run_command(*arguments, env=environment(**env))


def ws(url: str) -> str:
    return url.replace("http", "ws", 1) + "/ai/ws"


async def test_a_kill_in_mid_answer_keeps_the_text_and_closes_the_turn_as_interrupted(tmp_path: Path) -> None:
    replies = [stream(*[text("word ")] * 10, then="hang"), openai_text("Again.")]
    async with model_server(replies) as model:
        env = environment(OPENAI_BASE_URL=f"{model.url}/v1")
        with cli_server(*serve_arguments(tmp_path), env=env) as server:
            async with wire(ws(server.url)) as client:
                id = await client.start()
                await client.say(id, "Tell me", message_id="m1")
                while text_of(client.frames) != "word " * 10:
                    await client.receive()
                await trio.sleep(1.5)  # the text so far is written at most once a second
                seen = client.frames[-1]["seq"]
                server.process.send_signal(signal.SIGKILL)
                await trio.to_thread.run_sync(server.process.wait)
        with cli_server(*serve_arguments(tmp_path), env=env) as server:
            async with wire(ws(server.url)) as client:
                await client.send("resume", conversation_id=id, after=0)
                assert (await client.until("resumed"))["running"] is False
                end = await client.until("error")
                assert end["code"] == "INTERRUPTED"
                assert text_of(client.frames) == "word " * 10
                assert end["seq"] > seen  # so that a client that saw more than was kept is told too
                assert text_of(await client.ask(id, "Go on")) == "Again."
            told = [m["content"] for m in model.requests[1].body["messages"][1:]]
            assert told == ["Tell me", "word " * 10, "Go on"]


async def test_a_kill_right_after_a_message_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with model_server([stream(text("x"), then="hang")]) as model:
        env = environment(OPENAI_BASE_URL=f"{model.url}/v1")
        with cli_server(*serve_arguments(tmp_path), env=env) as server:
            async with wire(ws(server.url)) as client:
                id = await client.start()
                await client.say(id, "Remember me", message_id="m1")
                await client.until("progress")
                server.process.send_signal(signal.SIGKILL)
                await trio.to_thread.run_sync(server.process.wait)
        with cli_server(*serve_arguments(tmp_path), env=env) as server, trio.fail_after(10):
            async with wire(ws(server.url)) as client:
                await client.send("resume", conversation_id=id, after=0)
                question = await client.until("user_message")
                assert question["content"] == "Remember me"
                assert (await client.until("error"))["code"] == "INTERRUPTED"


async def test_sigterm_in_mid_answer_stores_it_as_partial_and_ends_within_the_grace(tmp_path: Path) -> None:
    async with model_server([stream(*[text("word ")] * 3, then="hang")]) as model:
        env = environment(OPENAI_BASE_URL=f"{model.url}/v1", APPLIANCE_SHUTDOWN_GRACE_S="1")
        with cli_server(*serve_arguments(tmp_path), env=env) as server:
            async with wire(ws(server.url)) as client:
                id = await client.start()
                await client.say(id)
                await client.until("content")
                begun = time.monotonic()
                server.process.terminate()
                await client.until("cancelled")
                await trio.to_thread.run_sync(server.process.wait)
                assert time.monotonic() - begun < 1 + 5  # the promise is 2; other tests run beside
            assert server.process.returncode == 0
    db = connect(database_path(tmp_path))
    rows = db.execute("SELECT role, status FROM _messages ORDER BY position").fetchall()
    open_reservations = db.execute("SELECT sum(reserved_tokens) FROM _usage").get
    db.close()
    assert rows == [("user", "cancelled"), ("assistant", "cancelled")]
    assert open_reservations == 0


async def test_sigterm_lets_a_short_answer_finish(tmp_path: Path) -> None:
    async with model_server([openai_text("to ", "the ", "end", delay_s=0.15)]) as model:
        env = environment(OPENAI_BASE_URL=f"{model.url}/v1", APPLIANCE_SHUTDOWN_GRACE_S="5")
        with cli_server(*serve_arguments(tmp_path), env=env) as server:
            async with wire(ws(server.url)) as client:
                id = await client.start()
                await client.say(id)
                await client.until("content")
                server.process.terminate()
                await client.until("done")
                assert text_of(client.frames) == "to the end"
            await trio.to_thread.run_sync(server.process.wait)
            assert server.process.returncode == 0


def test_a_second_server_on_the_folder_is_refused_and_commands_work_beside_the_first(tmp_path: Path) -> None:
    with cli_server(*serve_arguments(tmp_path), env=environment()) as server:
        begun = time.monotonic()
        second = run(*serve_arguments(tmp_path))
        assert second.returncode == 1
        assert f"process {server.pid}" in second.stderr
        assert (
            time.monotonic() - begun < 10
        )  # the refusal itself takes a fraction; the rest is the interpreter
        assert "Traceback" not in second.stderr
        token = run("token", "create", "--user", "u1", "--data", str(tmp_path), "--json")
        key = run("keys", "create", "--type", "anon", "--data", str(tmp_path), "--json")
        assert (token.returncode, key.returncode) == (0, 0), token.stderr + key.stderr
        answer = httpx.get(
            f"{server.url}/api/v1/ai/conversations",
            headers={"Authorization": f"Bearer {token.stdout.split(chr(34))[3]}"},
        )
        assert answer.json() == {"conversations": [], "total": 0, "has_more": False}


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("serve", "--data", str(tmp_path), "--host", "127.0.0.1", "--port", port)
    assert refused.returncode == 1
    assert f"Port {port}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("APPLIANCE_PROT", "1", "did you mean APPLIANCE_PORT?"),
        ("APPLIANCE_PORT", "eighty", "must be a whole number"),
        ("APPLIANCE_JWT_SECRET", "short", "at least 32"),
        ("APPLIANCE_PROVIDER", "openai", "OPENAI_API_KEY"),
        ("APPLIANCE_TRUSTED_PROXIES", "nonsense", "nonsense"),
    ],
)
def test_a_wrong_variable_is_refused_at_start(tmp_path: Path, variable: str, value: str, says: str) -> None:
    refused = run("serve", "--data", str(tmp_path), "--port", "0", **{variable: value})
    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_damaged_database_is_one_clear_sentence(tmp_path: Path) -> None:
    database_path(tmp_path).write_bytes(b"garbage " * 10_000)
    refused = run("serve", "--data", str(tmp_path), "--port", "0")
    assert refused.returncode == 1
    assert "appliance restore" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_missing_bots_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    refused = run("serve", "--data", str(tmp_path), "--port", "0", "--bots", str(tmp_path / "none"))
    assert refused.returncode == 1
    assert str(tmp_path / "none") in refused.stderr
    assert "Traceback" not in refused.stderr
