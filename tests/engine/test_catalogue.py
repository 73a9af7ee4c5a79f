"""The catalogue follows the files on disk, and never trades a good bot for a bad file."""

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from appliance.engine import notices
from appliance.engine.bot_entries import Changes, bot_id
from appliance.engine.catalogue import Catalogue
from appliance.errors import InvalidInput

DEADLINE_S = 20
"""Far more than a reload takes; a test that waits so long has failed."""


def save(root: Path, path: str, prompt: str = "prompt", front: str = "description: d") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\n{front}\n---\n{prompt}")
    return file


def prompt_of(catalogue: Catalogue, name: str) -> str | None:
    bot = catalogue.get("default", name)
    return bot.prompt if bot else None


def test_load_reads_every_bot_and_lists_it_by_key(tmp_path: Path) -> None:
    save(tmp_path, "b/bot.md")
    file = save(tmp_path, "a/x/bot.md")
    catalogue = Catalogue(tmp_path)
    assert catalogue.load() == Changes(added=[("a", "x"), ("default", "b")])
    entry, _ = catalogue.all()
    assert (entry.key, entry.path, entry.source) == (("a", "x"), file, "filesystem")
    assert entry.updated_at == file.stat().st_mtime
    assert entry.bot is catalogue.get("a", "x")
    assert catalogue.entry(("a", "x")) is catalogue.entry(entry.id) is entry
    assert catalogue.get("a", "b") is catalogue.entry("nobody") is None


def test_ids_are_stable_and_differ(tmp_path: Path) -> None:
    assert bot_id("default", "support") == "f3a54bcf-46eb-5a0f-9b26-a32f77823b67"
    assert bot_id("a", "b") != bot_id("b", "a")


def test_reload_tells_what_changed(tmp_path: Path) -> None:
    changed, gone, _ = (save(tmp_path, f"{name}/bot.md") for name in ("a", "b", "c"))
    catalogue = Catalogue([tmp_path])
    catalogue.load()
    save(tmp_path, "a/bot.md", "another prompt")
    gone.unlink()
    save(tmp_path, "d/bot.md")
    assert catalogue.load() == Changes(
        added=[("default", "d")],
        updated=[("default", "a")],
        removed=[("default", "b")],
        unchanged=[("default", "c")],
    )
    assert changed.is_file()


def test_unchanged_files_keep_the_very_same_bot(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md")
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    before = catalogue.get("default", "a")
    catalogue.load()
    assert catalogue.get("default", "a") is before


def test_a_bad_file_keeps_the_last_good_version_and_shows_its_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = save(tmp_path, "a/bot.md")
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    running = catalogue.get("default", "a")
    save(tmp_path, "a/bot.md", "new", "descripton: typo")
    catalogue.load()
    catalogue.load()
    assert catalogue.get("default", "a") is running
    error = f"{file}:2: error: unknown setting descripton; did you mean description?"
    (entry,) = catalogue.all()
    assert entry.errors == [error]
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told == [f"{error}; the last good version stays in use"]
    save(tmp_path, "a/bot.md", "repaired")
    catalogue.load()
    assert prompt_of(catalogue, "a") == "repaired"
    assert catalogue.all()[0].errors == []
    assert running
    assert running.prompt == "prompt"


def test_a_file_that_was_never_good_is_listed_and_not_served(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md", front="nonsense: 1")
    catalogue = Catalogue(tmp_path)
    assert catalogue.load() == Changes()
    (entry,) = catalogue.all()
    assert entry.bot is None
    assert len(entry.errors) == 1
    assert catalogue.get("default", "a") is None
    assert catalogue.lookup("a").entry is None


def test_of_two_files_the_first_counts_and_the_error_is_shown_with_it(tmp_path: Path) -> None:
    first = save(tmp_path / "one", "a/bot.md", "first")
    second = save(tmp_path / "two", "a/bot.md", "second")
    catalogue = Catalogue([tmp_path / "one", tmp_path / "two"])
    catalogue.load()
    assert prompt_of(catalogue, "a") == "first"
    (entry,) = catalogue.all()
    assert entry.errors == [f"{second}:1: error: {first} defines default/a already"]
    first.unlink()
    catalogue.load()
    assert prompt_of(catalogue, "a") == "second"
    assert catalogue.all()[0].errors == []


def test_a_missing_folder_is_refused_and_takes_no_bot_away(tmp_path: Path) -> None:
    root = tmp_path / "bots"
    with pytest.raises(InvalidInput, match="does not exist"):
        Catalogue(root).load()
    save(root, "a/bot.md")
    catalogue = Catalogue(root)
    catalogue.load()
    shutil.rmtree(root)
    with pytest.raises(InvalidInput):
        catalogue.load()
    assert prompt_of(catalogue, "a") == "prompt"


def test_disabled_bots_are_there_but_can_be_left_out(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md", front="enabled: false")
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    assert catalogue.get("default", "a")
    assert catalogue.get("default", "a", enabled_only=True) is None
    assert catalogue.lookup("a").entry is None


def test_lookup_by_name_alone(tmp_path: Path) -> None:
    for path in ("one/bot.md", "x/two/bot.md", "two/bot.md", "x/three/bot.md", "y/three/bot.md"):
        save(tmp_path, path)
    save(tmp_path, "z/three/bot.md", front="public: false")
    catalogue = Catalogue(tmp_path)
    catalogue.load()

    def namespace(name: str) -> str | None:
        entry = catalogue.lookup(name).entry
        return entry.namespace if entry else None

    assert (namespace("one"), namespace("two"), namespace("three")) == ("default", "default", None)
    assert catalogue.lookup("three").is_ambiguous
    assert catalogue.lookup("three").namespaces == ["x", "y"]
    assert not catalogue.lookup("none").is_ambiguous


@asynccontextmanager
async def watched(root: Path) -> AsyncIterator[Catalogue]:
    catalogue = Catalogue(root)
    catalogue.load()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: catalogue.watch(task_status=task_status))
        with trio.fail_after(DEADLINE_S):
            yield catalogue
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 # what is awaited is a file being seen, no event
        await trio.sleep(0.01)


async def test_saved_files_come_change_stay_good_and_go(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md")
    async with watched(tmp_path) as catalogue:
        running = catalogue.get("default", "a")
        save(tmp_path, "a/bot.md", "second")
        await until(lambda: prompt_of(catalogue, "a") == "second")
        save(tmp_path, "new/folder/bot.md")
        await until(lambda: catalogue.get("new", "folder") is not None)
        save(tmp_path, "a/bot.md", "third", "temperature: hot")
        await until(lambda: bool(catalogue.entry(("default", "a")).errors))  # type: ignore[union-attr]
        assert prompt_of(catalogue, "a") == "second"
        (tmp_path / "a" / "bot.md").unlink()
        await until(lambda: catalogue.get("default", "a") is None)
        assert running
        assert running.prompt == "prompt"


async def test_a_file_replaced_by_rename_is_seen(tmp_path: Path) -> None:
    file = save(tmp_path, "a/bot.md")
    async with watched(tmp_path) as catalogue:
        draft = save(tmp_path, "a/.draft", "renamed")
        os.replace(draft, file)
        await until(lambda: prompt_of(catalogue, "a") == "renamed")


async def test_a_vanished_folder_keeps_its_bots_and_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "RESCAN_S", 0.05)
    root = tmp_path / "bots"
    save(root, "a/bot.md")
    async with watched(root) as catalogue:
        root.rename(tmp_path / "away")
        await trio.sleep(0.3)
        assert prompt_of(catalogue, "a") == "prompt"
        save(root, "a/bot.md", "back again")
        await until(lambda: prompt_of(catalogue, "a") == "back again")
    assert caplog.text.count("does not exist") == 1


async def test_without_a_watch_files_are_polled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "POLL_S", 0.02)
    missing = tmp_path / "later"
    missing.mkdir()
    catalogue = Catalogue(missing)
    catalogue.load()
    missing.rmdir()  # a watch cannot be set up on nothing
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: catalogue.watch(task_status=task_status))
        save(missing, "a/bot.md", "polled")
        with trio.fail_after(DEADLINE_S):
            await until(lambda: prompt_of(catalogue, "a") == "polled")
        nursery.cancel_scope.cancel()
    assert "are polled every" in caplog.text


async def test_cancelling_the_watch_ends_it_and_its_thread(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        catalogue = Catalogue(tmp_path)
        await nursery.start(lambda task_status: catalogue.watch(task_status=task_status))
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    limiter = trio.to_thread.current_default_thread_limiter()
    with trio.fail_after(notices.RESCAN_S - 1):
        await until(lambda: limiter.borrowed_tokens == 0)


def test_a_change_of_a_file_beside_the_bot_file_reloads_the_bot(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md")
    save(tmp_path, "b/bot.md")
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    for name, text in (("tools.py", "x = 1"), ("tools.py", "x = 22"), ("schema-notes.yaml", "orders: mine")):
        (tmp_path / "a" / name).write_text(text)
        assert catalogue.load() == Changes(updated=[("default", "a")], unchanged=[("default", "b")])
    assert catalogue.load().updated == []
    (tmp_path / "a" / "tools.py").unlink()
    assert catalogue.load().updated == [("default", "a")]


def test_bad_notes_beside_the_bot_file_keep_the_last_good_bot(tmp_path: Path) -> None:
    save(tmp_path, "a/bot.md")
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    (tmp_path / "a" / "schema-notes.yaml").write_text("- bad")
    catalogue.load()
    assert prompt_of(catalogue, "a") == "prompt"
    assert "schema-notes.yaml line 1" in catalogue.all()[0].errors[0]
