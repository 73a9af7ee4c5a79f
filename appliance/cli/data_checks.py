"""Bot files and data.yaml held against the data: names that are not there, SQL that fails.

A name that protects something and is not there is an error: whoever wrote it believes in a protection that
nobody has. All else is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import apsw

from appliance.bot import Bot, Finding
from appliance.botfiles.fields import hint
from appliance.botfiles.folder import LoadedFile
from appliance.cli.finding_lines import Told, placed
from appliance.cli.statement_checks import statement_faults
from appliance.datarules import OTHERS, DataConfig, DataRules
from appliance.errors import StoreError
from appliance.identity import Caller
from appliance.importer.listing import columns_of, team_names
from appliance.settings import Settings
from appliance.sqlguard import PUBLIC, SqlPolicy, fold, policy_for
from appliance.tools.sql_connection import GuardedConnection
from appliance.tools.sql_schema import open_read_only

CALLER = Caller(user_id="check", role="authenticated")
"""Rules are prepared for somebody; for nobody they would not be looked at."""

NEEDS = "it needs a table that is refused: "
"""How the guard begins to say that a rule reads what the bot may not."""

Names = dict[tuple[str, str], list[str]]
"""(schema, table) -> its columns, in the files' spelling."""


class DataChecks:
    """The database of one folder with its attached files; raises `InvalidInput` or `StoreError`."""

    def __init__(self, database: Path, data: DataConfig, settings: Settings) -> None:
        self._database = database
        self._data = data
        self._settings = settings
        self._names: Names = {}
        for schema, path in {PUBLIC: str(database), **data.files}.items():
            self._names |= _read_names(schema, Path(path))
        everything = SqlPolicy(
            allowed_schemas=[PUBLIC, *data.files],
            rules=[data.rules],
            files=data.files,
            user_id=CALLER.user_id,
            role=CALLER.role,
        )
        self._broken = self._broken_under(everything)

    def of_data(self, path: Path) -> list[Finding]:
        """Findings about data.yaml."""
        found = [
            *self._protecting(self._data.rules, self._broken),
            *self._notes(self._data.notes),
        ]
        return placed(path, found)

    def of_bot(self, file: LoadedFile) -> list[Finding]:
        """Findings about one bot; none for a file that could not be read."""
        bot = file.file.bot
        if bot is None:
            return []
        rules = DataRules(row_rules=bot.row_rules, hidden_columns=bot.hidden_columns)
        policy = policy_for(bot, CALLER, self._settings, self._data)
        broken = {name: why for name, why in self._broken_under(policy).items() if name not in self._broken}
        closed = {name: table for name, why in broken.items() if (table := self._unlisted(why, bot))}
        others = {name: why for name, why in broken.items() if name not in closed}
        found = [
            *self._protecting(rules, others),
            *self._closed(rules, closed),
            *self._mentioned(bot),
            *self._looked_up(bot, policy),
            *self._notes(bot.schema_notes),
            *statement_faults(bot, policy, self._database),
        ]
        return placed(file.path, found)

    def _broken_under(self, policy: SqlPolicy) -> dict[str, str]:
        try:
            with closing(GuardedConnection(self._database, policy)) as connection:
                return dict(connection.broken)
        except apsw.Error as error:
            raise StoreError(f"The data cannot be opened as bots see it: {error}") from error

    def _protecting(self, rules: DataRules, broken: Mapping[str, str]) -> Iterator[Told]:
        for table in rules.row_rules:
            if not self._find(table):
                yield "error", "row-rules", table, f"there is no table {table}{self._close(table)}"
        single = [table for table in rules.row_rules if OTHERS not in table]
        own = {fold(name): table for table in single for name in _forms(self._find(table))}
        misspelt = {fold(name) for table in self._misspelt(rules) for name in _forms(self._find(table))}
        for table, why in broken.items():
            if table in misspelt:
                continue  # the column is told below, with what it may be
            text = f"{table} cannot be shown to anybody: {why}"
            if table in own:
                yield "error", "row-rules", own[table], text
            elif rules != DataRules():
                yield "warning", "row-rules", OTHERS, text
        for table, columns in rules.hidden_columns.items():
            if not self._find(table):
                yield "error", "hidden-columns", table, f"there is no table {table}{self._close(table)}"
            else:
                for text in self._lacking(table, columns):
                    yield "error", "hidden-columns", table, text

    def _unlisted(self, why: str, bot: Bot) -> str:
        """The table that a rule reads and the bot may not; '' when something else is wrong."""
        _, told, name = why.partition(NEEDS)
        found = self._find(name) if told else []
        policy = SqlPolicy(allowed_tables=bot.allowed_tables, allowed_schemas=bot.allowed_schemas)
        return "" if any(policy.allows(table, schema) for schema, table in found) or not found else name

    def _closed(self, rules: DataRules, closed: Mapping[str, str]) -> Iterator[Told]:
        """Tables whose rule, here or in data.yaml, is good and reads a table that this bot leaves out."""
        own = {fold(form): table for table in rules.row_rules for form in _forms(self._find(table))}
        for table, needed in closed.items():
            whose = "a row rule of this file or of data.yaml" if table in own else "its row rule in data.yaml"
            text = (
                f"{table} cannot be shown to anybody: {whose} needs the table {needed}, which this bot does "
                "not allow: add it to allowed-tables"
            )
            yield ("error" if table in own else "warning"), "allowed-tables", table, text

    def _misspelt(self, rules: DataRules) -> list[str]:
        """Tables that are closed since columns to be hidden are not there."""
        hidden = rules.hidden_columns.items()
        return [table for table, columns in hidden if any(self._lacking(table, columns))]

    def _mentioned(self, bot: Bot) -> Iterator[Told]:
        every = {f"{schema}.{table}": (schema, table) for schema, table in self._names}
        for entry in bot.allowed_tables:
            policy = SqlPolicy(allowed_tables=[entry], allowed_schemas=bot.allowed_schemas)
            if not any(policy.allows(table, schema) for schema, table in every.values()):
                yield "warning", "allowed-tables", entry, f"no table matches {entry}{self._close(entry)}"
        named = [("default-table", bot.default_table)] if bot.default_table else []
        for rule in bot.intent_rules:
            named += [("intent-rules", one) for one in (rule.required_table, rule.forbidden_table) if one]
        named += [("required-columns", table) for table in bot.required_columns]
        for key, table in dict.fromkeys(named):
            if not self._find(table):
                yield "warning", key, table, f"there is no table {table}{self._close(table)}"
        for table, columns in bot.required_columns.items():
            for text in self._lacking(table, columns) if self._find(table) else ():
                yield "warning", "required-columns", table, text

    def _looked_up(self, bot: Bot, policy: SqlPolicy) -> Iterator[Told]:
        """The table that is read by meaning: it and its columns have to be there, and visible."""
        table, named = (
            bot.rag_table,
            {"rag-column": bot.rag_column, "rag-content-column": bot.rag_content_column},
        )
        if not table:
            for key in (key for key, name in named.items() if name):
                yield "warning", key, named[key] or "", f"{key} does nothing without rag-table"
            return
        if not bot.rag_column:
            yield (
                "warning",
                "rag-table",
                table,
                "rag-table needs rag-column, the name of its column of vectors",
            )
        found = self._find(table)
        if not found:
            yield "warning", "rag-table", table, f"there is no table {table}{self._close(table)}"
        elif not any(policy.allows(name, schema) for schema, name in found):
            yield "warning", "rag-table", table, f"this bot may not read {table}: add it to allowed-tables"
        hidden = {column for schema, name in found for column in policy.hidden(name, schema)}
        for key, column in named.items():
            for text in self._lacking(table, [column]) if found and column else ():
                yield "warning", key, column or "", text
            if column and fold(column) in hidden:
                yield "warning", key, column, f"{table}.{column} is a hidden column"

    def _notes(self, notes: Iterable[str]) -> Iterator[Told]:
        for name in notes:
            table, _, column = name.rpartition(".")
            of_column = any(fold(column) in map(fold, self._names[key]) for key in self._find(table))
            if not self._find(name) and not of_column:
                yield (
                    "warning",
                    "schema-notes",
                    name,
                    f"there is no table or column {name}{self._close(name)}",
                )

    def _find(self, name: str) -> list[tuple[str, str]]:
        """The tables that a rule's name means; several for a bare name or a star."""
        wanted = fold(name)
        return [
            (schema, table)
            for schema, table in self._names
            if wanted in map(fold, ("*", f"{schema}.*", table, f"{schema}.{table}"))
        ]

    def _lacking(self, table: str, columns: Iterable[str]) -> Iterator[str]:
        known = {fold(column): column for key in self._find(table) for column in self._names[key]}
        for column in columns:
            if fold(column) not in known:
                yield f"{table} has no column {column}{hint(column, tuple(known.values()))}"

    def _close(self, name: str) -> str:
        full = tuple(f"{schema}.{table}" for schema, table in self._names)
        return hint(name, full if "." in name else tuple(table for _, table in self._names))


def _read_names(schema: str, path: Path) -> Names:
    # Not as the store opens its own file: that would switch somebody else's to WAL.
    with closing(open_read_only(path)) as db:
        return {
            (schema, name): [column.name for column in columns_of(db, name)]
            for name in team_names(db, "table", "virtual", "view")
        }


def _forms(tables: Iterable[tuple[str, str]]) -> Iterator[str]:
    for schema, table in tables:
        yield from (table, f"{schema}.{table}")
