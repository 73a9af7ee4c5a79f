"""`appliance bots` as people and scripts use it: in a process of its own."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from appliance.store.database import connect, database_path
from tests.support.commands import run_command

GOOD = "---\ndescription: Says [hello]\nallowed-tables: users\n---\nprompt"
BAD = "---\ndescription: d\ntemprature: 1\n---\nprompt"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}
    return run_command("bots", *arguments, env={**clean, "COLUMNS": "200", **variables})


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


SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, user_id TEXT, name TEXT, card TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);
CREATE TABLE payments (id INTEGER PRIMARY KEY, iban TEXT);
CREATE VIEW totals AS SELECT sum(total) AS total FROM orders;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A data folder with a database and room for one bot."""
    with closing(connect(database_path(tmp_path))) as db:
        db.execute(SHOP).fetchall()
    (tmp_path / "bots" / "shop").mkdir(parents=True)
    return tmp_path


def checked(shop: Path, front: str) -> tuple[int, list[str]]:
    """Exit status and findings about the bot, without its path."""
    bot = shop / "bots" / "shop" / "bot.md"
    bot.write_text(f"---\ndescription: d\n{front}\n---\np")
    done = run("check", "--data", str(shop))
    return done.returncode, [line.removeprefix(f"{bot}:") for line in done.stdout.splitlines()]


def test_check_with_data_takes_protection_that_nobody_has_for_an_error(shop: Path) -> None:
    front = (
        "row-rules:\n  ordres: total < 5\n  orders: totl < 5\n  customers: (SELECT 1, 2)\n"
        "hidden-columns:\n  payments: [ibna, iban]\n  nowhere: [x]"
    )
    status, lines = checked(shop, front)
    assert status == 1
    assert lines == [
        "3: warning: row-rules: totals cannot be shown to anybody: it reads orders, which is restricted, "
        "and has no rule of its own",
        "4: error: row-rules: there is no table ordres; did you mean orders?",
        "5: error: row-rules: orders cannot be shown to anybody: no such column: totl",
        "6: error: row-rules: customers cannot be shown to anybody: "
        "sub-select returns 2 columns - expected 1",
        "8: error: hidden-columns: payments has no column ibna; did you mean iban?",
        "9: error: hidden-columns: there is no table nowhere",
    ]


def test_check_with_data_warns_of_other_names_and_of_sql_that_fails(shop: Path) -> None:
    front = (
        "default-table: order\n"
        "required-columns: {orders: [id, totl]}\n"
        "intent-rules: [{keywords: [a], forbidden-table: customrs}]\n"
        "schema-notes: {orders: fine, orders.total: fine, orders.totl: not}\n"
        "hidden-columns: {customers: [card]}\n"
        "queries:\n"
        "  good: {description: d, sql: 'SELECT id FROM orders WHERE total > :t LIMIT :n; -- all', "
        "parameters: {t: number, n: integer}}\n"
        "  bad: {description: d, sql: SELECT card FROM customers}\n"
        'examples:\n  - {question: "How many?", sql: SELECT count(*) FROM ordrs}'
    )
    status, lines = checked(shop, front)
    assert status == 0
    assert [line.partition(":")[0] for line in lines] == ["3", "4", "5", "6", "10", "12"]
    assert all(": warning: " in f":{line}" for line in lines)
    assert "queries: bad: No such column: card" in lines[4]
    assert "examples: How many?: Table not allowed: ordrs." in lines[5]


def test_check_with_data_reads_the_rules_for_all_bots_and_their_files(shop: Path) -> None:
    with closing(connect(shop / "w.db")) as db:
        db.execute("CREATE TABLE stock (title)")
    rules = shop / "data.yaml"
    rules.write_text(
        "row-rules:\n  '*': none\n  orders: all\n  w.stock: titel = :user_id\n  w.stok: all\n"
        "data-files:\n  w: w.db\n"
    )
    status, lines = checked(shop, "allowed-tables: [orders, w.stock, w.nothing]\nrow-rules: {w.stock: all}")
    assert status == 1
    assert lines == [
        f"{rules}:4: error: row-rules: w.stock cannot be shown to anybody: no such column: titel",
        f"{rules}:5: error: row-rules: there is no table w.stok; did you mean w.stock?",
        "3: warning: allowed-tables: no table matches w.nothing",
    ]


def test_check_with_data_tells_what_is_wrong_with_the_file_of_rules(shop: Path) -> None:
    (shop / "data.yaml").write_text("row-rule: {orders: none}")
    status, lines = checked(shop, "public: true")
    told = f"{shop / 'data.yaml'}:1: error: row-rule is no key of this file; did you mean row-rules?"
    assert (status, lines) == (1, [told])
    report = json.loads(run("check", "--data", str(shop), "--json").stdout)
    assert (report["ok"], report["data"]) == (False, [told])
    done = run("check", "--data", str(shop), APPLIANCE_DATA_RULES=str(shop / "other.yaml"))
    assert (done.returncode, done.stdout) == (
        1,
        f"{shop / 'other.yaml'}:1: error: does not exist; its rules would be missing\n",
    )


def test_check_with_a_data_folder_that_is_not_there_is_refused(bots: Path) -> None:
    for words in (["check"], ["check", "--bots", str(bots)], ["list"]):
        done = run(*words, "--data", str(bots / "typo"))
        told = f"appliance: there is no data folder {bots / 'typo'}; check --data\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


def test_check_counts_the_errors_of_other_files(shop: Path) -> None:
    (shop / "data.yaml").write_text("row-rule: {orders: none}\nhidden-column: {orders: [id]}")
    (shop / "bots" / "shop" / "bot.md").write_text("---\ndescription: d\n---\np")
    (shop / "bots" / "shop" / "tools.py").write_text("import nothing_of_this_name\n")
    done = run("check", "--data", str(shop))
    told = f"1 bot file in {shop / 'bots'}, 0 with errors; 2 errors in data.yaml; 1 error in tools.py\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_check_tells_a_table_that_a_rule_reads_and_the_bot_leaves_out(shop: Path) -> None:
    (shop / "data.yaml").write_text("row-rules: {orders: id IN (SELECT rowid FROM customers), totals: all}")
    needs = "needs the table customers, which this bot does not allow: add it to allowed-tables"
    closed = "allowed-tables: orders cannot be shown to anybody:"
    assert checked(shop, "allowed-tables: [orders]") == (
        0,
        [f"3: warning: {closed} its row rule in data.yaml {needs}"],
    )
    status, lines = checked(shop, "allowed-tables: [orders]\nrow-rules: {orders: total < 5}")
    assert (status, lines) == (1, [f"3: error: {closed} a row rule of this file or of data.yaml {needs}"])
    assert checked(shop, "allowed-tables: [orders, customers]") == (0, [])
    _, lines = checked(shop, "allowed-tables: [orders, customers]\nrow-rules: {customers: none}")
    assert "allowed-tables" not in "".join(lines)


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
