"""A server that is killed again and again while it reads documents in loses none, and does none by halves."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from appliance.knowledge import Search, Viewer
from appliance.store.database import connect, database_path
from appliance.store.knowledge import chunks
from appliance.store.knowledge.chunks import AT_ONCE
from appliance.store.knowledge.search import search
from tests.support.commands import run_command
from tests.support.loopback import cli_server
from tests.support.stack import OPEN_BOT, write_bots

KILLS = 3


def environment(embedder: str = "none") -> dict[str, str]:
    foreign = ("OPENAI", "AZURE", "OLLAMA", "APPLIANCE", "FLUXBASE")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return mine | {"APPLIANCE_EMBEDDING_PROVIDER": embedder}


def kb(data: Path, *words: object) -> None:
    done = run_command("kb", *words, "--data", data, env=environment(), timeout_s=110)
    assert done.returncode == 0, done.stderr


@contextmanager
def opened(data: Path) -> Iterator[apsw.Connection]:
    """The database, beside a server or without one."""
    db = connect(database_path(data))
    try:
        yield db
    finally:
        db.close()


def one(data: Path, sql: str) -> int:
    with opened(data) as db:
        return int(db.execute(sql).get)


@pytest.mark.parametrize(("embedder", "files"), [("none", 60), ("local", 10)])
def test_killed_in_the_middle_again_and_again_every_document_is_there_once_and_whole(
    tmp_path: Path, embedder: str, files: int
) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    write_bots(data / "bots", {"shop": OPEN_BOT})
    docs.mkdir()
    rng = random.Random(7)
    for number in range(files):
        parts = [f"# Text {number}\n"] + [
            f"Part {part} of text {number}.\n" * 40 for part in range(rng.randint(1, 8))
        ]
        (docs / f"{number}.md").write_text("\n".join(parts))
    kb(data, "create", "support", "--chunk-size", "64")
    kb(data, "add", "support", docs, "--no-wait")
    arguments = serve(data)
    left = "SELECT count(*) FROM _document_jobs"
    for kill in range(KILLS):
        with cli_server(*arguments, env=environment(embedder)) as server:
            wanted = files - (kill + 1) * files // (KILLS + 2)
            while one(data, left) > wanted and server.alive:
                time.sleep(0.005)
            assert found(data), "nothing is found while it works"
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        assert one(data, left) > 0, "it was done before it was killed"
        whole(data)
    with cli_server(*arguments, env=environment(embedder)) as server:
        until = time.monotonic() + 120
        while one(data, left) and time.monotonic() < until:
            time.sleep(0.05)
        assert server.alive
    whole(data)
    assert (
        one(data, "SELECT count(*) FROM _documents WHERE status = 'indexed' AND error_message = ''") == files
    )
    assert one(data, "SELECT count(DISTINCT path) FROM _documents") == files
    assert one(data, left) == 0
    assert one(data, "SELECT count(*) FROM _originals WHERE complete") == files
    if embedder == "local":
        assert one(data, "SELECT count(*) FROM _vectors_1") == one(data, "SELECT count(*) FROM _chunks")


def test_killed_while_a_large_document_is_replaced_it_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "manual.md"
    write_bots(data / "bots", {"shop": OPEN_BOT})
    old, new = manual("oldish"), manual("newish")
    file.write_text(old)
    kb(data, "create", "support", "--chunk-size", "64")
    kb(data, "add", "support", file)
    assert served(data) == old
    file.write_text(new)
    kb(data, "add", "support", file, "--no-wait")
    versions = "SELECT count(DISTINCT version) FROM _chunks"
    live = "SELECT version FROM _documents"
    before = one(data, live)
    # While the first slices of the new version are put in, and later ones; while the old one is deleted.
    count = one(data, "SELECT chunks_count FROM _documents")
    for wanted in (count + AT_ONCE, count + 8 * AT_ONCE):
        killed(data, lambda db, wanted=wanted: stored(db) >= wanted)
        assert one(data, versions) > 1
        assert served(data) == old
    killed(data, lambda db: int(db.execute(live).get) != before)
    assert one(data, versions) > 1
    assert served(data) == new
    killed(data, lambda db: not db.execute("SELECT EXISTS (SELECT 1 FROM _unseen_chunks)").get)
    assert served(data) == new
    assert one(data, "SELECT count(*) FROM _document_jobs") == 0
    whole(data)


def manual(word: str) -> str:
    return "".join(f"## Rule {n}\n\nThe {word} rule {word}{n} is about parcels.\n\n" for n in range(3000))


def stored(db: apsw.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM _chunks").get)


def killed(data: Path, when: Callable[[apsw.Connection], bool]) -> None:
    """Serve until that is so, then kill the server."""
    with cli_server(*serve(data), env=environment()) as server, opened(data) as db:
        until = time.monotonic() + 120
        while server.alive and time.monotonic() < until and not when(db):
            time.sleep(0.001)
        assert server.alive
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()


def served(data: Path) -> str:
    """The text that all ways to the only document give; fails when they give two."""
    with opened(data) as db:
        text = str(db.execute("SELECT text FROM _document_texts").get)
        number = int(db.execute("SELECT number FROM _documents").get)
        pages = (chunks.of_document(db, number, offset, 100) for offset in itertools.count(0, 100))
        for page in itertools.takewhile(bool, pages):
            assert all(text[chunk.start : chunk.end] == chunk.content for chunk in page)
        words = {word: [f"{word}{n}" for n in (0, 1500, 2999)] for word in ("oldish", "newish")}
        found = {word for word, own in words.items() for one in own if asked(db, one)}
        assert found == {word for word in words if word in text}
        assert len(found) == 1
        missing = [one for word in found for one in words[word] if not asked(db, one)]
        assert missing == []
        return text


def serve(data: Path) -> list[str]:
    return [
        "serve", "--data", str(data), "--bots", str(data / "bots"), "--host", "127.0.0.1", "--port", "0",
    ]  # fmt: skip


def asked(db: apsw.Connection, text: str) -> list[str]:
    """What a search by words finds."""
    asked = Search(text=text, viewer=Viewer(tenant="default"), mode="keyword")
    return [passage.content for passage in search(db, [1], asked).passages]


def found(data: Path) -> int:
    """How many passages a search finds, beside the server."""
    with opened(data) as db:
        return len(asked(db, "Part 0 of text"))


def whole(data: Path) -> None:
    """What is stored of a document is all of it, and nothing is stored of what is not there."""
    halves = (
        "SELECT count(*) FROM _documents d WHERE chunks_count <> "
        "(SELECT count(*) FROM _chunks c WHERE c.document = d.number AND c.version = d.version)"
    )
    assert one(data, halves) == 0
    assert one(data, "SELECT count(*) FROM _documents WHERE (indexed_at IS NULL) <> (chunks_count = 0)") == 0
    assert one(data, "SELECT count(*) FROM _chunks") == one(data, "SELECT count(*) FROM _words_docsize")
    assert one(data, "SELECT count(*) FROM _words_docsize WHERE id NOT IN (SELECT number FROM _chunks)") == 0
    gaps = (
        "SELECT count(*) FROM "
        "(SELECT document FROM _chunks GROUP BY document, version HAVING max(position) + 1 <> count(*))"
    )
    assert one(data, gaps) == 0
