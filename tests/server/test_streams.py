"""Streams that go on: what they hold while they live, and that nothing of it is left when they end."""

import socket
import struct
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trio

from tests.protocols.botpress.chat_api import KEY, Person, chat_api, keyed, refusal, signed
from tests.support.wire import wire

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "bKdPyn3u98cTfZJSh4TNeQ==",
}
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing drops the connection instead of ending it."""


async def listening(person: Person, conversation: str, nursery: trio.Nursery) -> int:
    """The status that a listener gets, who stays until the nursery is cancelled."""
    got: list[int] = []
    told = trio.Event()

    async def listen() -> None:
        async with person.listen(conversation) as ear:
            got.append(ear.status)
            told.set()
            if ear.status == 200:
                await trio.sleep_forever()

    nursery.start_soon(listen)
    await told.wait()
    return got[0]


async def listening_at_last(person: Person, conversation: str, nursery: trio.Nursery) -> None:
    """A listener who is let in as soon as the server has noticed that others have left."""
    with trio.fail_after(10):
        while await listening(person, conversation, nursery) != 200:  # noqa: ASYNC110  # nobody is told
            await trio.sleep(0.02)


async def leave_at_once(person: Person, conversation: str, *, rounds: int, reset: bool) -> None:
    """Ask for the stream and go, after that many rounds of the server's loop."""
    where = urlsplit(person.url)
    stream = await trio.open_tcp_stream(where.hostname or "", where.port or 0)
    ask = f"GET /botpress/shop/conversations/{conversation}/listen HTTP/1.1\r\nHost: x\r\n"
    await stream.send_all(f"{ask}x-user-key: {person.key}\r\n\r\n".encode())
    for _ in range(rounds):
        await trio.lowlevel.checkpoint()
    if reset:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stream.socket.close()


async def test_clients_that_leave_at_any_moment_leave_nothing_behind(tmp_path: Path) -> None:
    async with chat_api(tmp_path, sockets_per_principal_max=100) as stranger:
        ann = await stranger.join()
        id = await ann.open()
        for rounds in range(60):
            for reset in (False, True):
                await leave_at_once(ann, id, rounds=rounds, reset=reset)
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                await listening_at_last(ann, id, nursery)
            nursery.cancel_scope.cancel()


async def test_streams_and_sockets_of_one_address_share_their_places(tmp_path: Path) -> None:
    async with chat_api(tmp_path, sockets_per_principal_max=2) as stranger:
        ann, ben = await stranger.join(), await stranger.join()
        ids = await ann.open(), await ben.open()
        url = stranger.url.replace("http", "ws", 1) + "/ai/ws"
        async with wire(url), trio.open_nursery() as nursery:
            assert await listening(ann, ids[0], nursery) == 200
            for person, id in zip((ann, ben), ids, strict=True):
                refused = await person.call("GET", f"/conversations/{id}/listen")
                assert (refused.status_code, refusal(refused)) == (429, "RateLimited")
                assert refused.headers["Retry-After"]
            refused = await stranger.http.get(f"{stranger.url}/ai/ws", headers=UPGRADE)
            assert (refused.status_code, refused.json()["code"]) == (429, "BUSY")
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            await listening_at_last(ben, ids[1], nursery)
            nursery.cancel_scope.cancel()


async def test_users_who_are_vouched_for_have_places_of_their_own(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"sockets_per_principal_max": 1, "botpress_encryption_key": KEY}
    async with chat_api(tmp_path, **settings) as stranger, trio.open_nursery() as nursery:
        for name in ("ann", "ben"):
            person = keyed(stranger, signed(id=name), name)
            await person.good("POST", "/users/get-or-create", {})
            id = await person.open()
            assert await listening(person, id, nursery) == 200
            assert await listening(person, id, nursery) == 429
        nursery.cancel_scope.cancel()


async def test_a_refused_stream_takes_no_place(tmp_path: Path) -> None:
    async with chat_api(tmp_path, sockets_per_principal_max=1) as stranger:
        ann, ben = await stranger.join(), await stranger.join()
        id = await ann.open()
        for _ in range(3):
            assert (await ben.call("GET", f"/conversations/{id}/listen")).status_code == 403
        async with ann.listen(id) as ear:
            assert ear.status == 200


async def test_a_listener_is_let_go_when_the_key_expires(tmp_path: Path) -> None:
    async with chat_api(tmp_path, botpress_encryption_key=KEY) as stranger:
        lasting = keyed(stranger, signed(id="ann"), "ann")
        await lasting.good("POST", "/users/get-or-create", {})
        id = await lasting.open()
        brief = keyed(stranger, signed(id="ann", exp=int(time.time()) + 2), "ann")
        async with lasting.listen(id) as stays, brief.listen(id) as ear:
            assert await ear.is_over()
            await lasting.say(id)
            assert (await stays.next())[0] == "message_created"
        assert await brief.refused("GET", "/users/me") == "Unauthorized"


async def test_addresses_of_one_ipv6_network_share_a_window(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"requests_per_10_s_max": 5, "trusted_proxies": "127.0.0.1"}
    async with chat_api(tmp_path, **settings) as stranger:

        async def ask(address: str) -> int:
            answer = await stranger.http.get(
                f"{stranger.url}/api/v2/health", headers={"X-Forwarded-For": address}
            )
            return answer.status_code

        assert [await ask(f"2001:db8::{n}") for n in range(6)] == [200] * 5 + [429]
        assert await ask("2001:db8:0:1::1") == 200
