"""`appliance chat` as a process, on a pipe and on a terminal, against the appliance."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from rich.console import Console

from appliance.cli.chat import ChatFailed, Emphasis, ws_url
from appliance.cli.chat_tables import change_rows, clean, local_minute, result
from appliance.client import Change, ChatEvent, RowChange
from tests.support.change_stage import change_stage
from tests.support.stage import SLOW_TEXT, Stage, stage

CHAT = [sys.executable, "-m", "appliance", "chat"]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as scene:
        yield scene


async def chat(*arguments: str) -> subprocess.CompletedProcess[str]:
    with trio.fail_after(30):
        run = await trio.run_process(
            [*CHAT, *arguments], check=False, capture_stdout=True, capture_stderr=True
        )
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


async def test_one_message_prints_the_answer_to_stdout_and_the_rest_to_stderr(scene: Stage) -> None:
    run = await chat("sql-assistant", "top users", "--url", scene.ws_url)
    assert run.returncode == 0, run.stderr
    assert "name" in run.stdout
    assert run.stdout.endswith("The top two are shown above.\n")
    assert "· Executing: users" in run.stderr
    assert "SELECT name, id FROM users" in run.stderr
    assert "36 tokens" in run.stderr
    slow = await chat("support", "slow", "--url", scene.url)
    assert slow.stdout == SLOW_TEXT + "\n"


async def test_a_refused_query_shows_why(scene: Stage) -> None:
    run = await chat("support", "wrong table", "--url", scene.url)
    assert "Table not allowed" in run.stderr


COMPLAINTS = [
    (["nobody", "hi"], "There is no bot 'nobody' in namespace 'default'. Public bots here: "),
    (["members", "hi"], "appliance token create"),
    (["support", "hi", "--token", "made-up"], "refused the connection"),
    (["support", "break"], "appliance: "),
    (["support", " "], "The message is empty"),
    (["support"], "There is no terminal to ask on"),
]


async def test_what_goes_wrong_is_one_sentence_and_exit_code_1(scene: Stage) -> None:
    for arguments, sentence in COMPLAINTS:
        run = await chat(*arguments, "--url", scene.url)
        last = run.stderr.splitlines()[-1]
        assert (run.returncode, last[:11]) == (1, "appliance: "), run.stderr
        assert sentence in last
        assert "Traceback" not in run.stderr


async def test_no_server_is_a_sentence_that_says_how_to_start_one() -> None:
    run = await chat("support", "hi", "--url", "127.0.0.1:1")
    assert run.returncode == 1
    assert "cannot reach ws://127.0.0.1:1/ai/ws" in run.stderr
    assert "appliance serve" in run.stderr


async def test_a_token_opens_a_bot_for_members(scene: Stage) -> None:
    run = await chat("members", "hello", "--url", scene.url, "--token", scene.server.token("alice"))
    assert run.stdout == "You said: hello\n", run.stderr


async def test_ctrl_c_stops_the_answer_and_keeps_its_beginning(scene: Stage) -> None:
    async with trio.open_nursery() as nursery:
        run = trio.run_process
        command = [*CHAT, "support", "stuck", "--url", scene.url]
        process = await nursery.start(
            lambda task_status: run(
                command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, task_status=task_status
            )
        )
        with trio.fail_after(20):
            text = b""
            while b"let me see" not in text:
                text += await process.stdout.receive_some()
            process.send_signal(signal.SIGINT)
            errors = b""
            async for data in process.stderr:
                errors += data
            assert await process.wait() == 130
    assert b"Stopping" in errors
    assert b"Traceback" not in errors


async def test_a_dialogue_on_a_terminal_goes_on_after_an_answer_and_after_an_error(scene: Stage) -> None:
    arguments = ["support", "--url", scene.url]
    screen = await trio.to_thread.run_sync(_dialogue, arguments, ["one", "break", "two"])
    assert screen.count("You said:") == 2
    assert scene.asked() == ["one", "break", "two"]


def _dialogue(arguments: list[str], questions: list[str], prompt: str = "\n> ") -> str:
    """Type each question when the prompt is there; Ctrl-D at the end. Returns what was on the screen."""
    return _typed(arguments, [(prompt, question + "\n") for question in questions] + [(prompt, "\x04")])


def _typed(arguments: list[str], inputs: list[tuple[str, str]]) -> str:
    """Type each input at its prompt, until the command ends well; returns what was on the screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*CHAT, *arguments], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    screen = ""
    for prompt, text in inputs:
        screen += _read_until(master, prompt)
        os.write(master, text.encode())
    assert process.wait(timeout=10) == 0
    os.close(master)
    return screen


def _read_until(master: int, prompt: str) -> str:
    until = time.monotonic() + 20
    text = ""
    while not text.replace("\r", "").endswith(prompt):
        assert time.monotonic() < until, text
        text += os.read(master, 4096).decode(errors="replace")
    return text


APPLY = "Apply this change? [y/N] "


async def test_a_change_is_shown_and_made_when_the_terminal_says_yes(tmp_path: Path) -> None:
    async with change_stage(tmp_path) as scene:
        options = ["--url", scene.url, "--token", scene.served.token("alice")]
        typed = [("\n> ", "pay\n"), (APPLY, "y\n"), ("\n> ", "delete\n"), (APPLY, "\n"), ("\n> ", "\x04")]
        screen = await trio.to_thread.run_sync(_typed, ["shop", *options], typed)
        assert "new → paid" in re.sub("\x1b\\[[0-9;]*m", "", screen)
        assert "Change 2 rows in orders:" in screen
        assert "Delete 1 row from orders:" in screen
        assert scene.orders() == [(1, "paid"), (2, "paid"), (3, "sent")]
        assert scene.sql("SELECT status FROM _changes ORDER BY created_at") == [("applied",), ("declined",)]


async def test_without_a_terminal_nothing_is_decided_and_the_way_is_told(tmp_path: Path) -> None:
    async with change_stage(tmp_path) as scene:
        token = scene.served.token("alice")
        run = await chat("shop", "delete", "--url", scene.url, "--token", token)
        assert run.returncode == 0, run.stderr
        assert "Ada Lovelace" in run.stdout
        assert "Nothing is changed yet." in run.stderr
        [(id, where, status)] = scene.sql("SELECT id, conversation_id, status FROM _changes")
        assert status == "proposed"
        address = f"{scene.url}/api/v1/ai/conversations/{where}/changes/{id}"
        assert f"POST {address} with" in run.stderr
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            assert (await http.post(address, json={"approve": False})).status_code == 202
        run = await chat("shop", "delete", "--url", scene.url)
        assert "run it with --token" in run.stderr
        assert len(scene.orders()) == 3


def test_a_deadline_is_told_to_the_minute_of_the_local_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert local_minute("2026-03-14T20:09:26.535Z") == "2026-03-15 01:39"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (local_minute("so\x1bon"), local_minute(None)) == ("soon", "")


async def test_each_of_several_changes_is_asked_for_below_its_rows(tmp_path: Path) -> None:
    async with change_stage(tmp_path) as scene:
        options = ["--url", scene.url, "--token", scene.served.token("alice")]
        typed = [("\n> ", "pay+delete\n"), (APPLY, "n\n"), (APPLY, "n\n"), ("\n> ", "\x04")]
        screen = await trio.to_thread.run_sync(_typed, ["shop", *options], typed)
        plain = re.sub("\x1b\\[[0-9;]*m", "", screen)
        first, second = plain.split("Change 2 rows in orders:")[1].split("Delete 1 row from orders:")
        assert "new → paid" in first.partition(APPLY)[0]
        assert "Ada Lovelace" in second.partition(APPLY)[0]
        assert scene.sql("SELECT status FROM _changes") == [("declined",), ("declined",)]


async def test_a_query_without_rows_says_so(tmp_path: Path) -> None:
    async with change_stage(tmp_path) as scene:
        run = await chat("shop", "nobody", "--url", scene.url)
        assert "No rows." in run.stderr, run.stderr


def test_rows_before_and_after_tell_values_of_two_kinds_apart() -> None:
    rows = [RowChange(before={"a": 1, "b": None, "c": "x\x1b["}, after={"a": "1", "b": "", "c": "x\x1b["})]
    change = Change(status="proposed", operation="UPDATE", table="t", rows=rows)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(change_rows(change, 80))
    shown = capture.get()
    assert "1 → '1'" in shown
    assert "NULL → ''" in shown
    assert "\x1b" not in shown


async def test_a_reader_that_goes_away_ends_it_quietly(scene: Stage) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with trio.fail_after(20):
            run = await trio.run_process(
                [*CHAT, "support", "slow", "--url", scene.url],
                check=False,
                stdout=writing,
                capture_stderr=True,
            )
    finally:
        os.close(writing)
    assert run.returncode == 128 + signal.SIGPIPE
    assert b"Traceback" not in run.stderr
    assert b"BrokenPipe" not in run.stderr


def test_strong_text_is_bold_wherever_the_text_is_cut_and_code_stays() -> None:
    markdown = "a **bold** word, 2**8, `x**y`, **open\nand * item"
    for cut in range(len(markdown)):
        emphasis = Emphasis()
        shown = emphasis.write(markdown[:cut]) + emphasis.write(markdown[cut:]) + emphasis.end()
        assert shown.plain == "a bold word, 2**8, `x**y`, open\nand * item"
        assert "".join(shown.plain[span.start : span.end] for span in shown.spans) == "boldopen"


def test_a_table_wider_than_the_terminal_is_shown_record_by_record() -> None:
    event = ChatEvent(type="query_result", data=[{f"column_{n}": n or None for n in range(9)}])
    for width, lines in ((200, 3), (40, 10)):
        console = Console(width=width)
        with console.capture() as capture:
            console.print(result(event, width))
        shown = capture.get()
        assert len(shown.splitlines()) == lines, shown
        assert "column_8" in shown
        assert " - " in shown


def test_addresses_are_taken_in_every_usual_form() -> None:
    assert ws_url("http://h:8080") == "ws://h:8080/ai/ws"
    assert ws_url("https://h/base/") == "wss://h/base/ai/ws"
    assert ws_url("ws://h/ai/ws") == "ws://h/ai/ws"
    assert ws_url("h:8080") == "ws://h:8080/ai/ws"
    with pytest.raises(ChatFailed, match="http://127"):
        ws_url("ftp://h")


def test_a_model_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x9bc\rd\te\n") == "a[2Jbcd\te\n"
