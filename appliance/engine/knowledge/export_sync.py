"""Describes kept tables anew by itself where people asked for that (`sync_mode: automatic`).

It looks at each such table in a fixed rhythm, and makes the document anew when it would read differently:
when columns, keys, notes or rules have changed, or, where sample rows are told, these. Nothing is done
otherwise.
"""

from __future__ import annotations

import logging

import trio

from appliance.engine.engine import Engine
from appliance.engine.knowledge import table_exports
from appliance.engine.knowledge.library import Library
from appliance.errors import ApplianceError, StoreError
from appliance.store.knowledge import table_exports as stored
from appliance.table_exports import TableExport, sql_name

SYNC_S = 30.0
"""How far a document may be behind its table."""

logger = logging.getLogger("appliance.knowledge")


class ExportSync:
    """`run` looks in its rhythm until it is cancelled."""

    def __init__(self, engine: Engine, library: Library) -> None:
        self._engine = engine
        self._library = library
        self._problem = ""

    async def run(self) -> None:
        """Nothing that goes wrong here ends it; what does is told once, and tried again."""
        while True:
            try:
                for export in await self._library.store.read(stored.automatic):
                    await self._renew(export)
                self._problem = ""
            except StoreError as error:
                self._tell_problem(error.text)
            except Exception as error:
                self._tell_problem(repr(error))
            await trio.sleep(SYNC_S)

    async def _renew(self, export: TableExport) -> None:
        """What goes wrong with one table is kept with it, and others go on."""
        try:
            await table_exports.renew(self._engine, self._library, export)
        except StoreError:
            raise
        except ApplianceError as error:
            if not export.error:
                name = sql_name(export.schema, export.table)
                logger.warning("the document of the table %s is not up to date: %s", name, error.text)
                await self._library.store.write(stored.fail, export.base, export.id, error.public_text)

    def _tell_problem(self, text: str) -> None:
        if text != self._problem:
            logger.error("documents of tables cannot be kept up to date: %s", text)
        self._problem = text
