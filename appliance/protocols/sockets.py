"""What a protocol with a WebSocket gives to the server: its paths, and who may come in with which codec."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from appliance.engine.engine import Engine
from appliance.errors import ApplianceError
from appliance.identity import Caller
from appliance.wire import Reply


class SocketRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A client that wants to come in: what it sent, and who it is.

    With a `problem` what it showed of itself is not good, and `caller` is a stranger. Names of headers are in
    lower case. `take_place(bucket, limit)` is False when `limit` connections of that bucket are open (0 is no
    limit); a place that was taken is given back when the connection ends, however it does.
    """

    caller: Caller
    take_place: Callable[[str, int], bool]
    problem: ApplianceError | None = None
    query: dict[str, str] = {}
    headers: dict[str, str] = {}


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A client that may come in: `codec` speaks to it, `caller` is who it acts as, `frames` are told first.

    A connection for one conversation names it and reads it from the start. With `messages_per_second_max` it
    may send strictly so many within any second, else as many as the server's own rule allows.
    """

    codec: Any
    """A `Codec`; structs cannot name protocols."""
    caller: Caller
    frames: Sequence[str] = ()
    conversation_id: str = ""
    messages_per_second_max: int | None = None


class Farewell(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal that clients can read: the handshake is accepted, then comes this, then the close."""

    frames: Sequence[str]
    code: int
    reason: str
    """At most 123 bytes."""


Open: TypeAlias = Callable[[Engine, SocketRequest], Awaitable[Opening]]


class SocketFace(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol's WebSocket. `open` lets a client in, or raises an `ApplianceError`.

    `refuse` tells that error, at that time (Unix seconds): as an answer to the upgrade, or after it.
    `credential` finds what a client shows of itself in query and headers; without it, it may stand in any of
    the usual places. `no_upgrade` answers a request that is none for a WebSocket. At `events_path`, where it
    has one, the same frames come as server-sent events, for networks that let no WebSocket through.
    """

    name: str
    paths: tuple[str, ...]
    open: Open
    refuse: Callable[[ApplianceError, float], Reply | Farewell]
    no_upgrade: Reply
    events_path: str = ""
    credential: Callable[[Mapping[str, str], Mapping[str, str]], str] | None = None
