"""Ended turns by the hour: what they cost, how long they took. Counted when a turn is closed."""

from __future__ import annotations

import math

import apsw
import msgspec

HOUR_S = 3600
STEP = 1.1
"""Times are kept to five per cent: a row for each power of this that was met."""


class HourEnd(msgspec.Struct, frozen=True, kw_only=True):
    """One ended turn. `is_answered` when it was answered to its end, in `took_s`."""

    at: float
    tenant: str
    namespace: str
    bot: str
    provider: str
    model: str
    conversation_id: str
    prompt_tokens: int
    completion_tokens: int
    is_error: bool
    is_answered: bool
    took_s: float


class HourSum(msgspec.Struct, frozen=True, kw_only=True):
    """Ended turns of one hour (Unix seconds of its beginning), bot, provider and model."""

    at: int
    namespace: str
    bot: str
    provider: str
    model: str
    turns: int
    conversations: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    answered: int
    answered_s: float


class ModelSum(msgspec.Struct, frozen=True, kw_only=True):
    """What all tenants used of one model."""

    model: str
    prompt_tokens: int
    completion_tokens: int


def count(db: apsw.Connection, end: HourEnd) -> None:
    """Add one turn; its conversation counts with its first one."""
    db.execute("UPDATE _conversations SET counted = 1 WHERE id = ? AND NOT counted", (end.conversation_id,))
    is_first, hour = db.changes() > 0, int(end.at // HOUR_S)
    db.execute(
        "INSERT INTO _turn_hours VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET turns = turns + 1, "
        "conversations = conversations + excluded.conversations, "
        "errors = errors + excluded.errors, prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
        "completion_tokens = completion_tokens + excluded.completion_tokens, "
        "answered = answered + excluded.answered, answered_s = answered_s + excluded.answered_s",
        (
            *(hour, end.tenant, end.namespace, end.bot, end.provider, end.model),
            *(is_first, end.is_error, end.prompt_tokens, end.completion_tokens),
            *(end.is_answered, max(0.0, end.took_s) if end.is_answered else 0.0),
        ),
    )
    if end.is_answered:
        db.execute(
            "INSERT INTO _turn_speeds VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET turns = turns + 1",
            (hour, end.tenant, step_of(end.took_s * 1000)),
        )


def step_of(took_ms: float) -> int:
    """The row in which an answer of so many milliseconds is counted."""
    return math.floor(math.log(max(1.0, took_ms)) / math.log(STEP))


def time_of(step: int) -> float:
    """Milliseconds in the middle of a row."""
    return float(STEP ** (step + 0.5))


def sums(db: apsw.Connection, tenant: str, start: float, end: float) -> list[HourSum]:
    """What ended from `start` until before `end`, in whole hours, oldest first."""
    rows = db.execute(
        "SELECT hour * 3600, namespace, bot, provider, model, turns, conversations, errors, prompt_tokens, "
        "completion_tokens, answered, answered_s FROM _turn_hours "
        "WHERE hour >= ? AND hour < ? AND tenant = ? ORDER BY hour",
        (int(start // HOUR_S), math.ceil(end / HOUR_S), tenant),
    )
    fields = HourSum.__struct_fields__
    return [msgspec.convert(dict(zip(fields, row, strict=True)), HourSum) for row in rows]


def speeds(db: apsw.Connection, tenant: str, start: float, end: float) -> dict[int, int]:
    """How many answers fell into which row, see `time_of`."""
    rows = db.execute(
        "SELECT step, sum(turns) FROM _turn_speeds WHERE hour >= ? AND hour < ? AND tenant = ? "
        "GROUP BY step ORDER BY step",
        (int(start // HOUR_S), math.ceil(end / HOUR_S), tenant),
    )
    return {int(str(step)): int(str(turns)) for step, turns in rows}


def by_model(db: apsw.Connection, start: float) -> list[ModelSum]:
    """What all tenants together have used since `start`."""
    rows = db.execute(
        "SELECT model, sum(prompt_tokens), sum(completion_tokens) FROM _turn_hours WHERE hour >= ? "
        "GROUP BY model",
        (int(start // HOUR_S),),
    )
    fields = ModelSum.__struct_fields__
    return [msgspec.convert(dict(zip(fields, row, strict=True)), ModelSum) for row in rows]


def by_bot(db: apsw.Connection, tenant: str, start: float) -> dict[tuple[str, str], tuple[int, int]]:
    """Turns and tokens of each bot since `start`."""
    rows = db.execute(
        "SELECT namespace, bot, sum(turns), sum(prompt_tokens + completion_tokens) FROM _turn_hours "
        "WHERE hour >= ? AND tenant = ? GROUP BY namespace, bot",
        (int(start // HOUR_S), tenant),
    )
    return {(str(space), str(bot)): (int(str(turns)), int(str(tokens))) for space, bot, turns, tokens in rows}


def judged(db: apsw.Connection, tenant: str, start: float, end: float) -> tuple[int, int]:
    """How many answers people called good, and how many bad."""
    row = db.execute(
        "SELECT count(*) FILTER (WHERE m.feedback = 'positive'), "
        "count(*) FILTER (WHERE m.feedback = 'negative') "
        "FROM _messages m JOIN _conversations c ON c.id = m.conversation_id "
        "WHERE m.feedback IS NOT NULL AND m.created_at >= ? AND m.created_at < ? AND c.tenant = ?",
        (start, end, tenant),
    ).get
    return int(row[0]), int(row[1])
