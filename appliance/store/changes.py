"""Carries out a planned change, row by row by key, and nothing that was not planned; see `proposals.py` for
those that wait for somebody's word.

All of it runs inside `Store.write`, whose savepoint takes everything back when something is raised here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from appliance.changes import ChangePlan, PlannedRow, Proposal, shown
from appliance.errors import ChangeRefused
from appliance.messages import RowChange
from appliance.sqlguard import fold, is_reserved
from appliance.sqltext import quoted
from appliance.store.proposals import expire, find, open_in, propose, settle, take
from appliance.store.refusals import refusal

__all__ = ["Proposal", "apply", "expire", "find", "open_in", "propose", "settle", "take"]

APPLY_S = 2.0
"""How long one change may keep all other writes waiting, with its triggers and foreign keys."""
PROGRESS_STEPS = 10_000
"""Steps of SQLite between two looks at the clock: far less than a millisecond."""

_WRITES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_READS = frozenset({apsw.SQLITE_READ, apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})


def apply(db: apsw.Connection, plan: ChangePlan, *, rows_max: int) -> list[RowChange]:
    """Change exactly the plan's rows and return each as it was and as it is now, or as it was written.

    Raises `ChangeRefused` when a row is not any more what it was, when a constraint or a trigger of the table
    refuses, when it takes longer than `APPLY_S`, or when more than `rows_max` rows would change in all,
    counting those that triggers and foreign keys change. Our own tables cannot be reached, also not by a
    trigger. After a refusal SQLite may have rolled back the whole transaction.
    """
    _check_target(db, plan)
    unsure = _computed(db, plan) if _is_triggered(db, plan) else None
    before, open_keys = db.total_changes(), _open_keys(db)
    try:
        with _guarded(db) as check_time:
            rows = _change_all(db, plan, unsure, check_time)
    except apsw.InterruptError as error:
        raise ChangeRefused(
            f"Nothing was changed: it took longer than {APPLY_S:g} s, with the triggers and foreign keys of "
            f"{plan.table}. Change fewer rows at a time; a foreign key to the table may need an index."
        ) from error
    except apsw.Error as error:
        raise refusal(error, plan) from error
    if _open_keys(db) > open_keys:
        # It would fail only at the commit, with all other writes that share it.
        raise ChangeRefused(
            f"A row of {plan.table} would refer to a row of another table that does not exist."
        )
    changed = db.total_changes() - before
    if changed > rows_max:
        raise ChangeRefused(
            f"With what triggers and foreign keys do, {changed} rows would change; at most {rows_max} may. "
            "Change fewer rows at a time."
        )
    return rows


class _Rehearsed(Exception):
    """Undoes what was only tried."""


def rehearse(db: apsw.Connection, plan: ChangePlan, *, rows_max: int) -> None:
    """Try `apply` and undo it, in the caller's transaction; raises as that does: nobody agrees in vain."""
    try:
        with db:
            apply(db, plan, rows_max=rows_max)
            raise _Rehearsed
    except _Rehearsed:
        pass


def _check_target(db: apsw.Connection, plan: ChangePlan) -> None:
    """Plans come from a worker that a model's statement ran in, so they are not trusted here."""
    kinds = {fold(row[1]): row[2] for row in db.execute("PRAGMA main.table_list") if row[0] == "main"}
    if is_reserved(plan.table) or kinds.get(fold(plan.table)) != "table":
        raise ChangeRefused(f"{plan.table} is not a table that can be changed.")
    info: list[Any] = db.execute(f"PRAGMA main.table_xinfo({quoted(plan.table)})").fetchall()
    columns = {fold(row[1]) for row in info}
    named = {*plan.columns, *(name for row in plan.rows for name in (*row.before, *row.after))}
    if unknown := sorted(name for name in named if fold(name) not in columns):
        raise _changed(plan, f"the column {unknown[0]} is not there any more")
    if not _is_key(db, plan, info):
        raise _changed(plan, "its rows have another key")


def _is_key(db: apsw.Connection, plan: ChangePlan, info: list[Any]) -> bool:
    """Whether the key columns name one row at most: any other would reach more than was planned."""
    primary = [fold(row[1]) for row in sorted(info, key=lambda row: row[5]) if row[5]]
    columns = {fold(row[1]) for row in info}
    keys = [fold(name) for name in plan.key_columns]
    without_rowid = next(
        row[4]
        for row in db.execute("PRAGMA main.table_list")
        if row[0] == "main" and fold(row[1]) == fold(plan.table)
    )
    if without_rowid:
        return bool(keys) and sorted(keys) == sorted(primary)
    return len(keys) == 1 and keys[0] in {"rowid", "_rowid_", "oid"} - columns


def _changed(plan: ChangePlan, what: str) -> ChangeRefused:
    return ChangeRefused(f"The table {plan.table} has changed meanwhile: {what}. Ask again.")


@contextmanager
def _guarded(db: apsw.Connection) -> Iterator[Callable[[], None]]:
    """No write of a reserved table, whoever asks, and none that takes too long.

    Setting the authorizer makes SQLite prepare its statements anew. Call what it gives between statements:
    SQLite looks at the clock only inside of long ones.
    """
    previous = db.authorizer
    deadline = time.monotonic() + APPLY_S
    db.authorizer = _authorize
    db.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)

    def check_time() -> None:
        if time.monotonic() > deadline:
            raise apsw.InterruptError

    try:
        yield check_time
    finally:
        db.set_progress_handler(None)
        db.authorizer = previous


def _authorize(
    action: int, first: str | None, _second: str | None, schema: str | None, _trigger: str | None
) -> int:
    if action in _WRITES:
        allowed = schema == "main" and not is_reserved(first or "")
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY
    return apsw.SQLITE_OK if action in _READS else apsw.SQLITE_DENY


def _open_keys(db: apsw.Connection) -> bool:
    """Whether a deferred foreign key of the transaction points nowhere."""
    return bool(db.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0])


def _change_all(
    db: apsw.Connection, plan: ChangePlan, unsure: frozenset[str] | None, check_time: Callable[[], None]
) -> list[RowChange]:
    if plan.operation == "DELETE":
        # Before the first is deleted: a foreign key to the same table may take others of the plan with it.
        for row in plan.rows:
            check_time()
            _check_unchanged(db, plan, row)
    changed = []
    for row in plan.rows:
        check_time()
        changed.append(_change(db, plan, row, unsure))
    return changed


def _change(
    db: apsw.Connection, plan: ChangePlan, row: PlannedRow, unsure: frozenset[str] | None
) -> RowChange:
    match plan.operation:
        case "INSERT":
            return RowChange(after=_insert(db, plan, row))
        case "UPDATE":
            now = _update(db, plan, row)
            return RowChange(before=shown(row.before), after=_told(row, now, unsure))
        case "DELETE":
            _delete(db, plan, row)
            return RowChange(before=shown(row.before))


def _is_triggered(db: apsw.Connection, plan: ChangePlan) -> bool:
    """Whether a trigger may write into the table when a row of it changes: its own, or one of a table that a
    foreign key to it wakes.
    """
    name = fold(plan.table)
    found = db.execute("SELECT tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger'")
    triggers: list[Any] = found.fetchall()
    if any(fold(table) == name for table, _ in triggers):
        return True
    # A name with a quote in it is written in several ways.
    return any('"' in name or name in fold(sql) for _, sql in triggers) and _is_referred_to(db, name)


def _is_referred_to(db: apsw.Connection, name: str) -> bool:
    tables = [row[1] for row in db.execute("PRAGMA main.table_list") if (row[0], row[2]) == ("main", "table")]
    return any(
        fold(key[2]) == name
        for table in tables
        for key in db.execute(f"PRAGMA main.foreign_key_list({quoted(table)})")
    )


def _computed(db: apsw.Connection, plan: ChangePlan) -> frozenset[str]:
    """The folded names of the table's generated columns."""
    info: list[Any] = db.execute(f"PRAGMA main.table_xinfo({quoted(plan.table)})").fetchall()
    return frozenset(fold(row[1]) for row in info if row[6])


# OR ABORT everywhere: a conflict clause of the table itself might silently delete another row.


def _insert(db: apsw.Connection, plan: ChangePlan, row: PlannedRow) -> dict[str, Any]:
    """Add the row and give it as it was written, with defaults, but without what triggers did to it then.

    A trigger may have made it somebody else's.
    """
    names = list(row.after)
    values = (
        f"({', '.join(map(quoted, names))}) VALUES ({', '.join('?' * len(names))})"
        if names
        else "DEFAULT VALUES"
    )
    sql = f"INSERT OR ABORT INTO {_target(plan)} {values} RETURNING {_names(plan.columns)}"
    return shown(dict(zip(plan.columns, _one(db, plan, sql, list(row.after.values())), strict=True)))


def _update(db: apsw.Connection, plan: ChangePlan, row: PlannedRow) -> dict[str, Any]:
    """Change the row and give it as it was written."""
    _check_unchanged(db, plan, row)
    if not row.after:
        return row.before
    assignments = ", ".join(f"{quoted(name)} = ?" for name in row.after)
    sql = (
        f"UPDATE OR ABORT {_target(plan)} SET {assignments} WHERE {_by_key(plan)} "  # noqa: S608  # quoted names
        f"RETURNING {_names(plan.columns)}"
    )
    values = _one(db, plan, sql, [*row.after.values(), *row.key])
    return dict(zip(plan.columns, values, strict=True))


def _told(row: PlannedRow, now: dict[str, Any], unsure: frozenset[str] | None) -> dict[str, Any]:
    """What may be told of a changed row.

    Where a trigger may have made it somebody else's, that is what was planned, and nothing computed from it.
    """
    if unsure is None:
        return shown(now)
    planned = {name: now[name] if name in row.after else value for name, value in row.before.items()}
    return shown({name: value for name, value in planned.items() if fold(name) not in unsure})


def _delete(db: apsw.Connection, plan: ChangePlan, row: PlannedRow) -> None:
    if _row(db, plan, row.key) is None:
        return  # It was there, so a row of the plan has taken it along.
    sql = f"DELETE FROM {_target(plan)} WHERE {_by_key(plan)} RETURNING 1"  # noqa: S608  # quoted names
    _one(db, plan, sql, row.key)


def _check_unchanged(db: apsw.Connection, plan: ChangePlan, row: PlannedRow) -> None:
    found = _row(db, plan, row.key)
    same = found is not None and [*map(_exactly, found)] == [
        _exactly(row.before.get(c)) for c in plan.columns
    ]
    if not same:
        raise ChangeRefused(
            f"A row of {plan.table} has changed meanwhile or is gone, so nothing was changed. "
            "Look at it again and decide anew."
        )


def _exactly(value: Any) -> tuple[type, Any]:
    return (type(value), value)


def _one(db: apsw.Connection, plan: ChangePlan, sql: str, values: list[Any]) -> list[Any]:
    """Run a statement that has to change one row; returns what it returned of that."""
    rows = db.execute(sql, values).fetchall()
    if len(rows) != 1:
        raise ChangeRefused(
            f"A trigger of {plan.table} kept a row from being changed, so nothing was changed."
        )
    return list(rows[0])


def _row(db: apsw.Connection, plan: ChangePlan, key: list[Any]) -> tuple[Any, ...] | None:
    sql = f"SELECT {_names(plan.columns)} FROM {_target(plan)} WHERE {_by_key(plan)}"  # noqa: S608  # quoted names
    row: tuple[Any, ...] | None = db.execute(sql, key).fetchone()
    return row


def _target(plan: ChangePlan) -> str:
    return f"main.{quoted(plan.table)}"


def _names(names: list[str]) -> str:
    return ", ".join(map(quoted, names))


def _by_key(plan: ChangePlan) -> str:
    return " AND ".join(f"{quoted(name)} = ?" for name in plan.key_columns)
