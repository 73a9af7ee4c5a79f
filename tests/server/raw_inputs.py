"""Bytes that strangers may send. Twelve of them end a bare Hypercorn on trio; none may even be felt here.

An input is a sequence of steps: bytes to send, `PAUSE`, `READ` (wait for an answer), `HALF_CLOSE`, `RESET`.
`reply` is how the answer must begin, where one can be expected at all.
"""

from __future__ import annotations

import random
import struct
import zlib
from typing import NamedTuple

from tests.support.raw_socket import BINARY, CLOSE, PING, TEXT, frame, upgrade

PAUSE, READ, HALF_CLOSE, RESET = "pause", "read", "half-close", "reset"
Step = bytes | str

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /up HTTP/1.1\r\nHost: a\r\n"


class RawInput(NamedTuple):
    name: str
    steps: tuple[Step, ...]
    reply: bytes = b""


def bomb(size: int) -> bytes:
    """`size` zero bytes, deflated as permessage-deflate wants them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def h2_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def h2_headers(*headers: tuple[bytes, bytes]) -> bytes:
    """A HEADERS frame of literal fields, ending headers and stream."""
    literal = b"".join(bytes([0, len(name)]) + name + bytes([len(value)]) + value for name, value in headers)
    return h2_frame(1, 5, 1, literal)


SETTINGS = h2_frame(4, 0, 0)
H2_PATH_NOT_UTF8 = h2_headers(
    (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/\xff\xfe")
)
H2_CONNECT = h2_headers((b":method", b"CONNECT"), (b":authority", b"a:1"))
PRIORITIES = b"".join(h2_frame(2, 0, 2 * number + 1, struct.pack(">IB", 0, 16)) for number in range(5000))


def h2c(settings: bytes) -> bytes:
    return GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + settings + b"\r\n"


def on_websocket(name: str, *steps: Step, reply: bytes = b"HTTP/1.1 101") -> RawInput:
    return RawInput(name, (upgrade(), READ, *steps), reply)


REFUSED = b"HTTP/1.1 400"

INPUTS = [
    # before, around and instead of the 101
    RawInput("one byte right after the upgrade", (upgrade() + b"x",), b"HTTP/1.1 101"),
    RawInput("a frame before the 101", (upgrade() + frame(TEXT, b"hi"),), b"HTTP/1.1 101"),
    RawInput("a frame before a refusal", (upgrade("/refuse") + frame(TEXT, b"a"),), b"HTTP/1.1 401"),
    RawInput("64 KiB before the 101", (upgrade() + frame(TEXT, b"a" * 65536),), b"HTTP/1.1 101"),
    RawInput("upgrade with a body", (upgrade("/ws", b"Content-Length: 5") + b"hello",), REFUSED),
    RawInput(
        "upgrade with a chunked body",
        (upgrade("/ws", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",),
        REFUSED,
    ),
    RawInput("upgrade by POST", (upgrade(method=b"POST"),), b"HTTP/1.1 4"),
    RawInput("upgrade of HTTP/1.0", (upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"),), REFUSED),
    RawInput("upgrade without key", (upgrade().replace(b"Sec-WebSocket-Key", b"X-Key"),), REFUSED),
    RawInput("upgrade version 99", (upgrade().replace(b": 13", b": 99"),), b"HTTP/1.1 426"),
    RawInput(
        "extension header that is not ASCII",
        (upgrade("/ws", b"Sec-WebSocket-Extensions: \xff\xfe"),),
        REFUSED,
    ),
    RawInput(
        "subprotocol header that is not ASCII",
        (upgrade("/ws", b"Sec-WebSocket-Protocol: \xff\xfe"),),
        REFUSED,
    ),
    RawInput(
        "extension with bad parameters",
        (upgrade("/ws", DEFLATE + b"; client_max_window_bits=99"),),
        b"HTTP/1.1 101",
    ),
    # frames
    on_websocket("unmasked frame", frame(TEXT, b"hi", mask=False)),
    on_websocket("reserved opcode", frame(3, b"hi")),
    on_websocket("reserved bit", frame(TEXT, b"hi", rsv=0x40)),
    on_websocket("text that is not UTF-8", frame(TEXT, b"\xff\xfe")),
    on_websocket("UTF-8 cut between fragments", frame(TEXT, b"\xe2", fin=False), frame(0, b"x")),
    on_websocket("data after close", frame(CLOSE, b"\x03\xe8"), PAUSE, frame(TEXT, b"hi")),
    on_websocket("close and data at once", frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"hi")),
    on_websocket("two closes", frame(CLOSE, b"\x03\xe8") * 2),
    on_websocket("close with code 1", frame(CLOSE, b"\x00\x01")),
    on_websocket("close with one byte", frame(CLOSE, b"\x00")),
    on_websocket("close with a reason that is not UTF-8", frame(CLOSE, b"\x03\xe8\xff")),
    on_websocket("ping of 200 bytes", frame(PING, b"a" * 200)),
    on_websocket("fragmented ping", frame(PING, b"a", fin=False)),
    on_websocket("1,000 pings", frame(PING, b"a") * 1000),
    on_websocket("length 1 << 62", frame(TEXT, length=1 << 62)),
    on_websocket("length 1 << 63", frame(TEXT, length=1 << 63)),
    on_websocket("300 MB announced", frame(BINARY, b"a" * 1000, length=300_000_000)),
    on_websocket("message over the limit", frame(TEXT, b"a" * 400_000), PAUSE, frame(TEXT, b"a")),
    on_websocket("continuation of nothing", frame(0, b"a")),
    on_websocket("text inside a fragmented text", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
    on_websocket("10,000 empty fragments", frame(TEXT, fin=False) + frame(0, fin=False) * 9999),
    on_websocket("empty frames", frame(TEXT) + frame(BINARY)),
    on_websocket("HTTP request on a WebSocket", GET + b"\r\n"),
    on_websocket("reset", RESET),
    on_websocket("half close", HALF_CLOSE),
    RawInput("deflated garbage", (upgrade("/ws", DEFLATE), READ, frame(TEXT, b"\xff" * 20, rsv=0x40))),
    RawInput(
        "deflate bomb of 64 MB",
        (upgrade("/ws", DEFLATE), READ, frame(BINARY, bomb(64 << 20), rsv=0x40)),
    ),
    # HTTP/2, which is not spoken
    RawInput("h2 by prior knowledge", (PREFACE + SETTINGS,), b"HTTP/1.1 505"),
    RawInput("h2 and garbage", (PREFACE + bytes(50),), b"HTTP/1.1 505"),
    RawInput("h2 with a bad frame", (PREFACE + SETTINGS + h2_frame(1, 4, 1, b"zzzzz"),)),
    RawInput("h2 path of bytes ff fe", (PREFACE + SETTINGS, PAUSE, H2_PATH_NOT_UTF8)),
    RawInput("h2 CONNECT", (PREFACE + SETTINGS, PAUSE, H2_CONNECT)),
    RawInput("h2 with 5,000 PRIORITY frames", (PREFACE + SETTINGS + PRIORITIES,)),
    RawInput("h2c", (h2c(b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),), b"HTTP/1.1 200"),
    RawInput("h2c with cut settings", (h2c(b"HTTP2-Settings: AAMAA\r\n"),), b"HTTP/1.1 200"),
    RawInput("h2c with bad settings", (h2c(b"HTTP2-Settings: !!!\r\n"),), b"HTTP/1.1 200"),
    RawInput("h2c without settings", (h2c(b""),), b"HTTP/1.1 200"),
    # HTTP/1.1
    RawInput("negative length", (POST + b"Content-Length: -1\r\n\r\n",), REFUSED),
    RawInput("two lengths", (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",), REFUSED),
    RawInput("length of 30 digits", (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",), REFUSED),
    RawInput("length of 300 GB", (POST + b"Content-Length: 300000000000\r\n\r\n",), b"HTTP/1.1 413"),
    RawInput(
        "length and chunks",
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
        b"HTTP/1.1",
    ),
    RawInput(
        "bad chunk in the body",
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n",),
        REFUSED,
    ),
    RawInput("unknown transfer encoding", (POST + b"Transfer-Encoding: zip\r\n\r\n",), b"HTTP/1.1 501"),
    RawInput("reset in the upload", (POST + b"Content-Length: 99999\r\n\r\nxxx", PAUSE, RESET)),
    RawInput("half close in the upload", (POST + b"Content-Length: 9\r\n\r\nxxx", HALF_CLOSE)),
    RawInput(
        "expect 100",
        (POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", PAUSE, b"hello"),
        b"HTTP/1.1 100",
    ),
    RawInput(
        "expect 100 for too much",
        (POST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",),
        b"HTTP/1.1 413",
    ),
    RawInput(
        "HEAD with too much",
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",),
        b"HTTP/1.1 413",
    ),
    RawInput(
        "HEAD with too many chunks",
        (b"HEAD /ticks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n", bytes(0x200000)),
        b"HTTP/1.1",
    ),
    RawInput("HEAD of another version", (b"HEAD / HTTP/3.0\r\nHost: a\r\n\r\n",), b"HTTP/1.1 505"),
    RawInput("no host", (b"GET / HTTP/1.1\r\n\r\n",), REFUSED),
    RawInput("two hosts", (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",), REFUSED),
    RawInput("odd host", (b"GET / HTTP/1.1\r\nHost: a:b:c[\r\n\r\n",), b"HTTP/1.1"),
    RawInput("host that is not ASCII", (b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",), b"HTTP/1.1"),
    RawInput("asterisk", (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",), b"HTTP/1.1"),
    RawInput("absolute target", (b"GET http://b/%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",), b"HTTP/1.1 404"),
    RawInput("absolute target, broken", (b"GET http://[b HTTP/1.1\r\nHost: a\r\n\r\n",), b"HTTP/1.1"),
    RawInput("target without slash", (b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n",), REFUSED),
    RawInput("target that is not ASCII", (b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",), REFUSED),
    RawInput("target with %ff and %00", (b"GET /%ff%00?%ff HTTP/1.1\r\nHost: a\r\n\r\n",), b"HTTP/1.1 404"),
    RawInput("CONNECT", (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",), REFUSED),
    RawInput("unknown method", (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",), b"HTTP/1.1 405"),
    RawInput("HTTP/9.9", (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",), b"HTTP/1.1 505"),
    RawInput("HTTP/1.0", (b"GET / HTTP/1.0\r\n\r\n",), b"HTTP/1.1 200"),
    RawInput("a TLS hello", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(80),), REFUSED),
    RawInput("50 requests at once", ((GET + b"\r\n") * 50,), b"HTTP/1.1 200"),
    RawInput("head of 200 kB", (GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n",), b"HTTP/1.1 431"),
    RawInput("half a head", (GET + b"X-",)),
    RawInput("half close after a request", (GET + b"\r\n", HALF_CLOSE)),
    RawInput("connect and reset", (RESET,)),
    RawInput("connect and leave", (HALF_CLOSE,)),
    RawInput("only line ends", (b"\r\n" * 5000,)),
    RawInput("NUL bytes", (bytes(5000),), REFUSED),
]


def mutate(chance: random.Random) -> bytes:
    """All that one of the inputs sends, damaged a little; sometimes joined with another."""
    data = bytearray(_sent(chance.choice(INPUTS)))
    if chance.random() < 0.2:
        other = _sent(chance.choice(INPUTS))
        data[chance.randint(0, len(data)) :] = other[chance.randint(0, len(other)) :]
    for _ in range(chance.randint(1, 4)):
        _damage(data, chance)
    return bytes(data)


def _sent(raw: RawInput) -> bytes:
    return b"".join(step for step in raw.steps if isinstance(step, bytes))[:70_000]


def _damage(data: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    length = chance.choice((1, 1, 2, 4, 30))
    match chance.randint(0, 4):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randint(0, 7)
        case 1:
            del data[at : at + length]
        case 2:
            data[at:at] = data[at : at + length]
        case 3:
            data[at:at] = chance.randbytes(length)
        case _:
            del data[at:]
