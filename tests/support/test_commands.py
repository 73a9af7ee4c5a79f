"""Commands that are forks of one process are what new interpreters make of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import COMMANDS
from tests.support.commands import run_command

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
WHOLE = {
    "serve": ["--data", "here", "--bots", "nowhere"],
    "demo": ["--port", "none"],
    "chat": ["support", "hi", "--url", "127.0.0.1:1"],
    "token": ["create", "--user", "ann", "--data", "here", "--expires", "never"],
    "admin": ["list", "--data", "here"],
    "keys": ["list", "--data", "here"],
    "settings": ["list", "--data", "here"],
    "data": ["tables", "--data", "here"],
    "bots": ["check", "--bots", "bots"],
    "test": ["nobody", "--bots", "bots"],
    "kb": ["list", "--data", "here"],
    "backup": ["saved.db", "--data", "here"],
    "restore": ["none.db", "--data", "here"],
}
"""What each command can do by itself in an empty folder, if only say what is missing."""
BOT = "---\ndescription: d\n---\nprompt"


def in_new_interpreter(*words: str, cwd: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "appliance", *words]
    ran = subprocess.run(command, cwd=cwd, env=CLEAN, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_the_same_in_a_new_interpreter(command: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bots").mkdir(parents=True)
        (tmp_path / name / "bots" / "support.md").write_text(BOT)
    words = [command, *WHOLE[command]]
    forked = run_command(*words, env=CLEAN, cwd=tmp_path / "one")
    told = (forked.returncode, forked.stdout, forked.stderr.replace("/one/", "/two/"))
    assert told == in_new_interpreter(*words, cwd=tmp_path / "two")
    assert "Traceback" not in forked.stderr


def test_what_is_given_arrives_and_what_is_late_is_ended(tmp_path: Path) -> None:
    done = run_command("settings", "set", "city", "--data", tmp_path, env=CLEAN, given=b"Reykjav\xc3\xadk")
    assert done.returncode == 0, done.stderr
    listed = run_command("settings", "list", "--show", "--data", tmp_path, env=CLEAN)
    assert "'Reykjavík'" in listed.stdout
    with pytest.raises(subprocess.TimeoutExpired):
        run_command("serve", "--data", tmp_path, "--port", "0", env=CLEAN, timeout_s=0.5)
    after = run_command("serve", "--data", tmp_path, "--port", "none", env=CLEAN)
    assert after.returncode == 2
