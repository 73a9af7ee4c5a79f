"""`appliance bots` as people and scripts use it: in a process of its own."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from appliance.store.database import connect, database_path

GOOD = "---\ndescription: Says [hello]\nallowed-tables: users\n---\nprompt"
BAD = "---\ndescription: d\ntemprature: 1\n---\nprompt"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}
    return subprocess.run(
        [sys.executable, "-m", "appliance", "bots", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**clean, "COLUMNS": "200", **variables},
    )


@pytest.fixture
def bots(tmp_path: Path) -> Path:
    for name, text in (("good", GOOD), ("team/bad", BAD)):
        folder = tmp_path / "bots" / name
        folder.mkdir(parents=True)
        (folder / "bot.md").write_text(text)
    return tmp_path / "bots"


def test_check_prints_path_line_and_hint_and_exits_1(bots: Path) -> None:
    done = run("check", "--bots", str(bots))
    path = bots / "team" / "bad" / "bot.md"
    expected = f"{path}:3: error: unknown setting temprature; did you mean temperature?\n"
    assert (done.returncode, done.stdout) == (1, expected)


def test_check_is_content_with_good_files_and_warnings(bots: Path) -> None:
    (bots / "team" / "bad" / "bot.md").write_text("---\nmcp-tools: submit_job\n---\np")
    done = run("check", "--bots", str(bots))
    assert done.returncode == 0
    assert ":2: warning: mcp-tools: submit_job is not available" in done.stdout


def test_check_tells_files_that_are_not_read(bots: Path) -> None:
    (bots / "team" / "bad" / "bot.md").rename(bots / "team" / "bad" / "Bot.md")
    done = run("check", "--bots", str(bots))
    path = bots / "team" / "bad" / "Bot.md"
    assert done.stdout == f"{path}:1: warning: is not read; a bot file is named bot.md\n"
    assert (done.returncode, done.stderr) == (0, f"1 bot file in {bots}, 0 with errors\n")
    assert json.loads(run("check", "--bots", str(bots), "--json").stdout)["not_read"] == [done.stdout.strip()]


def test_check_with_data_tells_tables_that_are_not_there(bots: Path) -> None:
    (bots / "team" / "bad" / "bot.md").write_text("---\nallowed-tables: [Orders, public.*, s.*]\n---\np")
    with closing(connect(database_path(bots.parent))) as db:
        db.execute("CREATE TABLE user (id); CREATE VIEW orders AS SELECT 1 AS id")
    done = run("check", "--data", str(bots.parent))
    tables = [line for line in done.stdout.splitlines() if "table" in line]
    assert done.returncode == 0
    assert tables == [
        f"{bots / 'good' / 'bot.md'}:3: warning: allowed-tables: no table matches users; did you mean user?",
        f"{bots / 'team' / 'bad' / 'bot.md'}:2: warning: allowed-tables: no table matches s.*",
    ]


def test_check_as_json(bots: Path) -> None:
    done = run("check", "--data", str(bots.parent), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["folder"]) == (1, False, str(bots))
    good, bad = report["bots"]
    assert (good["name"], good["findings"]) == ("good", [])
    assert (bad["namespace"], bad["name"]) == ("team", "bad")
    assert [one["severity"] for one in bad["findings"]] == ["error"]
    assert bad["findings"][0]["line"] == 3


def test_list_is_a_table(bots: Path) -> None:
    done = run("list", "--bots", str(bots))
    heading, good, bad = done.stdout.splitlines()
    assert heading.split() == ["namespace", "name", "description", "public", "tables", "file"]
    assert " ".join(good.split()) == "default good Says [hello] yes users good/bot.md"
    assert "has errors: see `appliance bots check`" in bad
    assert done.returncode == 0


def test_list_as_json_has_every_setting(bots: Path) -> None:
    good, bad = json.loads(run("list", "--json", APPLIANCE_BOTS=str(bots)).stdout)["bots"]
    assert good["bot"]["allowed_tables"] == ["users"]
    assert good["bot"]["rate_limit_per_minute"] == 10
    assert (bad["ok"], bad["bot"], len(bad["errors"])) == (False, None, 1)


def test_without_a_folder_the_bundled_bots_are_meant(tmp_path: Path) -> None:
    done = run("list", "--data", str(tmp_path), "--json")
    names = {bot["name"] for bot in json.loads(done.stdout)["bots"]}
    assert {"sql-assistant", "support"} <= names


def test_empty_and_missing_folders_get_a_sentence(tmp_path: Path) -> None:
    assert run("list", "--bots", str(tmp_path)).stdout == f"No bot files in {tmp_path}\n"
    missing = run("check", "--bots", str(tmp_path / "none"))
    assert missing.returncode == 1
    assert missing.stderr == (
        f"appliance: the bots folder {tmp_path / 'none'} does not exist or is no folder\n"
    )


def test_a_misspelt_variable_is_refused(tmp_path: Path) -> None:
    done = run("list", "--bots", str(tmp_path), APPLIANCE_BOT="x")
    assert done.returncode == 1
    assert "did you mean APPLIANCE_BOTS?" in done.stderr
