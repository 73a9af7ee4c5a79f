"""Files beside a bot file belong to that bot; their mistakes are the bot's."""

from pathlib import Path

import pytest

from appliance.bot import Bot
from appliance.botfiles.companions import MODULES_MAX, companions
from appliance.botfiles.folder import LoadedFile, load_folder
from appliance.engine.catalogue import Catalogue

FRONT = "---\ndescription: d\n{}\n---\np"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "bot.md").write_text(FRONT.format("schema-notes: {orders.total: in euros}"))
    return tmp_path / "shop"


def load(folder: Path) -> LoadedFile:
    (file,) = load_folder(folder.parent)
    return file


def bot(folder: Path) -> Bot:
    file = load(folder).file
    assert file.findings == []
    assert file.bot
    return file.bot


def messages(folder: Path) -> list[str]:
    return [f"{finding.severity} {finding.message}" for finding in load(folder).file.findings]


def test_a_bot_without_companions_has_none(folder: Path) -> None:
    assert (bot(folder).tools_file, bot(folder).tools_mark) == ("", "")


def test_tools_are_named_with_a_mark_that_changes_and_are_not_run(folder: Path) -> None:
    tools = folder / "tools.py"
    tools.write_text("raise SystemExit('I was run')")
    first = bot(folder)
    assert first.tools_file == str(tools)
    assert bot(folder).tools_mark == first.tools_mark != ""
    tools.write_text("raise SystemExit('I was run!')")
    assert bot(folder).tools_mark != first.tools_mark


def test_modules_beside_the_tools_belong_to_their_mark(folder: Path) -> None:
    (folder / "tools.py").write_text("import prices")
    marks = [bot(folder).tools_mark]
    for change in (
        lambda: (folder / "prices.py").write_text("tea = 3"),
        lambda: (folder / "prices.py").write_text("tea = 30"),
        lambda: (folder / "prices.py").rename(folder / "costs.py"),
        lambda: (folder / "costs.py").unlink(),
    ):
        change()
        marks.append(bot(folder).tools_mark)
    assert marks[-1] == marks[0]
    assert len(set(marks)) == 4
    (folder / "knowledge").mkdir()
    (folder / "knowledge" / "example.py").write_text("")
    (folder / "notes.txt").write_text("")
    assert bot(folder).tools_mark == marks[0]


def test_a_changed_module_reloads_its_bot(folder: Path) -> None:
    (folder / "tools.py").write_text("import prices")
    (folder / "prices.py").write_text("tea = 3")
    catalogue = Catalogue(folder.parent)
    catalogue.load()
    assert catalogue.load().updated == []
    (folder / "prices.py").write_text("tea = 30")
    assert catalogue.load().updated == [("default", "shop")]


def test_only_so_many_modules_are_looked_at_and_none_without_tools(folder: Path) -> None:
    for number in range(MODULES_MAX + 5):
        (folder / f"m{number:03}.py").touch()
    assert not [path for path in companions(folder) if path.name.startswith("m")]
    (folder / "tools.py").touch()
    assert [path.name for path in companions(folder)][-1] == f"m{MODULES_MAX - 1:03}.py"
    assert bot(folder).tools_mark


def test_notes_beside_the_bot_are_added_and_the_bot_file_wins(folder: Path) -> None:
    (folder / "schema-notes.yaml").write_text("orders: one per checkout\norders.total: in dollars\n")
    assert bot(folder).schema_notes == {"orders": "one per checkout", "orders.total": "in euros"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders: a\norders: b", "error schema-notes.yaml line 2: orders is given twice"),
        ("orders: [a]", "error schema-notes.yaml line 1: must be a single value, not a list or mapping"),
        ("a: b: c", "error schema-notes.yaml line 1: the file is not YAML"),
        ("- a", "error schema-notes.yaml line 1: the file must be lines of"),
        ("a:", "error schema-notes.yaml line 1: needs a value"),
        ("x" * 300_000, "error schema-notes.yaml is larger than"),
    ],
)
def test_mistakes_in_notes_refuse_the_bot(folder: Path, text: str, message: str) -> None:
    (folder / "schema-notes.yaml").write_text(text)
    assert load(folder).file.bot is None
    (told,) = messages(folder)
    assert told.startswith(message)


def test_notes_under_another_name_and_missing_tools_are_told(folder: Path) -> None:
    (folder / "schema-notes.yml").write_text("a: b")
    (folder / "bot.md").write_text(FRONT.format("mcp-tools: [execute_sql, custom:price]"))
    assert messages(folder) == [
        "warning schema-notes.yml is not read; name it schema-notes.yaml",
        "warning mcp-tools: custom:price is a function of tools.py, which is not beside this file",
    ]
    assert load(folder).file.bot


def test_a_folder_or_broken_link_as_tools_refuses_the_bot(folder: Path) -> None:
    (folder / "tools.py").mkdir()
    assert messages(folder) == ["error tools.py is not a file"]
    (folder / "tools.py").rmdir()
    (folder / "tools.py").symlink_to("nowhere")
    assert not any(file.file.bot for file in load_folder(folder.parent))


def test_loose_bots_have_no_companions(tmp_path: Path) -> None:
    (tmp_path / "one.ts").write_text("/** d */ export default 'p'")
    (tmp_path / "tools.py").write_text("")
    (file,) = load_folder(tmp_path)
    assert file.file.bot
    assert file.file.bot.tools_file == ""
