"""SIGTERM ends the process within the grace and two seconds, whatever the clients do."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from functools import partial

import pytest
import trio
from quart_trio import QuartTrio

from appliance.server.run import ServerLimits, serve
from tests.support.loopback import LoopbackServer, app_server, serving
from tests.support.raw_socket import CLOSE, PING, TEXT, RawSocket, frame, upgrade

APP = "tests.server.guarded_app:make_app"
GRACE_S = 0.5
SLACK_S = 20.0
"""The promise is two seconds; a machine that runs other tests beside this one gets more."""


def client_of(server: LoopbackServer, **options: float) -> RawSocket:
    return RawSocket(server.host, server.port, **options)


def events_of(server: LoopbackServer, query: str = "timeout=none") -> RawSocket:
    client = client_of(server)
    client.send(f"GET /ticks?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    client.read_until(b"data: 1\n")
    return client


def test_server_without_clients_stops_at_once() -> None:
    with app_server(APP, grace_s=10) as server:
        assert server.stop() < SLACK_S
        assert server.process.returncode == 0


def test_idle_connections_do_not_use_the_grace() -> None:
    with app_server(APP, grace_s=10) as server, ExitStack() as clients:
        fresh, used, half = (clients.enter_context(client_of(server)) for _ in range(3))
        used.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        used.read_until(b"hi")
        half.send(b"GET / HT")
        assert server.stop() < SLACK_S
        assert fresh.read_all() == used.read_all() == half.read_all() == b""


def test_stream_that_ends_within_the_grace_is_whole() -> None:
    with app_server(APP, grace_s=5) as server, events_of(server, "n=15") as events:
        took = server.stop()
        received = events.read_all()
    assert received.endswith(b"data: 14\n\n\r\n0\r\n\r\n")
    assert took < 5


def test_streams_that_do_not_end_are_cancelled_after_the_grace() -> None:
    with app_server(APP, grace_s=GRACE_S) as server, events_of(server) as events, client_of(server) as ws:
        ws.open_websocket()
        ws.send(frame(TEXT, b"a"))
        assert ws.read_message().data == b"a"
        took = server.stop()
        assert not events.read_all().endswith(b"0\r\n\r\n")  # cut, and seen to be cut
        got = ws.read_message()
        assert (got.opcode, got.close_code) == (CLOSE, 1001)
    assert GRACE_S <= took < GRACE_S + SLACK_S
    assert server.process.returncode == 0


def test_request_without_an_answer_gets_503_at_the_end() -> None:
    with app_server(APP, grace_s=GRACE_S) as server, client_of(server) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        time.sleep(0.2)
        server.stop()
        assert client.read_all().startswith(b"HTTP/1.1 503")


def test_new_connections_are_refused_during_the_grace() -> None:
    with app_server(APP, grace_s=1) as server, events_of(server):
        server.process.terminate()
        time.sleep(0.3)
        with pytest.raises(ConnectionError):
            client_of(server)
        server.process.wait(1 + SLACK_S)


def test_hostile_clients_do_not_hold_up_the_end() -> None:
    """Stalled readers, deaf ends, slow heads, half uploads, open handshakes: all at once."""
    with app_server(APP, grace_s=GRACE_S, write_timeout_s=30) as server, ExitStack() as clients:
        for _ in range(5):
            stalled = clients.enter_context(client_of(server, window=4096))
            stalled.send(upgrade("/pour?size=60000"))
            stalled_events = clients.enter_context(client_of(server, window=4096))
            stalled_events.send(b"GET /ticks?pause=0 HTTP/1.1\r\nHost: a\r\n\r\n")
            flooding = clients.enter_context(client_of(server))
            flooding.open_websocket("/deaf")
            flooding.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                flooding.send(frame(TEXT, b"a" * 50_000) * 400)
            upload = clients.enter_context(client_of(server))
            upload.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nabc")
            head = clients.enter_context(client_of(server))
            head.send(b"GET / HTTP/1.1\r\nX")
            pipelining = clients.enter_context(client_of(server))
            pipelining.send(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
            closing = clients.enter_context(client_of(server))
            closing.send(upgrade() + frame(CLOSE, b"\x03\xe8"))
        took = server.stop()
    assert took < GRACE_S + SLACK_S
    assert server.process.returncode == 0, server.log()


def test_stop_while_pings_are_sent_and_missed() -> None:
    with app_server(APP, grace_s=GRACE_S, ping_interval_s=0.1) as server, client_of(server) as client:
        client.open_websocket("/deaf")
        assert client.read_frame().opcode == PING
        assert server.stop() < GRACE_S + SLACK_S


class Recorder:
    """An application that notes how it is started and stopped, and can be slow at it."""

    def __init__(self, *, stop_takes_s: float = 0.0) -> None:
        self.app = QuartTrio(__name__)
        self.notes: list[str] = []

        @self.app.while_serving
        async def lifespan():
            self.notes.append("started")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                yield  # noqa: ASYNC119  # Quart runs both halves in one task, at one depth of scopes
                nursery.cancel_scope.cancel()
            await trio.sleep(stop_takes_s)
            self.notes.append("stopped")


async def run_briefly(app: QuartTrio, grace_s: float = 0.0) -> float:
    """Serve, stop at once, and return how long the stop took."""
    shutdown = trio.Event()
    run = partial(
        serve,
        app,
        host="127.0.0.1",
        port=0,
        limits=ServerLimits(grace_s=grace_s),
        shutdown=shutdown,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        shutdown.set()
        begun = trio.current_time()
    return trio.current_time() - begun


async def test_application_is_started_before_and_stopped_after_serving() -> None:
    recorder = Recorder()
    await run_briefly(recorder.app)
    assert recorder.notes == ["started", "stopped"]


async def test_application_may_use_what_is_left_of_the_grace() -> None:
    recorder = Recorder(stop_takes_s=1.0)
    await run_briefly(recorder.app, grace_s=0.5)
    assert recorder.notes == ["started", "stopped"]


async def test_application_that_never_stops_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(stop_takes_s=60)
    assert await run_briefly(recorder.app) < SLACK_S
    assert "did not stop in time" in caplog.text


async def test_cancelled_server_still_stops_its_application() -> None:
    recorder = Recorder(stop_takes_s=0.1)
    with trio.move_on_after(0.3):
        await serve(
            recorder.app,
            host="127.0.0.1",
            port=0,
            limits=ServerLimits(),
            shutdown=trio.Event(),
        )
    assert recorder.notes == ["started", "stopped"]


async def test_keyboard_interrupt_in_a_handler_ends_the_server() -> None:
    app = QuartTrio(__name__)

    @app.get("/")
    async def interrupt() -> str:
        raise KeyboardInterrupt

    async def ask() -> None:
        async with serving(app) as url:
            port = int(url.rpartition(":")[2])
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await trio.sleep(5)

    with pytest.raises(BaseExceptionGroup) as caught:
        await ask()
    assert caught.value.split(KeyboardInterrupt)[1] is None


async def test_error_at_startup_comes_out_as_itself_and_frees_the_port() -> None:
    app = QuartTrio(__name__)

    @app.before_serving
    async def fail() -> None:
        raise LookupError("no database")

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for _ in range(2):
        with pytest.raises(LookupError, match="no database"):
            await serve(
                app,
                host="127.0.0.1",
                port=port,
                limits=ServerLimits(),
                shutdown=trio.Event(),
            )
