"""Lists, single conversations, messages and the export: what they hold, in which order, page by page."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.protocols.chatbase.api import SHOP, Api, api, of, text_of
from tests.support.model_replies import openai_text
from tests.support.wire import wire

INVALID = (400, "VALIDATION_INVALID_BODY")
LIST = f"{SHOP}/conversations"


class Clock:
    """A clock that goes on by a second whenever it is asked, so that nothing happens at the same moment."""

    def __init__(self, start: float) -> None:
        self.now = start

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


async def pages(caller: Api, path: str) -> list[list[Any]]:
    """All pages of a list, insisting on what each says of itself."""
    found: list[list[Any]] = []
    cursor, totals = "", set()
    while True:
        joint = "&" if "?" in path else "?"
        page = await caller.good("GET", path + (f"{joint}cursor={quote(cursor)}" if cursor else ""))
        found.append(page["data"])
        told = page["pagination"]
        assert set(told) == {"cursor", "hasMore", "total"}
        assert told["hasMore"] is (told["cursor"] is not None)
        totals.add(told["total"])
        if not told["hasMore"]:
            assert totals == {sum(map(len, found))}
            return found
        cursor = told["cursor"]


async def test_conversations_page_newest_first_without_a_gap(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 5) as caller:
        made = [(await caller.ask(f"n {number}"))["metadata"]["conversationId"] for number in range(5)]
        for size in (1, 2, 5, 100):
            seen = [one["id"] for page in await pages(caller, f"{LIST}?limit={size}") for one in page]
            assert seen == made[::-1]
        [first, *_] = (await caller.good("GET", LIST))["data"]
    assert set(first) == {"id", "title", "createdAt", "updatedAt", "userId", "status"}
    assert (first["title"], first["userId"], first["status"]) == ("n 4", None, "ongoing")
    assert isinstance(first["createdAt"], int)
    assert abs(first["createdAt"] - time.time()) < 60


async def test_a_page_stays_the_same_while_others_come(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 6) as caller:
        for number in range(4):
            await caller.ask(f"n {number}", userId="ann")
        for path in (LIST, f"{SHOP}/users/ann/conversations"):
            before = [one["id"] for one in (await caller.good("GET", path))["data"]]
            first = await caller.good("GET", f"{path}?limit=2")
            await caller.ask("another", userId="ann")
            cursor = quote(first["pagination"]["cursor"])
            rest = await caller.good("GET", f"{path}?limit=2&cursor={cursor}")
            assert [one["id"] for one in rest["data"]] == before[2:4]


async def test_a_users_conversations_have_the_latest_active_first(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 5) as caller:
        old, new = await caller.ask("old", userId="ann"), await caller.ask("new", userId="ann")
        await caller.ask("bobs", userId="bob")
        await caller.ask("nobodys")
        await caller.go_on(old, "again")
        path = f"{SHOP}/users/ann/conversations"
        seen = [one["id"] for page in await pages(caller, f"{path}?limit=1") for one in page]
        assert seen == [old["metadata"]["conversationId"], new["metadata"]["conversationId"]]
        assert (await caller.good("GET", f"{SHOP}/users/nobody/conversations"))["data"] == []
        for bad in ("a%20b", "%C3%A4", "x" * 129, "a%2Fb", "%00"):
            path = f"{SHOP}/users/{bad}/conversations"
            assert await caller.refused("GET", path, field="userId") == INVALID


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=1_0",
        "limit=٣",
        "limit=1e1",
    ],
)
async def test_a_limit_is_a_whole_number_within_bounds(tmp_path: Path, query: str) -> None:
    async with api(tmp_path) as caller:
        for path in (LIST, "/agents", f"{SHOP}/users/a/conversations", f"{LIST}/export"):
            assert await caller.refused("GET", f"{path}?{query}", field="limit") == INVALID
        assert await caller.refused("GET", f"{LIST}/export?limit=21", field="limit") == INVALID


def made_up(text: str) -> str:
    return quote(base64.urlsafe_b64encode(text.encode()).decode())


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%00",
        "nonsense",
        "ä",
        "A" * 100_000,
        made_up("[]"),
        made_up("[" * 9999),
        made_up('["created"]x'),
        made_up('["agents",0,"x"]'),
        made_up('["created",1e999,"x"]'),
        made_up('["created",1e300,"x"]'),
        made_up('["created","now","x"]'),
        made_up('["messages",5,"x"]'),
    ],
)
async def test_a_cursor_that_is_not_this_lists_is_refused(tmp_path: Path, cursor: str) -> None:
    async with api(tmp_path) as caller:
        assert await caller.refused("GET", f"{LIST}?cursor={cursor[:4000]}", field="cursor") == INVALID


async def test_a_cursor_belongs_to_its_list(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 2) as caller:
        first = await caller.ask("go", userId="ann")
        await caller.ask("go", userId="ann")
        cursors = {
            path: quote((await caller.good("GET", f"{path}?limit=1"))["pagination"]["cursor"])
            for path in (LIST, f"{SHOP}/users/ann/conversations", "/agents", f"{of(first)}/messages")
        }
        for path in cursors:
            for other, cursor in cursors.items():
                answer = await caller.call("GET", f"{path}?cursor={cursor}")
                assert answer.status_code == (200 if other == path else 400)


async def test_conversations_are_found_by_the_day_they_began(tmp_path: Path) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
    async with api(tmp_path, [openai_text("a")], clock=Clock(noon)) as caller:
        await caller.ask("go")
        [conversation] = (await caller.good("GET", LIST))["data"]
        began = f"{datetime.fromtimestamp(conversation['createdAt'], UTC):%Y-%m-%dT%H:%M:%SZ}"
        for query, count in (
            ("startDate=2026-01-31&endDate=2026-01-31", 1),
            ("startDate=2026-02-01", 0),
            ("endDate=2026-01-30", 0),
            ("startDate=2026-01-31T11:59:00Z&endDate=2026-01-31T12:30:00Z", 1),
            ("endDate=2026-01-31T11:59:59Z", 0),
            ("startDate=20260131&endDate=20260131", 1),
            (f"startDate={began}&endDate={began}", 1),
            (f"endDate={began.replace('Z', '.000Z')}", 1),
            ("startDate=2026-01-31T14:30:00%2B02:00", 0),
            ("startDate=2026-01-31T13:30:00%2B02:00", 1),
            ("startDate=2026-01-31T12:00:00", 1),
            ("startDate=2026-01-31T18:00:00Z&endDate=2026-01-31", 0),
            ("startDate=0001-01-01&endDate=9999-12-31", 1),
        ):
            for path in (LIST, f"{LIST}/export"):
                page = await caller.good("GET", f"{path}?{query}")
                assert (len(page["data"]), page["pagination"]["total"]) == (count, count), query
        for query in (
            "startDate=2026-02-01&endDate=2026-01-31",
            "startDate=2026-01-31T12:00:01Z&endDate=2026-01-31T12:00:00Z",
            "startDate=2026-02-01T00:00:00Z&endDate=2026-01-31",
        ):
            wanted = (400, "VALIDATION_INVALID_DATE_RANGE")
            assert await caller.refused("GET", f"{LIST}?{query}") == wanted
        for name in ("startDate", "endDate"):
            for bad in ("", "yesterday", "2026-13-01", "2026-02-30", "1767225600", "%00", "2026-01-31T25:00"):
                assert await caller.refused("GET", f"{LIST}?{name}={bad}", field=name) == INVALID


async def test_a_conversation_comes_with_its_newest_messages(tmp_path: Path) -> None:
    def reply(request: Any) -> Any:
        return openai_text("re ", request.body["messages"][-1]["content"])

    async with api(tmp_path, reply) as caller:
        first = await caller.ask("0")
        for number in range(1, 12):
            await caller.go_on(first, str(number))
        everything = [text for number in range(12) for text in (str(number), f"re {number}")]
        whole = await caller.good("GET", of(first))
        data = whole["data"]
        assert [text_of(message) for message in data["messages"]] == everything[-20:]
        assert (data["id"], data["title"], data["status"]) == (of(first).split("/")[-1], "0", "ongoing")
        cursor = quote(whole["pagination"]["cursor"])
        older = await caller.good("GET", f"{of(first)}/messages?cursor={cursor}")
        assert [text_of(message) for message in older["data"]] == everything[:-20]
        assert older["pagination"] == {"cursor": None, "hasMore": False, "total": 24}
        for size in (1, 3, 24):
            found = await pages(caller, f"{of(first)}/messages?limit={size}")
            texts = [text_of(message) for page in reversed(found) for message in page]
            assert texts == everything
        user, answer = older["data"][:2]
    assert set(user) == {"id", "role", "parts", "createdAt"}
    assert set(answer) == {"id", "role", "parts", "createdAt", "feedback", "metadata"}
    assert (answer["feedback"], answer["metadata"]) == (None, {"score": None})
    assert isinstance(user["createdAt"], int)


async def test_the_export_has_every_source_and_the_lists_only_ours(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 3) as caller:
        ours = await caller.ask("ours", userId="ann")
        async with wire(caller.served.ws_url, caller.served.token("bob")) as socket:
            bobs = await socket.start()
            await socket.ask(bobs, "over the socket")
        assert [one["title"] for one in (await caller.good("GET", LIST))["data"]] == ["ours"]
        export = f"{LIST}/export"
        for size in (1, 20):
            found = [one for page in await pages(caller, f"{export}?limit={size}") for one in page]
            assert [(one["source"], one["userId"]) for one in found] == [("Fluxbase", "bob"), ("API", "ann")]
        assert [text_of(message) for message in found[0]["messages"]] == ["over the socket", "a"]
        for query, titles in (
            ("source=API", ["ours"]),
            ("source=api,%20fluxbase", ["over the socket", "ours"]),
            ("source=Widget%20or%20Iframe", []),
            ("source=", []),
            (f"conversationId={ours['metadata']['conversationId']}", ["ours"]),
            (f"conversationId={bobs}&source=API", []),
            (f"conversationId={bobs}&endDate=2020-01-01", []),
            (f"conversationId={bobs}&startDate=2020-01-01", ["over the socket"]),
            ("conversationId=none", []),
        ):
            page = await caller.good("GET", f"{export}?{query}")
            assert [one["title"] for one in page["data"]] == titles, query
            assert page["pagination"]["total"] == len(titles)
        summaries = (await caller.good("GET", f"{export}?include=summary"))["data"]
        assert all("messages" not in one for one in summaries)
        assert set(summaries[0]) == {"id", "title", "createdAt", "updatedAt", "userId", "status", "source"}
        assert await caller.refused("GET", f"{export}?include=all", field="include") == INVALID
        members = "/agents/members/conversations/export"
        assert (await caller.good("GET", members))["data"] == []
        elsewhere = await caller.good("GET", f"{members}?conversationId={bobs}")
        assert elsewhere["data"] == []


async def test_unknown_agents_and_conversations_are_not_found(tmp_path: Path) -> None:
    async with api(tmp_path) as caller:
        for path in ("", "/conversations", "/conversations/export", "/users/a/conversations"):
            assert await caller.refused("GET", f"/agents/nobody{path}") == (404, "AGENT_NOT_FOUND")
        for path in ("none", "none/messages", "%00", "a%2Fb"):
            assert await caller.refused("GET", f"{LIST}/{path}") == (404, "RESOURCE_NOT_FOUND")
