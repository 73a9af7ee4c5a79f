"""What the pool and its worker processes say to each other: length-prefixed msgpack frames over pipes."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from appliance.changes import ChangePlan
from appliance.messages import QueryOutcome
from appliance.schema import Schema
from appliance.sqlguard import Demands, SqlPolicy
from appliance.workers.frame import framed

FRAME_BYTES_MAX = 64 * 1024 * 1024
"""No honest answer comes near; a worker that announces more is killed."""

EXIT_MEMORY = 70
"""A worker that ran out of memory ends with this status: it cannot be trusted to go on."""


class Query(msgspec.Struct, frozen=True, kw_only=True, tag="query"):
    """Run one statement, with values for its `:parameters`; the answer's `outcome` is set.

    For a writing statement that the policy permits, the answer's `plan` is set instead: nothing is written.
    """

    sql: str
    policy: SqlPolicy
    description: str = ""
    parameters: dict[str, Any] = {}
    demands: Demands = Demands()
    vector: bytes = b""
    """Little-endian float32: run it where distances to this can be computed (`sql_vectors.values_for`)."""


class Describe(msgspec.Struct, frozen=True, kw_only=True, tag="describe"):
    """Read the schema; the answer's `schema` is set, or `fault` when the file cannot be read."""

    policy: SqlPolicy


Request: TypeAlias = Query | Describe


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One per request; a first one, empty, says that the worker is ready."""

    outcome: QueryOutcome | None = None
    plan: ChangePlan | None = None
    schema: Schema | None = None
    fault: str = ""
    retire: bool = False
    """The worker has grown too large to be used again."""


def frame(message: Request | Answer) -> bytes:
    """The bytes of one message; raises `UnicodeEncodeError` for text that is not Unicode."""
    body = msgspec.msgpack.encode(message)
    return framed(body)


def parse_request(body: bytes) -> Request:
    """The other way round, in the worker."""
    request: Request = msgspec.msgpack.decode(body, type=Request)
    return request


def parse_answer(body: bytes) -> Answer:
    """The other way round, in the pool; raises `msgspec.MsgspecError` for anything else."""
    return msgspec.msgpack.decode(body, type=Answer)
