"""`appliance kb` as people run it: a real process, beside a server and without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.store.database import connect, database_path
from tests.support.commands import run_command
from tests.support.loopback import ROOT, cli_server
from tests.support.stack import OPEN_BOT, write_bots


def environment() -> dict[str, str]:
    """Ours, without what the developer may have set, and without a model that makes vectors."""
    foreign = ("OPENAI", "AZURE", "OLLAMA", "APPLIANCE", "FLUXBASE")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return mine | {"APPLIANCE_EMBEDDING_PROVIDER": "none"}


def kb(*words: object, data: Path) -> subprocess.CompletedProcess[str]:
    return run_command("kb", *words, "--data", data, env=environment(), timeout_s=110)


def told(*words: object, data: Path) -> Any:
    """The JSON of a command that went well."""
    done = kb(*words, "--json", data=data)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "refunds.md").write_text("# Refunds\n\n## When\n\nMoney comes back within 14 days.")
    (folder / "hours.txt").write_text("The office opens at nine.")
    return folder


def test_a_folder_goes_in_is_found_and_followed_and_goes_again(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    made = kb("create", "support", "--description", "For customers", data=data)
    assert made.returncode == 0, made.stderr
    assert "searched by words only" in made.stderr
    added = kb("add", "support", docs, "--tag", "public", "--metadata", "team=a", data=data)
    assert (added.returncode, added.stdout) == (0, f"{docs}: 2 added\n"), added.stderr
    found = kb("search", "support", "money", "back", "--mode", "keyword", data=data)
    assert found.stdout.startswith("[1] ")
    assert "Refunds > When" in found.stdout
    assert "within 14 days" in found.stdout
    (docs / "hours.txt").unlink()
    (docs / "refunds.md").write_text("# Refunds\n\nMoney comes back within 30 days.")
    report = told("sync", "support", data=data)["sources"][0]
    assert (report["changed"], report["deleted"], report["failed"]) == (1, 1, [])
    listed = told("documents", "support", data=data)
    assert [(one["title"], one["tags"], one["metadata"]) for one in listed] == [
        ("Refunds", ["public"], {"team": "a"})
    ]
    assert told("show", "support", data=data)["sources"][0]["location"] == str(docs)
    assert [one["document_count"] for one in told("list", data=data)] == [1]
    assert told("gaps", data=data) == []
    assert kb("delete", "support", data=data).returncode == 1
    assert kb("delete", "support", "--yes", data=data).returncode == 0
    assert told("list", data=data) == []


def test_what_is_not_there_is_one_clear_sentence(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    assert "no database" in kb("list", data=data).stderr
    kb("create", "support", "--namespace", "team", data=data)
    for words, says in (
        (("add", "suport", docs), "make it with: appliance kb create suport"),
        (("add", "support", docs), "add --namespace team"),
        (("add", "support", tmp_path / "nowhere", "--namespace", "team"), "There is no file or folder"),
        (("add", "support", docs, "--metadata", "x", "--namespace", "team"), "write KEY=VALUE"),
        (("add", "support", docs, "--namespace", "team", "--tenant", "acme"), "no tenant 'acme'"),
        (("search", "other", "x"), "no knowledge base 'other'"),
        (("create", "support", "--namespace", "team"), "already"),
        (("create", "x", "--chunk-size", "10", "--chunk-overlap", "20"), "chunk_"),
        (("add", "support", "http://127.0.0.1:1/", "--namespace", "team"), "internal|loopback"),
    ):
        done = kb(*words, data=data)
        assert done.returncode == 1, words
        assert any(word in done.stderr + done.stdout for word in says.split("|")), done.stderr
        assert "Traceback" not in done.stderr
    assert told("documents", "support", "--namespace", "team", data=data) == []


def test_what_failed_is_told_and_the_rest_is_in(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    kb("create", "support", data=data)
    done = kb("add", "support", docs, data=data)
    assert done.returncode == 1
    assert f"{docs}: 3 added" in done.stdout
    assert "broken.pdf: " in done.stderr
    assert told("show", "support", data=data)["failed"] == 1


def test_a_users_documents_are_found_by_that_user_alone(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    kb("create", "support", data=data)
    kb("add", "support", docs / "refunds.md", "--user", "alice", data=data)
    words = ("search", "support", "money", "--mode", "keyword")
    assert told(*words, data=data)["passages"] == []
    assert told(*words, "--user", "bob", data=data)["passages"] == []
    assert len(told(*words, "--user", "alice", data=data)["passages"]) == 1


def test_without_waiting_the_work_is_left_to_the_server(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    write_bots(data / "bots", {"shop": OPEN_BOT})
    kb("create", "support", data=data)
    added = kb("add", "support", docs, "--no-wait", data=data)
    assert "no server runs" in added.stderr
    assert {one["status"] for one in told("documents", "support", data=data)} == {"pending"}
    arguments = (
        "serve",
        "--data",
        str(data),
        "--bots",
        str(data / "bots"),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    )
    with cli_server(*arguments, env=environment()) as server:
        (docs / "more.txt").write_text("More.")
        report = told("sync", "support", data=data)  # waits for the base, whoever does the work
        assert report["sources"][0]["added"] == 1
        assert {one["status"] for one in told("documents", "support", data=data)} == {"indexed"}
        assert server.alive
        assert "indexed (text/" in server.log()
        assert "14 days" not in server.log()


def test_ctrl_c_keeps_what_was_added_and_says_how_to_go_on(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "many"
    docs.mkdir()
    for number in range(700):
        (docs / f"{number}.txt").write_text(f"Text number {number}.")
    kb("create", "support", data=data)
    command = [sys.executable, "-m", "appliance", "kb", "add", "support", str(docs), "--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Looking at")
        db = connect(database_path(data))
        while not db.execute("SELECT count(*) FROM _chunks").get and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        claimed = db.execute("SELECT count(*) FROM _document_jobs WHERE claimed_by <> ''").get
        db.close()
    assert (process.returncode, claimed) == (130, 0), said
    assert "appliance kb sync support" in said
    assert "Traceback" not in said
    told("sync", "support", data=data)
    listed = told("documents", "support", data=data)
    assert len(listed) == 700
    assert {one["status"] for one in listed} == {"indexed"}
