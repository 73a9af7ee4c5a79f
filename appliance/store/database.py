"""Opens the database file: for one-shot commands as it is, for the server under `store.Store`.

Without trio, which a command that ends at once would wait a quarter of a second for.
"""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from appliance.errors import StoreError
from appliance.store.migrate import migrate
from appliance.store.pragmas import open_connection, translate

DATABASE_NAME = "appliance.db"


def database_path(data: Path | str) -> Path:
    """Where the one file is in a data folder."""
    return Path(data) / DATABASE_NAME


def connect(path: Path) -> apsw.Connection:
    """Open (and create, and migrate) the database for one-shot commands; raises `StoreError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The data folder {path.parent} cannot be created ({error.strerror}).") from error
    db = open_connection(path)
    try:
        snapshot = path.with_name(
            f"{path.name}.before-migration-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        )
        migrate(db, snapshot=snapshot)
    except apsw.Error as error:
        db.close()
        raise translate(error, path) from error
    except BaseException:
        db.close()
        raise
    db.transaction_mode = "IMMEDIATE"
    return db
