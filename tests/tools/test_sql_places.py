"""Without the parser names become what they become with it, or the parser is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.tools.sql_names import Edit, localize, parsed_edits, usual_edits

ATTACHED = {"warehouse": "Warehouse", "hr": "hr"}

GAPS = st.sampled_from([" ", "  ", "\n", "\t "])
SCHEMAS = st.sampled_from(
    ["", "", "public.", "MAIN.", "warehouse.", "Warehouse.", "warehouse . ", '"warehouse".', "[hr].", "hr.",
     "archive."]
)  # fmt: skip
TABLES = st.sampled_from(["sales", "Sales", "staff", "date", '"sales"', '"a""b"', "über", "x1", "key", "hr"])
ALIASES = st.sampled_from(
    ["", "", "", " s", " AS s", " as sales", "  AS\nt2", ' AS "q"', " 'w'", " sales", " Staff", " first"]
)
TABLE = st.builds("{}{}{}".format, SCHEMAS, TABLES, ALIASES)
USUAL_TABLE = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "public.", "warehouse.", "hr . "]),
    st.sampled_from(["sales", "Staff", "x1", "y2"]),
    st.sampled_from(["", " s", " AS t2", "\n as sales"]),
)
JOINS = st.sampled_from(["JOIN", "left join", "LEFT OUTER JOIN", "NATURAL JOIN", ",", "CROSS JOIN", "join("])
PLAIN = st.sampled_from(
    ["1", "s.id", "sales.id", "count(*)", "'it''s'", "'é'", '"from"', "x = 'a b'", "staff.x"]
)
ODD = st.sampled_from(
    ["warehouse.sales.id", "public.staff.x", "'from warehouse.sales'", "'hr.'", "'sales'",
     "x IN warehouse.sales",
     "x IS DISTINCT FROM warehouse.sales", "[ä FROM hr.x]", "/* from hr.staff */ 2", "3 -- from hr.staff\n",
     "hr.id", "`JOIN hr.x`", ":public", "a.b NOT NULL", "count(*) FILTER (WHERE main.x.y)", "'open"]
)  # fmt: skip
TAILS = st.sampled_from(
    ["", "", ";", " WHERE 1", " GROUP BY 1 HAVING 1", "\nORDER BY sales.id LIMIT 3", " LIMIT 1 OFFSET 2", ")"]
)


@st.composite
def selects(draw: st.DrawFn, deep: bool = True) -> str:
    """One SELECT, at times a broken one; with others inside and beside it when `deep`."""
    gap, values = draw(GAPS), draw(st.sampled_from([PLAIN, PLAIN, PLAIN | ODD]))
    table = TABLE if draw(st.booleans()) else USUAL_TABLE
    sql = f"SELECT{gap}{draw(values)}, {draw(values)}{gap}FROM{gap}{draw(table)}"
    for _ in range(draw(st.integers(0, 2))):
        closed = ")" * ((join := draw(JOINS)) == "join(")
        on = f" ON {draw(values)}" if draw(st.booleans()) else ""
        sql += f"{gap}{join}{gap}{draw(table)}{closed}{on}"
    if deep and draw(st.booleans()):
        inner = draw(selects(deep=False))
        sql += draw(st.sampled_from([f" WHERE x IN ({inner})", f" UNION {inner}", f" JOIN ({inner}) AS j"]))
    if deep and draw(st.booleans()):
        name = draw(st.sampled_from(["sales", "q", "warehouse"]))
        sql = f"WITH {name} AS ({draw(selects(deep=False))}) {sql}"
    return sql + draw(TAILS)


def applied(sql: str, edits: set[Edit]) -> str:
    for start, end, text in sorted(edits, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


@settings(max_examples=600, deadline=None)
@given(selects())
def test_what_is_found_without_the_parser_is_what_the_parser_finds(sql: str) -> None:
    usual, parsed = usual_edits(sql, ATTACHED), parsed_edits(sql, ATTACHED)
    # A statement that the parser does not understand is SQLite's affair.
    if usual is not None and parsed:
        assert applied(sql, usual) == applied(sql, parsed)


@pytest.mark.parametrize(
    ("sql", "local"),
    [
        ("SELECT * FROM public.flights", "SELECT * FROM flights"),
        ("select a from Main . flights f, t where a='é ['", "select a from flights f, t where a='é ['"),
        (
            "SELECT a.x, s.y FROM a JOIN warehouse.sales AS s ON s.id = a.id WHERE s.note = 'it''s'",
            "SELECT a.x, s.y FROM a JOIN \"Warehouse.sales\" AS s ON s.id = a.id WHERE s.note = 'it''s'",
        ),
        (
            "SELECT sales.a FROM WAREHOUSE.sales LEFT JOIN hr.staff USING (id) ORDER BY Sales.a",
            'SELECT sales.a FROM "Warehouse.sales" AS "sales" LEFT JOIN "hr.staff" AS "staff" USING (id) '
            "ORDER BY Sales.a",
        ),
        (
            "WITH q AS (SELECT * FROM hr.staff) SELECT * FROM q;",
            'WITH q AS (SELECT * FROM "hr.staff" AS "staff") SELECT * FROM q;',
        ),
    ],
)
def test_statements_of_the_usual_shape_need_no_parser(
    sql: str, local: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.tools.sql_names.parsed_edits", None)
    assert localize.__wrapped__(sql, tuple(ATTACHED.values())) == local


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM a, warehouse.sales",
        "SELECT warehouse.sales.id FROM warehouse.sales",
        "SELECT 'warehouse.sales' FROM warehouse.sales",
        "SELECT * FROM warehouse.sales -- the newest",
        "SELECT * FROM /* here */ warehouse.sales",
        "SELECT * FROM warehouse.sales JOIN a AS sales",
        "SELECT * FROM warehouse.sales, sales",
        "WITH sales AS (SELECT 1) SELECT * FROM warehouse.sales JOIN sales",
        "SELECT 1 IS NOT DISTINCT  FROM warehouse.sales",
        "SELECT * FROM warehouse.sales(1)",
        "SELECT * FROM warehouse.sales INDEXED BY i",
        "SELECT * FROM warehouse.sales NOT INDEXED",
        "SELECT * FROM warehouse.sales AS first",
        "SELECT * FROM warehouse.sales 's'",
        'SELECT * FROM warehouse."sales"',
        'SELECT * FROM "warehouse".sales',
        "SELECT * FROM warehouse.sales.x",
        "SELECT * FROM warehouse.größe",
        "SELECT * FROM warehouse.sales$",
        "SELECT * FROM x.warehouse.sales",
        "SELECT 'open FROM warehouse.sales",
        "DELETE FROM warehouse.sales",
        "EXPLAIN SELECT * FROM warehouse.sales",
    ],
)
def test_whatever_might_mean_something_else_is_left_to_the_parser(sql: str) -> None:
    assert usual_edits(sql, ATTACHED) is None
