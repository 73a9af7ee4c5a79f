"""data.yaml is good as a whole or not used at all, and what it once said does not silently disappear."""

import logging
import os
from pathlib import Path

import pytest

from appliance.botfiles.data_file import DataFile, data_file, read_data_config
from appliance.datarules import DataConfig, DataRules
from appliance.errors import InvalidInput
from appliance.settings import Settings

FULL = """\
# for every bot
row-rules:
  orders: user_id = :user_id
  products: all
  "*": none
hidden-columns:
  users: [password_hash, email]
data-files:
  warehouse: ./warehouse.db
schema-notes:
  orders.total: in euros, with tax
  warehouse.sales: one row per day
"""


def findings(text: str) -> list[str]:
    return [f"{one.line} {one.message}" for one in read_data_config(text, Path("/data"))[1]]


def test_a_full_file_is_read() -> None:
    assert read_data_config(FULL, Path("/data")) == (
        DataConfig(
            rules=DataRules(
                row_rules={"orders": "user_id = :user_id", "products": "all", "*": "none"},
                hidden_columns={"users": ["password_hash", "email"]},
            ),
            files={"warehouse": "/data/warehouse.db"},
            notes={"orders.total": "in euros, with tax", "warehouse.sales": "one row per day"},
        ),
        [],
    )


def test_an_empty_file_is_an_empty_config() -> None:
    assert read_data_config("\ufeff# nothing yet\n", Path("/")) == (DataConfig(), [])


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("row-rule: {a: none}", "1 row-rule is no key of this file; did you mean row-rules?"),
        ("\nrow-rules:", "2 row-rules needs a value"),
        ("row-rules:\n  a: x = :uid", "2 row-rules a: the rule has the unknown name :uid"),
        ("row-rules:\n  a: none\n  a: all", "2 row-rules a: is given twice"),
        ("row-rules: {a: none}\nrow-rules: {b: none}", "2 row-rules is given twice"),
        ("hidden-columns:\n  a:", "2 hidden-columns a: must be a list of names"),
        ("data-files: x.db", "1 data-files must be a mapping like"),
        ("data-files:\n  Main: x.db", "2 data-files Main: the name of a schema has a to z"),
        ("data-files:\n  public: x.db", "2 data-files public: public, main, temp are taken"),
        ("data-files:\n  temp: x.db", "2 data-files temp: public, main, temp are taken"),
        ("data-files:\n  sqlite_x: x.db", "2 data-files sqlite_x: the name of a schema"),
        ("data-files:\n  a: [x]", "2 data-files a: a path must be a text"),
        ("data-files: {" + ", ".join(f"a{n}: x" for n in range(10)) + "}", "1 data-files has 10 files"),
        ("- a", "1 the file must be lines of"),
        ("a: *b", "1 aliases are not supported"),
        ("a: [b", "1 the file is not YAML"),
        ("row-rules: {[a]: none}", "1 row-rules has a key that is no plain word"),
    ],
)
def test_mistakes_have_their_line(text: str, finding: str) -> None:
    (told,) = findings(text)
    assert told.startswith(finding)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(findings("row-rule: x\nhidden: y\nrow-rules: {a: b = @c}")) == 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.yaml"


def rules(config: DataConfig) -> dict[str, str]:
    return config.rules.row_rules


def test_no_file_is_an_empty_config_until_there_is_one(path: Path) -> None:
    file = DataFile(path)
    assert file.load() == file.current() == DataConfig()
    path.write_text("row-rules: {a: none}")
    assert rules(file.current()) == {"a": "none"}


def test_a_bad_file_is_refused_with_every_mistake(path: Path) -> None:
    path.write_text("row-rule: {a: none}\nrow-rules: {a: b = @c}")
    with pytest.raises(InvalidInput) as refused:
        DataFile(path).load()
    lines = refused.value.text.splitlines()
    assert [line.split(" ")[0] for line in lines] == [f"{path}:1:", f"{path}:2:"]
    with pytest.raises(InvalidInput):
        DataFile(path).current()


def test_a_changed_file_counts_at_once_and_a_bad_one_never(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("row-rules: {a: none}")
    file = DataFile(path)
    assert rules(file.load()) == {"a": "none"}
    path.write_text("row-rules: {a: none, b: none}")
    assert rules(file.current()) == {"a": "none", "b": "none"}
    path.write_text("row-rulez: {a: none}")
    with caplog.at_level(logging.ERROR, "appliance.data"):
        assert [rules(file.current()) for _ in range(3)] == [{"a": "none", "b": "none"}] * 3
        os.utime(path, ns=(1, 1))
        file.current()
    (record,) = caplog.records
    assert f"{path}:1: error: row-rulez is no key" in record.message
    assert "the last good version stays in use" in record.message


def test_a_file_that_vanishes_takes_no_rule_away(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text("row-rules: {a: none}")
    file = DataFile(path)
    file.load()
    path.unlink()
    assert [rules(file.current()) for _ in range(3)] == [{"a": "none"}] * 3
    assert len(caplog.records) == 1
    with pytest.raises(InvalidInput, match="does not exist"):
        file.load()
    path.write_text("row-rules: {c: none}")
    assert rules(file.current()) == {"c": "none"}


def test_a_file_that_came_later_and_vanishes_takes_no_rule_away(path: Path) -> None:
    file = DataFile(path)
    file.load()
    path.write_text("row-rules: {a: none}")
    file.current()
    path.unlink()
    assert rules(file.current()) == {"a": "none"}


def test_what_is_no_readable_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InvalidInput, match="is a folder"):
        DataFile(path).load()
    path.rmdir()
    path.symlink_to("nowhere")
    with pytest.raises(InvalidInput, match="does not exist"):
        DataFile(path).load()
    path.unlink()
    path.write_bytes(b"row-rules: {\xff: none}")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        DataFile(path).load()


def test_a_file_under_nearly_the_right_name_is_refused(path: Path) -> None:
    path.with_suffix(".yml").write_text("row-rules: {a: none}")
    with pytest.raises(InvalidInput, match=r"data\.yml does; name it data\.yaml"):
        DataFile(path).load()


def test_an_attached_file_that_is_not_there_is_refused(path: Path) -> None:
    path.write_text("data-files: {warehouse: ./w.db}")
    with pytest.raises(InvalidInput, match=r"w\.db is no file"):
        DataFile(path).load()
    path.with_name("w.db").touch()
    assert DataFile(path).load().files == {"warehouse": str(path.with_name("w.db"))}


def test_settings_name_the_file_and_then_it_must_be_there(path: Path) -> None:
    assert data_file(Settings(data=str(path.parent))).load() == DataConfig()
    with pytest.raises(InvalidInput, match="does not exist"):
        data_file(Settings(data_rules=str(path))).load()
    path.write_text("row-rules: {a: none}")
    for settings in (Settings(data=str(path.parent)), Settings(data_rules=str(path))):
        assert rules(data_file(settings).load()) == {"a": "none"}


def test_a_file_without_rules_counts_when_its_writer_is_surely_through(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_text("row-rules: {orders: none}\n")
    rules = DataFile(path)
    rules.load()
    path.write_text("")
    assert rules.current().rules.row_rules == {"orders": "none"}
    old = path.stat().st_mtime - 5
    os.utime(path, (old, old))
    assert rules.current().rules.row_rules == {}
