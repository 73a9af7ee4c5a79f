"""The structure of the team's data for administrators: of the data file, and of the attached ones.

No rule binds this: who writes the rules has to see what there is. Rows are read by `sample` only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec
import trio

from appliance.datarules import DataConfig
from appliance.engine.engine import Engine
from appliance.errors import NotFound, StoreError
from appliance.schema import Column, Schema, Table, with_notes
from appliance.sqlguard import PUBLIC, SqlPolicy, fold
from appliance.store import samples, structure
from appliance.store.structure import TableFacts, TableName
from appliance.tools.sql_comments import comments
from appliance.tools.sql_schema import open_read_only

T = TypeVar("T")


class TableDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a schema; `notes` maps its columns to what people wrote about them."""

    schema: str
    facts: TableFacts
    notes: dict[str, str]
    has_rules: bool
    """Are there row rules for it?"""


async def tables(engine: Engine, schema: str | None = None) -> list[tuple[str, TableName]]:
    """Schema and table of all tables, or of those of one schema, the data file's (`public`) first.

    Raises `NotFound` for an unknown schema, `StoreError` when its file cannot be read; without a `schema`
    such a file is left out.
    """
    if schema is not None:
        name = _schema(engine.services.data(), schema)
        return [(name, one) for one in await _read(engine, name, structure.tables)]
    found: list[tuple[str, TableName]] = []
    for name in (PUBLIC, *sorted(engine.services.data().files, key=fold)):
        try:
            found += [(name, one) for one in await _read(engine, name, structure.tables)]
        except StoreError:
            if name == PUBLIC:
                raise
    return found


async def table(engine: Engine, schema: str, name: str) -> TableDetails:
    """One table; raises `NotFound`, `StoreError`."""
    config = engine.services.data()
    schema = _schema(config, schema)
    facts = await _read(engine, schema, lambda db: structure.table(db, name))
    if facts is None:
        raise NotFound(f"There is no table {name!r} in the schema {schema!r}.")
    policy = SqlPolicy(rules=[config.rules])
    return TableDetails(
        schema=schema,
        facts=facts,
        notes=_notes(config, schema, facts),
        has_rules=bool(policy.row_rules(facts.name, schema)),
    )


async def sample(
    engine: Engine, details: TableDetails, columns: Sequence[str], limit: int
) -> list[tuple[Any, ...]]:
    """The first rows of a table (no view), cut to what an example needs; raises `StoreError`.

    Whether rules allow it has to be asked before.
    """
    name = details.facts.name
    return await _read(engine, details.schema, lambda db: samples.rows(db, name, columns, limit))


def _schema(config: DataConfig, wanted: str) -> str:
    """The schema in its own spelling."""
    known = [PUBLIC, *config.files]
    found = next((name for name in known if fold(name) == fold(wanted)), None)
    if found is None:
        raise NotFound(f"There is no schema {wanted!r}; there is {', '.join(sorted(known))}.")
    return found


async def _read(engine: Engine, schema: str, fn: Callable[[apsw.Connection], T]) -> T:
    """Of the data file by the store: nothing else may open it here, see `store/store.py`."""
    store = engine.services.store
    path = engine.services.data().files.get(schema)
    if path is None or await trio.to_thread.run_sync(_is_same, path, store.path):
        return await store.read(fn)
    return await trio.to_thread.run_sync(_read_file, schema, path, fn)


def _is_same(path: str, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False


def _read_file(schema: str, path: str, fn: Callable[[apsw.Connection], T]) -> T:
    """`fn` on a read-only connection that lives as long as it runs; raises `StoreError` without the path."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for somebody to write
            raise StoreError(f"The file of the schema {schema!r} is no regular file.")
        with closing(open_read_only(Path(path))) as db:
            return fn(db)
    except (apsw.Error, OSError, ValueError, UnicodeError) as error:
        raise StoreError(f"The file of the schema {schema!r} cannot be read.") from error


def _notes(config: DataConfig, schema: str, facts: TableFacts) -> dict[str, str]:
    """Comments of the CREATE statement; what stands in `data.yaml` goes before them."""
    names = [column.name for column in facts.columns]
    _, found = comments(facts.create, names)
    columns = [Column(name=name, comment=found.get(name, "")) for name in names]
    noted = with_notes(Schema(tables=[Table(name=facts.name, schema=schema, columns=columns)]), config.notes)
    return {column.name: column.comment for column in noted.tables[0].columns}
