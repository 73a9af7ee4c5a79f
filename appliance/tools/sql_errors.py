"""Why a statement was refused or failed, in a sentence that helps a model or a person to do better."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

import apsw
import msgspec

from appliance.sqlguard import FUNCTION, FUNCTIONS, SqlPolicy, fold
from appliance.tools.sql_connection import POISON, AgainstRules, Denied, GuardedConnection, Refused
from appliance.tools.sql_dialect import (
    Stumble,
    advice_at,
    advice_for,
    advice_for_column,
    advice_on,
    advice_on_position,
    advice_on_token,
)
from appliance.tools.sql_names import statement_kind, table_names
from appliance.tools.sql_outcome import Trouble, out_of_memory, timed_out

TOKEN_MAX = 60
"""Characters of a token that are told back: an open quote makes one of all that follows."""
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
        return Trouble(_with_instead(text, sql, connection, policy))
    match error:
        case Refused():
            return Trouble(str(error))
        case Denied():
            return Trouble(_table(_first_foreign(sql, connection) or str(error), connection))
        case _ if connection.denied:
            return Trouble(_denial(connection, sql, policy))
    stumble = Stumble(sql, getattr(error, "error_offset", -1))
    return Trouble(_from_sqlite(str(error), stumble, connection))


def _operation_refused(kind: str, policy: SqlPolicy) -> str:
    """Empty for a statement that only reads, and for what is no statement."""
    if kind not in REFUSED or policy.permits(WRITING.get(kind, "")):
        return ""
    return operation_refused(WRITING.get(kind, kind), policy)


def operation_refused(operation: str, policy: SqlPolicy) -> str:
    """The sentence for a kind of statement that the bot does not allow."""
    return f"Operation not allowed: {operation}. Allowed: {', '.join(policy.allowed_operations) or 'none'}"


def _with_instead(text: str, sql: str, connection: GuardedConnection, policy: SqlPolicy) -> str:
    """The refusal, and what the bot does allow instead."""
    match statement_kind(sql):
        case "SHOW" | "DESCRIBE" | "DESC" | "PRAGMA" if policy.permits("SELECT"):
            return f"{text}. {_shown(sql, connection)}"
        case "TRUNCATE" if policy.permits("DELETE"):
            return f"{text}. In SQLite: DELETE without WHERE."
        case "MERGE" if policy.permits("INSERT") and policy.permits("UPDATE"):
            return f"{text}. In SQLite: INSERT and UPDATE, one after the other."
    return text


def _shown(sql: str, connection: GuardedConnection) -> str:
    """What SHOW, DESCRIBE and PRAGMA would tell: the columns of the table that is named, or all tables."""
    words = {fold(word) for word in re.findall(r"\w+", sql)}
    for table, columns in connection.catalogue.items():
        if fold(table) in words:
            return f"Columns of {table}: {_list(columns)}."
    return f"Tables: {_list(sorted(connection.catalogue)) or 'none'}."


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


def _from_sqlite(text: str, stumble: Stumble, connection: GuardedConnection) -> str:
    for pattern, tell in _PATTERNS:
        if found := pattern.search(text):
            return tell(found, stumble, connection)
    return _joined(f"SQL error: {text}", advice_on(text))


def _poisoned(found: re.Match[str], stumble: Stumble, connection: GuardedConnection) -> str:
    return _no_table(found[1], stumble) or _table(found[1], connection)


def _no_table(name: str, stumble: Stumble) -> str:
    """What to do when the name only looks like a table's; the same for any name, known or not."""
    known = {fold(table) for table in table_names(stumble.sql)}
    advice = "" if fold(name) in known else advice_on_position(stumble, name)
    return f'SQL syntax error near "POSITION". {advice}' if advice else ""


def _unknown_table(found: re.Match[str], stumble: Stumble, connection: GuardedConnection) -> str:
    name = found[1]
    if text := _no_table(name, stumble):
        return text
    schema, dot, table = name.partition(".")
    if dot and fold(schema) in {"public", "main"}:
        name = table
    is_called = re.search(rf"\b{re.escape(name)}\s*\(", stumble.sql)
    return _joined(_table(name, connection), advice_for(name) if is_called else "")


def _mentioned(sql: str, connection: GuardedConnection) -> dict[str, list[str]]:
    """The tables, with their columns, that the statement names; all that there are when it names none."""
    mentioned = {fold(connection.full_name(table)) for table in table_names(sql)}
    catalogue = connection.catalogue
    return {table: list(catalogue[table]) for table in catalogue if fold(table) in mentioned} or {
        table: list(columns) for table, columns in catalogue.items()
    }


def _unknown_column(found: re.Match[str], stumble: Stumble, connection: GuardedConnection) -> str:
    name = found[1].strip('"') if found[2] else found[1].rpartition(".")[2]
    tables = _mentioned(stumble.sql, connection)
    known = [column for columns in tables.values() for column in columns]
    near = " ".join(filter(None, [advice_for_column(stumble, found[1]), _close(name, known)]))
    if name[:1] in _CURLY:
        near = 'Write names in "straight" double quotes, or without any.'
    if found[2] and not near:
        near = "Text goes in single quotes, names in double quotes."
    text = f"No such column: {found[1]}. {near}".rstrip()
    if len(tables) > 3:
        return text
    return " ".join([text, *(f"Columns of {table}: {_list(columns)}." for table, columns in tables.items())])


def _ambiguous(found: re.Match[str], stumble: Stumble, connection: GuardedConnection) -> str:
    """The tables that have the column, so that one of them, or its alias, can be written before it."""
    name = found[1].rpartition(".")[2]
    tables = _mentioned(stumble.sql, connection).items()
    having = [table for table, columns in tables if fold(name) in map(fold, columns)]
    text = f"Ambiguous column name: {found[1]}. Write the table or its alias before it"
    return f"{text}; these have it: {_list(sorted(having))}" if having else text


def _unknown_function(found: re.Match[str], _stumble: Stumble, _connection: GuardedConnection) -> str:
    return _joined(f"No such function: {found[1]}", advice_for(found[1]) or _close(found[1], FUNCTIONS), ".")


def _syntax(found: re.Match[str], stumble: Stumble, connection: GuardedConnection) -> str:
    token = found[1].removeprefix('"').removesuffix('"')
    text = f'SQL syntax error near "{_cut(token)}"'
    if advice := advice_at(stumble, token):
        return f"{text}. {advice}"
    if fold(token) in {fold(column) for columns in connection.catalogue.values() for column in columns}:
        return f'{text}. Is it the column? Write the name in double quotes: "{token}"'
    return _joined(f"{text}.", _close(token, KEYWORDS) + " The dialect is SQLite", "")


def _unrecognized(found: re.Match[str], stumble: Stumble, _connection: GuardedConnection) -> str:
    token = found[1].removeprefix('"').removesuffix('"')
    text = f'SQL error: unrecognized token: "{_cut(token)}"'
    return _joined(text, advice_on_token(stumble, token))


def _incomplete(_found: re.Match[str], stumble: Stumble, _connection: GuardedConnection) -> str:
    text = "SQL syntax error: the statement ends too early. "
    return text + (advice_at(stumble, "") or "The dialect is SQLite")


_CURLY = ("\u201c", "\u201d", "\u2018", "\u2019", "\u201e")
_Teller = Callable[[re.Match[str], Stumble, GuardedConnection], str]
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
    (re.compile(r"ambiguous column name: (.*)", re.DOTALL), _ambiguous),
    (re.compile(r"unrecognized token: (.*)", re.DOTALL), _unrecognized),
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


def _joined(text: str, more: str, end: str = "") -> str:
    """Two sentences; `end` closes the first one when it stands alone."""
    return f"{text.rstrip('.')}. {more.strip()}" if more else text + end


def _cut(token: str) -> str:
    token = " ".join(token.split())
    return token if len(token) <= TOKEN_MAX else f"{token[:TOKEN_MAX]}…"


def _list(names: list[str]) -> str:
    more = ["…"] if len(names) > NAMES_MAX else []
    return ", ".join(names[:NAMES_MAX] + more)


def _close(name: str, known: Iterable[str]) -> str:
    """`Did you mean …?`, when something is near; '' otherwise."""
    spelling = {fold(candidate): candidate for candidate in sorted(known)}
    if fold(name) in spelling:
        return ""  # the word itself: its spelling is not what is wrong
    near = difflib.get_close_matches(fold(name), spelling, n=1, cutoff=0.75)
    return f"Did you mean {spelling[near[0]]}?" if near else ""
