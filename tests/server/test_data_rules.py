"""Rules are never lost unnoticed: not between two starts, in a restore, by a typo, or while nobody asks."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest
import trio

from appliance.engine import rule_watch
from appliance.errors import InvalidInput
from appliance.store import facts
from appliance.store.database import connect, database_path
from tests.server.test_lifecycle import environment, run, serve_arguments
from tests.support.loopback import ROOT, cli_server
from tests.support.stack import OPEN_BOT, stack

RULES = """\
row-rules:
  customers: user_id = :user_id
  public.orders: none
hidden-columns:
  customers: [card]
"""
RULED_BOT = OPEN_BOT.replace("allowed-tables:", "row-rules:\n  invoces: none\nallowed-tables:")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with tables and rules."""
    folder = tmp_path / "data"
    with closing(connect(database_path(folder))) as db:
        for table in ("customers", "orders", "invoices"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, user_id TEXT, card TEXT)")
    (folder / "data.yaml").write_text(RULES)
    return folder


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_watch, "LOOK_S", 0.02)


def fact(data: Path) -> str | None:
    with closing(connect(database_path(data))) as db:
        return facts.get(db, facts.DATA_RULES)


async def serve_once(data: Path, **settings: str) -> None:
    async with stack(data, **settings):
        pass


async def refusal(data: Path) -> str:
    """Why a server does not start."""
    with pytest.raises(BaseExceptionGroup) as caught:
        await serve_once(data)
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, InvalidInput)
    return error.text


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> str:
    """The first line of the log with this text; waits for it."""
    with trio.fail_after(30):
        while not (found := [line for line in caplog.messages if text in line]):  # noqa: ASYNC110  # nobody is told
            await trio.sleep(0.01)
    return found[0]


async def test_a_server_whose_rules_file_is_gone_does_not_start(data: Path) -> None:
    await serve_once(data)
    (data / "data.yaml").unlink()
    text = await refusal(data)
    assert text == (
        f"This database was served with rules in data.yaml, and there is no such file in {data} now: "
        "everything would be open. Put it back, or put an empty data.yaml there to say that there shall be "
        "no rules."
    )
    assert "no such file" in await refusal(data)  # trying again does not wear it down
    (data / "data.yaml").write_text(RULES)
    await serve_once(data)


async def test_rules_that_a_setting_named_are_missed_when_the_setting_goes(
    data: Path, tmp_path: Path
) -> None:
    elsewhere = (data / "data.yaml").rename(tmp_path / "rules.yaml")
    await serve_once(data, data_rules=str(elsewhere))
    assert f"rules in {elsewhere}, and there is no data.yaml in {data} now" in await refusal(data)


async def test_an_empty_file_says_that_there_shall_be_no_rules(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await serve_once(data)
    assert fact(data) == str(data / "data.yaml")
    (data / "data.yaml").write_text("")
    await serve_once(data)
    assert fact(data) is None
    assert f"{data / 'data.yaml'} has no rules any more: bots may read all of their tables" in caplog.messages
    (data / "data.yaml").unlink()
    await serve_once(data)


@pytest.mark.parametrize("text", [None, "", "schema-notes:\n  orders: all of them\n"])
async def test_a_folder_that_never_had_rules_starts_without_the_file(data: Path, text: str | None) -> None:
    (data / "data.yaml").unlink()
    if text is not None:
        (data / "data.yaml").write_text(text)
        await serve_once(data)
        (data / "data.yaml").unlink()
    await serve_once(data)
    assert fact(data) is None


async def test_rules_that_come_while_it_runs_are_remembered_without_a_question(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "appliance.data")
    (data / "data.yaml").unlink()
    async with stack(data):
        (data / "new").write_text(RULES)
        (data / "new").rename(data / "data.yaml")
        await logged(caplog, "the rules of this file hold from now on")
        with trio.fail_after(30):
            while fact(data) is None:  # noqa: ASYNC110  # nobody is told
                await trio.sleep(0.01)
        (data / "data.yaml").unlink()
        await logged(caplog, "does not exist; its rules would be missing; the last good version stays in use")
    assert "everything would be open" in await refusal(data)


async def test_a_broken_file_is_logged_once_without_a_question_and_keeps_the_fact(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stack(data):
        (data / "data.yaml").write_text("row-rule:\n  customers: none\n")
        line = await logged(caplog, "the last good version stays in use")
        assert "row-rule is no key of this file; did you mean row-rules?" in line
        (data / "data.yaml").write_text(RULES.replace("orders", "ordrs"))
        await logged(caplog, "there: public.ordrs")  # so it goes on looking
    assert sum("last good version" in line for line in caplog.messages) == 1
    assert fact(data) is not None


async def test_rules_for_tables_that_are_not_there_are_told_once_each(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(apsw.Connection(str(data / "stock.db"))) as db:
        db.execute("CREATE TABLE pieces (id); CREATE VIEW few AS SELECT * FROM gone")
    broken = (
        "row-rules:\n  custmers: none\n  warehouse.peices: none\n  warehouse.few: all\n  absent.*: none\n"
    )
    rest = "hidden-columns:\n  Orders: [card]\n  nowhere: [x]\ndata-files:\n  warehouse: ./stock.db\n"
    (data / "data.yaml").write_text(broken + rest)
    async with stack(data, bots={"shop": RULED_BOT}):
        await logged(caplog, "invoces")
        (data / "data.yaml").write_text(broken.replace("custmers", "customers") + rest)
        with closing(connect(database_path(data))) as db:
            db.execute("ALTER TABLE customers RENAME TO clients")
        await logged(caplog, "not there: customers;")
    told = [line for line in caplog.messages if "names a table" in line]
    effect = "nothing protects what was meant"
    assert told == [
        f"data.yaml: row-rules names a table that is not there: custmers; {effect}; did you mean customers?",
        "data.yaml: row-rules names a table that is not there: warehouse.peices; "
        f"{effect}; did you mean warehouse.pieces?",
        f"data.yaml: row-rules names a table that is not there: absent.*; {effect}",
        f"data.yaml: hidden-columns names a table that is not there: nowhere; {effect}",
        f"bot default/shop: row-rules names a table that is not there: invoces; {effect}; "
        "did you mean invoices?",
        f"data.yaml: row-rules names a table that is not there: customers; {effect}",
    ]


async def test_hundreds_of_wrong_names_and_a_file_that_is_no_database_end_in_a_few_lines(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "bad.db").write_bytes(b"no database" * 1000)
    names = "".join(f"  t{number}: none\n" for number in range(500))
    (data / "data.yaml").write_text(f'row-rules:\n  public.gone: none\n  "*": none\n{names}')
    async with stack(data):
        await logged(caplog, "data.yaml: names 481 more tables that are not there")
        assert await logged(caplog, 'public.gone; what was meant falls under "*"')
        (data / "data.yaml").write_text(
            "row-rules:\n  bad.x: none\n  public.mine: none\ndata-files:\n  bad: ./bad.db\n"
        )
        await logged(caplog, "public.mine")
    assert not any("bad.x" in line for line in caplog.messages)  # nobody can tell
    assert len(caplog.messages) < 40


def test_serve_says_in_a_line_which_rules_hold_and_a_lost_file_ends_it(data: Path) -> None:
    arguments = serve_arguments(data)
    with cli_server(*arguments, env=environment()) as server:
        server.stop()
        assert "\n  rules     data.yaml (2 tables)\n" in server.log()
        assert server.log().partition("/ai/ws")[0].count("\n") < 9
    (data / "data.yaml").unlink()
    done = run(*arguments)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False)
    assert "everything would be open" in done.stderr
    (data / "data.yaml").write_text("# no rules\n")
    with cli_server(*arguments, env=environment()) as server:
        server.stop()
        assert "\n  rules     none in data.yaml\n" in server.log()


async def test_a_backup_that_is_restored_elsewhere_misses_its_rules(data: Path, tmp_path: Path) -> None:
    await serve_once(data)
    new, file = tmp_path / "new", tmp_path / "saved.db"
    new.mkdir()
    for arguments in (("backup", file, "--data", data), ("restore", file, "--data", new)):
        command = [sys.executable, "-m", "appliance", *map(str, arguments)]
        done = await trio.run_process(
            command, cwd=ROOT, env=environment(), capture_stdout=True, capture_stderr=True
        )
    assert b"data.yaml, bots and secrets.key are not in it" in done.stderr
    assert b"Without data.yaml the server will not start." in done.stderr
    assert f"no such file in {new} now" in await refusal(new)
