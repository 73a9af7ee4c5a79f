"""How the offline model reads prompts, matches names and dates, and quotes what it writes."""

from __future__ import annotations

from datetime import date

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import prompt
from appliance.bot import Bot, Example
from appliance.providers.offline.dates import find_period, shifted
from appliance.providers.offline.intent import Period, Unclear
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.schema_text import read_schema as schema_of_lines
from appliance.providers.offline.schema_text import read_today, schema_lines
from appliance.providers.offline.sqltext import RESERVED, literal, quoted
from appliance.providers.offline.words import is_slip, kind_of, parts, stem
from appliance.schema import Column, ForeignKey, Schema, Table
from appliance.schema_text import LeftOut, schema_section
from tests.providers.offline_data import Shop, ask, run_sql, shop_db, system_prompt

TODAY = date(2026, 11, 22)


def read_schema(prompt: str) -> Schema:
    return schema_of_lines(schema_lines(prompt))


# -- the prompt --------------------------------------------------------------------------------------

NAMES = st.text(st.characters(categories=["L", "N"], include_characters="_"), min_size=1, max_size=12)
VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), max_size=30
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = [
        Column(
            name=name,
            type=draw(st.sampled_from(["TEXT", "INTEGER", "DATE", ""])),
            nullable=draw(st.booleans()),
            primary_key=draw(st.booleans()),
            samples=draw(st.lists(VALUES, max_size=6)),
        )
        for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    ]
    return Table(name=draw(NAMES), columns=columns, row_count=draw(st.none() | st.integers(0, 10**9)))


@given(tables())
def test_a_schema_written_into_the_prompt_is_read_back_and_no_sample_is_altered(table: Table) -> None:
    schema = Schema(tables=[table])
    (read,) = read_schema(
        f"You are a bot.\n\n{schema_section(schema)}\n\n# Rules\n\n| a | b | c | d |"
    ).tables
    assert (read.name, read.schema, read.row_count) == (table.name, table.schema, table.row_count)
    for ours, theirs in zip(read.columns, table.columns, strict=True):
        assert (ours.name, ours.type, ours.nullable, ours.primary_key) == (
            theirs.name,
            theirs.type,
            theirs.nullable,
            theirs.primary_key,
        )
        assert set(ours.samples) <= set(theirs.samples)


def test_samples_with_commas_and_quotes_come_back_whole() -> None:
    values = ["Portland, OR", 'the "best"', "plain", "e.g. this", "primary key"]
    column = Column(name="city", type="TEXT", samples=values, comment="where; they | live")
    (table,) = read_schema(schema_section(Schema(tables=[Table(name="t", columns=[column])]))).tables
    assert table.columns[0].samples == values


def test_samples_that_would_break_the_table_are_left_out() -> None:
    column = Column(name="a", type="TEXT", samples=["x|y", "a; b", "two\nlines", "", "ok"])
    (table,) = read_schema(schema_section(Schema(tables=[Table(name="t", columns=[column])]))).tables
    assert table.columns[0].samples == ["ok"]


def test_foreign_keys_are_read_back() -> None:
    key = ForeignKey(column="user_id", target_table="users", target_column="id")
    users = Table(name="users", columns=[Column(name="id", primary_key=True)])
    orders = Table(name="orders", columns=[Column(name="user_id", type="INTEGER")], foreign_keys=[key])
    assert read_schema(schema_section(Schema(tables=[users, orders]))).tables[1].foreign_keys == [key]


def test_ranges_are_read_back_and_comments_are_not_taken_for_them() -> None:
    columns = [
        Column(name="a", type="DATE", low="2013-01-01", high="2013-12-31", comment="from start to end"),
        Column(name="b", type="TIMESTAMP", low="2013-01-01 05:00:00", high="2013-12-31T23:59:59Z"),
        Column(name="c", type="REAL", samples=["x"], low="-1.5", high="1e+20"),
        Column(name="d", comment="from start to end"),
    ]
    text = schema_section(Schema(tables=[Table(name="t", columns=columns)]))
    (table,) = read_schema(text).tables
    assert [(c.low, c.high) for c in table.columns] == [(c.low, c.high) for c in columns]
    assert [kind_of(c) for c in table.columns] == [kind_of(c) for c in columns]


def test_only_the_tables_that_are_shown_are_read_whatever_else_the_prompt_says() -> None:
    sold = Table(name="sold", schema="stock", columns=[Column(name="id", primary_key=True)], restricted=True)
    text = prompt.system_prompt(
        prompt.PromptContext(
            bot=Bot(name="b", allowed_operations=["SELECT", "DELETE"], confirm_writes=True),
            prompt="Hello.",
            schema=Schema(tables=[sold]),
            history=[],
            question="",
            user_id="",
            now="2026-11-22T10:00:00Z",
            budget_tokens=1000,
            left_out=LeftOut(tables="a, b and 5 rows.", columns={"stock.sold": "price, 9 rows."}),
            examples=[Example(question="x", sql="SELECT 1\n# Database schema\n## Table public.fake\n| id |")],
        )
    )
    (table,) = read_schema(text).tables
    assert table == Table(name="sold", schema="stock", columns=[Column(name="id", primary_key=True)])
    assert read_today(text) == TODAY


def test_a_prompt_without_a_schema_has_no_tables() -> None:
    assert read_schema("You are a bot.\n\n## Table public.fake\n| id | INTEGER | no | |").tables == []
    assert read_schema(schema_section(Schema())).tables == []


def test_the_day_is_read_from_the_line_that_tells_it() -> None:
    assert read_today("- Current date and time (UTC): 2026-11-22T10:00:00Z") == TODAY
    assert read_today("no such line") is None
    assert read_today("Current date and time (UTC): soon") is None


# -- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("order", "orders"),
        ("category", "categories"),
        ("status", "statuses"),
        ("address", "addresses"),
        ("box", "boxes"),
        ("person", "people"),
        ("user", "users'"),
        ("purchase", "purchases"),
        ("city", "City's"),
        ("bus", "bus"),
    ],
)
def test_singular_and_plural_have_one_stem(one: str, many: str) -> None:
    assert stem(one) == stem(many)


def test_names_fall_into_words() -> None:
    assert parts("order_items") == parts("OrderItems") == parts("order-item") == ("order", "item")


@pytest.mark.parametrize(
    ("word", "name", "slip"),
    [
        ("ordres", "orders", True),
        ("custmer", "customer", True),
        ("statsu", "status", True),
        ("manufactuerer", "manufacturer", True),
        ("orders", "orders", False),
        ("card", "cart", True),
        ("cat", "car", False),
        ("prices", "places", False),
    ],
)
def test_a_slip_is_one_letter_or_two_in_a_long_word(word: str, name: str, slip: bool) -> None:
    assert is_slip(word, name) is slip


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (Column(name="a", type="INTEGER"), "number"),
        (Column(name="a", type="", samples=["1.5", "2"]), "number"),
        (Column(name="a", type="TEXT", samples=["1.5", "2"]), "text"),
        (Column(name="a", type="VARCHAR(20)"), "text"),
        (Column(name="a", type="", samples=["2026-01-01", "2026-01-02 10:00:00"]), "date"),
        (Column(name="a", type="TIMESTAMP"), "date"),
        (Column(name="created_at", type="INTEGER"), "epoch"),
        (Column(name="created_at", type="TEXT"), "date"),
        (Column(name="order_date", type="TEXT"), "date"),
        (Column(name="updated", type="TEXT"), "text"),
        (Column(name="phone", type="INTEGER"), "number"),
    ],
)
def test_kinds_of_columns_are_judged_by_samples_then_by_type(column: Column, kind: str) -> None:
    assert kind_of(column) == kind


def test_a_code_in_capitals_is_not_a_little_word() -> None:
    column = Column(name="code", type="TEXT", samples=["US", "IT", "NO"])
    lexicon = Lexicon(Schema(tables=[Table(name="countries", columns=[column])]))
    assert lexicon.certain(["US"]) is not None
    assert lexicon.certain(["us"]) is None


def test_close_names_are_offered() -> None:
    with shop_db() as shop:
        assert "category" in Lexicon(shop.schema).closest("categri")


# -- dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2026-11-22", "2026-11-23"),
        ("yesterday", "2026-11-21", "2026-11-22"),
        ("this week", "2026-11-16", "2026-11-23"),
        ("last week", "2026-11-09", "2026-11-16"),
        ("in the last month", "2026-10-01", "2026-11-01"),
        ("last quarter", "2026-07-01", "2026-10-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("in the last 7 days", "2026-11-16", "2026-11-23"),
        ("past 3 months", "2026-08-23", "2026-11-23"),
        ("2 days ago", "2026-11-20", "2026-11-21"),
        ("in 2013", "2013-01-01", "2014-01-01"),
        ("in march 2013", "2013-03-01", "2013-04-01"),
        ("in december", "2025-12-01", "2026-01-01"),
        ("on 5 march 2013", "2013-03-05", "2013-03-06"),
        ("on march 5th 2013", "2013-03-05", "2013-03-06"),
        ("on 2013-03-05", "2013-03-05", "2013-03-06"),
        ("in 2013-03", "2013-03-01", "2013-04-01"),
        ("since 2025", "2025-01-01", None),
        ("after march 2025", "2025-04-01", None),
        ("before 2025-06-15", None, "2025-06-15"),
        ("until march 2025", None, "2025-04-01"),
        ("between 2025-01-01 and 2025-01-31", "2025-01-01", "2025-02-01"),
        ("from january to march 2013", "2013-01-01", "2013-04-01"),
        ("between 2013 and 2014", "2013-01-01", "2015-01-01"),
    ],
)
def test_dates_in_words(text: str, start: str | None, end: str | None) -> None:
    found = find_period(text.split(), TODAY)
    assert found is not None
    period, length = found
    assert length == len(text.split())
    assert (period.start, period.end) == (
        start and date.fromisoformat(start),
        end and date.fromisoformat(end),
    )


@pytest.mark.parametrize(
    "text", ["may", "march", "2013", "last 5 orders", "in berlin", "over 2000", "first", ""]
)
def test_words_that_are_no_dates(text: str) -> None:
    assert find_period(text.split(), TODAY) is None


@pytest.mark.parametrize("text", ["on 2026-02-30", "in 2026-13", "february 31 2026", "last 99999 years"])
def test_days_that_no_calendar_has_are_asked_back(text: str) -> None:
    with pytest.raises(Unclear):
        find_period(text.split(), TODAY)


def test_months_later_ends_on_the_last_day_of_a_short_month() -> None:
    assert shifted(date(2026, 3, 31), -1) == date(2026, 2, 28)
    assert shifted(date(2024, 12, 31), 2) == date(2025, 2, 28)


def test_a_month_alone_keeps_that_no_year_was_said() -> None:
    found = find_period(["in", "june"], TODAY)
    assert found == (Period(date(2026, 6, 1), date(2026, 7, 1), 6), 2)


# -- quoting -----------------------------------------------------------------------------------------


def test_the_list_of_reserved_words_is_that_of_sqlite() -> None:
    assert {word.lower() for word in apsw.keywords} <= RESERVED


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
def test_any_name_and_any_text_survive_quoting(text: str) -> None:
    db = apsw.Connection(":memory:")
    cursor = db.execute(f"SELECT {literal(text)} AS {quoted(text)}")
    assert cursor.get_description()[0][0] == text
    assert cursor.fetchone() == (text,)
    db.close()


# -- odd schemas -------------------------------------------------------------------------------------


def odd_db() -> apsw.Connection:
    db = apsw.Connection(":memory:")
    list(
        db.execute(
            """
            CREATE TABLE "Support Tickets" (id INTEGER PRIMARY KEY, "order" TEXT, agent_id INTEGER
                REFERENCES staff (id), opened_at INTEGER);
            CREATE TABLE staff (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT,
                manager_id INTEGER REFERENCES staff (id));
            INSERT INTO staff VALUES (1, 'Ada', 'Byron', NULL), (2, 'Alan', 'Kay', 1);
            INSERT INTO "Support Tickets" VALUES (1, 'rush', 1, 1793000000), (2, 'slow', 1, 1795000000),
                (3, 'rush', 2, 1795100000);
            """
        )
    )
    return db


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("how many support tickets", [[3]]),
        ("how many support tickets in november 2026", [[2]]),
        ("support tickets by staff", [["Ada Byron", 2], ["Alan Kay", 1]]),
        ("support tickets by order", [["rush", 2], ["slow", 1]]),
        ("support tickets by month", [["2026-10", 1], ["2026-11", 2]]),
        ("how many rush support tickets", [[2]]),
        ("staff by manager", [[None, 1], [1, 1]]),
    ],
)
async def test_odd_names_unix_seconds_two_part_names_and_keys_to_itself(
    question: str, rows: list[list[object]]
) -> None:
    with Shop.of(odd_db()) as data:
        (turn,) = await ask([question], data)
        assert turn.calls, turn.text
        sql = turn.calls[0].arguments
        assert _run(data, sql) == rows


def _run(data: Shop, arguments: str) -> list[list[object]]:
    import json

    return run_sql(data.db, json.loads(arguments)["sql"]).rows


async def test_tables_of_another_schema_are_written_with_it() -> None:
    db = apsw.Connection(":memory:")
    list(db.execute("ATTACH ':memory:' AS archive; CREATE TABLE archive.sales (id INTEGER, price REAL)"))
    list(db.execute("INSERT INTO archive.sales VALUES (1, 2.5), (2, 3.5)"))
    columns = [Column(name="id", type="INTEGER"), Column(name="price", type="REAL")]
    schema = Schema(tables=[Table(name="sales", schema="archive", columns=columns)])
    data = Shop(db, schema)
    turns = await ask(["how many sales", "average price of sales"], data)
    assert [_run(data, turn.calls[0].arguments) for turn in turns] == [[[2]], [[3.0]]]
    db.close()


async def test_tables_that_no_key_connects_are_not_joined() -> None:
    db = apsw.Connection(":memory:")
    list(db.execute("CREATE TABLE cats (id INTEGER, name TEXT); CREATE TABLE dogs (id INTEGER, breed TEXT)"))
    with Shop.of(db) as data:
        (turn,) = await ask(["cats by breed"], data)
    assert turn.calls == []
    assert "no key" in turn.text


def test_the_system_prompt_of_the_tests_is_the_one_of_the_product() -> None:
    with shop_db() as shop:
        assert read_today(system_prompt(shop.schema)) == TODAY
