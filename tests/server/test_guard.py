"""What strangers send to a real server process stays without effect on it and on everybody else."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.server.raw_inputs import HALF_CLOSE, INPUTS, PAUSE, READ, RESET, RawInput, mutate
from tests.support.loopback import LoopbackServer, app_server, readable
from tests.support.raw_socket import BINARY, CLOSE, TEXT, RawSocket, frame, upgrade

APP = "tests.server.guarded_app:make_app"
MUTATIONS = 500
UNEXPECTED = "after an unexpected error"


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with app_server(APP, grace_s=0, message_bytes_max=262_144) as running:
        yield running


@pytest.fixture(scope="module")
def bystander(server: LoopbackServer) -> Iterator[RawSocket]:
    """An honest WebSocket that stays open through everything."""
    with RawSocket(server.host, server.port) as client:
        client.open_websocket()
        yield client


def client_of(server: LoopbackServer, **options: float) -> RawSocket:
    return RawSocket(server.host, server.port, **options)


def unharmed(server: LoopbackServer, bystander: RawSocket) -> bool:
    """The process lives, the open WebSocket echoes and a new request is answered."""
    bystander.send(frame(TEXT, b"still here"))
    echoed = bystander.read_message().data == b"still here"
    with client_of(server) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answered = client.read_all().endswith(b"hi")
    return server.alive and echoed and answered


def perform(client: RawSocket, raw: RawInput) -> bytes:
    """Take the steps of `raw`; returns the first bytes of the server's answer."""
    reply = b""
    for step in raw.steps:
        if isinstance(step, bytes):
            try:
                client.send(step)
            except ConnectionError:
                break  # cut in the middle, as it should be
        elif step == READ:
            reply += client.sock.recv(4096)
        elif step == PAUSE:
            time.sleep(0.03)
        elif step == HALF_CLOSE:
            client.sock.shutdown(1)
        elif step == RESET:
            client.reset()
            return reply
    if not reply and readable(client.sock, 1.0 if raw.reply else 0.05):
        with suppress(ConnectionError):
            reply += client.sock.recv(4096)
    return reply


@pytest.mark.parametrize("raw", INPUTS, ids=lambda raw: raw.name)
def test_raw_input_harms_nobody_else(server: LoopbackServer, bystander: RawSocket, raw: RawInput) -> None:
    with client_of(server) as client:
        reply = perform(client, raw)
        assert reply.startswith(raw.reply), reply
        assert unharmed(server, bystander), server.log()
    assert UNEXPECTED not in server.log()


def test_hundreds_of_mutated_inputs_harm_nobody_else(server: LoopbackServer, bystander: RawSocket) -> None:
    chance = random.Random(20240229)
    for sent in range(1, MUTATIONS + 1):
        with client_of(server) as client:
            try:
                client.send(mutate(chance))
                if readable(client.sock, 0.01):
                    client.sock.recv(4096)
                client.send(mutate(chance))
            except ConnectionError:
                pass
        if sent % 50 == 0:
            assert unharmed(server, bystander), server.log()
    assert UNEXPECTED not in server.log()


def test_early_frame_is_delivered_after_the_101(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(upgrade("/late") + frame(TEXT, b"eager"))
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        assert client.read_message() == (TEXT, b"eager")


def test_client_that_leaves_before_the_101_is_noticed(server: LoopbackServer, bystander: RawSocket) -> None:
    with client_of(server) as client:
        client.send(upgrade("/late") + frame(TEXT, b"eager"))
        client.reset()
    time.sleep(0.3)
    assert unharmed(server, bystander)
    assert UNEXPECTED not in server.log()


def test_deflate_is_never_negotiated(server: LoopbackServer) -> None:
    with client_of(server) as client:
        head = client.open_websocket("/ws", b"Sec-WebSocket-Extensions: permessage-deflate")
        assert b"sec-websocket-extensions" not in head.lower()


def test_huge_frame_is_cut_at_its_header_and_takes_no_memory(server: LoopbackServer) -> None:
    before = server.rss_kib()
    with client_of(server) as client:
        client.open_websocket()
        client.send(frame(BINARY, length=300_000_000))
        got = client.read_message()
        assert (got.opcode, got.close_code) == (CLOSE, 1009)
        with pytest.raises(ConnectionError):
            client.send(b"a" * 300_000_000)
    assert server.rss_kib() - before < 10_000


def test_fragments_count_in_sum(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.open_websocket()
        client.send(frame(BINARY, b"a" * 100_000, fin=False))
        client.send(frame(9, b"a ping between does not count"))
        client.send(frame(0, b"a" * 100_000, fin=False))
        assert client.read_message().opcode == 10
        client.send(frame(0, b"a" * 62_145, fin=False))
        assert client.read_message().close_code == 1009


def test_message_of_exactly_the_limit_passes_also_in_fragments(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.open_websocket()
        for _ in range(2):
            client.send(frame(BINARY, b"a" * 262_144))
            assert len(client.read_message().data) == 262_144
        client.send(frame(BINARY, b"a" * 262_143, fin=False))
        client.send(frame(0, b"a"))
        assert len(client.read_message().data) == 262_144


def test_limit_counts_bytes_not_characters(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.open_websocket()
        client.send(frame(TEXT, "€".encode() * 90_000))
        assert client.read_message().close_code == 1009


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(3, b"hi"), 1002),
        (frame(TEXT, b"hi", mask=False), 1002),
        (frame(0, b"a"), 1002),
    ],
)
def test_broken_frame_is_answered_with_its_close_code(server: LoopbackServer, data: bytes, code: int) -> None:
    with client_of(server) as client:
        client.open_websocket()
        client.send(data)
        got = client.read_message()
        assert (got.opcode, got.close_code) == (CLOSE, code)
        assert client.read_all() == b""


def test_close_is_answered_with_the_same_code(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.open_websocket()
        client.send(frame(CLOSE, b"\x03\xe9bye"))
        assert client.read_message().close_code == 1001
        assert client.read_all() == b""


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (frame(BINARY), b"b''"),
        (frame(TEXT), b"''"),
        (frame(BINARY, b"a"), b"b'a'"),
        (frame(BINARY, fin=False) + frame(0), b"b''"),
    ],
)
def test_empty_messages_reach_the_handler_as_what_they_are(
    server: LoopbackServer, data: bytes, seen: bytes
) -> None:
    with client_of(server) as client:
        client.open_websocket("/types")
        client.send(data)
        assert client.read_message().data == seen


def test_body_over_the_limit_is_refused_before_it_is_read(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
        reply = client.read_all()
        assert reply.startswith(b"HTTP/1.1 413")
        assert b"1048576 bytes" in reply


def test_chunked_body_over_the_limit_is_refused_when_it_gets_there(server: LoopbackServer) -> None:
    before = server.rss_kib()
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    with client_of(server) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            client.send(chunk)
        assert client.read_all().startswith(b"HTTP/1.1 413")
    assert server.rss_kib() - before < 10_000


def test_body_of_exactly_the_limit_passes(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n")
        client.send(b"a" * 1_048_576)
        assert client.read_until(b"1048576").startswith(b"HTTP/1.1 200")


def test_answer_reaches_a_client_whose_body_was_not_read(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n")
        client.send(b"a" * 400_000)
        assert client.read_until(b"answered without reading").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/boom", "/raw-boom"])
def test_bug_in_a_handler_is_a_500_on_its_own_connection(
    server: LoopbackServer, bystander: RawSocket, path: str
) -> None:
    with client_of(server) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 500")
    assert unharmed(server, bystander)


def test_error_below_the_framework_is_logged_with_its_traceback(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"GET /raw-boom HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_until(b"\r\n\r\n")
    assert "ERROR:appliance.server:Unhandled error while serving /raw-boom" in server.log()
    assert "LookupError: below the framework" in server.log()


def test_bug_in_a_websocket_handler_closes_it_with_1011(server: LoopbackServer, bystander: RawSocket) -> None:
    with client_of(server) as client:
        client.open_websocket("/boom")
        assert client.read_message().opcode == CLOSE
    assert unharmed(server, bystander)


def test_connection_is_kept_alive_and_pipelining_works(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        for _ in range(3):
            assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
            assert client.read_exactly(2) == b"hi"


def test_ordinary_departures_leave_no_word_in_the_log(server: LoopbackServer) -> None:
    before = server.log()
    for leave in (RawSocket.reset, lambda client: client.sock.close()):
        ws, events, posting = (client_of(server) for _ in range(3))
        ws.open_websocket()
        events.send(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        events.read_until(b"data: 0")
        posting.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        for client in (ws, events, posting):
            leave(client)
    time.sleep(0.3)
    assert server.log() == before


def test_no_access_log_and_no_server_name(server: LoopbackServer) -> None:
    with client_of(server) as client:
        client.send(b"GET /?secret HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"server:" not in client.read_until(b"\r\n\r\n").lower()
    assert "secret" not in server.log()
