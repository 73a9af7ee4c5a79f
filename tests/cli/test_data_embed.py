"""`appliance data embed` as people run it: a real process that fills a real table with real vectors."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from appliance.engine.knowledge.library import open_library
from appliance.engine.row_embedding import fill
from appliance.errors import EmbeddingFailed
from appliance.providers.http import new_client
from appliance.settings import Settings
from appliance.store import row_vectors
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.store import Store
from appliance.store.vault import Vault
from tests.support.commands import run_command

FOREIGN = ("OPENAI", "AZURE", "OLLAMA", "APPLIANCE", "FLUXBASE")
TABLE = """
CREATE TABLE faq (id INTEGER PRIMARY KEY, question TEXT, views INTEGER, twice AS (views * 2));
INSERT INTO faq (question) VALUES ('How do I return a parcel?'), ('Where is my invoice?'), (NULL), ('  ');
CREATE TABLE "odd "" name" (a TEXT, b INTEGER, "te""xt" TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO "odd "" name" VALUES ('x', 2, 'two'), ('x', 1, 'one'), ('y', 1, 'three');
CREATE VIEW shown AS SELECT question FROM faq;
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    sql(tmp_path, TABLE)
    return tmp_path


def sql(folder: Path, text: str, *values: Any) -> list[tuple[Any, ...]]:
    db = connect(database_path(folder))
    try:
        return db.execute(text, values or None).fetchall()
    finally:
        db.close()


def embed(*words: str, data: Path, provider: str = "local") -> subprocess.CompletedProcess[str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environ = mine | {"APPLIANCE_EMBEDDING_PROVIDER": provider}
    return run_command("data", "embed", *words, "--data", data, env=environ, timeout_s=110)


def test_texts_get_vectors_in_a_column_that_is_made_for_them(data: Path) -> None:
    done = embed("faq", "--content", "question", data=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "faq.embedding: 2 new vectors of 384 numbers, made by all-MiniLM-L6-v2\n  2 rows without a text\n"
    )
    assert sql(data, "SELECT id, octet_length(embedding) FROM faq") == [
        (1, 1536), (2, 1536), (3, None), (4, None)
    ]  # fmt: skip


def test_the_second_time_only_new_texts_are_embedded(data: Path) -> None:
    embed("faq", "--content", "question", data=data)
    sql(data, "UPDATE faq SET embedding = zeroblob(1536) WHERE id = 1")
    marked = sql(data, "SELECT embedding FROM faq WHERE id = 1")
    sql(data, "INSERT INTO faq (question) VALUES ('Can I pay by card?')")
    again = json.loads(embed("FAQ", "--content", "Question", "--json", data=data).stdout)
    assert (again["table"], again["rows"], again["without_text"]) == ("faq", 1, 2)
    assert sql(data, "SELECT embedding FROM faq WHERE id = 1") == marked
    anew = json.loads(embed("faq", "--content", "question", "--all", "--json", data=data).stdout)
    assert anew["rows"] == 3
    assert sql(data, "SELECT embedding FROM faq WHERE id = 1") != marked


def test_odd_names_and_keys_of_several_columns_are_names_and_keys(data: Path) -> None:
    done = embed('odd " name', "--content", 'te"xt', "--column", 'v "; --', "--json", data=data)
    assert done.returncode == 0, done.stderr
    rows = sql(data, 'SELECT octet_length("v ""; --") FROM "odd "" name"')
    assert rows == [(1536,)] * 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere", "--content", "question"], "There is no table 'nowhere'; see them with"),
        (["_audit", "--content", "action"], "There is no table '_audit'"),
        (["sqlite_schema", "--content", "sql"], "There is no table 'sqlite_schema'"),
        (["shown", "--content", "question"], "shown is a view"),
        (["faq", "--content", "answer"], "faq has no column 'answer'"),
        (["faq", "--content", "question", "--column", "QUESTION"], "a column of their own"),
        (["faq", "--content", "question", "--column", "id"], "part of the key, or computed"),
        (["faq", "--content", "question", "--column", "twice"], "part of the key, or computed"),
        (["faq", "--content", "question", "--column", " "], "--column needs a name"),
    ],
)
def test_what_cannot_hold_vectors_is_refused_and_nothing_changes(
    data: Path, words: list[str], error: str
) -> None:
    schema = "SELECT sql FROM sqlite_schema WHERE name IN ('faq', 'odd \" name', 'shown') ORDER BY name"
    before = sql(data, schema)
    done = embed(*words, data=data)
    assert done.returncode == 1
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert sql(data, schema) == before


def test_vectors_of_another_length_are_not_mixed(data: Path) -> None:
    sql(data, "ALTER TABLE faq ADD COLUMN embedding BLOB")
    sql(data, "UPDATE faq SET embedding = zeroblob(12) WHERE id = 1")
    done = embed("faq", "--content", "question", data=data)
    assert done.returncode == 1
    assert (
        "have 3 numbers, but all-MiniLM-L6-v2 makes vectors of 384: make all anew with --all" in done.stderr
    )
    assert embed("faq", "--content", "question", "--all", data=data).returncode == 0


def test_without_anybody_who_makes_vectors_it_says_why(data: Path) -> None:
    done = embed("faq", "--content", "question", data=data, provider="none")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


class Stopping:
    """An embedder that fails in its second batch."""

    key = model = "stopping"
    dimensions = 2
    threshold = 0.0

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def embed(self, texts: Any, *, purpose: str = "document") -> list[bytes]:
        self.asked.append(len(texts))
        if len(self.asked) == 2:
            raise EmbeddingFailed("stopped")
        return [b"\0" * 8] * len(texts)


async def test_what_was_stopped_goes_on_where_it_was(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql(
        data,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
        "INSERT INTO faq (question) SELECT 'question ' || i FROM n",
    )
    settings = Settings(data=str(data), embedding_provider="none")
    vault = Vault(load_encryption_key(data, ""))
    embedder = Stopping()
    far: list[tuple[int, int]] = []
    async with (
        Store.open(database_path(data)) as store,
        new_client() as client,
        open_library(settings, store, vault, client, lambda: 0.0) as library,
    ):
        monkeypatch.setattr(library.embedders, "choose", lambda *_, **__: embedder)
        with pytest.raises(EmbeddingFailed):
            await fill(library, "faq", "question", "embedding", tell=lambda *at: far.append(at))
        assert sql(data, "SELECT count(embedding) FROM faq") == [(64,)]
        filled = await fill(library, "faq", "question", "embedding", tell=lambda *at: far.append(at))
    assert filled.rows == 38
    assert far == [(64, 102), (38, 38)]
    assert sql(data, "SELECT count(embedding) FROM faq") == [(102,)]


def test_a_text_that_changed_meanwhile_keeps_no_vector_of_the_old_one(data: Path) -> None:
    db = connect(database_path(data))
    at = row_vectors.prepare(db, "faq", "question", "embedding", anew=False)
    rows = row_vectors.waiting(db, at, None, 10)
    db.execute("UPDATE faq SET question = 'Another' WHERE id = 1")
    assert row_vectors.put(db, at, [(row, b"\0" * 8) for row in rows]) == 1
    assert db.execute("SELECT id FROM faq WHERE embedding IS NOT NULL").fetchall() == [(2,)]
    db.close()
