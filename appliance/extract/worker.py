"""The program in a worker process: `python -m appliance.extract.worker MEMORY_MIB`.

Reads one document after the other from standard input until that ends. Documents come from anybody: a parser
may crash, hang or be taken over, so the process has no secrets, little memory, and may be killed any time.
"""

from __future__ import annotations

import faulthandler
import logging
import math
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from appliance.errors import DocumentUnreadable
from appliance.extract.kinds import FORMATS
from appliance.extract.readers import read
from appliance.extract.wire import EXIT_MEMORY, Answer, Job, frame, parse_job
from appliance.workers.frame import HEADER

ALARM_GRACE_S = 2.0
"""The server kills us at the deadline; this much later we go ourselves, should the server have gone."""
RESIDENT_MIB_MAX = 300
"""A process that a large document has made so large does not shrink again; usual are some 80."""
FAULT_CHARS_MAX = 500
_MIB = 1024 * 1024
_FORBIDDEN_EVENTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn")


def answer(job: Job, data: bytes) -> Answer:
    """Read a document; never raises, but for `MemoryError`."""
    name = FORMATS[job.kind].name
    try:
        return Answer(extracted=read(data, job.kind, job.charset))
    except DocumentUnreadable as error:
        return Answer(reason=error.text)
    except MemoryError:
        raise
    except RecursionError:
        return Answer(reason=f"The {name} is nested too deeply.")
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"[:FAULT_CHARS_MAX].encode(errors="replace").decode()
        return Answer(
            reason=f"The {name} is damaged, or not what its name says; it cannot be read.", fault=fault
        )


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends."""
    _send(answers, Answer())
    while header := jobs.read(HEADER.size):
        job = parse_job(jobs.read(HEADER.unpack(header)[0]))
        (length,) = HEADER.unpack(jobs.read(HEADER.size))
        data = jobs.read(length)
        _limit_time(job.timeout_s + ALARM_GRACE_S)
        told = answer(job, data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        del data
        if _resident_mib() > RESIDENT_MIB_MAX:
            told = Answer(extracted=told.extracted, reason=told.reason, fault=told.fault, retire=True)
        _send(answers, told)


def _send(answers: BinaryIO, told: Answer) -> None:
    answers.write(frame(told))
    answers.flush()


def _limit_time(seconds: float) -> None:
    """Both for a parser that computes and for one that waits; the default action of both signals ends us."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))


def _resident_mib() -> int:
    """Memory that the process takes now; 0 where the system has no /proc."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() // _MIB
    return 0


def _limit(what: int, soft: int) -> None:
    """Lower a soft limit as far as the system lets us; macOS knows no RLIMIT_AS worth the name."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (soft, hard))


def _limit_process(memory_mib: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the server, which ends us by closing the pipe
    _limit(resource.RLIMIT_CORE, 0)  # a core dump would hold the document
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    _limit(resource.RLIMIT_AS, memory_mib * _MIB)
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    """A second line: no reader needs the network or another program."""
    if event.startswith(_FORBIDDEN_EVENTS):
        raise PermissionError(f"reading a document may not do this: {event}")


def main() -> None:
    """Run as a program."""
    faulthandler.disable()
    logging.disable(logging.CRITICAL)  # what parsers think of a document is in the answer
    jobs = sys.stdin.buffer
    # Anything that is printed by accident must not break a frame, and floods nobody's log.
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    _limit_process(int(sys.argv[1]))
    try:
        serve(jobs, answers)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the server has gone


if __name__ == "__main__":
    main()
