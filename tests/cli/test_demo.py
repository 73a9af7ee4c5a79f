"""`appliance demo` as people use it: in a process of its own, on folders with and without data."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from appliance.store.database import connect, database_path

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}


def demo(data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance", "demo", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
    )


class Told:
    """What it printed until it served, by the first word of each line, and its errors once it has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self.lines: list[str] = []
        for line in process.stdout:
            self.lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        self.errors = ""

    def all(self, word: str) -> list[str]:
        return [line.partition(" ")[2].strip() for line in self.lines if line.startswith(word)]


@contextmanager
def served(data: Path) -> Iterator[Told]:
    """Serve the demo while the block runs."""
    process = demo(data)
    try:
        told = Told(process)
        yield told
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    told.errors = errors


@contextmanager
def signed_in(told: Told) -> Iterator[httpx.Client]:
    """The console's API after coming by the printed link."""
    page, _, token = told.all("admin")[0].partition("#setup=")
    with httpx.Client(base_url=f"{page}/api", headers={"Origin": page.removesuffix("/admin")}) as http:
        me = {"token": token, "name": "ann", "password": "correct horse battery staple"}
        assert http.post("/setup", json=me).status_code == 200
        yield http


def got(http: httpx.Client, path: str, **query: Any) -> Any:
    answer = http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def contents(data: Path) -> dict[str, list[Any]]:
    """All that the demo wrote: whatever else a server does has other places."""
    tables = ("_conversations", "_messages", "_turn_hours", "_knowledge_gaps", "_bot_tests", "_api_keys")
    with closing(connect(database_path(data))) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in tables}


def test_a_new_folder_is_filled_and_served_again_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with served(data) as first:
        pass
    assert f"Added the demo shop to {data}: tables users, products, orders" in first.errors
    assert "Added 60 made-up conversations" in first.errors
    before = contents(data)
    with served(data) as second:
        pass
    assert f"The demo shop is in {data} already: nothing added" in second.errors
    assert "made-up conversations" not in second.errors
    assert contents(data) == before
    assert len(before["_conversations"]) == 60


def test_it_says_in_under_ten_lines_where_to_chat_and_by_which_link_the_first_admin_comes(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as told, httpx.Client() as http:
        assert len(told.lines) < 10
        for page in told.all("chat"):
            assert http.get(page).status_code == 200
        with signed_in(told) as console:
            assert got(console, "/session")["state"] == "in"


def test_the_console_has_something_to_show_on_every_page(tmp_path: Path) -> None:
    with served(tmp_path) as told, signed_in(told) as http:
        overview = got(http, "/overview", days=7)
        for period in ("totals", "before"):
            figures = overview[period]
            assert all(figures[name] for name in ("conversations", "messages", "tokens", "cost", "positive"))
            assert 0 < figures["latency_ms_p50"] < figures["latency_ms_p95"]
        assert overview["totals"]["errors"] == 1
        assert 0 < overview["budget"]["month_cost"] < overview["budget"]["month_limit"]
        assert all(model["cost"] > 0 for model in overview["models"])
        assert len(overview["bots"]) == len(overview["models"]) == 2
        assert "backups" in [warning["page"] for warning in overview["warnings"]]
        for path in ("/bots", "/keys", "/users", "/audit", "/knowledge-bases"):
            assert got(http, path), path
        assert got(http, "/users", q="Ada Sample")["total"] == 1
        counts = {status: got(http, "/gaps", status=status)["total"] for status in ("open", "answered")}
        assert counts == {"open": 5, "answered": 1}
        assert got(http, "/gaps", status="open")["items"][0]["count"] == 6


def test_conversations_of_many_people_and_wires_can_be_read_with_all_that_explains_them(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as told, signed_in(told) as http:
        everything = got(http, "/conversations", limit=100)["items"]
        assert {one["bot"] for one in everything} == {"support", "sql-assistant"}
        assert len({one["source"] for one in everything}) >= 5
        assert {one["owner"].partition(":")[0] for one in everything} == {"user", "visitor", "guest"}
        assert got(http, "/conversations", errors=1)["total"] == 1
        [waiting] = got(http, "/conversations", handoff="waiting")["items"]
        assert waiting["handoff"] == "waiting"

        parts = []
        for one in everything:
            for message in got(http, f"/conversations/{one['id']}")["messages"]:
                parts += message["parts"]
                if message["role"] == "assistant" and message["status"] == "done":
                    trace = got(http, f"/conversations/{one['id']}/trace/{message['turn_id']}")
                    assert all(trace[name] for name in ("kept", "steps", "prompt")), message["text"]
                    assert trace["question"] in [line["content"] for line in trace["prompt"][0]]
        assert any(part["kind"] == "sources" for part in parts)
        assert any(part.get("query", {}).get("chart") == "bar" for part in parts)


def test_somebody_was_helped_by_a_person_and_then_by_the_bot_again(tmp_path: Path) -> None:
    with served(tmp_path) as told, signed_in(told) as http:
        [helped] = got(http, "/conversations", q="S-100482")["items"]
        assert helped["handoff"] == ""
        lines = got(http, f"/conversations/{helped['id']}")["messages"]
        assert [line["note"] or line["role"] for line in lines] == [
            *("user", "assistant", "waiting", "joined", "operator", "user", "operator", "user", "left"),
            *("user", "assistant"),
        ]
        assert [line["created_at"] for line in lines] == sorted(line["created_at"] for line in lines)


def test_a_conversation_of_the_demo_can_be_taken_over(tmp_path: Path) -> None:
    with served(tmp_path) as told, signed_in(told) as http:
        [waiting] = got(http, "/conversations", handoff="waiting")["items"]
        assert http.post(f"/conversations/{waiting['id']}/join").status_code == 200
        words = {"content": "We send you a new one."}
        assert http.post(f"/conversations/{waiting['id']}/messages", json=words).status_code == 201
        lines = got(http, f"/conversations/{waiting['id']}")["messages"]
        assert [line["note"] or line["role"] for line in lines] == [
            *("user", "assistant", "waiting", "joined", "operator")
        ]


def test_a_folder_with_conversations_of_its_own_gets_no_others(tmp_path: Path) -> None:
    with closing(connect(database_path(tmp_path))) as db:
        db.execute(
            "INSERT INTO _conversations (id, tenant, owner, namespace, bot, persist, created_at, updated_at, "
            "last_message_at) VALUES ('mine', 'default', 'user:me', 'default', 'support', 1, 1.0, 1.0, 1.0)"
        )
    with served(tmp_path) as told:
        pass
    assert "Added the demo shop" in told.errors
    assert [row[0] for row in contents(tmp_path)["_conversations"]] == ["mine"]


def test_a_folder_with_data_of_its_own_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(connect(database_path(tmp_path))) as db:
        db.execute("CREATE TABLE orders (mine)")
    process = demo(tmp_path)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert f"{tmp_path} already has a table orders; choose another --data." in errors
    with closing(connect(database_path(tmp_path))) as db:
        assert not db.table_exists(None, "users")
        assert not db.execute("SELECT count(*) FROM _conversations").get
