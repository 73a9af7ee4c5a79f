"""What a bot's SQL may touch: the policy, its names, and the authorizer's decision. Pure.

The first line of defence is hidden names (`tools/sql_connection.py`): no statement can name a base table.
`decide` is the second line, asked by SQLite while it prepares a statement, and refuses what it does not
know. Nothing here looks at the text of a statement.
"""

from __future__ import annotations

import string
from typing import TypeVar

import msgspec

from appliance.bot import Bot
from appliance.identity import Caller
from appliance.settings import Settings

T = TypeVar("T")

PUBLIC = "public"
"""The schema name under which models and bot files know the data file."""


class SqlPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may do through one bot.

    `allowed_tables` holds `table`, `schema.table` or `schema.*`; empty (or `*`) means every table of
    `allowed_schemas`. `row_rules` maps a table to a SQL expression over its row that is true for the rows
    the caller may see; it may use `:user_id` (NULL when nobody is signed in) and `:role`, and it reads
    other tables as the caller does. `hidden_columns` maps a table to columns that do not exist for the
    caller. A view reads with its owner's rights; one over a table with a row rule or hidden columns needs an
    entry of its own, or it is refused.
    """

    allowed_tables: list[str] = []
    allowed_schemas: list[str] = msgspec.field(default_factory=lambda: [PUBLIC])
    allowed_operations: list[str] = msgspec.field(default_factory=lambda: ["SELECT"])
    row_rules: dict[str, str] = {}
    hidden_columns: dict[str, list[str]] = {}
    user_id: str = ""
    role: str = "anon"
    rows_max: int = 1000
    bytes_max: int = 1_000_000
    timeout_s: float = 5.0
    memory_mib: int = 512

    def allows(self, table: str, schema: str = PUBLIC) -> bool:
        """Whether the bot may read this table or view; never true for reserved names."""
        if is_reserved(table):
            return False
        names = {fold(table), fold(f"{schema}.{table}"), fold(f"{schema}.*")}
        wanted = {fold(entry) for entry in self.allowed_tables} or {"*"}
        if fold(schema) in {fold(entry) for entry in self.allowed_schemas}:
            return bool(wanted & (names | {"*"}))
        # A qualified entry speaks for itself, also outside of the allowed schemas.
        return bool(wanted & (names - {fold(table)}))

    def permits(self, operation: str) -> bool:
        """Whether the bot allows this kind of statement, like `SELECT`."""
        return operation in {entry.upper() for entry in self.allowed_operations}

    def row_rule(self, table: str, schema: str = PUBLIC) -> str:
        """The rule of a table, or '' when it has none."""
        return _lookup(self.row_rules, table, schema) or ""

    def hidden(self, table: str, schema: str = PUBLIC) -> frozenset[str]:
        """The folded names of a table's hidden columns."""
        names = _lookup(self.hidden_columns, table, schema)
        return frozenset(map(fold, names or []))

    def is_restricted(self, table: str, schema: str = PUBLIC) -> bool:
        """Whether the policy shows less than the whole table."""
        return bool(self.row_rule(table, schema) or self.hidden(table, schema))

    def sight(self) -> SqlPolicy:
        """Only what decides what can be seen: two policies of equal sight may share a connection."""
        who = self if self.row_rules else SqlPolicy()
        return SqlPolicy(
            allowed_tables=sorted(self.allowed_tables),
            allowed_schemas=sorted(self.allowed_schemas),
            row_rules=self.row_rules,
            hidden_columns=self.hidden_columns,
            user_id=who.user_id,
            role=who.role,
        )


def policy_for(bot: Bot, caller: Caller, settings: Settings) -> SqlPolicy:
    """The policy of a caller who talks to a bot."""
    return SqlPolicy(
        allowed_tables=bot.allowed_tables,
        allowed_schemas=bot.allowed_schemas,
        allowed_operations=bot.allowed_operations,
        user_id=caller.user_id,
        role=caller.role,
        rows_max=settings.sql_rows_max,
        bytes_max=settings.sql_bytes_max,
        timeout_s=settings.sql_timeout_s,
        memory_mib=settings.sql_memory_mib_max,
    )


_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(name: str) -> str:
    """`name` as SQLite compares names: only A to Z lose their case, so no other letter can pass as one."""
    return name.translate(_TO_LOWER)


def is_reserved(table: str) -> bool:
    """Our own tables and SQLite's: nobody reads them through SQL of a model."""
    return fold(table).startswith(("_", "sqlite_"))


def _lookup(entries: dict[str, T], table: str, schema: str) -> T | None:
    folded = {fold(name): value for name, value in entries.items()}
    return folded.get(fold(f"{schema}.{table}"), folded.get(fold(table)))


# The authorizer's action codes are part of SQLite's stable interface (sqlite3_set_authorizer).
READ = 20
SELECT = 21
FUNCTION = 31
RECURSIVE = 33

ACTIONS = {
    9: "DELETE",
    18: "INSERT",
    19: "PRAGMA",
    22: "TRANSACTION",
    23: "UPDATE",
    24: "ATTACH",
    25: "DETACH",
    26: "ALTER",
    27: "REINDEX",
    28: "ANALYZE",
    32: "SAVEPOINT",
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 29), "CREATE"),
    **dict.fromkeys((10, 11, 12, 13, 14, 15, 16, 17, 30), "DROP"),
}
"""Action code -> the word that a refusal uses for it."""

_COMPUTING = """
-> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws
cos cosh count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank
exp first_value floor format glob group_concat hex if ifnull iif instr json json_array
json_array_length json_each json_error_position json_extract json_group_array json_group_object
json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree
json_type json_valid julianday lag last_value lead length like likelihood likely ln log log10 log2
lower ltrim max median min mod nth_value ntile nullif octet_length percent_rank percentile
percentile_cont percentile_disc pi pow power printf quote radians random rank replace round row_number
rtrim sign sin sinh sqrt strftime string_agg substr substring sum tan tanh time timediff total trim
trunc typeof unhex unicode unistr unixepoch unlikely upper
"""

FUNCTIONS = frozenset(_COMPUTING.split())
"""Functions of SQLite that only compute. Those that are slow on purpose are bounded by the worker."""

TABLE_FUNCTIONS = ("json_each", "json_tree")
"""The only virtual tables there are."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a guarded connection's own views read, learned when they were made.

    `schema` is the hidden schema's name; `columns` maps each base table below an allowed view to
    the columns that the view reads; `views` are the TEMP views that a statement may name. All folded.
    """

    schema: str
    columns: dict[str, frozenset[str]]
    views: frozenset[str]


def decide(grant: Grant, action: int, first: str | None, second: str | None, schema: str | None) -> bool:
    """Whether SQLite may go on with a step of preparing; unknown actions are refused."""
    if action in (SELECT, RECURSIVE):
        return True
    if action == FUNCTION:
        return fold(second or "") in FUNCTIONS
    return action == READ and _may_read(grant, fold(first or ""), fold(second or ""), schema)


def _may_read(grant: Grant, table: str, column: str, schema: str | None) -> bool:
    if schema == grant.schema:
        # An empty column means that no column is read, as in `count(*)`.
        return table in grant.columns and (not column or column in grant.columns[table])
    if schema == "temp":
        return table in grant.views
    if table in TABLE_FUNCTIONS:
        return True
    # A CTE or subquery none of whose columns is read comes without a schema.
    return schema is None and not column and not table.startswith(("sqlite_", "pragma_"))
