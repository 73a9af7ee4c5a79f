"""What visitors do with their conversations: list, rename, delete, keep, value, go on."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from appliance.store.database import connect, database_path
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.served_knowledge import add_base, add_document, admin
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire
from tests.widget.people import person, proof, secret_of

SUGGESTS = OPEN_BOT.replace(
    "---\n",
    '---\nsuggestions: ["How many orders are there?", "How many users are there?", "Who are you?"]\n',
    1,
)


async def test_the_history_is_a_visitors_own_newest_first_in_pages(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("So.")] * 9, bots={"shop": OPEN_BOT, "other": OPEN_BOT}) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor, stranger = await person(client), await person(client)
        for number in range(5):
            await visitor.say(f"Question {number}?")
        await visitor.say("Elsewhere?", "other")
        async with wire(served.ws_url, visitor.token) as socket:
            await socket.start()  # nothing was said there
        await stranger.say("Mine?")
        first = (await visitor.ask("GET", "/conversations?bot=shop&limit=2")).json()
        assert [one["preview"] for one in first["items"]] == ["Question 4?", "Question 3?"]
        assert first["total"] == 5
        rest = (await visitor.ask("GET", f"/conversations?bot=shop&limit=3&after={first['next']}")).json()
        assert [one["preview"] for one in rest["items"]] == ["Question 2?", "Question 1?", "Question 0?"]
        end = (await visitor.ask("GET", f"/conversations?bot=shop&after={rest['next']}")).json()
        assert (end["items"], end["next"]) == ([], None)
        assert {*first["items"][0]} == {"id", "title", "preview", "last_message_at", "handoff"}
        for bad in ("x", "nan~a", "inf~a", "1~", "1e999~a", "~", "9" * 200):
            got = await visitor.ask("GET", f"/conversations?after={bad}")
            assert got.status_code == 400, bad
        assert (await client.get("/api/v1/widget/conversations")).status_code == 401


async def test_what_is_another_visitors_looks_missing(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("So.")]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor, other = await person(client), await person(client)
        await visitor.say("Mine?")
        [kept] = await visitor.conversations()
        db = connect(database_path(served.data))
        answer = str(db.execute("SELECT id FROM _messages WHERE role = 'assistant'").get)
        db.close()
        body = {"value": "positive"}
        for method, path, given in (
            ("PATCH", "", {"json": {"title": "Ours"}}),
            ("DELETE", "", {}),
            ("GET", "/export", {}),
            ("GET", "/follow-ups", {}),
            ("PUT", f"/messages/{answer}/feedback", {"json": body}),
        ):
            foreign = await other.ask(method, f"/conversations/{kept['id']}{path}", **given)
            missing = await other.ask(method, f"/conversations/{kept['id'][::-1]}{path}", **given)
            assert foreign.status_code == missing.status_code == 404, path
            assert foreign.json() == missing.json()
            nobody = await client.request(method, f"/api/v1/widget/conversations/{kept['id']}{path}", **given)
            assert nobody.status_code == 401
        assert [one["title"] for one in await visitor.conversations()] == ["Mine?"]


async def test_a_conversation_is_renamed_and_deleted(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("So.")]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor = await person(client)
        await visitor.say("Mine?")
        [kept] = await visitor.conversations()
        path = f"/conversations/{kept['id']}"
        assert (await visitor.ask("PATCH", path, json={"title": " A  title "})).json()["title"] == "A title"
        for bad in ("", " ", "x" * 201, "a\0b"):
            assert (await visitor.ask("PATCH", path, json={"title": bad})).status_code == 400
        assert (await visitor.ask("DELETE", path)).json() == {"deleted": True, "id": kept["id"]}
        assert (await visitor.ask("DELETE", path)).status_code == 404
        assert await visitor.conversations() == []


async def test_an_answer_is_valued_in_words_and_that_is_taken_back(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("So.")]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor = await person(client)
        await visitor.say("Mine?")
        [kept] = await visitor.conversations()
        db = connect(database_path(served.data))
        ids = {str(role): str(id) for id, role in db.execute("SELECT id, role FROM _messages").fetchall()}
        path = f"/conversations/{kept['id']}/messages/{{}}/feedback"
        good = path.format(ids["assistant"])
        got = await visitor.ask("PUT", good, json={"value": "negative", "comment": " It was <b>late</b>.\0 "})
        assert got.json() == {
            "message_id": ids["assistant"],
            "value": "negative",
            "comment": "It was <b>late</b>.",
        }
        columns = "SELECT feedback, feedback_comment FROM _messages WHERE role = 'assistant'"
        assert db.execute(columns).fetchone() == ("negative", "It was <b>late</b>.")
        assert (await visitor.ask("PUT", good, json={"value": None, "comment": "x"})).json()["comment"] == ""
        assert db.execute(columns).fetchone() == (None, "")
        db.close()
        long = {"value": "positive", "comment": "x" * 2001}
        assert (await visitor.ask("PUT", good, json=long)).status_code == 400
        assert (await visitor.ask("PUT", good, json={"value": "so so"})).status_code == 400
        assert (
            await visitor.ask("PUT", path.format(ids["user"]), json={"value": "positive"})
        ).status_code == 400
        assert (await visitor.ask("PUT", path.format("none"), json={"value": "positive"})).status_code == 404


async def test_a_conversation_is_kept_as_a_file_with_its_results(tmp_path: Path) -> None:
    query = openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS one, '|<b>' AS two", "description": "d"}))
    async with (
        stack(tmp_path, [query, openai_text("It is **one**.")]) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor = await person(client)
        await visitor.say("# What is it?")
        [kept] = await visitor.conversations()
        path = f"/conversations/{kept['id']}/export"
        markdown = await visitor.ask("GET", f"{path}?you=Ich")
        assert markdown.headers["content-type"].startswith("text/markdown")
        assert "attachment" in markdown.headers["content-disposition"]
        assert "| one | two |\n|---|---|\n| 1 | \\|\\<b\\> |" in markdown.text
        assert "\n> # What is it?\n" in markdown.text
        assert "## Ich (" in markdown.text
        assert "It is **one**." in markdown.text
        plain = (await visitor.ask("GET", f"{path}?format=txt")).text
        assert "one  two\n---  ----\n1    |<b>" in plain
        data = json.loads((await visitor.ask("GET", f"{path}?format=json")).text)
        assert data["messages"][1]["results"] == [
            {"columns": ["one", "two"], "rows": [[1, "|<b>"]], "truncated": False}
        ]
        assert (await visitor.ask("GET", f"{path}?format=pdf")).status_code == 400


async def test_follow_ups_are_suggestions_that_were_not_asked_yet(tmp_path: Path) -> None:
    silent = SUGGESTS.replace("---\n", "---\nfollow-ups: no\n", 1)
    async with (
        stack(
            tmp_path, [openai_text("Three users.")] * 2, bots={"shop": SUGGESTS, "silent": silent}
        ) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        visitor = await person(client)
        await visitor.say("how many USERS are there")
        [kept] = await visitor.conversations()
        got = (await visitor.ask("GET", f"/conversations/{kept['id']}/follow-ups")).json()
        assert got == {"items": ["How many orders are there?", "Who are you?"]}
        await visitor.say("how many users are there", "silent")
        [kept] = [one for one in await visitor.conversations() if one["id"] != kept["id"]]
        assert (await visitor.ask("GET", f"/conversations/{kept['id']}/follow-ups")).json() == {"items": []}


async def test_follow_ups_are_headings_beside_what_was_read(tmp_path: Path) -> None:
    bot = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\n---\nYou are")
    parts = ["Returning an item", "2. Getting a refund", "Returning a gift", "Opening hours of the shop"]
    text = "\n\n".join(
        f"# {part}\n\n" + f"All about {part.lower()}, told in a sentence. " * 30 for part in parts
    )
    async with (
        stack(tmp_path, [openai_text("So [1].")], bots={"shop": bot}, embedding_provider="none") as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        base = await add_base(served, "handbook", {})
        async with admin(served) as http:
            await add_document(http, base["id"], "Handbook", text, mime_type="text/markdown")
        visitor = await person(client)
        await visitor.say("What about returning an item?")
        [kept] = await visitor.conversations()
        got = (await visitor.ask("GET", f"/conversations/{kept['id']}/follow-ups")).json()["items"]
        assert "Getting a refund" in got
        assert "Returning an item" not in got
        assert len(got) <= 3


async def test_everything_of_a_user_goes_when_they_ask_for_it(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [openai_text("So.")] * 2) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        secret = secret_of(served)
        ann, bob = (
            await person(client, **proof(secret, "ann", name="Ann")),
            await person(client, **proof(secret, "bob")),
        )
        await ann.say("Mine?")
        await bob.say("Mine, too?")
        assert (await ann.ask("DELETE", "/me")).json() == {"conversations": 1, "files": 0, "documents": 0}
        assert await ann.conversations() == []
        assert len(await bob.conversations()) == 1
        db = connect(database_path(served.data))
        assert db.execute("SELECT count(*) FROM _messages WHERE owner = 'user:ann'").get == 0
        assert db.execute("SELECT count(*) FROM _profiles WHERE owner = 'user:ann'").get == 0
        assert db.execute("SELECT count(*) FROM _audit WHERE action = 'user.erase'").get == 1
        db.close()
        admin = {"Authorization": f"Bearer {served.token('root', 'admin')}"}
        assert (await client.delete("/api/v1/widget/me", headers=admin)).status_code == 403
        assert (await client.delete("/api/v1/widget/me")).status_code == 401
