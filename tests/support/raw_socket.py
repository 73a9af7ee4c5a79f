"""A client of bytes: sends what no honest client would, and reads WebSocket frames by hand."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def upgrade(path: str = "/ws", *extra: bytes, method: bytes = b"GET") -> bytes:
    """Head of a WebSocket handshake with `extra` header lines."""
    lines = [
        method + b" " + path.encode() + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        *extra,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    mask: bool = True,
    fin: bool = True,
    rsv: int = 0,
    length: int | None = None,
) -> bytes:
    """One frame (masked with zeros); `length` announces something else than what follows."""
    announced = len(data) if length is None else length
    flag = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if announced < 126:
        head += bytes([flag | announced])
    elif announced < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", announced)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", announced)
    return head + (bytes(4) if mask else b"") + data


class Frame(NamedTuple):
    opcode: int
    data: bytes

    @property
    def close_code(self) -> int:
        return struct.unpack(">H", self.data[:2])[0]


class RawSocket:
    """A blocking connection; every wait ends after `timeout_s` with `TimeoutError`."""

    def __init__(self, host: str, port: int, *, timeout_s: float = 30.0, window: int = 0) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(timeout_s)
        if window:  # a small window makes the server feel a stalled reader after few bytes
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        try:
            self.sock.connect((host, port))
        except OSError:
            self.sock.close()
            raise
        self.buffer = b""

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Leave with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read_until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    def read_exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read_all(self) -> bytes:
        """Everything until the server closes; a reset counts as a close."""
        try:
            while True:
                self._more()
        except ConnectionError:
            taken, self.buffer = self.buffer, b""
            return taken

    def open_websocket(self, path: str = "/ws", *extra: bytes) -> bytes:
        """Shake hands; returns the head of the server's answer."""
        self.send(upgrade(path, *extra))
        head = self.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return head

    def read_frame(self) -> Frame:
        first, second = self.read_exactly(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.read_exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.read_exactly(8))[0]
        return Frame(first & 0x0F, self.read_exactly(length))

    def read_message(self) -> Frame:
        """The next frame that is not a ping; pings are answered."""
        while (got := self.read_frame()).opcode == PING:
            self.send(frame(PONG, got.data))
        return got

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionResetError("the server has closed")
        self.buffer += data
