from __future__ import annotations

import pytest

from appliance.tools.sql_names import localize, statement_kind, strip_prefixes, table_names


@pytest.mark.parametrize(
    ("sql", "stripped"),
    [
        ("SELECT * FROM public.flights", "SELECT * FROM flights"),
        ("SELECT * FROM PUBLIC . flights", "SELECT * FROM flights"),
        ('SELECT * FROM "public"."flights" f', 'SELECT * FROM "flights" f'),
        ("SELECT public.flights.carrier FROM main.flights", "SELECT flights.carrier FROM flights"),
        (
            "SELECT 'é public.a' -- public.b\nFROM public.c /* main.d */",
            "SELECT 'é public.a' -- public.b\nFROM c /* main.d */",
        ),
        (
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM main.a) UNION SELECT 2 FROM public.b",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM a) UNION SELECT 2 FROM b",
        ),
        ("SELECT public.x FROM t AS public", "SELECT public.x FROM t AS public"),
        ("SELECT * FROM sales.orders", "SELECT * FROM sales.orders"),
        ("SELECT * FRM public.a WHERE (", "SELECT * FRM public.a WHERE ("),
        ("SELECT * FROM public.a WHERE 'open", "SELECT * FROM public.a WHERE 'open"),
    ],
)
def test_only_schema_prefixes_of_tables_go(sql: str, stripped: str) -> None:
    assert strip_prefixes(sql) == stripped


@pytest.mark.parametrize(
    ("sql", "local"),
    [
        (
            "SELECT warehouse.sales.a, 'warehouse.sales' -- warehouse.x\nFROM WAREHOUSE.[sales]",
            'SELECT "sales".a, \'warehouse.sales\' -- warehouse.x\nFROM "warehouse.sales" AS "sales"',
        ),
        ("SELECT s.a FROM warehouse.sales s", 'SELECT s.a FROM "warehouse.sales" s'),
        ("SELECT 1 IN warehouse.sales", 'SELECT 1 IN "warehouse.sales"'),
        (
            "SELECT sales.a, warehouse.sales.b FROM public.sales, warehouse.sales",
            'SELECT sales.a, "warehouse.sales".b FROM sales, "warehouse.sales"',
        ),
        (
            "WITH sales AS (SELECT sales.x FROM warehouse.sales) SELECT * FROM sales",
            'WITH sales AS (SELECT sales.x FROM "warehouse.sales" AS "sales") SELECT * FROM sales',
        ),
        (
            "SELECT 1 FROM warehouse.a WHERE EXISTS (SELECT 1 FROM t WHERE t.x = warehouse.a.x)",
            'SELECT 1 FROM "warehouse.a" AS "a" WHERE EXISTS (SELECT 1 FROM t WHERE t.x = "a".x)',
        ),
        ('SELECT * FROM warehouse."a""b"', 'SELECT * FROM "warehouse.a""b" AS "a""b"'),
        ("SELECT * FROM archive.sales", "SELECT * FROM archive.sales"),
        ("SELECT warehouse.id FROM t AS warehouse", "SELECT warehouse.id FROM t AS warehouse"),
        ("SELECT * FROM warehouse.sales WHERE 'open", "SELECT * FROM warehouse.sales WHERE 'open"),
    ],
)
def test_tables_of_attached_schemas_become_one_name(sql: str, local: str) -> None:
    assert localize(sql, ("warehouse",)) == local


def test_text_that_breaks_the_parser_comes_back_as_it_is() -> None:
    sql = "SELECT public." + "(" * 5_000
    assert strip_prefixes(sql) == sql
    assert table_names(sql) == []


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        (" select 1", "SELECT"),
        ("((SELECT 1))", "SELECT"),
        ("-- a comment\nDELETE FROM t", "DELETE"),
        ("WITH a AS (DELETE), b AS (SELECT 1) UPDATE t SET x = 1", "UPDATE"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "SELECT"),
        ("PRAGMA table_info(x)", "PRAGMA"),
        ("DROP TABLE 'open", "DROP"),
        ("", ""),
    ],
)
def test_the_kind_is_the_word_that_does_something(sql: str, kind: str) -> None:
    assert statement_kind(sql) == kind


def test_table_names_are_those_mentioned_without_ctes() -> None:
    sql = "WITH q AS (SELECT * FROM a) SELECT * FROM q JOIN public.b USING (x) WHERE y IN (SELECT 1 FROM a)"
    assert sorted(table_names(sql)) == ["a", "b"]
