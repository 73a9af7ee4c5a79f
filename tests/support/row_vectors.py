"""A table of the team's with vectors in every form, good and bad, and a way to search it as a client does."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import httpx

from appliance.store.database import connect, database_path
from tests.support.stack import Stack

SEARCH = "/api/v1/vector/search"

RULES = """
row-rules:
  letters: user_id = :user_id
  things: all
  odd: all
  "*": none
hidden-columns:
  things: [secret]
"""

BOT = """---
description: Knows the things.
rate-limit: 1000
{settings}
---
You know the things.
"""

TEXTS = {
    "alice": ["My bicycle has a flat tyre", "Tax return for last year"],
    "bob": ["bobs-secret: a puncture in the bike's wheel"],
}
"""What people wrote in their letters."""


def floats(*numbers: float) -> bytes:
    """A vector as sqlite-vec keeps it."""
    return struct.pack(f"<{len(numbers)}f", *numbers)


def bots(settings: str = "") -> dict[str, str]:
    return {"shop": BOT.format(settings=settings)}


def make_rows(folder: Path, rules: str = RULES) -> Path:
    """`things` for everybody, `letters` for their owners, `salaries` for nobody; odd names and values."""
    folder.mkdir(parents=True, exist_ok=True)
    db = connect(database_path(folder))
    db.execute(
        """
        CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, price REAL, secret BLOB, embedding);
        CREATE TABLE letters (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, body TEXT, embedding BLOB);
        CREATE TABLE salaries (name TEXT, embedding BLOB);
        CREATE TABLE odd (id INTEGER PRIMARY KEY, embedding);
        CREATE TABLE "odd ""; DROP TABLE things; --" ("a "" b" TEXT, "v; --" BLOB, distance REAL);
        """
    ).fetchall()
    things: list[tuple[Any, ...]] = [
        (1, "lamp", 10.5, floats(0, 1, 0), floats(1, 0, 0)),
        (2, "torch", 3, floats(1, 0, 0), "[0.8, 0.6, 0]"),
        (3, "chair", 40, None, floats(0, 2, 0)),
        (4, "night", 0, None, floats(-1, 0, 0)),
    ]
    db.executemany("INSERT INTO things VALUES (?, ?, ?, ?, ?)", things)
    letters = [
        (1, "alice", "from alice", floats(0.6, 0.8, 0)),
        (2, "bob", "bobs-secret", floats(1, 0, 0)),
    ]
    db.executemany("INSERT INTO letters VALUES (?, ?, ?, ?)", letters)
    db.execute("INSERT INTO salaries VALUES ('Eve', ?)", (floats(1, 0, 0),))
    nan, inf = float("nan"), float("inf")
    odd: list[Any] = [
        floats(1, 0, 0),
        None,
        5,
        2.5,
        "words",
        "[1, 0]",
        '["1", 0, 0]',
        "[1e999, 0, 0]",
        "[[1], 0, 0]",
        "[" * 50_000,
        b"\x00\x01\x02",
        floats(1, 0),
        floats(nan, 0, 0),
        floats(inf, 0, 0),
        floats(0, 0, 0),
        "[1e39, 0, 0]",
        " [ 1 , 1e-400 , 0 ] ",
        b"\0" * 300_000,
        "[" + "1," * 150_000 + "1]",
    ]
    db.executemany("INSERT INTO odd (embedding) VALUES (?)", [(value,) for value in odd])
    db.execute("INSERT INTO odd (embedding) VALUES (CAST(x'ff5b31' AS TEXT))")
    db.execute("""INSERT INTO "odd ""; DROP TABLE things; --" VALUES ('x', ?, 7)""", (floats(1, 0, 0),))
    db.close()
    if rules:
        (folder / "data.yaml").write_text(rules)
    return folder


async def search(served: Stack, token: str | None, **body: Any) -> httpx.Response:
    """The answer to a search, whatever it is; in `things` unless another table is named."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"table": "things", "column": "embedding"} | body
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
        return await client.post(served.url + SEARCH, json=body, headers=headers)


async def embed_letters(served: Stack) -> None:
    """Letters of two people with vectors of their texts, made by the server itself."""
    rows = [(user, text) for user, texts in TEXTS.items() for text in texts]
    headers = {"Authorization": f"Bearer {served.token()}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        made = await client.post("/api/v1/vector/embed", json={"texts": [text for _, text in rows]})
    db = connect(database_path(served.data))
    db.execute("DELETE FROM letters")
    for (user, text), vector in zip(rows, made.json()["embeddings"], strict=True):
        db.execute(
            "INSERT INTO letters (user_id, body, embedding) VALUES (?, ?, ?)", (user, text, floats(*vector))
        )
    db.close()
