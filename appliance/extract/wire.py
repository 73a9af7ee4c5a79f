"""What the server and the worker that reads documents say to each other: length-prefixed frames.

A `Job` is followed by a frame with the file's bytes; the worker answers each with one `Answer`.
"""

from __future__ import annotations

import msgspec

from appliance.extract.kinds import Kind
from appliance.knowledge import Extracted
from appliance.workers.frame import framed

ANSWER_BYTES_MAX = 256 * 1024 * 1024
"""A text of the greatest length in the widest letters, with room for where things are in it."""
EXIT_MEMORY = 70
"""A worker that ran out of memory ends with this status: it cannot be trusted to go on."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Read the file that follows; the process ends itself some time after `timeout_s`."""

    kind: Kind
    charset: str
    timeout_s: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, or for people why nothing could be; `fault` is the same for the log, where it differs.

    With `retire` the process has grown and should be replaced. The first answer of a process is empty.
    """

    extracted: Extracted | None = None
    reason: str = ""
    fault: str = ""
    retire: bool = False


_JOB = msgspec.msgpack.Decoder(Job)
_ANSWER = msgspec.msgpack.Decoder(Answer)


def frame(message: Job | Answer) -> bytes:
    """The bytes of one message."""
    return framed(msgspec.msgpack.encode(message))


def parse_job(body: bytes) -> Job:
    """The other way round, in the worker."""
    return _JOB.decode(body)


def parse_answer(body: bytes) -> Answer:
    """The other way round, in the server; raises `msgspec.MsgspecError` for anything else."""
    return _ANSWER.decode(body)
