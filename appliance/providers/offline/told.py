"""What the offline model says to results that are no rows for a question of its own: changes, refusals."""

from __future__ import annotations

import re

import msgspec

DECISION_TOOL = "confirm_change"
"""Under this name stands what the user decided on a proposed change."""

DONE = {"INSERT": "added to", "UPDATE": "changed in", "DELETE": "deleted from"}
RULES = re.compile(
    r"For this question the bot's rules |This question must be answered |A statement that reads .* must also "
)
"""How refusals begin that come from a bot's own rules: asking the same again ends the turn."""
COLUMNS_WANTED = re.compile(r"A statement that reads (.+?) must also read its columns (.+?); add them")


class Told(msgspec.Struct, frozen=True):
    """The part of a result that tells what became of a change, or what went wrong."""

    status: str = ""
    operation: str = ""
    table: str = ""
    row_count: int = 0
    error: str | None = None


def is_refusal(error: str) -> bool:
    """Is it a rule of the bot that refused, and not the database?"""
    return RULES.match(error) is not None


def columns_wanted(error: str) -> tuple[str, list[str]]:
    """The table and the columns that a refusal wants to be read; ('', []) for any other error."""
    found = COLUMNS_WANTED.match(error)
    return (found[1], found[2].split(", ")) if found else ("", [])


def sentence(tool: str, content: str) -> str:
    """One sentence on the result of a tool that gives no rows to be put into words."""
    try:
        told = msgspec.json.decode(content, type=Told)
    except msgspec.DecodeError:
        told = Told()
    if tool == DECISION_TOOL or told.status in ("applied", "proposed", "declined"):
        return _of_change(told)
    if told.error is not None:
        return f"The tool {tool} could not do it. It said: {told.error}"
    return f"The tool {tool} has answered, but I only put rows of the database into words."


def _of_change(told: Told) -> str:
    match told.status:
        case "applied":
            count = "1 row was" if told.row_count == 1 else f"{told.row_count:,} rows were"
            return f"It is done: {count} {DONE.get(told.operation, 'changed in')} {told.table}."
        case "proposed":
            return "Nothing is changed yet: this change waits for your decision."
        case "declined":
            return "As you decided, nothing was changed."
    return f"Nothing was changed. The reason: {told.error}" if told.error else "Nothing was changed."
