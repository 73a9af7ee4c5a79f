"""Which files of a folder are bots, and clear errors for everything that cannot be one."""

import os
from pathlib import Path

import pytest

from appliance.botfiles.folder import LoadedFile, load_folder
from appliance.bundled import bundled
from appliance.errors import InvalidInput

BOT = "---\ndescription: d\n---\nprompt"
TS = "/** d */ export default `prompt`"


def write(root: Path, *paths: str) -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BOT if path.endswith(".md") else TS)


def keys(files: list[LoadedFile]) -> list[str]:
    return sorted(f"{file.namespace}/{file.name}" for file in files if file.file.bot)


def only_error(root: Path) -> str:
    (bad,) = [file for file in load_folder(root) if file.file.bot is None]
    return bad.tell(bad.file.errors[0])


def test_layout_gives_namespace_and_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        "plain/index.ts",
        "support/bot.md",
        "ns/one/index.ts",
        "ns/two/bot.md",
        "ns/deep/er/three/index.ts",
        "loose.ts",
        "ns/inner.ts",
    )
    assert keys(load_folder(tmp_path)) == [
        "default/loose",
        "default/plain",
        "default/support",
        "ns/inner",
        "ns/one",
        "ns/three",
        "ns/two",
    ]


def test_folders_and_files_that_are_no_bots_are_left_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        ".git/x/bot.md",
        "node_modules/x/index.ts",
        "_shared/x/index.ts",
        "ns/_shared/x/index.ts",
        "bot/bot.md",
        "bot/tools.ts",
        "bot/knowledge/x/bot.md",
        "types.d.ts",
        "README.md",
        "ns/deep/er/loose.ts",
    )
    (tmp_path / "bot" / "tests.yaml").write_text("[]")
    assert [file.name for file in load_folder(tmp_path)] == ["bot"]


def test_a_bot_folder_may_also_be_a_namespace(tmp_path: Path) -> None:
    write(tmp_path, "shop/bot.md", "shop/help/bot.md", "knowledge/help/bot.md")
    assert keys(load_folder(tmp_path)) == ["default/shop", "knowledge/help", "shop/help"]


def test_the_second_file_of_a_key_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    write(tmp_path, "a/bot.md", "a/index.ts")
    assert keys(load_folder(tmp_path)) == ["default/a"]
    first, second = tmp_path / "a" / "bot.md", tmp_path / "a" / "index.ts"
    assert only_error(tmp_path) == f"{second}:1: error: {first} defines default/a already"


def test_content_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a/bot.md")
    file = tmp_path / "a" / "bot.md"
    file.write_bytes(b"ok\nfine\n\xff\xfe")
    assert only_error(tmp_path) == f"{file}:1: error: is not UTF-8 text: byte 0xff on line 3"
    file.write_bytes(b"")
    assert only_error(tmp_path) == f"{file}:1: error: is empty"
    file.write_bytes(b"x" * 1_048_577)
    assert only_error(tmp_path) == f"{file}:1: error: is larger than 1048576 bytes"


def test_folders_pipes_and_dead_links_named_like_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a" / "bot.md").mkdir(parents=True)
    assert only_error(tmp_path).endswith("bot.md:1: error: is a folder, not a file")
    (tmp_path / "a" / "bot.md").rmdir()
    os.mkfifo(tmp_path / "a" / "bot.md")
    assert only_error(tmp_path).endswith("bot.md:1: error: is not a file")
    (tmp_path / "a" / "bot.md").unlink()
    (tmp_path / "a" / "bot.md").symlink_to("bot.md")
    assert only_error(tmp_path).endswith("bot.md:1: error: cannot be read: Too many levels of symbolic links")
    (tmp_path / "a" / "bot.md").unlink()
    (tmp_path / "a" / "gone").symlink_to("nowhere")
    assert only_error(tmp_path).endswith("gone:1: error: is a symbolic link that leads nowhere")


def test_a_link_back_up_is_an_error_and_the_rest_loads(tmp_path: Path) -> None:
    write(tmp_path, "ns/a/bot.md")
    (tmp_path / "ns" / "loop").symlink_to(tmp_path)
    assert only_error(tmp_path).endswith("loop:1: error: is a symbolic link back to a folder that it is in")
    assert keys(load_folder(tmp_path)) == ["ns/a"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/bot.md")
    (tmp_path / "bots").mkdir()
    (tmp_path / "bots" / "linked").symlink_to(tmp_path / "elsewhere")
    assert keys(load_folder(tmp_path / "bots")) == ["default/linked"]


def test_a_bot_file_at_the_top_is_told_where_to_go(tmp_path: Path) -> None:
    write(tmp_path, "bot.md")
    assert only_error(tmp_path).endswith("a bot file needs a folder of its own: <name>/bot.md")


def test_names_that_cannot_be_printed_are_errors(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\n"
    os.mkdir(folder)
    (Path(os.fsdecode(folder)) / "bot.md").write_text(BOT)
    assert "must be printable text" in only_error(tmp_path)
    only_error(tmp_path).encode()


def test_a_missing_folder_is_an_answer(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist or is no folder"):
        load_folder(tmp_path / "none")


def test_the_bundled_bots_load_without_a_finding() -> None:
    files = load_folder(bundled("bots"))
    assert {"default/sql-assistant", "default/support"} <= set(keys(files))
    assert [file.tell(finding) for file in files for finding in file.file.findings] == []


def test_the_bundled_bots_serve_anonymous_visitors_from_the_shop() -> None:
    bots = {file.name: file.file.bot for file in load_folder(bundled("bots"))}
    sql, support = bots["sql-assistant"], bots["support"]
    assert sql
    assert support
    assert sql.allow_unauthenticated
    assert sql.allowed_tables == ["users", "products", "orders", "order_items"]
    assert sql.tool_overrides["execute_sql"].parameters
    assert support.allow_unauthenticated
    assert support.persist_conversations
