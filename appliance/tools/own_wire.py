"""What the server and the worker process of a `tools.py` say to each other: length-prefixed msgpack frames.

The worker begins with `Loaded`. Then it gets one `Call` at a time and ends each with `Done`; before that it
may `Ask` for SQL any number of times and gets an `Answer` each time.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from appliance.identity import Caller
from appliance.workers.frame import framed

REPLY_BYTES_MAX = 1024 * 1024
"""What a worker may send in one frame; one that announces more is killed."""

EXIT_MEMORY = 70
"""A worker that ran out of memory ends with this status: it cannot be trusted to go on."""


class Call(msgspec.Struct, frozen=True, kw_only=True, tag="call"):
    """Run the function that the model knows under `name`; the process ends itself after `timeout_s`.

    `arguments` is JSON text: it has integers that msgpack does not have.
    """

    name: str
    arguments: str
    timeout_s: float
    caller: Caller
    bot: str
    namespace: str
    settings: dict[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What became of a statement; `proposed` when it writes and a person has to agree first."""

    columns: list[str] = []
    rows: list[list[Any]] = []
    truncated: bool = False
    error: str | None = None
    proposed: bool = False


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One function as the model is to see it; `line` is where it stands in the file."""

    name: str
    description: str
    parameters: dict[str, Any]
    timeout_s: float
    line: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that keeps a function, or the whole file, from being offered; line 0 when nobody knows."""

    line: int
    message: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag="loaded"):
    """What the file holds; `failed` when it could not be imported, with one problem and no function then."""

    offered: list[Offered] = []
    problems: list[Problem] = []
    failed: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Run this statement for the function."""

    sql: str
    parameters: dict[str, Any] = {}


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The end of a call: the content for the model or, when not `ok`, why there is none; `log` is for us.

    `chars` is how long the content was where it has been cut, else 0. Nothing of it is masked yet.
    """

    content: str
    ok: bool = True
    chars: int = 0
    log: str = ""


Request: TypeAlias = Call | Answer
Reply: TypeAlias = Loaded | Ask | Done

_REQUEST: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_REPLY: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Request | Reply) -> bytes:
    """The bytes of one message; raises `TypeError`, `ValueError` or `OverflowError` for values
    that no message can hold.
    """
    body = msgspec.msgpack.encode(message)
    return framed(body)


def parse_request(body: bytes) -> Request:
    """The other way round, in the worker."""
    return _REQUEST.decode(body)


def parse_reply(body: bytes) -> Reply:
    """The other way round, in the server; raises `msgspec.MsgspecError` for anything else."""
    return _REPLY.decode(body)
