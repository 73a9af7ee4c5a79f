"""Server-Sent Events both ways, and the line splitter under them: bytes in, events out; no I/O here.

Written after the WHATWG HTML standard, section "Server-sent events". A decoder may be fed any cut of the
bytes, down to single ones, and gives the same events. Whatever is not finished stays inside, up to a bound.
"""

from __future__ import annotations

import re

import msgspec

from appliance.errors import MessageTooLarge

LINE_BYTES_MAX = 8 * 1024 * 1024
"""Most bytes of one line or one event that are kept while waiting for the rest of it."""

_LINE_END = re.compile(rb"\r\n|\r|\n")


class SseEvent(msgspec.Struct, frozen=True):
    """One dispatched event. `data` is as it came, not yet decoded: most readers parse it as JSON bytes."""

    data: bytes
    event: str = "message"
    id: str = ""


def encode(data: str | bytes, *, event: str = "", id: str = "", retry_ms: int | None = None) -> bytes:
    """One event, ready to send. Any line ends in `data` arrive as newlines.

    Raises `ValueError` when `event` or `id` holds a line end or NUL, which the format cannot carry.
    """
    raw = data.encode() if isinstance(data, str) else data
    head = _field("id", id) + _field("event", event)
    if retry_ms is not None:
        head += b"retry: %d\n" % retry_ms
    return head + b"".join(b"data: %b\n" % line for line in _LINE_END.split(raw)) + b"\n"


def comment(text: str = "") -> bytes:
    """A line that every reader ignores: keeps proxies from closing a quiet stream."""
    return b"".join(b": %b\n" % line for line in _LINE_END.split(text.encode())) + b"\n"


def _field(name: str, value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"an event's {name} cannot hold a line end or NUL: {value!r}")
    return f"{name}: {value}\n".encode() if value else b""


class LineDecoder:
    """Lines of a byte stream, without their ends: LF, CRLF or CR.

    `feed` raises `MessageTooLarge` once an unfinished line is longer than `bytes_max`.
    """

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        # A list, so that a long line in many small pieces costs linear, not quadratic, time.
        self._parts: list[bytes] = []
        self._held = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        lines = self._one_kind_of_end(data).split(b"\n")
        rest = lines.pop()
        if lines:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            self._parts.clear()
            self._held = 0
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
        longest = max(self._held, len(lines[0]) if lines else 0)
        if longest > self._bytes_max:
            raise MessageTooLarge(f"a line is longer than {self._bytes_max} bytes")
        return lines

    def close(self) -> bytes:
        """What came after the last line end."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        return rest

    def _one_kind_of_end(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" not in data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class SseDecoder:
    """Events of a byte stream. `last_event_id` and `retry_ms` are what a reconnecting client needs."""

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._lines = LineDecoder(bytes_max)
        self._data: list[bytes] = []
        self._held = 0
        self._event = ""
        self._at_start = True
        self.last_event_id = ""
        self.retry_ms: int | None = None

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes; `MessageTooLarge` when one grows over the bound."""
        events = []
        for line in self._lines.feed(data):
            if line:
                self._take(line)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._event = ""
        return events

    def close(self) -> list[SseEvent]:
        """The event that the stream's end left without its blank line, if any.

        The standard throws it away; whoever knows that its data is whole (it is JSON, say) may use it.
        """
        rest = self._lines.close()
        if rest:
            self._take(rest)
        return [self._dispatch()] if self._data else []

    def _dispatch(self) -> SseEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = SseEvent(data, self._event or "message", self.last_event_id)
        self._data.clear()
        self._held = 0
        self._event = ""
        return event

    def _take(self, line: bytes) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._held += len(value) + 1
            if self._held > self._bytes_max:
                raise MessageTooLarge(f"an event is longer than {self._bytes_max} bytes")
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self.last_event_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value)
