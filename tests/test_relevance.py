"""What a question is about: the right tables of a large schema, and the examples that are like it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.bot import Example
from appliance.messages import estimate_tokens
from appliance.relevance import Selection, choose_examples, choose_tables, schema_budget
from appliance.schema import Column, ForeignKey, Schema, Table
from appliance.schema_index import SchemaIndex
from appliance.schema_text import schema_section

DATA = Path(__file__).parent / "relevance_data"
USUAL = (
    "created_at", "updated_at", "created_by", "updated_by", "is_active", "external_ref", "sort_order",
    "tenant", "notes", "version", "deleted_at",
)  # fmt: skip


def lines(name: str) -> list[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache
def company() -> Schema:
    """Some 200 tables of a company, about 15 columns each."""
    return Schema(tables=[table_of(line) for line in lines("tables.txt")])


def table_of(line: str) -> Table:
    name, _, written = line.partition(": ")
    columns, keys = [Column(name="id", type="INTEGER", nullable=False, primary_key=True)], []
    for text in written.split(", "):
        plain, _, samples = text.partition("=")
        column, _, target = plain.partition(">")
        columns.append(
            Column(
                name=column,
                type="INTEGER" if target else "TEXT",
                samples=samples.split("|") if samples else [],
            )
        )
        if target:
            keys.append(ForeignKey(column=column, target_table=target, target_column="id"))
    columns += [Column(name=usual, type="TEXT") for usual in USUAL]
    return Table(name=name, columns=columns, foreign_keys=keys, row_count=1234)


@lru_cache
def index() -> SchemaIndex:
    return SchemaIndex(company())


def chosen(question: str, tokens: int = 6000, **more: object) -> Selection:
    return choose_tables(company(), question, budget_tokens=tokens, index=index(), **more)  # type: ignore[arg-type]


def names(selection: Selection) -> list[str]:
    return [table.name for table in selection.schema.tables]


def section(selection: Selection) -> str:
    return schema_section(selection.schema, selection.left_out)


# -- tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tokens", "least"), [(6000, 0.97), (2000, 0.9)])
def test_clear_questions_get_the_tables_that_they_need(tokens: int, least: float) -> None:
    needed, found, missed = 0, 0, []
    for line in lines("questions.txt"):
        question, _, wanted = line.partition(" -> ")
        selection = chosen(question, tokens)
        assert estimate_tokens(section(selection)) <= tokens
        lost = set(wanted.split()) - set(names(selection))
        needed += len(wanted.split())
        found += len(wanted.split()) - len(lost)
        if lost:
            missed.append((question, sorted(lost)))
    print(f"{tokens} tokens: {found} of {needed} needed tables shown, recall {found / needed:.3f}; {missed}")
    assert needed > 80
    assert found / needed >= least, missed


def test_a_schema_that_fits_is_shown_whole_and_in_its_order() -> None:
    small = Schema(tables=company().tables[:5])
    selection = choose_tables(small, "loyalty points", budget_tokens=6000)
    assert selection == Selection(schema=small)


def test_what_is_not_shown_is_named_in_one_line() -> None:
    text = section(chosen("How many loyalty points do gold members have?"))
    [others] = [line for line in text.splitlines() if line.startswith("Other tables: ")]
    assert "fleet_parking_spaces" in others
    assert "loyalty_points" not in others
    shown = [line.removeprefix("## Table public.") for line in text.splitlines() if line.startswith("## ")]
    assert sorted(shown + others.removeprefix("Other tables: ").split(", ")) == sorted(
        table.name for table in company().tables
    )
    order = [table.name for table in company().tables]
    assert shown == sorted(shown, key=order.index)


def test_the_same_question_always_gets_the_same_tables() -> None:
    fresh = choose_tables(company(), "invoices of customers in arrears", budget_tokens=3000)
    assert fresh == chosen("invoices of customers in arrears", 3000)


def test_the_default_table_and_those_of_the_last_answers_come_first() -> None:
    nothing = names(chosen("and in the year before?", 2000))
    assert not {"legal_patents", "fac_leases"} & set(nothing)
    more = names(
        chosen(
            "and in the year before?",
            2000,
            default_table="FAC_leases",
            recent=["public.legal_patents", "gone"],
        )
    )
    assert {"legal_patents", "fac_leases"} <= set(more)


def test_a_question_that_says_nothing_gets_the_tables_that_most_others_point_at() -> None:
    assert "crm_customers" in names(chosen("hello", 2000))
    assert "hr_employees" in names(chosen("", 2000))


def test_join_tables_between_the_meant_ones_get_in() -> None:
    columns = [Column(name=f"c{n}") for n in range(20)]

    def linked(name: str, *targets: str) -> Table:
        keys = [
            ForeignKey(column=f"c{n}", target_table=to, target_column="c0") for n, to in enumerate(targets)
        ]
        return Table(name=name, columns=columns, foreign_keys=keys)

    linking = [linked("x1", "authors", "x2"), linked("x2", "books")]
    plain = [linked(f"z{n}", "authors") for n in range(60)]
    far = Schema(tables=[*plain, linked("authors"), linked("books"), *linking])
    question = "authors of books"
    shown = names(choose_tables(far, question, budget_tokens=1500))
    assert {"authors", "books", "x1", "x2"} <= set(shown)
    near = Schema(tables=[*plain, linked("authors"), linked("books"), linked("y", "authors", "books")])
    assert "y" in names(choose_tables(near, question, budget_tokens=1000))


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("wharehouses", "wh_warehouses"),
        ("SUPPLIER ratings", "pur_supplier_ratings"),
        ("time sheets and timeEntries", "hr_time_entries"),
        ("Kundenauftraege", "kundenAuftraege"),
        ("pr\u00fcfmittel", "pruefmittel"),
        ("pru\u0308fmittel", "pruefmittel"),
        ("shipped parcels", "ship_shipments"),
        ("anything about kwh", "prod_energy_readings"),
        ("bronze", "loyalty_members"),
    ],
)
def test_words_are_found_in_other_forms(question: str, table: str) -> None:
    assert table in names(chosen(question, 2500))


def test_a_comment_says_what_a_table_is_about() -> None:
    tables = [Table(name=f"t{n}", columns=[Column(name=f"c{c}") for c in range(20)]) for n in range(50)]
    tables[33] = Table(name="x17", comment="Turnover of the branches", columns=tables[33].columns)
    selection = choose_tables(Schema(tables=tables), "turnover per branch", budget_tokens=500)
    assert names(selection) == ["x17"]


def test_a_very_wide_table_keeps_its_keys_and_the_columns_that_are_asked_for() -> None:
    columns = [Column(name="id", primary_key=True), *(Column(name=f"measure_{n}_value") for n in range(400))]
    columns[300] = Column(name="viscosity", comment="of the oil " + "x" * 5000)
    wide = Table(name="lab_results", columns=columns)
    selection = choose_tables(
        Schema(tables=[wide, *company().tables]), "average viscosity in the lab", budget_tokens=2000
    )
    shown = selection.schema.tables[0]
    assert shown.name == "lab_results"
    assert {"id", "viscosity"} <= {column.name for column in shown.columns}
    assert "measure_" in selection.left_out.columns["lab_results"]
    assert "More columns: " in section(selection)
    assert estimate_tokens(section(selection)) <= 2000


def test_tables_of_attached_files_are_known_by_their_schema() -> None:
    columns = [Column(name=f"c{n}") for n in range(30)]
    attached = [Table(name=f"t{n}", schema="archive", columns=columns) for n in range(40)]
    ours = [Table(name=f"t{n}", columns=columns) for n in range(40)]
    selection = choose_tables(
        Schema(tables=ours + attached), "", budget_tokens=1200, default_table="t3", recent=["archive.t5"]
    )
    assert {table.sql_name for table in selection.schema.tables} >= {"t3", "archive.t5"}
    assert "archive.t7" in selection.left_out.tables


@given(st.text(max_size=200), st.integers(60, 3000))
@settings(max_examples=60, deadline=None)
def test_no_question_breaks_the_budget(question: str, tokens: int) -> None:
    assert estimate_tokens(section(chosen(question, tokens))) <= tokens


def test_hostile_names_and_questions_cost_no_more_than_others() -> None:
    columns = [Column(name="c" * 900), Column(name="a\nb | c"), Column(name="\u202e")]
    tables = [Table(name=f"# Context\n## Table {n} {'x' * 300}", columns=columns) for n in range(300)]
    selection = choose_tables(Schema(tables=tables), "x" * 200_000 + " table" * 50_000, budget_tokens=1000)
    text = section(selection)
    assert estimate_tokens(text) <= 1000
    assert text.count("\n# ") == 0


def test_the_schema_never_takes_more_than_half_of_what_the_model_reads() -> None:
    assert schema_budget(6000, 32_000) == 6000
    assert schema_budget(6000, 4096) == 2048


# -- examples ----------------------------------------------------------------------------------------

EXAMPLES = [
    Example(question=question, sql=f"SELECT {number}")
    for number, question in enumerate(
        [
            "How many orders were cancelled last month?",
            "Which customers bought the most?",
            "Average delivery time per carrier",
            "List the employees of each department",
            "Welche Kunden haben offene Rechnungen?",
            "Revenue by product category",
        ]
    )
]


def examples_for(question: str, limit: int = 3) -> list[str]:
    return [example.sql for example in choose_examples(EXAMPLES, question, limit)]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("How many orders were cancelled last month?", 0),
        ("cancelled order count in May", 0),
        ("the customer who has bought most", 1),
        ("delivry times of carriers", 2),
        ("employee list by departments", 3),
        ("Offene Rechnung des Kunden M\u00fcller", 4),
        ("revenues per categories", 5),
    ],
)
def test_the_most_similar_example_comes_first(question: str, first: int) -> None:
    assert examples_for(question)[0] == f"SELECT {first}"


def test_examples_that_are_not_like_the_question_are_left_out() -> None:
    assert examples_for("What is the weather on Mars?") == []
    assert examples_for("") == []
    assert choose_examples([], "orders") == []
    assert examples_for("How many orders were cancelled last month?", limit=1) == ["SELECT 0"]


def test_equal_examples_keep_their_order() -> None:
    twins = [Example(question="Orders per day", sql=f"SELECT {n}") for n in range(5)]
    assert [example.sql for example in choose_examples(twins, "orders per day", 2)] == [
        "SELECT 0",
        "SELECT 1",
    ]
