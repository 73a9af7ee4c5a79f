"""The worker's end of the pipes to the server: requests in, replies out, and SQL asked for in between."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from appliance.botkit import ChangeProposed, QueryError, Rows
from appliance.tools.own_wire import (
    REPLY_BYTES_MAX,
    Answer,
    Ask,
    Call,
    Done,
    Reply,
    Request,
    frame,
    parse_request,
)
from appliance.workers.frame import HEADER


def private_channel() -> Channel:
    """Take the pipes away from descriptors 0 and 1: what is printed goes to standard error."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return Channel(requests, replies)


class Channel:
    """The pipes to the server; what the author's code prints or reads does not touch them."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies
        self._lock = threading.Lock()
        self._calls = 0
        self._running = 0
        """The number of the call that runs, 0 between calls."""

    def call(self) -> Call | None:
        """The next call; None when the server has gone."""
        request = self._receive()
        assert request is None or isinstance(request, Call)
        self._calls += 1
        self._running = self._calls
        return request

    def send(self, reply: Reply) -> None:
        """Tell the server; `Done` also ends what threads of the call may still want to ask."""
        with self._lock:
            if isinstance(reply, Done):
                self._running = 0
            self._write(frame(reply))

    def asker(self) -> Callable[[str, dict[str, Any]], Rows]:
        """What has the server run statements for the call that runs now, and for no later one."""
        return functools.partial(self._ask, self._running)

    def _ask(self, number: int, sql: str, parameters: dict[str, Any]) -> Rows:
        """Have the server run a statement; raises `QueryError`."""
        if not isinstance(sql, str):
            raise QueryError(f"query() takes the statement as text, not as {type(sql).__name__}")
        try:
            asked = frame(Ask(sql=sql, parameters=parameters))
        except (TypeError, ValueError, OverflowError) as error:
            raise QueryError(f"The statement and its parameters cannot be passed on: {error}") from error
        if len(asked) > REPLY_BYTES_MAX:
            raise QueryError(f"The statement and its parameters are larger than {REPLY_BYTES_MAX} bytes")
        with self._lock:
            if self._running != number:
                raise QueryError("The call that this context belongs to is over")
            self._write(asked)
            answer = self._receive()
        assert isinstance(answer, Answer), "the server has gone"
        return _rows(answer)

    def _write(self, data: bytes) -> None:
        self._replies.write(data)
        self._replies.flush()

    def _receive(self) -> Request | None:
        header = self._requests.read(HEADER.size)
        return parse_request(self._requests.read(HEADER.unpack(header)[0])) if header else None


def _rows(answer: Answer) -> Rows:
    if answer.proposed:
        raise ChangeProposed(
            answer.error or "The change waits until a person agrees; nothing is changed yet."
        )
    if answer.error is not None:
        raise QueryError(answer.error)
    rows = Rows(dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
    rows.truncated = answer.truncated
    return rows
