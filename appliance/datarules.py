"""What the team's data may show to bots: rules for all of them, or for one. Pure data; the reading of rules
is `sqlguard.py`, their enforcement `tools/sql_connection.py`.
"""

from __future__ import annotations

import msgspec

ALL = "all"
"""A row rule that shows every row, to everybody."""
NONE = "none"
"""A row rule that shows nothing: the table is refused as if it were not there."""
OTHERS = "*"
"""The name under which tables without a rule of their own find one."""


class DataRules(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of rules; where several apply (the appliance's and the bot's), all of them must agree.

    `row_rules` maps a table (`orders`, `warehouse.sales`, or `*` for all without a rule of their own) to a
    SQL expression over its row that is true for the rows the caller may see, or to `all` or `none`. An
    expression may use `:user_id`, `:role`, `:tenant` and `:claims.<name>`, and reads other tables as the
    caller does; a caller without a user id gets no rows of a table with an expression, and one of another
    tenant than the default one only where an expression names `:tenant`. `hidden_columns` maps a table to
    columns that do not exist for anybody.
    """

    row_rules: dict[str, str] = {}
    hidden_columns: dict[str, list[str]] = {}


class DataConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The file `data.yaml`: what holds for every bot.

    `files` maps a schema name to the absolute path of a SQLite file that is attached read-only; `notes` maps
    `table`, `table.column`, `schema.table` or `schema.table.column` to what a model should know of it.
    """

    rules: DataRules = DataRules()
    files: dict[str, str] = {}
    notes: dict[str, str] = {}
