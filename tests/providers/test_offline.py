"""The offline model, through the provider's door: a request in, events out, its SQL run on real data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.messages import PromptMessage, ToolCall
from appliance.providers.base import (
    ModelEvent,
    ModelRequest,
    ModelText,
    ModelToolCall,
    ModelUsage,
    Provider,
)
from appliance.providers.offline import Offline
from tests.providers.offline_data import (
    SQL_TOOL,
    Shop,
    Table,
    ask,
    flights_db,
    run_sql,
    shop_db,
    system_prompt,
)

QUESTIONS: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("offline_questions.json").read_text()
)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with shop_db() as found:
        yield found


@pytest.fixture(scope="module")
def flights() -> Iterator[Shop]:
    with flights_db() as found:
        yield found


def named(case: dict[str, Any]) -> str:
    return str(case["ask"])


def same_rows(ours: Table, expected: Table, ordered: bool) -> None:
    """The expected columns, by name, hold the same rows; a lone number needs no name."""
    if len(expected.columns) == 1 and len(ours.columns) == 1:
        at = [0]
    else:
        at = [ours.columns.index(column) for column in expected.columns]
    mine = [tuple(row[i] for i in at) for row in ours.rows]
    theirs = [tuple(row) for row in expected.rows]
    if not ordered:
        mine, theirs = sorted(mine, key=repr), sorted(theirs, key=repr)
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert [_close(value) for value in one] == list(other)


def _close(value: object) -> object:
    """Sums of floats may differ in the last digit with the order of the rows."""
    return pytest.approx(value, abs=0.011) if isinstance(value, float) else value


async def check(case: dict[str, Any], data: Shop) -> None:
    questions = case["ask"] if isinstance(case["ask"], list) else [case["ask"]]
    conversation = await ask(questions, data)
    turn = conversation[-1]
    if case.get("unclear"):
        assert turn.calls == []
        return
    assert len(turn.calls) == 1, turn.text
    arguments = json.loads(turn.calls[0].arguments)
    assert arguments["description"]
    ours = run_sql(data.db, arguments["sql"])
    if "within" in case:
        assert len(ours.rows) == case["rows"]
        allowed = run_sql(data.db, case["within"])
        at = [ours.columns.index(column) for column in allowed.columns]
        assert {tuple(row[i] for i in at) for row in ours.rows} <= {tuple(row) for row in allowed.rows}
    else:
        same_rows(ours, run_sql(data.db, case["sql"] + _limited(case["sql"])), bool(case.get("ordered")))
    assert turn.text.strip().endswith((".", "|")), turn.text


def _limited(sql: str) -> str:
    return "" if "LIMIT" in sql else " LIMIT 100"


@pytest.mark.parametrize("case", QUESTIONS["shop"], ids=named)
async def test_questions_about_the_shop_give_the_rows_of_sql_written_by_hand(
    case: dict[str, Any], shop: Shop
) -> None:
    await check(case, shop)


@pytest.mark.parametrize("case", QUESTIONS["flights"], ids=named)
async def test_questions_about_flights_give_the_rows_of_sql_written_by_hand(
    case: dict[str, Any], flights: Shop
) -> None:
    await check(case, flights)


@pytest.mark.parametrize("case", QUESTIONS["follow_ups"], ids=named)
async def test_follow_ups_continue_the_question_before(case: dict[str, Any], shop: Shop) -> None:
    await check(case, shop)


@pytest.mark.parametrize("case", QUESTIONS["talk"], ids=named)
async def test_what_is_no_data_question_gets_an_honest_word_and_no_query(
    case: dict[str, Any], shop: Shop
) -> None:
    (turn,) = await ask([case["ask"]], shop)
    assert turn.calls == []
    for words in case["says"]:
        assert words.replace("\\", "") in turn.text


def test_there_are_as_many_questions_as_promised() -> None:
    assert len(QUESTIONS["shop"]) + len(QUESTIONS["flights"]) >= 60
    assert len(QUESTIONS["talk"]) >= 15


# -- the answer --------------------------------------------------------------------------------------


async def test_the_answer_leads_in_asks_the_tool_and_ends_in_a_sentence(shop: Shop) -> None:
    (turn,) = await ask(["Show me the top 10 users by order count"], shop)
    lead, _, rest = turn.text.partition("**")
    assert lead == "Let me look that up. "
    best, orders = shop.db.execute(
        "SELECT name, count(*) FROM orders JOIN users ON users.id = user_id GROUP BY users.id ORDER BY 2 DESC"
    ).fetchone()
    assert rest.startswith(f"{best}** has the highest number of orders: **{orders}**.")
    assert turn.text.count(" (") == 3
    assert turn.text.endswith(") and 6 more.")


async def test_a_long_result_names_three_rows_and_says_how_many_more(shop: Shop) -> None:
    (turn,) = await ask(["list products"], shop)
    assert "I found 40 products:" in turn.text
    names = [row[0] for row in shop.db.execute("SELECT name FROM products LIMIT 40")]
    assert sum(name in turn.text for name in names) >= 3
    assert turn.text.endswith("and 37 more.")


async def test_nothing_found_is_said_and_known_values_are_named(shop: Shop) -> None:
    (turn,) = await ask(["how many purple products"], shop)
    assert "There are **0** products where category is purple." in turn.text
    assert "Coffee" in turn.text


async def test_an_average_of_nothing_is_not_a_number(shop: Shop) -> None:
    (turn,) = await ask(["average order total in 1999"], shop)
    assert "no rows match" in turn.text
    assert "None" not in turn.text


async def test_relative_dates_are_shown_as_the_days_they_were_taken_for(shop: Shop) -> None:
    (turn,) = await ask(["how many orders last month"], shop)
    assert "from 2026-10-01 to 2026-10-31" in turn.text


async def test_without_a_date_in_the_prompt_relative_dates_are_asked_back(shop: Shop) -> None:
    system = system_prompt(shop.schema).replace("Current date", "Some date")
    events = await collect(request("orders yesterday", system))
    assert "today's date" in text_of(events)
    assert calls_of(events) == []


async def test_rows_without_a_name_are_only_counted(flights: Shop) -> None:
    (turn,) = await ask(["flights to Los Angeles"], flights)
    assert turn.text.endswith("These are the first 100 flights where dest is Los Angeles.")


async def test_numbers_stored_as_text_are_not_reckoned_with() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE bills (id INTEGER PRIMARY KEY, amount TEXT)")
    db.execute("INSERT INTO bills VALUES (1, '9.50'), (2, '10.00')")
    with Shop.of(db) as data:
        for question in ("average amount of bills", "total amount", "bills with amount over 9"):
            (turn,) = await ask([question], data)
            assert turn.calls == [], question
            assert "amount is stored as text" in turn.text


async def test_a_duration_is_put_into_the_unit_that_the_column_names() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT, run_minutes INTEGER)")
    db.execute("INSERT INTO films VALUES (1, 'Long', 150), (2, 'Short', 90)")
    with Shop.of(db) as data:
        (turn,) = await ask(["films with run minutes over 2 hours"], data)
    assert "run_minutes > 120" in json.loads(turn.calls[0].arguments)["sql"]
    assert turn.text.endswith("Long.")


async def test_codes_of_places_are_never_suggested_as_an_average() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT, zip INTEGER, city TEXT)")
    db.execute("INSERT INTO shops VALUES (1, 'A', 10115, 'Berlin'), (2, 'B', 20095, 'Hamburg')")
    with Shop.of(db) as data:
        (turn,) = await ask(["help"], data)
    assert "How many shops are there?" in turn.text
    assert "average" not in turn.text


async def test_of_several_lines_the_question_is_read_and_none_becomes_a_value(shop: Shop) -> None:
    (turn,) = await ask(["Dear assistant, I am new here.\nHow many orders are there?"], shop)
    assert "**1,200** orders." in turn.text
    (turn,) = await ask(["How many orders\nare cancelled?"], shop)
    assert "where status is cancelled" in turn.text


async def test_values_that_would_be_markup_are_shown_as_they_are() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE links (id INTEGER PRIMARY KEY, title TEXT)")
    db.execute("INSERT INTO links VALUES (1, '[x](http://evil) | <b>*y*</b>')")
    with Shop.of(db) as data:
        (turn,) = await ask(["list links"], data)
    assert r"\[x\](http://evil) \| \<b\>\*y\*\</b\>" in turn.text


# -- the tool loop -----------------------------------------------------------------------------------


def request(question: str, system: str, *after: PromptMessage, tools: bool = True) -> ModelRequest:
    messages = [PromptMessage(role="system", content=system), PromptMessage(role="user", content=question)]
    return ModelRequest(messages=[*messages, *after], tools=[SQL_TOOL] if tools else [])


async def collect(asked: ModelRequest) -> list[ModelEvent]:
    async with Offline().stream(asked) as events:
        return [event async for event in events]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ModelText))


def calls_of(events: list[ModelEvent]) -> list[ToolCall]:
    return [event.call for event in events if isinstance(event, ModelToolCall)]


def result_of(call: ToolCall, content: object) -> list[PromptMessage]:
    text = content if isinstance(content, str) else json.dumps(content)
    return [
        PromptMessage(role="assistant", content="Let me look that up. ", tool_calls=[call]),
        PromptMessage(role="tool", content=text, tool_call_id=call.id),
    ]


async def test_the_same_request_gets_the_same_events(shop: Shop) -> None:
    asked = request("orders by status", system_prompt(shop.schema))
    assert await collect(asked) == await collect(asked)


async def test_usage_comes_last_and_counts_four_characters_a_token(shop: Shop) -> None:
    asked = request("hello", system_prompt(shop.schema))
    *_, last = await collect(asked)
    assert isinstance(last, ModelUsage)
    assert not last.usage.estimated
    characters = sum(len(message.content) for message in asked.messages)
    assert abs(last.usage.prompt_tokens - characters / 4) < 2
    assert last.usage.completion_tokens > 20


async def test_an_error_with_no_other_reading_is_told(shop: Shop) -> None:
    system = system_prompt(shop.schema)
    (call,) = calls_of(await collect(request("how many orders", system)))
    events = await collect(
        request("how many orders", system, *result_of(call, {"error": "no such table: x"}))
    )
    assert calls_of(events) == []
    assert "could not look that up" in text_of(events)
    assert "no such table: x" in text_of(events)


async def test_after_an_error_the_other_column_of_that_name_is_tried_once(flights: Shop) -> None:
    system, question = system_prompt(flights.schema), "average delay by origin"
    (first,) = calls_of(await collect(request(question, system)))
    assert "dep_delay" in first.arguments
    failed = result_of(first, {"error": "too slow"})
    (second,) = calls_of(await collect(request(question, system, *failed)))
    assert "arr_delay" in second.arguments
    assert second.id != first.id
    events = await collect(request(question, system, *failed, *result_of(second, {"error": "too slow"})))
    assert calls_of(events) == []
    assert "too slow" in text_of(events)


async def test_the_last_call_without_tools_answers_from_the_rows_that_are_there(shop: Shop) -> None:
    system = system_prompt(shop.schema)
    (call,) = calls_of(await collect(request("how many orders", system)))
    rows = {"summary": "1 row", "columns": ["orders"], "rows": [[1200]], "row_count": 1, "truncated": False}
    events = await collect(request("how many orders", system, *result_of(call, rows), tools=False))
    assert calls_of(events) == []
    assert "There are **1,200** orders." in text_of(events)


async def test_rows_capped_by_the_tool_are_counted_by_its_row_count(shop: Shop) -> None:
    system = system_prompt(shop.schema)
    (call,) = calls_of(await collect(request("users in Berlin", system)))
    rows = {"columns": ["id"], "rows": [[n] for n in range(20)], "row_count": 67, "truncated": False}
    events = await collect(request("users in Berlin", system, *result_of(call, rows)))
    assert "I found 67 users" in text_of(events)
    assert "and 64 more." in text_of(events)


async def test_a_result_that_is_no_json_is_told_as_a_failure(shop: Shop) -> None:
    system = system_prompt(shop.schema)
    (call,) = calls_of(await collect(request("how many orders", system)))
    events = await collect(request("how many orders", system, *result_of(call, "Time limit reached")))
    assert "Time limit reached" in text_of(events)


async def test_a_bot_without_the_sql_tool_says_that_it_has_no_data() -> None:
    asked = request("how many orders", "You are a bot.", tools=False)
    assert "no data to ask" in text_of(await collect(asked))


async def test_a_bot_whose_schema_is_empty_says_so() -> None:
    asked = request("how many orders", "# Database schema\n\nNo tables are available to you.")
    assert "no tables" in text_of(await collect(asked))


async def test_a_very_long_message_is_not_parsed(shop: Shop) -> None:
    asked = request("how many orders " * 5_000, system_prompt(shop.schema))
    assert "cannot answer" in text_of(await collect(asked))


# -- the provider ------------------------------------------------------------------------------------


async def test_it_is_a_provider() -> None:
    provider: Provider = Offline()
    assert (provider.name, provider.default_model) == ("offline", "offline")
    assert provider.context_tokens == 32_000
    await provider.aclose()


async def test_text_streams_word_by_word_and_stops_when_left(autojump_clock: Any, shop: Shop) -> None:
    pieces = []
    started = trio.current_time()
    async with Offline(pace_s=1.0).stream(request("hello", system_prompt(shop.schema))) as events:
        async for event in events:
            assert isinstance(event, ModelText)
            pieces.append(event.text)
            if len(pieces) == 3:
                break
    assert [len(piece.split()) for piece in pieces] == [1, 1, 1]
    assert trio.current_time() - started == 2.0


async def test_a_reader_is_never_held_without_a_checkpoint(shop: Shop) -> None:
    other_ran = False

    async def other() -> None:
        nonlocal other_ran
        other_ran = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        async with Offline().stream(request("hello", system_prompt(shop.schema))) as events:
            for _ in range(3):
                await anext(events)
            assert other_ran


# -- what must never happen --------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "how",
        "many",
        "number",
        "of",
        "top",
        "10",
        "5",
        "users",
        "orders",
        "order",
        "products",
        "count",
        "by",
        "average",
        "total",
        "price",
        "revenue",
        "month",
        "in",
        "over",
        "between",
        "and",
        "or",
        "not",
        "without",
        "with",
        "most",
        "highest",
        "newest",
        "cancelled",
        "Berlin",
        "\"x';",
        '--"',
        "the",
        "which",
        "is",
        "status",
        "2013",
        "last",
        "week",
        "per",
        "sorted",
        "descending",
        "name",
        "contains",
        "category",
        "3",
        "all",
        "distinct",
        "lowest",
        "'a''b'",
        "é",
        "東京",
        "\x00",
        "%",
    ]
)


@given(st.lists(WORDS, max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_words_give_a_reply_and_only_queries_that_run(words: list[str]) -> None:
    from appliance.providers.offline.reply import reply

    with shop_db() as data:
        spoken = reply(request(" ".join(words), system_prompt(data.schema)))
        assert spoken.text
        if spoken.call:
            sql = json.loads(spoken.call.arguments)["sql"]
            ours = run_sql(data.db, sql)
            assert sql.startswith("SELECT")
            assert len(ours.rows) <= 100
            after = result_of(
                spoken.call, {"columns": ours.columns, "rows": ours.rows, "row_count": len(ours.rows)}
            )
            assert reply(request(" ".join(words), system_prompt(data.schema), *after)).text


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_a_reply(text: str) -> None:
    from appliance.providers.offline.reply import reply

    with shop_db() as data:
        assert reply(request(text, system_prompt(data.schema))).text


async def test_a_value_cannot_leave_its_quotes(shop: Shop) -> None:
    (turn,) = await ask(["users where city is \"x' OR '1'='1\""], shop)
    sql = json.loads(turn.calls[0].arguments)["sql"]
    assert "'x'' OR ''1''=''1'" in sql
    assert run_sql(shop.db, sql).rows == []


def test_requests_survive_the_wire(shop: Shop) -> None:
    asked = request("how many orders", system_prompt(shop.schema))
    assert msgspec.json.decode(msgspec.json.encode(asked), type=ModelRequest) == asked
