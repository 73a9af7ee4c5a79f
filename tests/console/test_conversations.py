"""Conversations at the console: found, read, exported, explained, deleted; each look is witnessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio

from appliance.store import settings
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault
from tests.console.desk import Desk, desk
from tests.console.people import OWN_PAGE, browser, invite, set_up
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import text_of, wire

FLEETING = OPEN_BOT.replace("persist-conversations: true", "persist-conversations: false\nhandoff: true")


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"])


async def talk(served: Stack, *words: str, user: str = "alice", bot: str = "shop") -> str:
    """A new conversation in which a user says these; its id."""
    async with wire(served.ws_url, served.token(user)) as socket:
        id = await socket.start(bot)
        for one in words:
            await socket.ask(id, one)
        return id


async def ids(anna: Desk, **query: Any) -> list[str]:
    return [item["id"] for item in (await anna.good("GET", "/conversations", **query))["items"]]


def make_secret(data: Path, key: str, value: str) -> None:
    """As `appliance settings set --secret` does."""
    vault = Vault(load_encryption_key(data, ""))
    db = connect(database_path(data))
    with db:
        settings.put(db, vault, tenant="default", key=key, value=value, secret=True, now=1.0)
    db.close()


async def test_conversations_are_found_by_words_people_bots_and_what_became_of_them(tmp_path: Path) -> None:
    def replies(asked: Recorded) -> Any:
        words = asked.body["messages"][-1]["content"]
        return openai_text("", tokens=None) if words == "fail" else openai_text("The answer is 42% off_hand.")

    async with stack(tmp_path, replies, bots={"shop": OPEN_BOT, "desk": OPEN_BOT}) as served:
        first = await talk(served, "Where is my Parcel?")
        second = await talk(served, "fail", user="bob", bot="desk")
        async with desk(served) as anna:
            assert await ids(anna) == [second, first]
            assert await ids(anna, q="parcel") == [first]
            assert await ids(anna, q="42% off_") == [first]
            assert await ids(anna, q="42_ off") == []
            assert await ids(anna, q="%") == [first]
            assert await ids(anna, q="type") == []  # a word of the form in which answers are kept
            assert await ids(anna, q="'; DROP TABLE _messages; --") == []
            assert await ids(anna, q="bob") == await ids(anna, person="bob") == [second]
            assert await ids(anna, person="user:alice") == await ids(anna, bot="shop") == [first]
            assert await ids(anna, bot="default/desk") == await ids(anna, errors="1") == [second]
            assert await ids(anna, bot="other/desk") == await ids(anna, feedback="positive") == []
            assert await ids(anna, source="fluxbase", start="1000", end="99999999999") == [second, first]
            assert await ids(anna, end="1000") == []
            for bad in (
                {"handoff": "x"}, {"errors": "2"}, {"start": "soon"}, {"after": "x"}, {"limit": "0"},
                {"q": "x" * 201}, {"feedback": "so-so"}, {"start": "NaN"}, {"after": "WzEsMl0="},
            ):  # fmt: skip
                await anna.refused(400, "GET", "/conversations", **bad)
            item = (await anna.good("GET", "/conversations", person="alice"))["items"][0]
            assert (item["bot"], item["namespace"], item["owner"]) == ("shop", "default", "user:alice")
            assert (item["person"], item["message_count"], item["tokens"]) == ("alice", 2, 18)
            assert (item["title"], item["preview"]) == ("Where is my Parcel?", "Where is my Parcel?")
            assert (item["errors"], item["running"], item["handoff"]) == (0, False, "")


async def test_pages_of_conversations_leave_none_out_and_give_none_twice(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, desk(served) as anna:
        made = [await talk(served, f"number {number}") for number in range(5)]
        found: list[str] = []
        query: dict[str, Any] = {"limit": "2"}
        while True:
            page = await anna.good("GET", "/conversations", **query)
            assert page["total"] == 5
            found += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert found == made[::-1]


async def test_a_conversation_is_told_whole_and_as_a_file_and_each_look_is_witnessed(tmp_path: Path) -> None:
    replies = [
        openai_tool_calls(("execute_sql", {"sql": "SELECT 1 AS one", "description": "One"})),
        openai_text("It is *one*."),
    ]
    async with stack(tmp_path, replies, demo=True) as served, desk(served) as anna:
        id = await talk(served, "How many?\n# not a heading")
        told = await anna.good("GET", f"/conversations/{id}")
        question, answer = told["messages"]
        assert (question["role"], question["name"], question["text"][:9]) == ("user", "alice", "How many?")
        assert [part["kind"] for part in answer["parts"]] == ["tool", "text"]
        tool = answer["parts"][0]
        assert (tool["name"], tool["ok"], tool["query"]["data"]) == ("execute_sql", True, [{"one": 1}])
        assert answer["usage"]["completion_tokens"] > 0
        assert (await anna.good("GET", f"/conversations/{id}/export", format="json")) == told
        page = await anna.ask("GET", f"/conversations/{id}/export", format="md")
        assert page.headers["content-type"] == "text/markdown; charset=utf-8"
        assert page.headers["content-disposition"] == f'attachment; filename="{id}.md"'
        assert "> How many?\n> # not a heading" in page.text
        assert "> It is *one*." in page.text
        await anna.refused(400, "GET", f"/conversations/{id}/export", format="pdf")
        for path in ("", "/export", "/trace/none", "/stream"):
            await anna.refused(404, "GET", f"/conversations/none{path}")
        db = connect(database_path(tmp_path))
        looks = db.execute(
            "SELECT actor, action FROM _audit WHERE target = ? AND action LIKE 'conversation.%'",
            (f"conversation:{id}",),
        ).fetchall()
        db.close()
        actions = ["conversation.read", *["conversation.export"] * 2]
        assert looks == [("user:anna", action) for action in actions]


async def test_conversations_that_are_not_kept_are_listed_only_while_a_person_is_in_them(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, echo, bots={"shop": FLEETING}) as served, desk(served) as anna:
        id = await talk(served, "Hello")
        assert await ids(anna) == []
        await anna.join(id)
        assert await ids(anna) == await ids(anna, handoff="joined") == [id]
        await anna.leave(id)
        assert await ids(anna) == []


async def test_a_question_tells_with_which_files_it_was_sent_and_which_are_gone(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("---\n", "---\nuploads: true\n", 1)}
    async with stack(tmp_path, echo, bots=bots, embedding_provider="none") as served, desk(served) as anna:
        async with wire(served.ws_url, served.token("alice")) as socket:
            id = await socket.start()
            path = f"{served.url}/api/v1/widget/conversations/{id}/files"
            alice = {"Authorization": f"Bearer {served.token('alice')}"}
            files = {"file": ("lease.md", b"The rent is 950 euros.", "text/markdown")}
            sent = (await anna.http.post(path, files=files, headers=alice)).json()
            await socket.ask(id, "How much?", files=[sent["id"], "another"])
        told = (await anna.good("GET", f"/conversations/{id}"))["messages"][0]
        assert told["files"] == [
            {"id": sent["id"], "name": "lease.md", "bytes": 22, "characters": 22},
            {"id": "another", "name": "", "bytes": 0, "characters": 0},
        ]
        page = await anna.ask("GET", f"/conversations/{id}/export", format="md")
        assert "> How much?\n\nFile: lease.md\n\nFile: (deleted)" in page.text
        await anna.http.delete(f"{path}/{sent['id']}", headers=alice)
        told = (await anna.good("GET", f"/conversations/{id}"))["messages"][0]
        assert [file["name"] for file in told["files"]] == ["", ""]


async def test_a_deleted_conversation_is_gone_for_everybody(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        await socket.ask(id, "Hello")
        await anna.good("DELETE", f"/conversations/{id}")
        await anna.refused(404, "DELETE", f"/conversations/{id}")
        await anna.refused(404, "GET", f"/conversations/{id}")
        await anna.refused(404, "POST", f"/conversations/{id}/join")
        assert await ids(anna) == []
        await socket.ask(id, "Still there?")
        assert socket.frames[-1]["code"] == "NO_SESSION"


async def test_strangers_users_and_people_of_other_tenants_see_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, desk(served) as anna:
        id = await talk(served, "Hello")
        for token, status in (
            (None, 401),
            (served.token("mallory"), 403),
            (served.token("x", "operator"), 403),
        ):
            shown = {"Authorization": f"Bearer {token}"} if token else OWN_PAGE
            stranger = Desk(anna.http, served.url, shown)
            for method, path in (
                ("GET", ""), ("GET", f"/{id}"), ("GET", f"/{id}/export"), ("GET", f"/{id}/stream"),
                ("POST", f"/{id}/join"), ("POST", f"/{id}/leave"), ("POST", f"/{id}/messages"),
                ("POST", f"/{id}/resolve"), ("DELETE", f"/{id}"), ("GET", f"/{id}/trace/t"),
            ):  # fmt: skip
                await stranger.refused(status, method, f"/conversations{path}")
            await stranger.refused(status, "GET", "/live")


async def test_a_trace_explains_an_answer_and_holds_no_secret(tmp_path: Path) -> None:
    bot = OPEN_BOT.replace("---\n", "---\nrequired-settings: [api_key]\n", 1)
    replies = [
        openai_tool_calls(("execute_sql", {"sql": "SELECT 'hunter2-secret' AS key", "description": "Key"})),
        openai_text("There is ", "a key."),
    ]
    async with stack(tmp_path, replies, bots={"shop": bot}, demo=True) as served, desk(served) as anna:
        make_secret(tmp_path, "api_key", "hunter2-secret")
        async with wire(served.ws_url, served.token()) as socket:
            id = await socket.start()
            assert text_of(await socket.ask(id, "Is there a key?")) == "There is a key."
        turn_id = (await anna.good("GET", f"/conversations/{id}"))["messages"][1]["turn_id"]
        told = await anna.good("GET", f"/conversations/{id}/trace/{turn_id}")
        assert (told["question"], told["model"], told["status"]) == ("Is there a key?", "scripted", "done")
        assert [step["kind"] for step in told["steps"]] == ["model", "tool", "model"]
        assert all(step["took_ms"] >= 0 and step["at_ms"] >= 0 for step in told["steps"])
        assert 0 <= told["first_token_ms"] <= told["total_ms"]
        assert [len(call) for call in told["prompt"]] == [2, 4]
        assert served.model is not None
        sent = served.model.requests[0].body["messages"]
        assert [message["content"] for message in told["prompt"][0]] == [one["content"] for one in sent]
        assert told["queries"][0]["row_count"] == 1
        assert told["usage"]["total_tokens"] == 36
        assert "hunter2" not in str(told)
        assert "***" in told["queries"][0]["sql"]
        await anna.refused(404, "GET", f"/conversations/{id}/trace/none")


async def test_traces_are_kept_for_their_days_and_not_at_all_where_none_are_wanted(tmp_path: Path) -> None:
    now = [1_800_000_000.0]

    def traces() -> int:
        db = connect(database_path(tmp_path))
        count = db.execute("SELECT count(*) FROM _traces").get
        db.close()
        return int(str(count))

    async with stack(tmp_path, echo, clock=lambda: now[0], trace_days=2) as served:
        async with wire(served.ws_url) as socket:
            await socket.ask(await socket.start(), "Hello")
        assert traces() == 1
    now[0] += 3 * 86_400
    async with stack(tmp_path, echo, clock=lambda: now[0], trace_days=2):
        with trio.fail_after(10):
            while traces():  # noqa: ASYNC110
                await trio.sleep(0.02)
    async with stack(tmp_path, echo, clock=lambda: now[0], trace_days=0) as served:
        async with wire(served.ws_url) as socket:
            await socket.ask(await socket.start(), "Hello")
        assert traces() == 0


async def test_an_operator_does_all_but_delete_and_trace_and_writes_under_their_name(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, browser(served) as ann, browser(served) as otto:
        await set_up(served, ann)
        await invite(ann, otto, "otto")
        id = await talk(served, "Hello")
        turn_id = (await otto.get(f"conversations/{id}")).json()["messages"][1]["turn_id"]
        assert (await otto.get("conversations")).json()["total"] == 1
        for path in ("", f"/trace/{turn_id}"):
            assert (
                await otto.request("DELETE" if not path else "GET", f"conversations/{id}{path}")
            ).status_code == 403
        joined = await otto.post(f"conversations/{id}/join")
        assert (joined.json()["operator"], joined.json()["operator_name"]) == ("otto", "Otto")
        said = await otto.post(f"conversations/{id}/messages", json={"content": "Hi"})
        assert (said.status_code, said.json()["role"], said.json()["name"]) == (201, "operator", "Otto")
        other = await ann.post(f"conversations/{id}/join")
        assert (other.status_code, other.json()["details"]["operator_name"]) == (409, "Otto")
        cross = await otto.post(f"conversations/{id}/leave", headers={"Sec-Fetch-Site": "cross-site"})
        assert cross.status_code == 403
        assert (await otto.post(f"conversations/{id}/leave")).json()["handoff"] == ""
        assert (await ann.get(f"conversations/{id}/trace/{turn_id}")).json()["kept"] is True
    db = connect(database_path(tmp_path))
    actors = db.execute(
        "SELECT DISTINCT actor FROM _audit WHERE action IN ('conversation.join', 'conversation.write')"
    ).get
    db.close()
    assert actors == "admin:otto"
