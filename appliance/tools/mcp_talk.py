"""What sessions with MCP servers answer and how they fail: all that is known without the SDK."""

from __future__ import annotations

import msgspec


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long what may take, in seconds."""

    start_s: float = 20.0
    list_s: float = 10.0
    call_s: float = 30.0
    retry_s: float = 30.0
    """A server that failed is left out for this time, so that it does not cost every turn its deadlines."""
    idle_s: float = 300.0


class Replied(msgspec.Struct, frozen=True, kw_only=True):
    """What a call gave; not `ok` when the server says that it is an error."""

    text: str
    ok: bool


class ServerFailed(Exception):
    """The server cannot be used; the text says why, without secrets. The call was not carried out."""


class CallCut(Exception):
    """There is no answer, though the call may have been carried out; the text says why, without secrets."""
