from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.engine.knowledge import documents, sources
from appliance.engine.knowledge.folders import Folder
from appliance.engine.knowledge.items import Unread
from appliance.engine.knowledge.sources import Report
from appliance.knowledge import KnowledgeBase
from appliance.store.knowledge.sources import Options
from tests.engine.knowledge.shelf import ADMIN, Shelf, shelf


def write(folder: Path, **files: str) -> None:
    """Files by names in which `__` stands for `/` and the last `_` for the dot."""
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def sync(at: Shelf, base: KnowledgeBase, folder: Path, **options: object) -> Report:
    made = Options(**options)  # type: ignore[arg-type]
    source = await sources.remember(at.library, base, "folder", str(folder), made)
    return await sources.sync(at.library, ADMIN, base, source)


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.deleted


async def test_a_folder_is_followed_new_changed_and_deleted_files(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(folder, guide_md="# The guide\n\nRead it.", deep__down__notes_txt="Some notes.", picture_png="no")
    async with shelf(tmp_path / "data") as at:
        base = await at.base()
        first = await sync(at, base, folder, tags=["t"], metadata={"team": "a"})
        assert (counts(first), first.skipped, first.whole) == ((2, 0, 0, 0), 1, True)
        await at.work()
        found = await at.all(base)
        assert {title: one.path for title, one in found.items()} == {
            "The guide": "guide.md",
            "notes": "deep/down/notes.txt",
        }
        guide = found["The guide"]
        assert (guide.source_type, guide.tags, guide.metadata) == ("folder", ["t"], {"team": "a"})

        assert counts(await sync(at, base, folder)) == (0, 0, 2, 0)
        assert at.count("_document_jobs") == 0
        write(folder, guide_md="# The new guide\n\nRead this.", more_md="More.")
        (folder / "deep/down/notes.txt").unlink()
        assert counts(await sync(at, base, folder)) == (1, 1, 0, 1)
        await at.work()
        found = await at.all(base)
        assert set(found) == {"The new guide", "more"}
        assert found["The new guide"].id == guide.id
        assert at.count("_originals") == 2


async def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(tmp_path, secret_txt="A secret.")
    write(folder, good_txt="Good.", node_modules__pack_md="No.")
    (folder / ".hidden.md").write_text("No.")
    (folder / ".git").mkdir()
    (folder / ".git/config.txt").write_text("No.")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "around").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder)
    (folder / "same.txt").symlink_to(folder / "good.txt")
    (folder / "nowhere.txt").symlink_to(tmp_path / "missing.txt")
    os.mkfifo(folder / "pipe.txt")
    listing = await Folder(folder, [".txt", ".md"], 1000).listing()
    assert listing.paths == ["good.txt", "same.txt"]
    assert [problem.path for problem in listing.problems] == ["out.txt"]
    reader = Folder(folder, [".txt"], 1000)
    for path in ("../secret.txt", "out.txt"):
        with pytest.raises(Unread, match="leads out"):
            await reader.read(path)


async def test_a_name_that_is_not_utf8_and_a_file_that_is_too_large_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(folder, good_txt="Good.", large_txt="x" * 2000)
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xe4d.txt")).write_text("Bad name.")  # noqa: ASYNC240 - small
    async with shelf(tmp_path / "data", document_bytes_max=1000) as at:
        base = await at.base()
        report = await sync(at, base, folder)
        assert report.added == 1
        assert {problem.path: problem.reason[:20] for problem in report.problems} == {
            "b\\udce4d.txt": "Its name is not UTF-",
            "large.txt": "It is larger than 1,",
        }


async def test_nothing_is_deleted_when_the_source_could_not_be_read_wholly(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(folder, one_txt="One.", two_txt="Two.")
    async with shelf(tmp_path / "data") as at:
        base = await at.base()
        await sync(at, base, folder)
        folder.rename(tmp_path / "away")
        with pytest.raises(Unread, match="There is no folder"):
            await sync(at, base, folder)
        folder.mkdir()  # as a disk that is not mounted looks
        report = await sync(at, base, folder)
        assert (counts(report), report.whole) == ((0, 0, 0, 0), False)
        assert len(await at.all(base)) == 2
        (error,) = at.rows("SELECT error FROM _knowledge_sources")[0]
        assert "Nothing is there any more" in error


async def test_a_full_base_stops_the_sync_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(folder, a_txt="A.", b_txt="B.", c_txt="C.")
    async with shelf(tmp_path / "data") as at:
        base = await at.base(quota_documents=2)
        report = await sync(at, base, folder)
        assert (report.added, report.whole) == (2, False)
        assert "may hold 2 documents" in report.problems[0].reason


async def test_a_document_of_a_user_is_for_that_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    write(folder, mine_txt="Mine.")
    async with shelf(tmp_path / "data") as at:
        base = await at.base()
        await sync(at, base, folder, metadata={"user_id": "alice"})
        assert [one.user_id for one in (await at.all(base)).values()] == ["alice"]


async def test_a_title_that_people_gave_stays_when_the_file_tells_another(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        base = await at.base()
        data = b"# What the file says\n\nText."
        named = await documents.add_file(
            at.library, ADMIN, base.id, data=data, file_name="x.md", title="What people say"
        )
        nameless = await documents.add_file(at.library, ADMIN, base.id, data=data + b"!", file_name="y_z.md")
        await at.work()
        assert (await at.document(base, named.id)).title == "What people say"
        assert (await at.document(base, nameless.id)).title == "What the file says"
