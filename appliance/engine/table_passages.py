"""What a turn reads of the table that a bot file names as `rag-table`: rows by meaning, as passages to cite.

The rows go through the SQL guard in the caller's name, like those of any statement. A failure never fails the
turn: the answer is then made without them, and the log says why.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from appliance import followups
from appliance.bot import Bot
from appliance.engine import nearest_rows, witness
from appliance.engine.knowledge.retrieval import RETRIEVAL_S
from appliance.engine.nearest_rows import NearRows, RowSearch
from appliance.engine.services import Services
from appliance.errors import ApplianceError, InvalidInput
from appliance.identity import Caller
from appliance.knowledge import Passage
from appliance.messages import QueryOutcome
from appliance.schema import Table
from appliance.sqlguard import fold, policy_for

PASSAGE_CHARS_MAX = 4_000
"""Of a row's text: a passage has to leave room for others."""
_IDS = uuid.UUID("5d0cdb1b-6b62-5a0e-9a52-0f4f7f0f4a10")
"""Ids of tables and rows are made of their names and keys, so that they stay the same."""

logger = logging.getLogger("appliance.engine")


class TablePassages:
    """The table of one bot for one reader; with `shared` others read along, who have rights of their own."""

    def __init__(self, services: Services, bot: Bot, reader: Caller, *, shared: bool) -> None:
        self._services = services
        self._bot = bot
        self._reader = reader
        self._shared = shared
        self._policy = policy_for(bot, reader, services.settings, services.data())

    async def find(self, question: str, earlier: Sequence[str]) -> list[Passage] | None:
        """The passages for a question, best first; `earlier` are the user's messages before it.

        None when they could not be looked up.
        """
        try:
            with trio.fail_after(RETRIEVAL_S):
                return await self._look_up(question, earlier)
        except trio.TooSlowError:
            logger.warning("rows for %s took longer than %g s and were left out", self._bot.name, RETRIEVAL_S)
        except ApplianceError as error:
            logger.warning("rows of rag-table for %s cannot be used: %s", self._bot.name, error.text)
        except Exception:  # logged in full; the other passages still make an answer
            logger.exception("rows of rag-table for %s failed", self._bot.name)
        return None

    async def _look_up(self, question: str, earlier: Sequence[str]) -> list[Passage]:
        """The question by itself, or with what it leans on."""
        if earlier and followups.leans(question):
            return await self._search(followups.folded(question, earlier))
        found = await self._search(question)
        if not found and earlier and followups.is_short(question):
            return await self._search(followups.folded(question, earlier))
        return found

    async def _search(self, text: str) -> list[Passage]:
        bot, services = self._bot, self._services
        if not bot.rag_table or not bot.rag_column:
            raise InvalidInput("rag-table needs rag-column, the name of its column of vectors.")
        table = await nearest_rows.table_of(services, self._policy, bot.rag_table)
        ruled = bool(self._policy.row_rules(table.name, table.schema))
        if ruled and self._shared:
            return []
        least = bot.rag_similarity_threshold
        if least is None:
            least = nearest_rows.embedder_of(services).threshold
        keys = [column.name for column in table.columns if column.primary_key]
        asked = RowSearch(
            table=bot.rag_table,
            column=bot.rag_column,
            query=text,
            within=nearest_rows.within(least),
            limit=max(1, min(bot.rag_max_chunks, nearest_rows.LIMIT_MAX)),
            columns=_distinct([*keys, bot.rag_content_column]) if bot.rag_content_column else (),
        )
        found = await nearest_rows.find(services, self._policy, self._run, asked)
        await self._record(found.outcome)
        if found.outcome.error is not None:
            raise InvalidInput(found.outcome.error)
        return _passages(found, keys, bot.rag_content_column or "", private=ruled)

    async def _run(
        self, sql: str, description: str, parameters: Mapping[str, Any] | None = None, vector: bytes = b""
    ) -> QueryOutcome:
        outcome = await self._services.sql.query(
            sql, self._policy, description=description, parameters=parameters, vector=vector
        )
        assert isinstance(outcome, QueryOutcome), "it is a SELECT"
        return outcome

    async def _record(self, outcome: QueryOutcome) -> None:
        """For the audit trail; a full disk must not keep people from the answer."""
        if self._bot.disable_execution_logs:
            return
        details = {
            "sql": outcome.sql,
            "success": outcome.error is None,
            "error": outcome.error,
            "rows": outcome.row_count,
            "tables": outcome.tables,
        }
        target = f"bot:{self._bot.namespace}/{self._bot.name}"
        try:
            await witness.did(self._services, self._reader, "table.retrieve", target, details)
        except ApplianceError as error:
            logger.warning("a retrieval of rows could not be written down: %s", error.text)


def merged(documents: Sequence[Passage], rows: Sequence[Passage], limit: int) -> list[Passage]:
    """Both in their own order, the more similar one first at each step; at most `limit`."""
    left, right = list(documents), list(rows)
    result: list[Passage] = []
    while (left or right) and len(result) < limit:
        first = left if left and (not right or left[0].similarity >= right[0].similarity) else right
        result.append(first.pop(0))
    return result


def _distinct(names: Sequence[str]) -> list[str]:
    """Each name once, as SQL compares names."""
    return list({fold(name): name for name in names}.values())


def _passages(found: NearRows, keys: Sequence[str], content: str, *, private: bool) -> list[Passage]:
    names = found.outcome.columns[:-1]
    made = []
    for row in found.outcome.rows:
        values = dict(zip(names, row[:-1], strict=True))
        text = _text(values, content)[:PASSAGE_CHARS_MAX]
        if text.strip():
            made.append(_passage(found.table, values, keys, text, 1 - float(row[-1]), private=private))
    return made


def _passage(
    table: Table,
    values: Mapping[str, Any],
    keys: Sequence[str],
    text: str,
    similarity: float,
    *,
    private: bool,
) -> Passage:
    """A row as what can be cited; the title names its table and its key."""
    key = ", ".join(f"{name} {values[name]}" for name in keys if values.get(name) is not None)
    own = key or hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return Passage(
        chunk=0,
        chunk_id=str(uuid.uuid5(_IDS, f"{table.sql_name}\n{own}")),
        document_id=str(uuid.uuid5(_IDS, table.sql_name)),
        base_id="",
        base_name=table.sql_name,
        title=f"{table.sql_name}, {key}" if key else table.sql_name,
        content=text,
        start=0,
        end=len(text),
        private=private,
        similarity=min(1.0, max(0.0, similarity)),
        cosine=similarity,
        score=similarity,
    )


def _text(values: Mapping[str, Any], content: str) -> str:
    """The text column, or without one all columns with their names."""
    if not content:
        return "\n".join(f"{name}: {value}" for name, value in values.items() if value is not None)
    found = next((value for name, value in values.items() if fold(name) == fold(content)), None)
    return "" if found is None else str(found)
