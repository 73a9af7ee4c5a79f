"""What a bot's SQL may touch: the policy, its names, and the authorizer's decision. Pure.

The first line of defence is hidden names (`tools/sql_connection.py`): no statement can name a base table.
`decide` is the second line, asked by SQLite while it prepares a statement, and refuses what it does not
know. Nothing here looks at the text of a statement.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

import msgspec

from appliance.bot import Bot
from appliance.datarules import ALL, NONE, OTHERS, DataConfig, DataRules
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.settings import Settings

PUBLIC = "public"
"""The schema name under which models and bot files know the data file."""


class SqlPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may do through one bot.

    `allowed_tables` holds `table`, `schema.table` or `schema.*`; empty (or `*`) means every table of
    `allowed_schemas`. `rules` are layers that must all agree: the appliance's own and the bot's. A view reads
    with its owner's rights; one over a table with a row rule or hidden columns needs an entry of its own in
    the same layer, or it is refused. `files` maps the names of attached schemas to the absolute paths of
    their files. A caller of another `tenant` than the default one gets no rows of a table with row rules,
    unless one of them names `:tenant`.
    """

    allowed_tables: list[str] = []
    allowed_schemas: list[str] = msgspec.field(default_factory=lambda: [PUBLIC])
    allowed_operations: list[str] = msgspec.field(default_factory=lambda: ["SELECT"])
    rules: list[DataRules] = []
    files: dict[str, str] = {}
    tenant: str = DEFAULT_TENANT
    user_id: str = ""
    role: str = "anon"
    claims: dict[str, str | int | float | bool] = {}
    rows_max: int = 1000
    bytes_max: int = 1_000_000
    timeout_s: float = 5.0
    memory_mib: int = 512
    changed_rows_max: int = 100

    @property
    def is_foreign(self) -> bool:
        """Whether the caller belongs to another tenant than the default one, whose rows rules are about."""
        return self.tenant != DEFAULT_TENANT

    def allows(self, table: str, schema: str = PUBLIC) -> bool:
        """Whether the bot may read this table or view; never true for reserved names."""
        if is_reserved(table) or any(_is_word(rule, NONE) for rule in self._rules_of(table, schema)):
            return False
        wanted = {fold(entry) for entry in self.allowed_tables} or {"*"}
        if fold(table.partition(".")[0]) in {fold(name) for name in self.files}:
            wanted.discard(fold(table))  # that entry means a table of the attached file
        names = {fold(table), fold(f"{schema}.{table}"), fold(f"{schema}.*")}
        if fold(schema) in {fold(entry) for entry in self.allowed_schemas}:
            return bool(wanted & (names | {"*"}))
        # A qualified entry speaks for itself, also outside of the allowed schemas.
        return bool(wanted & (names - {fold(table)}))

    def could_allow(self, schema: str) -> bool:
        """Whether any table of the schema may be allowed: others need not even be attached."""
        prefix = fold(f"{schema}.")
        named = any(fold(entry).startswith(prefix) for entry in self.allowed_tables)
        return named or fold(schema) in {fold(entry) for entry in self.allowed_schemas}

    def permits(self, operation: str) -> bool:
        """Whether the bot allows this kind of statement, like `SELECT`."""
        return operation in {entry.upper() for entry in self.allowed_operations}

    def row_rules(self, table: str, schema: str = PUBLIC) -> list[str]:
        """The expressions that all must hold for a row of the table to be seen; empty for an open table."""
        return [rule for rule in self._rules_of(table, schema) if not _is_word(rule, ALL)]

    def hidden(self, table: str, schema: str = PUBLIC) -> frozenset[str]:
        """The folded names of a table's hidden columns: all that any layer hides, under any of its names."""
        names = {*_names_of(table, schema), fold(f"{schema}.*"), OTHERS}
        return frozenset(
            fold(column)
            for layer in self.rules
            for name, columns in layer.hidden_columns.items()
            if fold(name) in names
            for column in columns
        )

    def hidden_by_name(self, table: str, schema: str = PUBLIC) -> frozenset[str]:
        """Those of `hidden` that an entry for this very table names: a mistake when they are not there."""
        names = {fold(f"{schema}.{table}")} | ({fold(table)} if schema == PUBLIC else set())
        return frozenset(
            fold(column)
            for layer in self.rules
            for name, columns in layer.hidden_columns.items()
            if fold(name) in names
            for column in columns
        )

    def is_restricted(self, table: str, schema: str = PUBLIC) -> bool:
        """Whether the policy shows less than the whole table."""
        return bool(self.row_rules(table, schema) or self.hidden(table, schema))

    def view_may_read(self, view: str, table: str, schema: str = PUBLIC) -> bool:
        """Whether every layer that restricts the table has an entry for the view itself.

        An entry for all others is not enough: the view's columns need not be those of the table.
        """
        names = _names_of(view, schema)
        return all(
            names & {fold(name) for name in (*layer.row_rules, *layer.hidden_columns)}
            for layer in self.rules
            if SqlPolicy(rules=[layer]).is_restricted(table, schema)
        )

    def sight(self) -> SqlPolicy:
        """Only what decides what can be seen: two policies of equal sight may share a connection."""
        rules = " ".join(rule for layer in self.rules for rule in layer.row_rules.values())
        who = self if rules else SqlPolicy()
        return SqlPolicy(
            allowed_tables=sorted(self.allowed_tables),
            allowed_schemas=sorted(self.allowed_schemas),
            rules=self.rules,
            files=self.files,
            tenant=who.tenant,
            user_id=who.user_id,
            role=who.role,
            # Others (when the token ends, for one) differ with each token and change nothing.
            claims={name: value for name, value in who.claims.items() if f":claims.{name}" in rules},
        )

    def _rules_of(self, table: str, schema: str) -> list[str]:
        return [rule for layer in self.rules for rule in _rules_of_layer(layer.row_rules, table, schema)]


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot's own rules ask of a statement, for one question; they steer, they do not protect.

    Tables are `table` or `schema.table`. A statement that reads a table of `required_columns` must read these
    columns of it.
    """

    required_tables: list[str] = []
    forbidden_tables: list[str] = []
    required_columns: dict[str, list[str]] = {}


def policy_for(bot: Bot, caller: Caller, settings: Settings, data: DataConfig) -> SqlPolicy:
    """The policy of a caller who talks to a bot."""
    own = DataRules(row_rules=bot.row_rules, hidden_columns=bot.hidden_columns)
    return SqlPolicy(
        allowed_tables=bot.allowed_tables,
        allowed_schemas=bot.allowed_schemas,
        allowed_operations=bot.allowed_operations,
        rules=[layer for layer in (data.rules, own) if layer != DataRules()],
        files=data.files,
        tenant=caller.tenant,
        user_id=caller.user_id,
        role=caller.role,
        claims=caller.claims,
        rows_max=settings.sql_rows_max,
        bytes_max=settings.sql_bytes_max,
        timeout_s=settings.sql_timeout_s,
        memory_mib=settings.sql_memory_mib_max,
        changed_rows_max=bot.changed_rows_max,
    )


def _is_word(rule: str, word: str) -> bool:
    return rule.strip().lower() == word


def _rules_of_layer(entries: dict[str, str], table: str, schema: str) -> list[str]:
    """The most specific entries, several where they differ in case only.

    A bare name restricts that table in every schema, but `all` under one opens only the data file's.
    """
    for name in (f"{schema}.{table}", table, f"{schema}.*", OTHERS):
        found = [rule for key, rule in entries.items() if fold(key) == fold(name)]
        if name == table and fold(schema) != PUBLIC:
            found = [rule for rule in found if not _is_word(rule, ALL)]
        if found:
            return found
    return []


def _names_of(table: str, schema: str) -> frozenset[str]:
    return frozenset((fold(table), fold(f"{schema}.{table}")))


_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(name: str) -> str:
    """`name` as SQLite compares names: only A to Z lose their case, so no other letter can pass as one."""
    return name.translate(_TO_LOWER)


def is_reserved(table: str) -> bool:
    """Our own tables and SQLite's: nobody reads them through SQL of a model."""
    return fold(table).startswith(("_", "sqlite_"))


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

    `columns` maps each hidden schema's name to the base tables below allowed views and the columns of them
    that the views read; `views` are the TEMP views that a statement may name. All folded.
    """

    columns: Mapping[str, Mapping[str, frozenset[str]]]
    views: frozenset[str]


def decide(grant: Grant, action: int, first: str | None, second: str | None, schema: str | None) -> bool:
    """Whether SQLite may go on with a step of preparing; unknown actions are refused."""
    if action in (SELECT, RECURSIVE):
        return True
    if action == FUNCTION:
        return fold(second or "") in FUNCTIONS
    return action == READ and _may_read(grant, fold(first or ""), fold(second or ""), schema)


def _may_read(grant: Grant, table: str, column: str, schema: str | None) -> bool:
    if schema is not None and schema in grant.columns:
        columns = grant.columns[schema].get(table)
        # An empty column means that no column is read, as in `count(*)`.
        return columns is not None and (not column or column in columns)
    if schema == "temp":
        return table in grant.views
    if table in TABLE_FUNCTIONS:
        return True
    # A CTE or subquery none of whose columns is read comes without a schema.
    return schema is None and not column and not table.startswith(("sqlite_", "pragma_"))
