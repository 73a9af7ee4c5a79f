"""Of people who ask for it nothing is left: not in questions without an answer, nor in an index."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from appliance.store.database import connect, database_path
from tests.console.signed_in import SignedIn, admin_of
from tests.console.test_gaps import missed
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire
from tests.widget.people import PAGE, Person, person, proof, secret_of

BOT = OPEN_BOT.replace("---\n", "---\nuploads: true\n", 1)
ASKED = "Does Zyxwvut repair umbrellas?"
LAMPS = b"# Lamps\n\nWe repair lamps on Monday."


async def _documents(data: Path, admin: SignedIn) -> None:
    """A base that the bot reads, which has no word on umbrellas of that name."""
    base = (await admin.post("knowledge-bases", {"name": "docs"}))["id"]
    await admin.client.post(f"knowledge-bases/{base}/documents", files={"file": ("lamps.md", LAMPS)})
    missed(data, "When do you open?")
    gap = (await admin.get("gaps"))["items"][0]
    body = {"content": "Nine to five.", "knowledge_base": base, "add_test": False}
    await admin.post(f"gaps/{gap['id']}/answer", body)


def _places(served: Stack, word: str) -> set[str]:
    """The tables that have the word in some row."""
    db = connect(database_path(served.data))
    found = set()
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if db.execute("SELECT sql LIKE 'CREATE VIRTUAL%' FROM sqlite_schema WHERE name = ?", (table,)).get:
            continue  # what these keep stands in other tables
        for row in db.execute(f'SELECT * FROM "{table}"'):
            text = b" ".join(one if isinstance(one, bytes) else str(one).encode() for one in row)
            if word in text.decode(errors="replace").lower():
                found.add(str(table))
    db.close()
    return found


async def _attach(served: Stack, who: Person) -> None:
    async with wire(served.ws_url, who.token) as socket:
        id = await socket.start("shop")
    file = ("Zyxwvut.md", b"# Zyxwvut\n\nAll that Zyxwvut wrote.")
    got = await who.ask("POST", f"/conversations/{id}/files", files={"file": file})
    assert got.status_code in (200, 201), got.text


@pytest.mark.parametrize("kind", ["visitor", "user"])
async def test_no_word_is_left_of_who_had_their_data_deleted(tmp_path: Path, kind: str) -> None:
    async with (
        stack(tmp_path, bots={"shop": BOT}, embedding_provider="none") as served,
        admin_of(served) as admin,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        await _documents(tmp_path, admin)
        who = await person(client, **(proof(secret_of(served), "zeta") if kind == "user" else {}))
        await who.say(ASKED)
        await who.say(ASKED)
        await _attach(served, who)
        assert _places(served, "zyxwvut") >= {"_knowledge_gaps", "_retrievals", "_messages"}
        assert (await who.ask("DELETE", "/me")).status_code == 200
        assert _places(served, "zyxwvut") == set()


async def test_a_question_stays_that_somebody_else_asked_too_until_they_go_as_well(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, bots={"shop": BOT}, embedding_provider="none") as served,
        admin_of(served) as admin,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        await _documents(tmp_path, admin)
        secret = secret_of(served)
        stranger = await person(client)
        other = await person(client, **proof(secret, "other"))
        await other.say(ASKED)
        await stranger.say(ASKED)
        user = await person(client, **proof(secret, "zeta"), visitor=stranger.token)
        await user.ask("DELETE", "/me")
        assert ASKED in [one["question"] for one in (await admin.get("gaps", status="all"))["items"]]
        await other.ask("DELETE", "/me")
        assert _places(served, "zyxwvut") == set()


async def test_a_page_lists_and_deletes_only_what_it_may_show(tmp_path: Path) -> None:
    bound = OPEN_BOT.replace("---\n", f"---\nallowed-origins: [{PAGE}]\n", 1)
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with (
        stack(tmp_path, bots={"shop": bound, "anywhere": OPEN_BOT}) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        who = await person(client)
        await who.say("How many users are there?")
        await who.say("And how many orders?", "anywhere")
        listed = (await who.ask("GET", "/conversations", headers=foreign)).json()
        assert [one["preview"] for one in listed["items"]] == ["And how many orders?"]
        assert listed["total"] == 1
        refused = await who.ask("DELETE", "/me", headers=foreign)
        assert (refused.status_code, refused.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")
        assert len(await who.conversations()) == 2
        assert (await who.ask("DELETE", "/me", headers={"Origin": PAGE})).status_code == 200
