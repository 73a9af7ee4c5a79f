"""Row rules, hidden columns and notes as they are written, in a bot file or in data.yaml. Pure.

A rule protects rows only when it is found under the name that `sqlguard` looks for: a name that could never
match is a mistake here.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from appliance.botfiles import values
from appliance.botfiles.entries import EntryError, each, json_value, sentence
from appliance.botfiles.sql_scan import parameters, quoted
from appliance.datarules import ALL, NONE, OTHERS
from appliance.sqlguard import PUBLIC, fold
from appliance.sqltext import fault_of_rule

RULE_CHARS_MAX = 4_000
"""Several rules and the statement itself share SQLite's limit."""
NOTE_CHARS_MAX = 1_000
ROW_RULES_FORM = '`{"orders": "user_id = :user_id", "products": "all", "*": "none"}`'
HIDDEN_FORM = '`{"users": ["password_hash", "email"]}`'
NOTES_FORM = '`{"orders.total": "in euros, with tax"}`'
SQLITE_SCHEMAS = ("main", "temp")
KNOWN = ("user_id", "role", "tenant")
WORD_LIKENESS = 0.8
"""Of a word that is meant to be all or none: so near are `nonee` and `al`, and not the column `done`."""
_VARIABLE = re.compile(r"\{\{\s*([\w:.-]+)\s*\}\}", re.ASCII)
_IN_QUOTES = re.compile(r"(?<![\w:]):(?:user_id|role|tenant|claims\.\w+(?:\.\w+)*)\b", re.ASCII)
_CLAIM = re.compile(r"claims(\.[A-Za-z_]\w*)(\.\w+)*", re.ASCII)


def row_rules_text(value: str) -> dict[str, str]:
    """`orders: user_id = :user_id`, or a JSON object of such pairs."""
    return row_rules(
        json_value(value) if value.startswith("{") else _pair(value, "orders: user_id = :user_id")
    )


def row_rules(data: Any) -> dict[str, str]:
    """Table -> condition, `all` or `none`."""
    return merge_row_rules({}, each(data, _row_rule, form=ROW_RULES_FORM))


def _row_rule(table: str, data: Any) -> str:
    refuse_unfindable(table)
    rule = data.strip() if isinstance(data, str) else ""
    if not rule:
        raise ValueError("needs a rule: an SQL condition in quotes, all or none")
    if rule.lower() in (ALL, NONE):
        return rule.lower()
    if len(rule) > RULE_CHARS_MAX:
        raise ValueError(f"the rule is longer than {RULE_CHARS_MAX} characters")
    _refuse_unmatchable(rule)
    if fault := fault_of_rule(rule):
        raise ValueError(fault)
    try:
        names = parameters(rule)
    except ValueError as error:
        raise ValueError(f"the rule {error}") from None
    for name in names:
        if name not in KNOWN and not _CLAIM.fullmatch(name):
            raise ValueError(f"the rule has the unknown name :{name}{_meant(name)}")
    return rule


def _refuse_unmatchable(rule: str) -> None:
    """Raise `ValueError` for a rule that is SQL and can be true for nobody: a slip of the pen."""
    if variable := _VARIABLE.search(rule):
        name = variable[1] if variable[1] in KNOWN else KNOWN[0]
        raise ValueError(f"{variable[0]} is not replaced in a rule; write :{name} without quotes")
    for text in quoted(rule):
        if found := _IN_QUOTES.search(text):
            raise ValueError(f"{text} is only a text; write {found[0]} without quotes")
    word = rule.strip("'\"").lower()
    meant = difflib.get_close_matches(word, (ALL, NONE), n=1, cutoff=WORD_LIKENESS)
    if meant and word.isidentifier():
        raise ValueError(
            f"{rule} is neither all nor none; did you mean {meant[0]}? A column is compared: {word} = 1"
        )


def _meant(name: str) -> str:
    known = (*KNOWN, f"claims.{name}", f"claims.{name.rpartition('.')[2]}")
    if close := difflib.get_close_matches(name.lower(), known, n=1):
        return f"; did you mean :{close[0]}?"
    return "; known: :user_id, :role, :tenant, :claims.<name>"


def refuse_unfindable(table: str) -> None:
    """Raise `ValueError` for what is no `table`, `schema.table`, `schema.*` or `*` as rules are looked up."""
    schema, dot, name = table.rpartition(".")
    if not table or (dot and not (schema and name)):
        raise ValueError("a table is named, or schema.table")
    if OTHERS in table and (name != OTHERS or OTHERS in schema):
        raise ValueError('a star stands for all tables, as "*" or "schema.*"; name each table')
    if any(mark in table for mark in "\"`[]'") or not table.isprintable():
        raise ValueError("a table is named without quotes and brackets")
    if fold(schema) in SQLITE_SCHEMAS:
        raise ValueError(f"the data file's own schema is called {PUBLIC}, not {schema}")


def merge_row_rules(first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    """Both as one; two different rules for one table are a mistake, however its name is written."""
    merged = dict(first)
    for table, rule in second.items():
        other = _same_table(merged, table)
        if other is None:
            merged[table] = rule
        elif merged[other] != rule:
            raise EntryError(table, "has two different rules; join them with AND or OR")
    return merged


def _same_table(entries: dict[str, Any], table: str) -> str | None:
    """The name under which `entries` has the table already."""
    return next((name for name in entries if _plain(name) == _plain(table)), None)


def _plain(table: str) -> str:
    plain = fold(table).removeprefix(f"{PUBLIC}.")
    return fold(table) if plain == OTHERS else plain


def hidden_columns_text(value: str) -> dict[str, list[str]]:
    """`users=password_hash,email other=col`, or a JSON object of lists."""
    return hidden_columns(json_value(value) if value.startswith("{") else values.columns_text(value))


def hidden_columns(data: Any) -> dict[str, list[str]]:
    """Table -> names of columns that are not there for anybody."""
    return merge_hidden_columns({}, each(data, _hidden, form=HIDDEN_FORM))


def _hidden(table: str, data: Any) -> list[str]:
    refuse_unfindable(table)
    names = values.comma_separated(data) if isinstance(data, str) else values.items(data)
    for name in names:
        if any(mark in name for mark in "*\"`[]'") or not name.isprintable():
            raise ValueError(
                f"{name!r} is no name of a column; to hide a whole table give it the row rule none"
            )
    return names


def merge_hidden_columns(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
    """The union of both, however the tables' names are written."""
    merged = dict(first)
    for table, names in second.items():
        key = _same_table(merged, table) or table
        merged[key] = values.merge_lists(merged.get(key, []), names)
    return merged


def notes_text(value: str) -> dict[str, str]:
    """`orders.total: in euros`, or a JSON object of such pairs."""
    return notes(json_value(value) if value.startswith("{") else _pair(value, "orders.total: in euros"))


def notes(data: Any) -> dict[str, str]:
    """Table or column -> what a model should know of it."""
    return each(data, _note, form=NOTES_FORM)


def _note(name: str, data: Any) -> str:
    refuse_unfindable(name)
    if OTHERS in name:
        raise ValueError("a note is about one table or column")
    note = sentence(data, "the note")
    if len(note) > NOTE_CHARS_MAX:
        raise ValueError(f"the note is longer than {NOTE_CHARS_MAX} characters")
    return note


def _pair(value: str, form: str) -> dict[str, str]:
    name, colon, rest = value.partition(":")
    if not (name.strip() and colon and rest.strip()):
        raise ValueError(f"must look like {form}")
    return {name: rest}
