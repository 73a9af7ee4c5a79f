"""Why a statement was refused or failed, in a sentence that helps a model or a person to do better."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

import apsw
import msgspec

from appliance.sqlguard import FUNCTION, FUNCTIONS, SqlPolicy, fold
from appliance.tools.sql_connection import POISON, AgainstRules, Denied, GuardedConnection, Refused
from appliance.tools.sql_names import statement_kind, table_names
from appliance.tools.sql_outcome import Trouble, out_of_memory, timed_out

NAMES_MAX = 30
"""Names listed in one text; a model that needs more has the schema in its prompt."""

_REFUSED = """
ALTER ANALYZE ATTACH BEGIN CALL COMMIT COPY CREATE DELETE DESC DESCRIBE DETACH DO DROP END EXEC EXECUTE
EXPLAIN
GRANT INSERT LOAD MERGE PRAGMA REINDEX RELEASE REPLACE REVOKE ROLLBACK SAVEPOINT SET SHOW TRUNCATE UPDATE USE
VACUUM
"""
REFUSED = frozenset(_REFUSED.split())
"""First words of statements, SQLite's and others', that do something else than read."""

KEYWORDS = ("SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "JOIN", "UNION", "WITH")

WRITING = {"INSERT": "INSERT", "REPLACE": "INSERT", "UPDATE": "UPDATE", "DELETE": "DELETE"}


def explain(error: Exception, sql: str, connection: GuardedConnection, policy: SqlPolicy) -> Trouble:
    """The sentence for an error of `GuardedConnection.run`; never holds a hidden schema's name."""
    trouble = _explain(error, sql, connection, policy)
    return msgspec.structs.replace(trouble, text=connection.disclosed(trouble.text))


def _explain(error: Exception, sql: str, connection: GuardedConnection, policy: SqlPolicy) -> Trouble:
    match error:
        case apsw.InterruptError():
            return timed_out(policy)
        case apsw.NoMemError():
            return out_of_memory(policy)
        case apsw.BusyError():
            return Trouble("The database is busy; try again in a moment", rejected=False)
        case UnicodeDecodeError():
            return Trouble("A value is not UTF-8 text; select hex(column) instead", rejected=False)
        case apsw.TooBigError():
            return Trouble("A value or the statement is too long (values: 200,000 bytes, SQL: 20,000)")
        case apsw.BindingsError():
            return Trouble("Parameters need names like :name; the place holder ? has none")
        case AgainstRules():
            return Trouble(str(error), against_rules=True)
    if text := _operation_refused(statement_kind(sql), policy):
        return Trouble(text)
    match error:
        case Refused():
            return Trouble(str(error))
        case Denied():
            return Trouble(_table(_first_foreign(sql, connection) or str(error), connection))
        case _ if connection.denied:
            return Trouble(_denial(connection, sql, policy))
    return Trouble(_from_sqlite(str(error), sql, connection))


def _operation_refused(kind: str, policy: SqlPolicy) -> str:
    """Empty for a statement that only reads, and for what is no statement."""
    if kind not in REFUSED or policy.permits(WRITING.get(kind, "")):
        return ""
    return operation_refused(WRITING.get(kind, kind), policy)


def operation_refused(operation: str, policy: SqlPolicy) -> str:
    """The sentence for a kind of statement that the bot does not allow."""
    return f"Operation not allowed: {operation}. Allowed: {', '.join(policy.allowed_operations) or 'none'}"


def _denial(connection: GuardedConnection, sql: str, policy: SqlPolicy) -> str:
    assert connection.denied is not None
    action, first, second = connection.denied
    if action == FUNCTION:
        return (
            f"Permission denied: the function {second} is not available. {_close(second, FUNCTIONS)}".rstrip()
        )
    if operation := connection.operation_denied():
        return operation_refused(operation, policy)
    return _table(_first_foreign(sql, connection) or first, connection)


def _from_sqlite(text: str, sql: str, connection: GuardedConnection) -> str:
    for pattern, tell in _PATTERNS:
        if found := pattern.search(text):
            return tell(found, sql, connection)
    return f"SQL error: {text}"


def _poisoned(found: re.Match[str], _sql: str, connection: GuardedConnection) -> str:
    return _table(found[1], connection)


def _unknown_table(found: re.Match[str], _sql: str, connection: GuardedConnection) -> str:
    name = found[1]
    schema, dot, table = name.partition(".")
    if dot and fold(schema) in {"public", "main"}:
        name = table
    return _table(name, connection)


def _unknown_column(found: re.Match[str], sql: str, connection: GuardedConnection) -> str:
    name = found[1].strip('"') if found[2] else found[1].rpartition(".")[2]
    mentioned = {fold(connection.full_name(table)) for table in table_names(sql)}
    tables = {
        table: columns for table, columns in connection.catalogue.items() if fold(table) in mentioned
    } or connection.catalogue
    known = [column for columns in tables.values() for column in columns]
    near = _close(name, known)
    if found[2] and not near:
        near = "Text goes in single quotes, names in double quotes."
    text = f"No such column: {found[1]}. {near}".rstrip()
    if len(tables) > 3:
        return text
    return " ".join([text, *(f"Columns of {table}: {_list(columns)}." for table, columns in tables.items())])


def _unknown_function(found: re.Match[str], _sql: str, _connection: GuardedConnection) -> str:
    return f"No such function: {found[1]}. {_close(found[1], FUNCTIONS)}".rstrip()


def _syntax(found: re.Match[str], _sql: str, _connection: GuardedConnection) -> str:
    hint = _close(found[1].strip('"'), KEYWORDS)
    return f"SQL syntax error near {found[1]}. {hint} The dialect is SQLite".replace("  ", " ")


def _incomplete(_found: re.Match[str], _sql: str, _connection: GuardedConnection) -> str:
    return "SQL syntax error: the statement ends too early. The dialect is SQLite"


_Teller = Callable[[re.Match[str], str, GuardedConnection], str]
_PATTERNS: tuple[tuple[re.Pattern[str], _Teller], ...] = (
    (re.compile(f"no such function: {POISON}(.*)", re.DOTALL), _poisoned),
    (re.compile(r"no such table: (.*)", re.DOTALL), _unknown_table),
    (re.compile(r"cannot modify (.*) because it is a view", re.DOTALL), _poisoned),
    (
        re.compile(r"no such column: (.*?)( - should this be a string literal.*)?$", re.DOTALL),
        _unknown_column,
    ),
    (re.compile(r"cannot join using column (.*) - column not present()", re.DOTALL), _unknown_column),
    (re.compile(r"no such function: (.*)", re.DOTALL), _unknown_function),
    (re.compile(r"near (.*): syntax error", re.DOTALL), _syntax),
    (re.compile(r"incomplete input"), _incomplete),
)
"""SQLite has no code for these; its texts have been stable for twenty years."""


def _table(name: str, connection: GuardedConnection) -> str:
    """Forbidden and missing tables read alike, so that nobody learns what exists."""
    if reason := connection.broken.get(fold(name)):
        return f"Table not allowed: {name}. It cannot be shown: {reason}"
    schema = name.partition(".")[0]
    if reason := connection.unavailable.get(fold(schema)):
        return f"Table not available: {name}. The data of {schema} cannot be read now: {reason}"
    allowed = sorted(connection.catalogue)
    return f"Table not allowed: {name}. Allowed: {_list(allowed) or 'none'}. {_near(name, allowed)}".rstrip(
        ". "
    )


def _near(name: str, allowed: list[str]) -> str:
    """The tables of attached files that have this bare name, or else what is spelt like it."""
    qualified = [known for known in allowed if fold(known).endswith(f".{fold(name)}")]
    return f"Did you mean {' or '.join(qualified)}?" if qualified else _close(name, allowed)


def _first_foreign(sql: str, connection: GuardedConnection) -> str:
    known = {fold(table) for table in connection.catalogue}
    return next((name for name in table_names(sql) if fold(connection.full_name(name)) not in known), "")


def _list(names: list[str]) -> str:
    more = ["…"] if len(names) > NAMES_MAX else []
    return ", ".join(names[:NAMES_MAX] + more)


def _close(name: str, known: Iterable[str]) -> str:
    """`Did you mean …?`, when something is near; '' otherwise."""
    spelling = {fold(candidate): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(fold(name), spelling, n=1, cutoff=0.75)
    return f"Did you mean {spelling[near[0]]}?" if near else ""
