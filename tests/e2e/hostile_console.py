"""An appliance in which everything that has a name or text has all of `PAYLOADS`, for the console to show.

Each kind of thing is made once through the API, called `MARK`; then its rows are copied, a payload each.
What an API would refuse gets in that way, too: pages must not lean on it.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import apsw

from appliance.store import audit, settings
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault
from tests.e2e.console_stage import console_client, first_admin
from tests.e2e.xss_payloads import PAYLOADS
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

MARK = "marker77"
ALL = "\n\n".join(PAYLOADS)
SQL = f"SELECT '{MARK}' AS {MARK}"
_KEPT = "---\nhandoff: true\nknowledge-base: {base}\n"
Make = Callable[[int], Any]


class Hostile:
    """The appliance, who is signed in, and the ids that addresses of pages need."""

    def __init__(self, served: Stack, state: dict[str, Any]) -> None:
        self.served = served
        self.state = state
        self.conversation = self.base = self.document = self.bot = ""


def said(request: Recorded) -> Reply:
    """A query first, then words."""
    if request.body["messages"][-1]["role"] == "tool":
        return openai_text(f"It is {MARK} [1].")
    return openai_tool_calls(("execute_sql", {"sql": SQL, "description": MARK}))


def bots() -> dict[str, str]:
    """One that keeps and looks up, one with all payloads in its prompt, and one for each payload."""
    found = {"shop": OPEN_BOT.replace("---\n", _KEPT.format(base=MARK), 1)}
    found["all"] = OPEN_BOT + ALL.replace("\x00", "").replace("\x01", "")
    for at, payload in enumerate(PAYLOADS):
        text = json.dumps(payload)
        words = f"---\ndescription: {text}\ntitle: {text}\nsuggestions: [{text}]\ngreeting: {text}\n"
        found[f"bot{at}"] = OPEN_BOT.replace("---\ndescription: Answers anybody about the shop.\n", words, 1)
    found["broken"] = f"---\n{PAYLOADS[0]}: {PAYLOADS[1]}\n---\n"
    return found


@asynccontextmanager
async def hostile_console(data: Path) -> AsyncIterator[Hostile]:
    """All of it while the block runs."""
    async with stack(data, said, bots=bots(), demo=True, embedding_provider="none") as served:
        hostile = Hostile(served, await first_admin(served))
        await _make(hostile)
        with closing(connect(database_path(data))) as db, db:
            _multiply(db, hostile, Vault(load_encryption_key(data)))
        yield hostile


async def _make(hostile: Hostile) -> None:
    """One of everything, called `MARK`."""
    served = hostile.served
    base = await add_base(served, MARK, {MARK: f"# {MARK}\n\nAll about {MARK}."}, description=MARK)
    hostile.base, hostile.document = base["id"], base["documents"][MARK]
    async with wire(served.ws_url, served.token(MARK)) as socket:
        hostile.conversation = await socket.start("shop")
        await socket.ask(hostile.conversation, MARK)
    async with console_client(served, hostile.state) as http:
        talk = f"/conversations/{hostile.conversation}"
        for path, body in (
            (f"{talk}/join", {}),
            (f"{talk}/messages", {"content": MARK}),
            ("/keys", {"type": "anon", "name": MARK}),
            ("/accounts", {"name": MARK, "display_name": MARK, "role": "operator"}),
            ("/providers", {"name": MARK, "display_name": MARK, "provider_type": "openai", "config": {}}),
        ):
            answer = await http.post(path, json=body)
            assert answer.is_success, (path, answer.text)
        items = (await http.get("/bots", params={"limit": 200})).json()["items"]
        hostile.bot = next(one["id"] for one in items if one["name"] == "all")
        answer = await http.put(f"/bots/{hostile.bot}/tests", json={"items": [{"ask": MARK}]})
        assert answer.is_success, answer.text


def _multiply(db: apsw.Connection, hostile: Hostile, vault: Vault) -> None:
    new: Make = lambda at: str(uuid.uuid4())  # noqa: E731 short, and named for what it gives
    _talk(db, hostile.conversation, new)
    _copy(db, "_conversations", id=new, external_id=lambda at: None)
    _copy(db, "_users")
    db.execute(
        "INSERT INTO _profiles (tenant, owner, name, created_at, updated_at) VALUES ('default', ?, ?, 1, 1)",
        (f"user:{MARK}", MARK),
    )
    _copy(db, "_profiles")
    _copy(db, "_api_keys", id=new, hash=lambda at: f"h{at}".encode(), hint=lambda at: PAYLOADS[at])
    _copy(db, "_admins")
    db.execute("UPDATE _admin_sessions SET user_agent = ? WHERE 1", (MARK,))
    _copy(db, "_admin_sessions", id=new, hash=lambda at: f"h{at}".encode(), ip=lambda at: PAYLOADS[at])
    _copy(db, "_providers", id=new, sealed=lambda at: None, is_default=lambda at: 0)
    _copy(db, "_bot_tests", id=new, position=lambda at: at + 10)
    db.execute("UPDATE _turn_hours SET bot = ?", (MARK,))
    _copy(db, "_turn_hours", model=lambda at: PAYLOADS[at], provider=lambda at: PAYLOADS[at])
    _knowledge(db, new)
    _gaps(db, hostile.conversation)
    settings.prepare(db, vault)
    for at, payload in enumerate(PAYLOADS):
        audit.record(
            db, at=1e9 + at, tenant="default", actor=payload, action=payload, target=payload,
            details={payload: payload, "list": [payload]},
        )  # fmt: skip
        if "\0" not in payload:
            key = f"{MARK}_{at}"
            settings.put(db, vault, tenant="default", key=key, value=payload, secret=False, now=1.0)
    for at, payload in enumerate(PAYLOADS):  # of these only the names can be read
        db.execute(
            "UPDATE _settings SET key = ? WHERE key = ?", (payload, f"{MARK}_{at}")
        ) if at % 2 else None


def _talk(db: apsw.Connection, id: str, new: Make) -> None:
    """In one conversation: questions with files, operators' words, verdicts, failures, tools and sources."""
    own = "conversation_id = ?"
    db.execute(
        "INSERT INTO _widget_files (id, conversation_id, owner, name, mime_type, bytes, characters, hash, "
        "whole, created_at) VALUES (?, ?, 'x', ?, 'text/plain', 1, 1, x'00', 1, 1)",
        (MARK, id, MARK),
    )
    _copy(db, "_widget_files", hash=lambda at: f"h{at}".encode())
    names = json.dumps({"files": [MARK]}).encode()
    db.execute(f"UPDATE _messages SET metadata = ? WHERE {own} AND role = 'user'", (names, id))
    _copy(db, "_messages", "role = 'user'", id=new, client_id=lambda at: None, turn_id=new)
    is_named = "coalesce(CAST(metadata AS TEXT), '') LIKE '%operator_name%'"
    by_person = f"{is_named} AND {own}"
    row = db.execute(f"SELECT metadata FROM _messages WHERE {by_person}", (id,)).get
    named = json.loads(row) | {"operator_name": MARK}
    db.execute(f"UPDATE _messages SET metadata = ? WHERE {by_person}", (json.dumps(named).encode(), id))
    _copy(db, "_messages", is_named, id=new, client_id=lambda at: None, turn_id=new)
    answer = f"{own} AND role = 'assistant' AND NOT {is_named}"
    parts = json.loads(db.execute(f"SELECT parts FROM _messages WHERE {answer}", (id,)).get)
    db.execute(
        f"UPDATE _messages SET feedback = 'negative', feedback_comment = ?, parts = ? WHERE {answer}",
        (MARK, json.dumps(spread(parts)).encode(), id),
    )
    _copy(
        db, "_messages", "feedback = 'negative'", id=new, client_id=lambda at: None, turn_id=new,
        parts=lambda at: b"[]", status=lambda at: "failed", error_text=lambda at: PAYLOADS[at],
        error_code=lambda at: PAYLOADS[at],
    )  # fmt: skip
    db.execute("UPDATE _handoff_notes SET name = ?", (MARK,))
    _copy(db, "_handoff_notes", id=new)
    for turn, data in db.execute("SELECT turn_id, data FROM _traces").fetchall():
        trace = {name: spread(value) for name, value in json.loads(zlib.decompress(data)).items()}  # type: ignore[arg-type]
        trace |= {"question": ALL, "sent": [len(trace["messages"])]}
        packed = zlib.compress(json.dumps(trace).encode())
        db.execute("UPDATE _traces SET data = ? WHERE turn_id = ?", (packed, turn))


def _knowledge(db: apsw.Connection, new: Make) -> None:
    db.execute("UPDATE _documents SET source_url = ?, file_name = ?", (MARK, MARK))
    _copy(db, "_documents", id=new, content_hash=new, original=lambda at: None)
    _copy(
        db,
        "_chunks",
        id=new,
        position=lambda at: at + 10,
        headings=lambda at: json.dumps([PAYLOADS[at]]).encode(),
    )
    _copy(db, "_knowledge_bases", id=new)
    for table, column in (("_chunks", "content"), ("_documents", "title"), ("_knowledge_bases", "name")):
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} LIKE ?", (ALL[:5000], f"%{MARK}%"))


def _gaps(db: apsw.Connection, conversation: str) -> None:
    for at, payload in enumerate(PAYLOADS):
        db.execute(
            "INSERT INTO _knowledge_gaps (id, tenant, namespace, bot, words, question, asked, reason, best, "
            "conversation_id, first_at, last_at, status) "
            "VALUES (?, 'default', 'default', 'shop', ?, ?, 3, 'nothing', 0.1, ?, 1, 1, 'open')",
            (str(uuid.uuid4()), f"w{at}", payload, conversation),
        )


def _copy(db: apsw.Connection, table: str, where: str = "1", **own: Make) -> None:
    """Every row with the mark once more for each payload; `own` gives columns that are not copied."""
    info = db.execute(f"SELECT name, type, pk FROM pragma_table_info('{table}')").fetchall()
    counts = [kind == "INTEGER" and bool(key) and name in ("number", "position") for name, kind, key in info]
    names = [str(row[0]) for row, counted in zip(info, counts, strict=True) if not counted or row[0] in own]
    rows = db.execute(f"SELECT {', '.join(names_of(names))} FROM {table} WHERE {where}").fetchall()
    marked = [row for row in rows if any(_worded(value, "") != value for value in row)]
    assert marked, f"nothing in {table} is called {MARK}"
    holes = ", ".join("?" * len(names))
    for at, payload in enumerate(PAYLOADS):
        copied = {name: _worded(value, payload) for name, value in zip(names, marked[0], strict=True)}
        copied |= {name: make(at) for name, make in own.items()}
        db.execute(
            f"INSERT INTO {table} ({', '.join(names_of(names))}) VALUES ({holes})", tuple(copied.values())
        )


def names_of(names: list[str]) -> list[str]:
    """Quoted: some columns are called like words of SQL."""
    return [f'"{name}"' for name in names]


def _worded(value: Any, payload: str) -> Any:
    """A value with the payload for the mark; inside of JSON it is escaped."""
    if isinstance(value, bytes):
        return (
            value.replace(MARK.encode(), json.dumps(payload)[1:-1].encode()) if value[:1] in b"[{" else value
        )
    if not isinstance(value, str):
        return value
    return value.replace(MARK, json.dumps(payload)[1:-1] if value[:2] in ('["', '{"') else payload)


def spread(value: Any) -> Any:
    """A list whose items with the mark are there once for each payload; other values have the first."""
    if not isinstance(value, list):
        return value
    return [one for item in value for one in _each(item)]


def _each(item: Any) -> list[Any]:
    text = json.dumps(item)
    if MARK not in text:
        return [item]
    return [json.loads(text.replace(MARK, _escaped(text, payload))) for payload in PAYLOADS]


def _escaped(text: str, payload: str) -> str:
    r"""Arguments of tools are JSON inside of JSON: `\"`."""
    once = json.dumps(payload)[1:-1]
    return json.dumps(once)[1:-1] if '\\"' in text else once
