"""What people may make whom nobody vouches for, and what is kept of them."""

import time
import uuid
from pathlib import Path
from typing import Any

import trio

from appliance.engine.attached import ATTACHED_BYTES_MAX
from appliance.store import guests
from appliance.store.database import connect, database_path
from tests.protocols.botpress.chat_api import KEY, Person, chat_api, keyed, refusal, signed
from tests.support.model_replies import tool_then_text
from tests.support.stack import OPEN_BOT

PICTURE = {"type": "image", "imageUrl": "https://example.com/c.png"}
LONG_AFTER_S = guests.KEPT_S + 3600


class Clock:
    """Time as a test sets it."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now


def rows(data: Path, sql: str) -> int:
    """A count."""
    db = connect(database_path(data))
    try:
        return int(db.execute(sql).get)
    finally:
        db.close()


async def test_one_network_makes_so_many_users_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    async with chat_api(tmp_path, clock=clock, strangers_users_per_minute_max=3) as stranger:
        for _ in range(3):
            await stranger.join()
        refused = await stranger.call("POST", "/users", {})
        assert (refused.status_code, refusal(refused)) == (429, "RateLimited")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert rows(tmp_path, "SELECT count(*) FROM _profiles") == 3
        clock.now += 61
        await stranger.join()


async def test_one_network_opens_so_many_conversations_a_minute_under_any_names(tmp_path: Path) -> None:
    clock = Clock()
    async with chat_api(tmp_path, clock=clock, strangers_conversations_per_minute_max=2) as stranger:
        ann, ben = await stranger.join(), await stranger.join()
        id = await ann.open()
        await ben.open()
        assert await ann.refused("POST", "/conversations", {}) == "RateLimited"
        assert await ben.refused("POST", "/conversations/get-or-create", {"id": "x"}) == "RateLimited"
        await ann.say(id)
        clock.now += 61
        await ann.open()


async def test_users_who_are_vouched_for_open_as_many_as_they_like(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"strangers_conversations_per_minute_max": 1, "botpress_encryption_key": KEY}
    async with chat_api(tmp_path, **settings) as stranger:
        ann = keyed(stranger, signed(id="ann"), "ann")
        await ann.good("POST", "/users/get-or-create", {})
        for _ in range(4):
            await ann.open()


async def test_guests_who_are_in_no_conversation_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    bots = {"shop": OPEN_BOT.replace("rate-limit", "conversation-ttl: 0\nrate-limit")}
    async with chat_api(tmp_path, clock=clock, bots=bots) as stranger:
        ann, ben, kim, lee = [await stranger.join(name=name) for name in ("Ann", "Ben", "Kim", "Lee")]
        max_ = await stranger.join(id="max", name="Max")
        await ann.open()
        spoken = await ben.open()
        await ben.say(spoken)
        await ben.good("POST", f"/conversations/{spoken}/participants", {"userId": kim.id})
        await lee.good("DELETE", "/users/me")
    clock.now += LONG_AFTER_S
    async with chat_api(tmp_path, clock=clock, bots=bots) as stranger:
        ann, ben, kim, max_ = [keyed(stranger, one.key, one.id) for one in (ann, ben, kim, max_)]
        with trio.fail_after(10):
            while (await ann.call("GET", "/users/me")).status_code == 200:  # noqa: ASYNC110  # nobody is told
                await trio.sleep(0.02)
        for there in (ben, kim):
            await there.good("GET", f"/conversations/{spoken}")
        assert await max_.refused("GET", "/users/me") == "ResourceNotFound"
        assert rows(tmp_path, "SELECT count(*) FROM _conversations") == 1
        assert rows(tmp_path, "SELECT count(*) FROM _profiles") == 3  # a chosen id stays taken
        assert await stranger.refused("POST", "/users", {"id": "max"}) == "AlreadyExists"
        assert (await ann.good("POST", "/users/get-or-create", {}))["user"]["id"] == ann.id


async def test_nobody_chooses_an_id_that_another_may_come_back_with(tmp_path: Path) -> None:
    async with chat_api(tmp_path) as stranger:
        assert await stranger.refused("POST", "/users", {"id": f"user_{uuid.uuid4().hex}"}) == "AlreadyExists"
        old = stranger.at("/shop/v1")
        assert await old.refused("POST", "/users", {"fid": f"user_{uuid.uuid4().hex}"}) == "AlreadyExists"
        await stranger.join(id="user_01JABCDEFGHJKMNPQRSTVWXYZ0")


async def test_no_key_makes_a_user_that_looks_like_a_bot(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        id = f"bot_{uuid.uuid4().hex}"
        for dialect in ("/shop", "/shop/v1"):
            known = Person(stranger.url, stranger.http, signed(id=id), id, dialect)
            path = "/conversations" if known.old else "/users/get-or-create"
            assert await known.refused("POST", path, {}) == "Forbidden"
        assert rows(tmp_path, "SELECT count(*) FROM _profiles") == 0


async def test_what_comes_along_with_a_message_or_event_is_bounded(tmp_path: Path) -> None:
    frame = len(b'{"type":"image","imageUrl":"https://example.com/c.png","junk":""}')
    async with chat_api(tmp_path) as stranger:
        ann = await stranger.join()
        id = await ann.open()

        async def post(junk: int, **more: Any) -> int:
            body = {"conversationId": id, "payload": {**PICTURE, "junk": "x" * (junk - frame)}, **more}
            answer = await ann.call("POST", "/messages", body)
            if answer.status_code != 200:
                assert refusal(answer) == "PayloadTooLarge"
            return answer.status_code

        assert await post(ATTACHED_BYTES_MAX) == 200
        assert await post(ATTACHED_BYTES_MAX + 1) == 413
        assert await post(ATTACHED_BYTES_MAX, metadata={"a": "b"}) == 413
        event = {"conversationId": id, "payload": {"junk": "x" * ATTACHED_BYTES_MAX}}
        assert await ann.refused("POST", "/events", event) == "PayloadTooLarge"
        assert len(await ann.messages(id)) == 1


async def test_what_is_not_answered_holds_no_tokens_back(tmp_path: Path) -> None:
    budget = "token-budget: 10000\nmax-tokens: 1000"
    bots = {"shop": OPEN_BOT.replace("token-budget: 10000000", budget)}
    async with chat_api(tmp_path, bots=bots) as stranger:
        ann = await stranger.join()
        id = await ann.open()
        for _ in range(12):
            await ann.say(id, **PICTURE)
        await ann.say(id, "Hello")


async def test_the_trail_names_the_program_that_a_question_came_from(tmp_path: Path) -> None:
    query = tool_then_text("execute_sql", {"sql": "SELECT count(*) FROM orders"}, "Some.")
    async with chat_api(tmp_path, query, demo=True) as stranger:
        stranger.http.headers["User-Agent"] = "Shop/1.0"
        ann = await stranger.join()
        id = await ann.open()
        async with ann.listen(id) as ear:
            await ann.say(id, "How many?")
            await ear.take(2)
    assert rows(tmp_path, "SELECT count(*) FROM _audit WHERE CAST(details AS TEXT) LIKE '%Shop/1.0%'") == 1
