"""A real database, and files that are written and imported into it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from appliance.importer.formats import open_sources
from appliance.importer.load import Imported, import_sources
from appliance.store.database import connect

Take = Callable[..., list[Imported]]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(connect(tmp_path / "data" / "appliance.db")) as connection:
        yield connection


@pytest.fixture
def take(db: apsw.Connection, tmp_path: Path) -> Take:
    """Write a file and import it: `take("people.csv", "name\\nAda\\n")`."""

    def take(name: str, content: str | bytes, table: str | None = None, **options: Any) -> list[Imported]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return import_sources(db, open_sources([path], table), **options)

    return take


def columns(db: apsw.Connection, table: str) -> dict[str, str]:
    """Name -> declared type."""
    rows = db.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
    return {str(name): str(type_) for name, type_ in rows}


def rows(db: apsw.Connection, table: str) -> list[tuple[Any, ...]]:
    return db.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()
