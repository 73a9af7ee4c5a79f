"""Searches by meaning in the team's tables for whoever is signed in, without a chat (Fluxbase 6.9).

Nobody sees more than in a chat: what a caller may read is what some bot that they may use lets them read,
with the rules of the data and of that bot. Administrators name any table; the rules of the data hold for
them, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from appliance.bot import Bot
from appliance.changes import ChangePlan
from appliance.engine import admission, nearest_rows, witness
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.engine.nearest_rows import NearRows, RowSearch
from appliance.engine.services import Services
from appliance.engine.toolbox import is_offered
from appliance.errors import ApplianceError, InvalidInput, NotFound, TooManyRequests
from appliance.identity import DEFAULT_TENANT, Caller, require_user
from appliance.messages import QueryOutcome
from appliance.sqlguard import PUBLIC, SqlPolicy, fold, policy_for
from appliance.sqltext import quoted
from appliance.tools.base import ToolError
from appliance.tools.column_lists import column_names
from appliance.tools.filters import OPERATORS

READING_TOOLS = ("execute_sql", "query_table")
RUNNING_MAX = 3
"""Searches of one caller at a time: there are few workers, and chats need them."""
FILTERS_MAX = 30

_running: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()
"""How many searches run, by the callers' buckets."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a column: an operator of `query_table`, such as `eq` or `not.in`, and its value."""

    column: str
    operator: str
    value: Any = None


async def search(engine: Engine, caller: Caller, asked: RowSearch, *, bot: str = "") -> NearRows:
    """The nearest rows that the caller may see.

    With `bot`, an id, a name or `namespace:name`, those that this one may read. Raises `AuthRequired`,
    `NotFound` for a table that is not there for them, `InvalidInput`, `NoEmbedder`, `EmbeddingFailed`,
    `TooManyRequests`.
    """
    require_user(caller)
    with _one_of_few(engine, caller):
        policy, through = await _policy(engine, caller, asked, bot)
        found = await nearest_rows.find(engine.services, policy, _Reader(engine.services, policy), asked)
        await _record(engine.services, caller, through, found)
    if found.outcome.error is not None:
        raise InvalidInput(found.outcome.error)
    return found


def columns_of(select: str | Sequence[str] | None) -> list[str]:
    """The columns of a `select`: none for all of them. Raises `InvalidInput` for what names no columns."""
    if select is None or (isinstance(select, str) and select.strip() in ("", "*")):
        return []
    try:
        if isinstance(select, str):
            return column_names(select, "select")
        return [name for one in select for name in column_names(quoted(one), "select")]
    except ToolError as error:
        raise InvalidInput(str(error)) from error


def as_filter(conditions: Sequence[Condition]) -> dict[str, list[str]]:
    """The conditions in the form of `query_table`'s filter; raises `InvalidInput`."""
    if len(conditions) > FILTERS_MAX:
        raise InvalidInput(f"{len(conditions)} filters are too many; {FILTERS_MAX} are allowed.")
    filter: dict[str, list[str]] = {}
    for one in conditions:
        filter.setdefault(one.column, []).append(_written(one))
    return filter


def _written(condition: Condition) -> str:
    operator, value = condition.operator, condition.value
    plain = operator.removeprefix("not.")
    if plain not in OPERATORS:
        raise InvalidInput(f"There is no operator {operator[:50]!r}; there are {', '.join(OPERATORS)}.")
    match value:
        case None if plain in ("eq", "is"):
            return operator.replace(plain, "is") + ".null"
        case None if plain in ("neq", "isnot"):
            return operator.replace(plain, "isnot") + ".null"
        case bool():
            return f"{operator}.{'true' if value else 'false'}"
        case str() | int() | float():
            return f"{operator}.{value}"
        case list() if plain in ("in", "nin", "cs", "cd", "ov"):
            return f"{operator}.{msgspec.json.encode(value).decode()}"
    raise InvalidInput(f"The filter of {condition.column[:200]!r} has a value that {operator} does not take.")


# -- what the caller may see -------------------------------------------------------------------------


async def _policy(engine: Engine, caller: Caller, asked: RowSearch, ref: str) -> tuple[SqlPolicy, str]:
    """Under what the table may be read, and through which bot; raises `NotFound`."""
    services = engine.services
    if ref:
        bot = find_bot(engine, ref)
        admission.check_access(bot, caller)
        bots = [bot] if _reads(bot) else []
    elif caller.is_admin and caller.tenant == DEFAULT_TENANT:
        return _of_administrators(services, caller), ""
    else:
        bots = [one.bot for one in engine.catalogue.all() if one.bot and _is_open(one.bot, caller)]
    for bot in bots:
        policy = policy_for(bot, caller, services.settings, services.data())
        if await _shows(services, policy, asked):
            return policy, f"bot:{bot.namespace}/{bot.name}"
    # One sentence, whether it is not there or not for them.
    raise NotFound(f"There is no table {asked.table[:200]!r} with the columns that were named.")


def _is_open(bot: Bot, caller: Caller) -> bool:
    if not bot.enabled or not _reads(bot):
        return False
    try:
        admission.check_access(bot, caller)
    except ApplianceError:
        return False
    return True


def _reads(bot: Bot) -> bool:
    """May its model read rows of tables?"""
    return "SELECT" in bot.allowed_operations and any(is_offered(bot, name) for name in READING_TOOLS)


async def _shows(services: Services, policy: SqlPolicy, asked: RowSearch) -> bool:
    try:
        table = await nearest_rows.table_of(services, policy, asked.table)
    except NotFound:
        return False
    named = {fold(name) for name in (asked.column, *asked.columns, *asked.filter)}
    return named <= {fold(one.name) for one in table.columns}


def _of_administrators(services: Services, caller: Caller) -> SqlPolicy:
    """Every table that the rules of the data show them."""
    settings, data = services.settings, services.data()
    return SqlPolicy(
        allowed_schemas=[PUBLIC, *data.files],
        rules=[data.rules],
        files=dict(data.files),
        tenant=caller.tenant,
        user_id=caller.user_id,
        role=caller.role,
        claims=caller.claims,
        rows_max=settings.sql_rows_max,
        bytes_max=settings.sql_bytes_max,
        timeout_s=settings.sql_timeout_s,
        memory_mib=settings.sql_memory_mib_max,
    )


# -- running it --------------------------------------------------------------------------------------


class _Reader:
    """Runs statements that read in the guarded workers."""

    def __init__(self, services: Services, policy: SqlPolicy) -> None:
        self._services = services
        self._policy = policy

    async def __call__(
        self, sql: str, description: str, parameters: Mapping[str, Any] | None = None, vector: bytes = b""
    ) -> QueryOutcome:
        """The outcome of one statement."""
        outcome = await self._services.sql.query(
            sql, self._policy, description=description, parameters=parameters, vector=vector
        )
        assert not isinstance(outcome, ChangePlan), "it is a SELECT"
        return outcome


async def _record(services: Services, caller: Caller, through: str, found: NearRows) -> None:
    """Who read what, as it is kept of every statement of a chat."""
    outcome = found.outcome
    details: dict[str, Any] = {
        "sql": outcome.sql,
        "success": outcome.error is None,
        "error": outcome.error,
        "rows": outcome.row_count,
        "duration_ms": round(outcome.duration_ms, 1),
        "tables": outcome.tables,
    }
    await witness.did(services, caller, "vector.search", through or f"table:{found.table.sql_name}", details)


@contextmanager
def _one_of_few(engine: Engine, caller: Caller) -> Iterator[None]:
    """Raises `TooManyRequests` when as many searches of the caller's run already."""
    running = _running.setdefault(engine, {})
    if running.get(caller.bucket, 0) >= RUNNING_MAX:
        raise TooManyRequests(f"{RUNNING_MAX} searches of yours run already; wait for one of them.")
    running[caller.bucket] = running.get(caller.bucket, 0) + 1
    try:
        yield
    finally:
        running[caller.bucket] -= 1
        if not running[caller.bucket]:
            del running[caller.bucket]
