"""`appliance test`: a bot's questions on a copy of the data, judged; and how tests.yaml is read."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from appliance.botfiles.tests_file import read_tests
from appliance.bottests import Answer, BotTest, Document, judged
from appliance.importer.demo import create_demo
from appliance.store.database import connect, database_path
from tests.support.commands import run_command
from tests.support.stack import OPEN_BOT

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith(("APPLIANCE_", "OPENAI_"))}
CLEAN["APPLIANCE_EMBEDDING_PROVIDER"] = "none"


def test(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_command("test", *arguments, env=CLEAN, timeout_s=100)


test.__test__ = False  # type: ignore[attr-defined]


def shop(data: Path, tests: str) -> Path:
    """A data folder with the demo's tables, a bot and its tests."""
    folder = data / "bots" / "shop"
    folder.mkdir(parents=True)
    (folder / "bot.md").write_text(OPEN_BOT)
    (folder / "tests.yaml").write_text(tests)
    with closing(connect(database_path(data))) as db:
        create_demo(db, date(2026, 6, 15))
    return data


def test_the_example_bots_tests_pass_without_a_model(tmp_path: Path) -> None:
    done = test("support", "--data", tmp_path / "none", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["bot"], outcome["failed"]) == ("default/support", 0)
    assert outcome["passed"] >= 4


def test_a_failed_test_is_told_with_its_answer_and_the_code_one(tmp_path: Path) -> None:
    good = "- ask: How many orders are there?\n  tables: orders\n"
    data = shop(tmp_path, f"{good}- ask: How many users are there?\n  says: nonsense\n")
    before = (data / "appliance.db").read_bytes()
    done = test("shop", "--data", data)
    assert done.returncode == 1
    passed, failed, problem, answer = done.stdout.splitlines()
    assert passed.startswith("passed")
    assert passed.endswith("How many orders are there?")
    assert failed.startswith("FAILED")
    assert problem.strip() == "It does not say “nonsense”."
    assert answer.strip().startswith("It says: ")
    assert done.stderr.splitlines()[-1] == "default/shop: 1 passed, 1 failed"
    assert (data / "appliance.db").read_bytes() == before


def test_unknown_bots_and_bad_files_are_told_in_one_sentence(tmp_path: Path) -> None:
    data = shop(tmp_path, "- ask: x\n  seys: y\n")
    done = test("nobody", "--data", data)
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no bot 'nobody'; there is shop." in done.stderr
    done = test("shop", "--data", data)
    assert done.returncode == 1
    assert "tests.yaml:1: error: 'seys' is no key of a test" in done.stderr


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("ask: x", 1, "must be a list"),
        ("- x", 1, "must be a mapping"),
        ("- ask: a\n- says: b", 2, "has no question"),
        ("- ask: a\n\n- ask: b\n  rows: -1", 3, "whole number"),
        ("- ask: a\n  refuses: yes", 1, "true or false"),
        ("- ask: a\n  refuses: true\n  cites: b", 1, "wants a refusal"),
        ("- ask: a\n  says: {b: c}", 1, "a text or a list"),
        ("- ask: a\n  says: []\n  says: b", 1, "given twice"),
        ("- ask: &x a\n- ask: *x", 2, "aliases"),
        ("- ask: [", 1, "not YAML"),
        ("- ask: ''", 1, "needs a question"),
    ],
)
def test_mistakes_in_a_file_have_a_line(text: str, line: int, words: str) -> None:
    _, findings = read_tests(text)
    assert any(words in one.message for one in findings), findings
    assert line in {one.line for one in findings} or words == "given twice"


def test_an_empty_file_has_no_tests() -> None:
    assert read_tests("") == ([], [])
    assert read_tests("# nothing yet\n") == ([], [])


def test_what_is_otherwise_than_it_must_be_is_told() -> None:
    returns = Document(title="Returning things", file_name="returns.md", path="kb/returns.md")
    answer = Answer(text="Within 30  days.", cited=[returns], tables=["orders"], rows=2)
    for wanted in ("returning things", "returns.md", "KB/returns.md"):
        assert (
            judged(BotTest(ask="x", cites=[wanted], says=["30 days"], tables=["Orders"], rows=2), answer)
            == []
        )
    assert judged(BotTest(ask="x", cites=["shipping.md"]), answer) == [
        "It does not cite “shipping.md”, but “Returning things”."
    ]
    assert judged(BotTest(ask="x", not_says=["30 DAYS"]), answer) == ["It says “30 DAYS”."]
    assert judged(BotTest(ask="x", rows=3, tables=["users"]), answer) == [
        "It does not read the table “users”, but orders.",
        "It should have 3 rows, and there are 2.",
    ]
    assert judged(BotTest(ask="x", refuses=True), answer) == [
        "It should refuse, and cites “Returning things”.",
        "It should refuse, and shows 2 rows.",
    ]
    assert judged(BotTest(ask="x", refuses=True), Answer(text="I cannot.")) == []
    assert judged(BotTest(ask="x"), Answer(text="", error="gone")) == ["No answer came: gone"]
