from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from appliance.tools.base import ToolError
from appliance.tools.bound import Bound
from appliance.tools.filters import CONDITIONS_MAX, HELP, OPERATORS, VALUES_MAX, where
from tests.tools import structured


@pytest.fixture
def db(tmp_path: Path) -> apsw.Connection:
    db = apsw.Connection(str(structured.make(tmp_path)))
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    db.limit(apsw.SQLITE_LIMIT_EXPR_DEPTH, 100)
    return db


def ids(db: apsw.Connection, conditions: dict[str, Any], table: str = "people") -> list[Any]:
    bound = Bound()
    key = "rowid" if table.startswith("odd") else "id"
    sql = f'SELECT {key} FROM "{table}" WHERE {where(conditions, bound)}'
    return sorted(row[0] for row in db.execute(sql, bound.values))


FOUND: list[tuple[str, Any, list[int]]] = [
    ("name", "eq.Ada", [1]),
    ("name", "Ada", [1]),
    ("name", "neq.Ada", [2, 3, 4]),
    ("zip", "neq.7", [1, 3]),
    # Text columns compare text, numeric ones numbers, loose ones whatever is there.
    ("zip", "eq.7", [2]),
    ("zip", "eq.007", [1]),
    ("zip", 7, [2]),
    ("zip", "in.(007,x)", [1, 3]),
    ("zip", "in.(7)", [2]),
    ("age", "gt.36", [3]),
    ("age", "gte.36", [1, 3]),
    ("age", "lt.100", [1, 2]),
    ("age", "lte.9", [2]),
    ("age", "eq.36.0", [1]),
    ("age", "eq.+36", [1]),
    ("age", "lt.abc", []),
    ("age", "gt.abc", []),
    ("height", "eq.1.70", [2]),
    ("height", "in.(1.650,2)", [1, 4]),
    ("loose", "eq.5", [1, 2]),
    ("loose", "gt.4", [1, 2]),
    ("loose", "in.(5)", [1, 2]),
    ("born", "gte.1990-01-01", [2, 4]),
    ("born", ["gte.1900", "lt.2000"], [2]),
    ("age", "eq.99999999999999999999", []),
    ("age", "lt.99999999999999999999", [1, 2, 3]),
    ("age", "eq.1e999", []),
    # Patterns: like tells capitals from small letters, ilike does not.
    ("name", "like.A*", [1]),
    ("name", "like.%d%", [1, 2, 3]),
    ("name", "like._da", [1, 2]),
    ("name", "ilike.ADA", [1, 2]),
    ("name", "like.50\\%*", [4]),
    ("name", "like.*[off]\\_", [4]),
    ("name", "ilike.*[OFF]\\_", [4]),
    ("name", "like.*[abc]*", []),
    ("name", "ilike.A\\*", []),
    # NULL and truths.
    ("height", "is.null", [3]),
    ("height", None, [3]),
    ("height", "isnot.null", [1, 2, 4]),
    ("active", "is.true", [1, 4]),
    ("active", "is.false", [2]),
    ("active", "isnot.true", [2, 3]),
    ("active", True, [1, 4]),
    ("active", "eq.false", [2]),
    # Lists.
    ("name", 'in.("Bob, the \\"builder\\"",Ada)', [1, 3]),
    ("name", 'in.( "Bob, the ""builder""" , Ada )', [1, 3]),
    ("name", 'in.["Ada"]', [1]),
    ("id", [1, 3], [1, 3]),
    ("id", ["1", "3"], [1, 3]),
    ("height", [2.0, None], [3, 4]),
    ("id", "nin.(1,2)", [3, 4]),
    ("id", "not.in.(1,2)", [3, 4]),
    ("name", "not.like.A*", [2, 3, 4]),
    # JSON arrays; what is none never matches.
    ("tags", "cs.{tea}", [1, 2]),
    ("tags", 'cs.["tea","math"]', [1]),
    ("tags", "cs.[5]", [2]),
    ("tags", "cs.[true]", [2]),
    ("tags", "cd.{tea,math,milk}", [1]),
    ("tags", "ov.(math,milk)", [1]),
    ("tags", "ov.{no json}", []),
]


@pytest.mark.parametrize(("column", "condition", "expected"), FOUND)
def test_a_condition_finds_its_rows(
    db: apsw.Connection, column: str, condition: Any, expected: list[int]
) -> None:
    assert ids(db, {column: condition}) == expected


def test_columns_that_a_view_computes_compare_by_what_they_hold(db: apsw.Connection) -> None:
    assert ids(db, {"year": "eq.1990"}, "years") == [2]
    assert ids(db, {"year": "gt.1989"}, "years") == [2, 4]
    assert ids(db, {"year": 2000}, "years") == [4]
    assert ids(db, {"twice": "gt.72"}, "years") == [3]
    assert ids(db, {"twice": "18.0"}, "years") == [2]
    assert ids(db, {"twice": "in.(18,72)"}, "years") == [1, 2]


def test_conditions_on_several_columns_must_all_hold(db: apsw.Connection) -> None:
    assert ids(db, {"active": "is.true", "height": "lt.2"}) == [1]
    assert ids(db, {"name": ["like.*a", "not.eq.Ada"]}) == [2]


def test_columns_may_be_called_anything(db: apsw.Connection) -> None:
    table = 'odd "" table'
    assert ids(db, {"first name": "eq.Ada"}, table) == [1]
    assert ids(db, {"select": "x", "größe": "lt.2", "a.b": "dot"}, table) == [1]
    for operator in ("cs", "cd", "ov"):  # json_each has a column of this name, too
        assert ids(db, {"value": f"{operator}.{{b}}"}, table) == [2]


def test_no_value_gets_into_the_text(db: apsw.Connection) -> None:
    hostile = ["' OR 1=1 --", '"; DROP TABLE people; --', "a\0b", "x" * 1_000_000, ":p0", "?1", "\\", "%"]
    for text in hostile:
        for operator in ("eq", "neq", "gt", "lte"):
            bound = Bound()
            sql = where({"name": f"{operator}.{text}"}, bound)
            assert text not in sql.replace(":p0", "") or text in "\\%"
            assert text in bound.values.values()
            assert ids(db, {"name": f"{operator}.{text}", "id": "eq.-1"}) == []
    assert ids(db, {"name": hostile}) == []


def test_a_column_name_cannot_leave_its_quotes(db: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError, match="no such column"):
        ids(db, {'name" = "name" OR "1': "x"})


BAD: list[tuple[Any, str]] = [
    ("eqq.5", "there is no operator eqq. Did you mean eq.5? For this very text write eq.eqq.5"),
    ("EQ.5", "Did you mean eq.5?"),
    ("ne.5", "Did you mean neq.5?"),
    ("not.iin.(5)", "Did you mean not.in.(5)?"),
    (">= 5", "Did you mean gte.5?"),
    ("between.1.3", 'no operator between. Write a list of two conditions, like ["gte.1", "lte.3"]'),
    ("between.1.3", "For this very text write eq.between.1.3."),
    ("between(1,3)", 'Write a list of two conditions, like ["gte.1", "lte.3"]'),
    ("between 1 and 3", 'Write a list of two conditions, like ["gte.1", "lte.3"]'),
    ("not.between.1.3", "Ask twice, as with lt.1 and then gt.3, or use SQL."),
    ("and(gt.1,lt.3)", 'Write a list of conditions, like ["gt.1", "lt.3"]'),
    ("or(eq.1,eq.3)", "Write in.(a,b) for one of several values, and ask twice"),
    ("startswith.n", "no operator startswith. Write ilike.text*."),
    ("starts_with.n", "Write ilike.text*."),
    ("startsWith.n", "Write ilike.text*."),
    ("startwith.n", "Write ilike.text*."),
    ("not.endswith.n", "Write ilike.*text, with not. before it."),
    ("match.^n", "Write a pattern with * for any text, like ilike.*text*; regular expressions are not"),
    ("contains.x", "Write ilike.*text* for text, or cs.{text} for a JSON array."),
    ("fts.x", "there is no full-text search"),
    ("not_in.(1,2)", "Did you mean nin.(1,2)?"),
    ("in(1,2)", "in needs a dot. Did you mean in.(1,2)?"),
    ("NOT in (1,2)", "Did you mean not.in.(1,2)?"),
    ("not in (1,2)", "Did you mean not.in.(1,2)?"),
    ("gt(5)", "gt needs a dot. Did you mean gt.5?"),
    ("eq(any).{1,2}", "Write in.(a,b) for one of several values."),
    ("IS NOT NULL", "that is SQL. Write isnot.null."),
    ("is null", "that is SQL. Write is.null."),
    ("like '%x%'", "that is SQL. Write like.*text*."),
    (["between.1.3"], "no operator between"),
    (["gtt.1", "ltt.3"], "Did you mean gt.1? For these very texts write in.(a,b)."),
    ([">= 1", "< 3"], "Did you mean gte.1?"),
    (["gt.1", "ltt.3"], "Did you mean lt.3?"),
    ([f"contains.{n}" for n in range(VALUES_MAX)], "no operator contains"),
    ("is.yes", "is and isnot take null, true or false, not yes"),
    ("in.a,b", "a list is written (a,b)"),
    ("in.{a}", "a list is written (a,b)"),
    ("cs.a", "a list is written {a,b}"),
    ("in.", "a list is written"),
    ("in.()", "the list is empty"),
    ([], "the list is empty"),
    ('in.(a,"b)', "a quote is not closed"),
    ('in.("a"b)', "a quote is not closed, or text stands beside it"),
    ("in.(" + " " * 100_000 + 'a")', "a quote is not closed"),
    ("in.('a')", "quoted with double quotes"),
    ("in.[1,", "must be a JSON array"),
    ("cs." + "[" * 100_000, "must be a JSON array"),
    ("in.[[1]]", "holds only text, numbers"),
    ({"gt": 5}, "an object is no condition"),
    ([{"gt": 5}], "holds only text, numbers"),
    (["gt.5", "x"], "x has no operator; write eq.x"),
    (["gt.5", 6], "cannot stand in one list"),
    ("like." + "x" * 101, "the pattern is too long"),
    ("ilike." + "ä" * 1_000_000, "the pattern is too long"),
    ("like.a\0b", "cannot hold a NUL"),
    (list(range(VALUES_MAX + 1)), "too many"),
    ([f"neq.{n}" for n in range(CONDITIONS_MAX + 1)], "conditions are too many"),
]


@pytest.mark.parametrize(("condition", "error"), BAD)
def test_a_condition_that_cannot_be_understood_says_how_to_write_it(condition: Any, error: str) -> None:
    with pytest.raises(ToolError) as caught:
        where({"age": condition}, Bound())
    assert error in str(caught.value)
    assert len(str(caught.value)) < 500


def test_names_that_cannot_be_columns_are_refused() -> None:
    for name in ("", "a\0b", "x" * 1_000_000):
        with pytest.raises(ToolError, match="cannot be a name"):
            where({name: "x"}, Bound())


TITLES = (
    "Between the World and Me",
    "like new",
    "is it?",
    "Match (2011)",
    "in London",
    "and",
    "f(x)",
    "batch.1",
)


def test_a_list_of_values_may_hold_some_that_resemble_conditions(db: apsw.Connection) -> None:
    assert ids(db, {"name": ["match.com", "Ada", "between.us"]}) == [1]
    assert ids(db, {"name": 'in.("match.com",Ada)'}) == [1]
    assert ids(db, {"name": "eq.between.1.3"}) == []


def test_text_that_only_resembles_an_operator_is_a_value() -> None:
    for text in (
        "ada@example.org",
        "john.smith",
        "3.5",
        "www.example.org",
        "like",
        "eq",
        "a.b.c",
        "...",
        "",
        *TITLES,
    ):
        bound = Bound()
        where({"name": text}, bound)
        assert text in bound.values.values()


def test_as_many_conditions_as_are_allowed_are_not_too_deep_for_sqlite(db: apsw.Connection) -> None:
    assert ids(db, {"name": ["not.cs.{a}"] * CONDITIONS_MAX}) == [1, 2, 3, 4]


def test_the_model_is_told_of_every_operator() -> None:
    assert all(f"{operator} " in HELP or f"{operator}," in HELP for operator in OPERATORS)
