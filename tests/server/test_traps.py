"""The known traps of this stack, each shown against a real server: what the trap is, and that it is shut."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import trio
from quart import Response
from quart.wrappers.response import IterableBody
from quart_trio import QuartTrio

from appliance.errors import InvalidInput
from appliance.server.limits import DRAINED
from appliance.server.run import ServerLimits, bind, serve
from appliance.settings import load
from tests.server.guarded_app import make_app
from tests.support.loopback import LoopbackServer, app_server, readable, serving
from tests.support.raw_socket import BINARY, PING, PONG, TEXT, RawSocket, frame, upgrade

APP = "tests.server.guarded_app:make_app"


def get(server: LoopbackServer, path: str) -> bytes:
    with client_of(server) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return client.read_all()


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


async def read_events(url: str) -> bytes:
    """Everything that the event stream at `url` gives until it ends."""
    host, port = url.removeprefix("http://").split(":")
    path = "/ticks?n=8&pause=0.1"
    received = b""
    async with await trio.open_tcp_stream(host.partition("/")[0], int(port)) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        async for data in stream:
            received += data
            if b"data: 7" in received:
                break
    return received


def ticking_app(*, cured: bool) -> QuartTrio:
    app = QuartTrio(__name__)
    app.config["RESPONSE_TIMEOUT"] = 0.5  # the real one is 60 s

    @app.get("/ticks")
    async def ticks() -> Response:
        async def body():
            for number in range(8):
                await trio.sleep(0.2 if number > 1 else 0)
                yield f"data: {number}\n\n"

        response = Response(IterableBody(body()), content_type="text/event-stream")
        if cured:
            response.timeout = None
        return response

    return app


async def test_event_stream_is_cut_by_the_response_timeout_of_quart() -> None:
    async with serving(ticking_app(cured=False)) as url:
        received = await read_events(url)
    assert b"data: 1" in received
    assert b"data: 4" not in received


async def test_event_stream_with_timeout_none_outlives_the_response_timeout() -> None:
    async with serving(ticking_app(cured=True)) as url:
        received = await read_events(url)
    assert b"data: 7" in received


@pytest.fixture(scope="module")
def strict() -> Iterator[LoopbackServer]:
    """A server whose every deadline passes within the patience of a test."""
    with app_server(
        APP,
        grace_s=0,
        write_timeout_s=0.5,
        ping_interval_s=0.2,
        head_timeout_s=0.3,
        keep_alive_s=0.6,
    ) as server:
        yield server


def client_of(server: LoopbackServer, **options: float) -> RawSocket:
    return RawSocket(server.host, server.port, **options)


def ended(server: LoopbackServer, handler: str) -> int:
    """How many runs of `handler` have ended."""
    return get(server, "/ended").count(handler.encode())


def test_client_that_stops_reading_is_cut_after_the_write_timeout(strict: LoopbackServer) -> None:
    before = ended(strict, "pour")
    with client_of(strict, window=4096) as client:
        client.open_websocket("/pour?size=60000")
        assert eventually(lambda: ended(strict, "pour") > before)
        client.read_all()  # comes to an end: the connection is gone, not just paused


def test_slow_but_reading_client_is_not_cut(strict: LoopbackServer) -> None:
    with client_of(strict, window=4096) as client:
        client.open_websocket("/pour?size=60000&n=30")
        for _ in range(30):
            time.sleep(0.03)
            assert len(client.read_message().data) == 60_000
        assert client.read_message().close_code == 1000


@pytest.mark.parametrize("way", ["reset", "close"])
def test_departed_client_of_a_send_loop_does_not_freeze_the_server(strict: LoopbackServer, way: str) -> None:
    before = ended(strict, "pour")
    client = client_of(strict)
    client.open_websocket("/pour")
    client.read_message()
    client.reset() if way == "reset" else client.sock.close()
    assert eventually(lambda: ended(strict, "pour") > before)
    cpu = strict.cpu_s()
    time.sleep(0.3)
    assert strict.cpu_s() - cpu < 0.2


def test_others_are_served_while_one_client_is_sent_to_without_end(strict: LoopbackServer) -> None:
    reader = subprocess.Popen([sys.executable, "-S", "-c", DRAIN, str(strict.port)])
    try:
        for _ in range(5):
            assert get(strict, "/").endswith(b"hi")
    finally:
        reader.terminate()
        reader.wait()


DRAIN = f"""
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall({upgrade("/pour")!r})
while s.recv(1 << 20): pass
"""


def test_messages_that_the_handler_does_not_read_wait_in_the_kernel(strict: LoopbackServer) -> None:
    before, memory = ended(strict, "deaf"), strict.rss_kib()
    flood = frame(BINARY, b"a" * 100_000) * 1000  # made before, lest the first pings go unanswered meanwhile
    with client_of(strict) as client:
        client.open_websocket("/deaf")
        client.sock.settimeout(0.7)
        with pytest.raises(TimeoutError):
            client.send(flood)
        # Its answers to pings wait behind these messages: that must not count against it.
        assert ended(strict, "deaf") == before
        assert strict.rss_kib() - memory < 20_000
    # Nobody reads on the server's side, yet the departure is noticed.
    assert eventually(lambda: ended(strict, "deaf") > before)


def test_websocket_that_answers_no_ping_is_cut(strict: LoopbackServer) -> None:
    before = ended(strict, "deaf")
    with client_of(strict) as client:
        client.open_websocket("/deaf")
        assert [client.read_frame().opcode for _ in range(2)] == [PING, PING]
        with pytest.raises(ConnectionError):
            client.read_frame()
    assert eventually(lambda: ended(strict, "deaf") > before)


def test_websocket_that_answers_pings_stays(strict: LoopbackServer) -> None:
    with client_of(strict) as client:
        client.open_websocket()
        for _ in range(5):
            got = client.read_frame()
            assert got.opcode == PING
            client.send(frame(PONG, got.data))
        client.send(frame(TEXT, b"a"))
        assert client.read_message() == (TEXT, b"a")


def test_unfinished_head_is_cut(strict: LoopbackServer) -> None:
    with client_of(strict) as client:
        client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(100):  # drop by drop does not help
            if readable(client.sock, 0.05):
                break
            client.send(b"X: y\r\n")
        else:
            pytest.fail("the head could go on for ever")
        assert client.read_all() == b""


def test_connection_without_a_next_request_is_closed(strict: LoopbackServer) -> None:
    with client_of(strict) as client:
        begun = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_until(b"hi")
        assert client.read_all() == b""  # fails when the end does not come within the client's patience
        assert time.monotonic() - begun >= 0.6  # not at once: the next request had its time


def test_long_answers_and_websockets_outlive_the_deadlines_of_heads(strict: LoopbackServer) -> None:
    with client_of(strict) as events, client_of(strict) as ws:
        ws.open_websocket()
        events.send(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        for number in (4, 8, 12, 16):
            events.read_until(b"data: %d\n" % number)
            ws.send(frame(PONG))
        ws.send(frame(TEXT, b"a"))
        assert ws.read_message() == (TEXT, b"a")


def test_one_socket_too_many_is_told_503_and_the_others_stay() -> None:
    with app_server(APP, grace_s=0, sockets_max=3) as server:
        held = [client_of(server) for _ in range(3)]
        for client in held:
            client.open_websocket()
        refused = get(server, "/")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 2" in refused
        for client in held:
            client.send(frame(TEXT, b"a"))
            assert client.read_message() == (TEXT, b"a")
        held[0].sock.close()
        assert eventually(lambda: get(server, "/").startswith(b"HTTP/1.1 200"))
        for client in held:
            client.sock.close()


def test_flood_over_the_limit_neither_kills_nor_locks_out() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 800:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(800, hard), hard))
    with app_server(APP, grace_s=0, sockets_max=50) as server:
        flood = [client_of(server) for _ in range(300)]
        assert server.alive
        for client in flood:
            client.reset()
        assert eventually(lambda: get(server, "/").startswith(b"HTTP/1.1 200"))


async def test_accepted_sockets_send_small_frames_at_once_and_drop_silent_peers() -> None:
    seen: list[tuple[int, int]] = []
    app = make_app()
    async with serving(app, ServerLimits(grace_s=0, write_timeout_s=7)) as url:
        port = int(url.rpartition(":")[2])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(upgrade())
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        for accepted in _accepted_sockets(port):
            nodelay = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            timeout = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            seen.append((nodelay, timeout))
        await stream.aclose()
    assert seen == [(1, 7000)]


def _accepted_sockets(port: int) -> list[trio.socket.SocketType]:
    """The server's ends of its connections; it runs in this very process."""
    import gc

    found = []
    for candidate in gc.get_objects():
        if isinstance(candidate, trio.SocketStream) and candidate.socket.fileno() >= 0:
            try:
                local, peer = candidate.socket.getsockname(), candidate.socket.getpeername()
            except OSError:
                continue
            if local[1] == port and peer[1] != port:
                found.append(candidate.socket)
    return found


async def test_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput) as caught:
            await serve(
                make_app(),
                host="127.0.0.1",
                port=port,
                limits=ServerLimits(),
                shutdown=trio.Event(),
            )
    assert str(port) in caught.value.text
    assert "in use" in caught.value.text
    assert "--port" in caught.value.text


@pytest.mark.parametrize(
    ("host", "port", "word"),
    [("no-such-host.invalid", 0, "not known"), ("192.0.2.1", 0, "no address"), ("::1", 70000, "65535")],
)
async def test_impossible_address_is_a_clear_error(host: str, port: int, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        await bind(host, port)


def test_limits_come_from_the_settings() -> None:
    settings = load(
        {
            "APPLIANCE_MESSAGE_BYTES_MAX": "1",
            "APPLIANCE_BODY_BYTES_MAX": "2",
            "APPLIANCE_SOCKETS_MAX": "3",
            "APPLIANCE_PING_INTERVAL_S": "4",
            "APPLIANCE_WRITE_TIMEOUT_S": "5",
            "APPLIANCE_SHUTDOWN_GRACE_S": "6",
        }
    )
    limits = ServerLimits.of(settings)
    assert (limits.message_bytes_max, limits.body_bytes_max, limits.sockets_max) == (1, 2 * DRAINED, 3)
    assert (limits.ping_interval_s, limits.write_timeout_s, limits.grace_s) == (4, 5, 6)
