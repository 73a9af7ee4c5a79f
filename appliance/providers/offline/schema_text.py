"""Reads back from the system prompt what a question needs: the schema section and the moment.

The format of the section is the promise of `appliance.schema_text.schema_section`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date

from appliance.schema import Column, ForeignKey, Schema, Table
from appliance.schema_text import SCHEMA_HEADING

TABLE_HEADING = "## Table "
INFERRED = " (inferred)"
NOW_LINE = "Current date and time (UTC): "
_END = r"(-?\d[\w.:+-]*(?: \d[\w.:+-]*)?)"
RANGE = re.compile(f"from {_END} to {_END}")
"""Numbers and dates only: what people write in comments is no range."""


def schema_lines(system_prompt: str) -> tuple[str, ...]:
    """The lines of the schema section, up to the next heading of the same level."""
    return tuple(_section_lines(system_prompt))


def read_schema(lines: Iterable[str]) -> Schema:
    """The tables of a schema section, without their comments; none when there is no section."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(TABLE_HEADING):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    names = [block[0].removeprefix(TABLE_HEADING) for block in blocks]
    return Schema(tables=[_table(block, names) for block in blocks])


def read_today(system_prompt: str) -> date | None:
    """The day that the prompt says it is, None when it does not say."""
    _, found, rest = system_prompt.rpartition(NOW_LINE)
    try:
        return date.fromisoformat(rest[:10]) if found else None
    except ValueError:
        return None


def _section_lines(system_prompt: str) -> Iterator[str]:
    inside = False
    for line in system_prompt.splitlines():
        if line == SCHEMA_HEADING:
            inside = True
        elif line.startswith("# "):
            inside = False
        elif inside:
            yield line


def _table(lines: list[str], names: list[str]) -> Table:
    schema, _, name = lines[0].removeprefix(TABLE_HEADING).partition(".")
    columns, keys = [], []
    for line in lines:
        if line.startswith("| ") and not line.startswith("| column | type |"):
            column, target = _column(line)
            columns.append(column)
            keys += _foreign_key(column.name, target, names)
    count = next((int(line.split()[0]) for line in lines if _is_row_count(line)), None)
    return Table(name=name, schema=schema, columns=columns, foreign_keys=keys, row_count=count)


def _is_row_count(line: str) -> bool:
    return line.endswith(" rows.") and line.removesuffix(" rows.").isdecimal()


def _column(line: str) -> tuple[Column, str]:
    """The column of one line of the Markdown table, and what it references, or ''."""
    name, kind, null, notes = (cell.strip() for cell in line.strip().strip("|").split("|", 3))
    primary_key, target, samples, low, high = False, "", "", "", ""
    for note in notes.split("; "):
        if note == "primary key":
            primary_key = True
        elif note.startswith("references "):
            target = note.removeprefix("references ")
        elif note.startswith("e.g. ") and not samples:
            samples = note.removeprefix("e.g. ")
        elif (span := RANGE.fullmatch(note)) and not high:
            low, high = span.groups()
    column = Column(
        name=name,
        type="" if kind == "ANY" else kind,
        nullable=null == "yes",
        primary_key=primary_key,
        samples=_samples(samples),
        low=low,
        high=high,
    )
    return column, target


def _foreign_key(column: str, target: str, names: list[str]) -> list[ForeignKey]:
    """The key of `schema.table.column`, none when that table is not in the prompt."""
    target, declared = target.removesuffix(INFERRED), not target.endswith(INFERRED)
    for name in names:
        if target.startswith(f"{name}."):
            table = name.partition(".")[2]
            wanted = target[len(name) + 1 :]
            return [ForeignKey(column=column, target_table=table, target_column=wanted, declared=declared)]
    return []


def _samples(text: str) -> list[str]:
    """The values of an `e.g.` note: separated by `, `, some of them JSON strings."""
    values = []
    decoder = json.JSONDecoder()
    while text:
        if text.startswith('"'):
            value, end = decoder.raw_decode(text)
        else:
            end = text.find(", ") if ", " in text else len(text)
            value = text[:end]
        values.append(value)
        text = text[end:].removeprefix(", ")
    return values
