"""What a model gets: the bot's words, the schema, the rules, and as much history as fits."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.bot import Bot
from appliance.errors import PromptTooLong
from appliance.messages import (
    Message,
    Part,
    TextPart,
    ToolCall,
    ToolCallPart,
    ToolResult,
    ToolResultPart,
)
from appliance.prompt import OLD_RESULT_CHARS, PromptContext, build, cost
from appliance.schema import Column, ForeignKey, Schema, Table

SHOP = Schema(
    tables=[
        Table(
            name="orders",
            comment="One row per order",
            columns=[
                Column(name="id", type="INTEGER", nullable=False, primary_key=True),
                Column(name="user_id", type="INTEGER", nullable=False),
                Column(name="status", type="TEXT", samples=["new", "paid | sent"], comment="where it is"),
            ],
            foreign_keys=[ForeignKey(column="user_id", target_table="users", target_column="id")],
        )
    ]
)


def context(**more: Any) -> PromptContext:
    given: dict[str, Any] = {
        "bot": Bot(name="shop"),
        "prompt": "You are a shop assistant.",
        "schema": SHOP,
        "history": [],
        "question": "How many?",
        "user_id": "alice",
        "now": "2026-04-29T10:11:12Z",
        "budget_tokens": 4000,
    }
    return PromptContext(**(given | more))


def turn(number: int, *parts: Part, status: str = "done") -> list[Message]:
    ids: dict[str, Any] = {"conversation_id": "c", "turn_id": f"t{number}", "status": status}
    return [
        Message(id=f"q{number}", role="user", content=f"question {number}", **ids),
        Message(id=f"a{number}", role="assistant", parts=list(parts), **ids),
    ]


def answered(number: int, text: str = "", **more: Any) -> list[Message]:
    return turn(number, TextPart(seq=0, text=text or f"answer {number}"), **more)


def contents(**more: Any) -> list[str]:
    return [message.content for message in build(context(**more))[1:]]


def test_the_system_prompt_has_its_parts_in_order() -> None:
    [system, question] = build(context())
    parts = [
        "You are a shop assistant.",
        "## Table public.orders",
        "One row per order",
        "| id | INTEGER | no | primary key |",
        "| user_id | INTEGER | no | references public.users.id |",
        "e.g. new; where it is",
        "Use only these operations: SELECT",
        "LIMIT of at most 100",
        "Current date and time (UTC): 2026-04-29T10:11:12Z",
        "Current user id: alice",
        "language of the user's message",
    ]
    places = [system.content.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)
    assert question.content == "How many?"


def test_a_bot_without_sql_hears_nothing_of_a_database() -> None:
    system = build(context(schema=None))[0].content
    assert "schema" not in system.lower()
    assert "SELECT" not in system


def test_hints_and_the_language_come_from_the_bot() -> None:
    bot = Bot(
        name="b",
        default_table="orders",
        required_columns={"orders": ["id", "status"]},
        response_language="de",
    )
    system = build(context(bot=bot))[0].content
    assert "about the table orders" in system
    assert "select these columns: id, status" in system
    assert "Always answer in this language: de" in system


def test_history_keeps_finished_and_partial_answers_and_forgets_failed_ones() -> None:
    history = [
        *answered(1),
        *answered(2, status="failed"),
        *answered(3, "half an ans", status="cancelled"),
        *turn(4, status="cancelled"),
        *answered(5, status="interrupted"),
    ]
    assert contents(history=history) == [
        "question 1",
        "answer 1",
        "question 3",
        "half an ans",
        "question 5",
        "answer 5",
        "How many?",
    ]


def test_the_oldest_turns_go_first_when_the_context_is_small() -> None:
    history = [message for number in range(50) for message in answered(number, "x" * 400)]
    kept = contents(history=history, budget_tokens=1500)
    assert kept[-1] == "How many?"
    assert kept[-3] == "question 49"
    assert 2 < len(kept) < 40
    assert sum(map(cost, build(context(history=history, budget_tokens=1500)))) <= 1500


def test_what_cannot_fit_is_refused_with_figures() -> None:
    with pytest.raises(PromptTooLong, match=r"about \d+ tokens"):
        build(context(question="x" * 40_000))


def test_tool_calls_of_history_come_back_with_their_results_cut_to_size() -> None:
    call = ToolCall(id="1", name="execute_sql", arguments='{"sql": "SELECT 1"}')
    result = ToolResult(call_id="1", name="execute_sql", ok=True, content="y" * 9000)
    lost = ToolCall(id="2", name="execute_sql", arguments="{}")
    history = turn(
        1,
        TextPart(seq=0, text="Let me see. "),
        ToolCallPart(seq=20, call=call),
        ToolResultPart(seq=21, result=result),
        ToolCallPart(seq=22, call=lost),  # cancelled while it ran
        TextPart(seq=30, text="It is one."),
    )
    _, question, asked, told, answer, _ = build(context(history=history))
    assert question.content == "question 1"
    assert (asked.content, asked.tool_calls) == ("Let me see. ", [call])
    assert (told.role, told.tool_call_id, len(told.content)) == ("tool", "1", OLD_RESULT_CHARS)
    assert answer.content == "It is one."
