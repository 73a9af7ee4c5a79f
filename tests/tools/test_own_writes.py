"""Of the changes that one call of an own function makes, none is hidden from people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from appliance.bot import SavedQuery
from appliance.messages import Change, QueryOutcome, RowChange
from appliance.server.main import TAKEN
from appliance.tools.own import OwnTools, describe
from tests.tools.own_bots import bot, call, context

SOURCE = """
from appliance.botkit import ChangeProposed

def write(context: Context, statements: list[str]) -> list[str]:
    "Writes, whatever is said to it."
    told = []
    for statement in statements:
        try:
            context.query(statement)
            told.append("done")
        except ChangeProposed:
            told.append("proposed")
        except QueryError as error:
            told.append(str(error))
    return told
"""
NOTE, ORDER = "INSERT INTO notes VALUES (1)", "UPDATE orders SET total = 0"


@pytest.fixture
async def own() -> AsyncIterator[OwnTools]:
    async with OwnTools() as own:
        yield own


class Database:
    """Answers writes as the engine does."""

    def __init__(self, status: Literal["applied", "proposed"]) -> None:
        self.status = status
        self.ran: list[str] = []

    async def run_sql(
        self, sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        self.ran.append(sql)
        if sql.startswith("SELECT"):
            return QueryOutcome(sql=sql)
        table = "notes" if sql == NOTE else "orders"
        number = len(self.ran)
        change = Change(
            operation="INSERT" if sql == NOTE else "UPDATE",
            table=table,
            status=self.status,
            rows=[RowChange(before=None, after={"id": number})],
        )
        return QueryOutcome(
            sql=sql,
            columns=["id"],
            rows=[[number]],
            row_count=1,
            summary=f"Done: {table} {number}.",
            change=change,
        )


async def test_rows_of_one_kind_are_shown_together_and_others_are_told(own: OwnTools, tmp_path: Path) -> None:
    database = Database("applied")
    about = context(bot(tmp_path, SOURCE), run_sql=database.run_sql)
    output = await call(own, about, "write", statements=[NOTE, NOTE, ORDER, NOTE])
    shown = output.query
    assert shown is not None
    assert shown.change is not None
    assert [row.after for row in shown.change.rows] == [{"id": 1}, {"id": 2}, {"id": 4}]
    assert (shown.rows, shown.row_count, shown.sql) == ([[1], [2], [4]], 3, NOTE)
    assert shown.summary == (
        "Done: 3 times INSERT in notes, 3 rows in all. And 1 more change was made: Done: orders 3."
    )


async def test_after_a_proposed_change_no_other_can_hide_it(own: OwnTools, tmp_path: Path) -> None:
    database = Database("proposed")
    about = context(bot(tmp_path, SOURCE), run_sql=database.run_sql)
    output = await call(
        own, about, "write", statements=[NOTE, ORDER, " WITH x AS (SELECT 1) " + NOTE, "SELECT 1"]
    )
    assert database.ran == [NOTE, "SELECT 1"]
    assert output.content.count("A change already waits for the user's word") == 2
    assert output.query is not None
    assert output.query.sql == NOTE


def test_a_function_cannot_take_a_name_that_reaches_another_tool(tmp_path: Path) -> None:
    source = "".join(
        f'def {name}() -> str:\n    "Mine."\n' for name in ("http_request", "confirm_change", "ok")
    )
    described = describe(bot(tmp_path, source).tools_file, reserved=TAKEN)
    assert [tool.name for tool in described.tools] == ["ok"]
    assert len(described.problems) == 2


async def test_a_function_in_the_place_of_a_saved_query_is_told_once(
    own: OwnTools, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    query = SavedQuery(name="write", description="saved", sql="SELECT 1")
    about = context(msgspec.structs.replace(bot(tmp_path, SOURCE), queries=[query]))
    for _ in range(2):
        assert [tool.name for tool in await own.tools(about)] == ["write"]
    assert caplog.text.count("write is offered instead of the saved query of that name") == 1
