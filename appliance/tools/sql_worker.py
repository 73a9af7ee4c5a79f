"""The program in a worker process: `python -m appliance.tools.sql_worker DATABASE`.

Reads requests from standard input and answers on standard output, one at a time, until the input ends. The
process may be killed at any moment: it keeps nothing but connections. Each statement runs under an alarm
that kills the process itself, since there are steps of SQLite that nothing inside can stop.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import apsw
import msgspec

from appliance.changes import ChangePlan
from appliance.messages import QueryOutcome
from appliance.schema import Schema
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.tools import sql_outcome
from appliance.tools.sql_connection import GuardedConnection, SchemaChanged
from appliance.tools.sql_errors import WRITING, explain, operation_refused
from appliance.tools.sql_names import localize, statement_kind
from appliance.tools.sql_outcome import Rows
from appliance.tools.sql_schema import open_attached, open_read_only, read_schema
from appliance.tools.sql_vectors import VectorConnection, values_for
from appliance.tools.sql_wire import EXIT_MEMORY, Answer, Describe, Query, frame, parse_request
from appliance.workers.frame import HEADER

CONNECTIONS_MAX = 40
"""Connections kept, one per policy; a new one costs some milliseconds."""
SCHEMA_AGE_MAX_S = 60.0
"""Samples and row counts are read again after this time; a changed schema is seen at once."""
ALARM_GRACE_S = 0.5
"""SQLite stops itself at the deadline where it can; this much later the process dies."""
SCHEMA_TIMEOUT_S = 10.0
INTERPRETER_MIB = 256
"""Address space of Python and its libraries, on top of what a query may use."""
REBUILDS_MAX = 3
RESIDENT_MIB_MAX = 128
"""A process that a hungry statement has made so large does not shrink again; usual are some 35."""

_MIB = 1024 * 1024


class Worker:
    """Answers requests about one data file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: OrderedDict[bytes, GuardedConnection] = OrderedDict()
        self._plain: apsw.Connection | None = None
        self._schemas: dict[bytes, tuple[Schema, float]] = {}

    def answer(self, request: Query | Describe) -> Answer:
        """Never raises, but for `MemoryError`; may end the process."""
        match request:
            case Query():
                _limit_memory(request.policy.memory_mib)
                with _Alarm(request.policy.timeout_s + ALARM_GRACE_S):
                    result = self._query(request)
                if isinstance(result, ChangePlan):
                    return Answer(plan=result)
                return Answer(outcome=result)
            case Describe():
                with _Alarm(SCHEMA_TIMEOUT_S):
                    return self._describe(request.policy)

    def _query(self, query: Query) -> QueryOutcome | ChangePlan:
        started = time.perf_counter()
        writing = WRITING.get(statement_kind(query.sql), "")
        operation = writing or "SELECT"
        if not query.policy.permits(operation):
            trouble = sql_outcome.Trouble(operation_refused(operation, query.policy))
            return sql_outcome.bad(query.sql, query.description, trouble)
        try:
            if writing:
                return _plan(self._path, query)
            return self._read(query, started)
        except apsw.Error as error:
            trouble = sql_outcome.Trouble(f"The database cannot be read: {error}", rejected=False)
            return sql_outcome.bad(query.sql, query.description, trouble, _ms_since(started))

    def _read(self, query: Query, started: float) -> QueryOutcome:
        sql = localize(query.sql, _schemas(query.policy))
        try:
            rows = self._run(sql, query)
        except _Failed as failed:
            trouble = explain(failed.error, sql, failed.connection, query.policy)
            return sql_outcome.bad(query.sql, query.description, trouble, _ms_since(started))
        return sql_outcome.good(query.sql, query.description, rows, _ms_since(started))

    def _run(self, sql: str, query: Query) -> Rows:
        """Run on the policy's connection, made anew as often as the file's schema changes under it."""
        policy = query.policy
        kind = VectorConnection if query.vector else GuardedConnection
        key = _key(policy) + (b" vectors" if query.vector else b"")
        parameters = query.parameters | (values_for(query.vector) if query.vector else {})
        for _ in range(REBUILDS_MAX):
            connection = self._connection(key, policy, kind)
            try:
                return connection.run(sql, policy, parameters, query.demands)
            except SchemaChanged:
                self._connections.pop(key).close()
            except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError):
                # Most likely the file was put aside for another; begin afresh.
                self._connections.pop(key).close()
                raise
            except MemoryError:
                raise
            except Exception as error:
                raise _Failed(error, connection) from error
        raise apsw.BusyError("its tables change all the time; try again")

    def _connection(
        self, key: bytes, policy: SqlPolicy, kind: type[GuardedConnection] = GuardedConnection
    ) -> GuardedConnection:
        if key not in self._connections:
            self._connections[key] = kind(self._path, policy)
            if len(self._connections) > CONNECTIONS_MAX:
                self._connections.popitem(last=False)[1].close()
        self._connections.move_to_end(key)
        return self._connections[key]

    def _describe(self, policy: SqlPolicy) -> Answer:
        try:
            return Answer(schema=self._schema(policy))
        except apsw.Error as error:
            return Answer(fault=f"The schema cannot be read: {error}")

    def _schema(self, policy: SqlPolicy) -> Schema:
        self._plain = self._plain or open_read_only(self._path)
        version = self._plain.pragma("schema_version")
        key, now = _key(policy), time.monotonic()
        known, read_at = self._schemas.get(key, (None, 0.0))
        if known is not None and known.version == version and now - read_at < SCHEMA_AGE_MAX_S:
            return known
        if len(self._schemas) >= CONNECTIONS_MAX:
            self._schemas.clear()
        connection = self._connection(key, policy)
        if connection.schema_version != version:
            self._connections.pop(key).close()
            connection = self._connection(key, policy)
        with open_attached(policy.files) as attached:
            schema = read_schema({**attached, PUBLIC: self._plain}, policy, connection.catalogue)
        self._schemas[key] = (schema, now)
        return schema


class _Failed(Exception):
    """A statement failed on this connection."""

    def __init__(self, error: Exception, connection: GuardedConnection) -> None:
        super().__init__(str(error))
        self.error = error
        self.connection = connection


class _Alarm:
    """Ends the process when the block takes longer; SIGALRM's default action needs no help of Python."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _key(policy: SqlPolicy) -> bytes:
    return msgspec.msgpack.encode(policy.sight(), order="deterministic")


def _plan(path: Path, query: Query) -> QueryOutcome | ChangePlan:
    """What a permitted writing statement would change; most workers never need this."""
    from appliance.tools.sql_changes import plan_change

    return plan_change(path, query.policy, query)


def _schemas(policy: SqlPolicy) -> tuple[str, ...]:
    """Attached schemas whose tables a statement may name."""
    return tuple(sorted(filter(policy.could_allow, policy.files)))


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _limit_memory(mib: int) -> None:
    """SQLite's own cap answers with an error; the one on the process catches all the rest."""
    apsw.hard_heap_limit(mib * _MIB)
    _limit(resource.RLIMIT_AS, (mib + INTERPRETER_MIB) * _MIB)


def _resident_mib() -> int:
    """Memory that the process takes now; 0 where the system has no /proc."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() // _MIB
    return 0


def _limit_process() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the server, which ends us by closing the pipe
    _limit(resource.RLIMIT_CORE, 0)  # a core dump would hold the team's data
    # Not 0: a reader of a WAL database has to extend the -shm file.
    _limit(resource.RLIMIT_FSIZE, 64 * _MIB)


def _limit(what: int, soft: int) -> None:
    """Lower a soft limit as far as the system lets us; macOS knows no RLIMIT_AS worth the name."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (soft, hard))


def serve(path: Path, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends or the memory does."""
    worker = Worker(path)
    _send(answers, Answer())
    try:
        while header := requests.read(HEADER.size):
            request = parse_request(requests.read(HEADER.unpack(header)[0]))
            answer = worker.answer(request)
            _send(answers, msgspec.structs.replace(answer, retire=_resident_mib() > RESIDENT_MIB_MAX))
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _send(answers: BinaryIO, answer: Answer) -> None:
    answers.write(frame(answer))
    answers.flush()


def main() -> None:
    """Run as a program."""
    _limit_process()
    # The parser logs what it cannot parse; that is the model's affair, not the operator's.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    # Anything that is printed by accident goes to standard error and cannot break a frame.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Path(sys.argv[1]), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
