"""Saved queries and examples of a bot, tried as the bot would run them; nothing is read or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from appliance.bot import Bot, SavedQuery
from appliance.botfiles.sql_scan import filled, without_end
from appliance.changes import ChangePlan, Value
from appliance.cli.finding_lines import Told
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy

SAMPLES: dict[str, tuple[str, Value]] = {
    "string": ("'x'", "x"),
    "integer": ("1", 1),
    "number": ("1.0", 1.0),
    "boolean": ("1", 1),
}
"""A value of each type of parameter, as SQL and as it is."""
READING = ("SELECT", "WITH", "VALUES")
"""Kinds of statements that can be prepared inside of another one."""
OF_THE_VALUES = ("A row would ", "The statement would change ")
"""How faults begin that tell of the sample values or the rows of the day, not of the statement."""


def statement_faults(bot: Bot, policy: SqlPolicy, database: Path) -> Iterator[Told]:
    """Warnings for statements that this bot could not run, whoever asks."""
    statements = [("queries", query.name, query) for query in bot.queries]
    examples = [SavedQuery(name=one.question, description="", sql=one.sql) for one in bot.examples]
    statements += [("examples", one.name, one) for one in examples]
    faults = _faults([one for *_, one in statements], policy, database)
    for (key, name, _), fault in zip(statements, faults, strict=True):
        if fault and not fault.startswith(OF_THE_VALUES):
            yield "warning", key, name, f"{name}: {fault}"


def _faults(queries: list[SavedQuery], policy: SqlPolicy, database: Path) -> list[str]:
    """What is wrong with each, '' for nothing."""
    if not queries:
        return []
    # Imported here: most bots have no statements of their own, and trio takes its time.
    import trio

    from appliance.tools.sql_names import statement_kind
    from appliance.tools.sql_pool import SqlPool

    async def run() -> list[str]:
        async with SqlPool(database, workers_max=1) as pool:
            found = []
            for query in queries:
                reads = statement_kind(query.sql) in READING
                # A writing statement gives a plan, which nobody carries out.
                sql = _unread(query) if reads else query.sql
                found.append(_fault(await pool.query(sql, policy, parameters=_values(query))))
            return found

    return trio.run(run)


def _fault(outcome: QueryOutcome | ChangePlan) -> str:
    return "" if isinstance(outcome, ChangePlan) else outcome.error or ""


def _values(query: SavedQuery) -> dict[str, Value]:
    return {parameter.name: SAMPLES[parameter.type][1] for parameter in query.parameters}


def _unread(query: SavedQuery) -> str:
    """A statement that prepares all of the query and reads nothing; a LIMIT takes no parameter there."""
    sql = filled(query.sql, {parameter.name: SAMPLES[parameter.type][0] for parameter in query.parameters})
    return f"SELECT * FROM (\n{without_end(sql)}\n) LIMIT 0"  # noqa: S608  # the author's own SQL
