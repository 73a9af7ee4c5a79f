"""Deletes documents of tables when the rules of the data come to hide what they tell.

Looks when the rules or the exports have changed, and at the start: rules may have changed without a server.
"""

from __future__ import annotations

import logging

import apsw
import msgspec
import trio

from appliance.engine.engine import Engine
from appliance.engine.knowledge import removing
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.removing import Removed
from appliance.errors import StoreError
from appliance.sqlguard import SqlPolicy
from appliance.store.knowledge import documents
from appliance.store.knowledge import table_exports as stored
from appliance.table_exports import TableExport, may_tell_all, sql_name

LOOK_S = 1.0
"""How long a document may outlive a change of data.yaml."""
DELETED = "The rules of the data hide now what the document of this table told, so it was deleted."

logger = logging.getLogger("appliance.knowledge")


class ExportWatch:
    """`run` looks whenever something may have changed, until it is cancelled."""

    def __init__(self, engine: Engine, library: Library) -> None:
        self._engine = engine
        self._library = library
        self._seen: object = None
        self._problem = ""

    async def run(self) -> None:
        """Nothing that goes wrong here ends it; what does is told once, and tried again."""
        while True:
            try:
                await self._look()
                self._problem = ""
            except StoreError as error:
                self._tell_problem(error.text)
            except Exception as error:
                self._tell_problem(repr(error))
            await trio.sleep(LOOK_S)

    async def _look(self) -> None:
        store = self._library.store
        seen = (self._engine.services.data().rules, store.read_now(stored.mark))
        if seen == self._seen:
            return
        for export in await store.read(stored.with_documents):
            await drop_if_hidden(self._engine, self._library, export)
        self._seen = seen

    def _tell_problem(self, text: str) -> None:
        if text != self._problem:
            logger.error("documents of tables cannot be checked against the rules of the data: %s", text)
        self._problem = text


async def drop_if_hidden(engine: Engine, library: Library, export: TableExport) -> bool:
    """Delete the document of a table if it tells what is hidden now; True when it did.

    `DELETED` is then kept with the export.
    """

    def write(db: apsw.Connection) -> Removed | None:
        now = stored.of_table(db, export.base, export.schema, export.table)
        if now is None or not now.document_id or may_tell_all(_policy(engine, now.schema), now):
            return None
        number = stored.document_of(db, now)
        document = None if number is None else documents.by_number(db, number)
        removed = Removed([]) if document is None else removing.take_out(db, document, library.clock())
        stored.put(db, msgspec.structs.replace(now, document_id="", error=DELETED))
        return removed

    removed = await library.store.write(write)
    if removed is None:
        return False
    logger.warning("%s: %s", sql_name(export.schema, export.table), DELETED)
    await removing.finish(library, [removed])
    return True


def _policy(engine: Engine, schema: str) -> SqlPolicy:
    return SqlPolicy(rules=[engine.services.data().rules], allowed_schemas=[schema])
