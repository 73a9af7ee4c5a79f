"""What a model that writes another database's SQL reads when SQLite refuses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_dialect import ADVICE, Stumble, advice_at
from appliance.tools.sql_pool import SqlPool
from tests.tools import data

TABLES = ["customers", "orders", "change log"]
READING = SqlPolicy(allowed_tables=TABLES)
WRITING = SqlPolicy(allowed_tables=TABLES, allowed_operations=["SELECT", "INSERT", "UPDATE", "DELETE"])


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=1) as pool:
        yield pool


async def error(pool: SqlPool, sql: str, policy: SqlPolicy = READING) -> str:
    outcome = await pool.query(sql, policy)
    assert isinstance(outcome, QueryOutcome)
    return outcome.error or ""


C = " FROM customers"
O = " FROM orders"  # noqa: E741 - as short as the other
READS = [
    ("SELECT total::int" + O, "CAST(x AS type)"),
    ("SELECT 'é', '2026-01-01'::date", "date(x)"),
    ("SELECT name FROM customers WHERE name ILIKE '%a%'", "LIKE ignores the case"),
    ("SELECT name FROM customers WHERE name SIMILAR TO 'A%'", "no regular expressions"),
    ("SELECT name FROM customers WHERE name ~ '^A'", "GLOB"),
    ("SELECT name FROM customers WHERE name !~* '^A'", "GLOB"),
    ("SELECT name FROM customers WHERE name REGEXP '^A'", "LIKE"),
    ("SELECT name FROM customers WHERE name RLIKE 'A'", "LIKE"),
    ("SELECT name FROM customers WHERE REGEXP_LIKE(name, 'A')", "LIKE"),
    ("SELECT * FROM orders WHERE created_at > NOW() - INTERVAL '30 days'", "date('now', '-30 days')"),
    ("SELECT DATE_SUB(CURRENT_DATE, INTERVAL 30 DAY)", "date('now', '-30 days')"),
    ("SELECT DATEADD(day, -30, GETDATE())", "date('now', '-30 days')"),
    ("SELECT * FROM orders WHERE created_at > DATE '2026-05-01'", "dates are texts"),
    ("SELECT CURRENT_TIMESTAMP AT TIME ZONE 'UTC'", "times are in UTC"),
    ("SELECT NOW()", "datetime('now')"),
    ("SELECT SYSDATE", "datetime('now')"),
    ("SELECT date_trunc('month', created_at)" + O, "strftime('%Y-%m', x)"),
    ("SELECT date_part('year', created_at)" + O, "strftime('%Y', x)"),
    ("SELECT QUARTER(created_at)" + O, "+ 2) / 3"),
    ("SELECT YEAR(created_at)" + O, "AS INTEGER)"),
    ("SELECT DATE_FORMAT(created_at, '%Y')" + O, "strftime("),
    ("SELECT to_char(created_at, 'YYYY')" + O, "strftime("),
    ("SELECT to_date('2026-01-01', 'YYYY-MM-DD')", "dates are texts"),
    ("SELECT DATEDIFF(day, created_at, '2026-01-01')" + O, "julianday(a) - julianday(b)"),
    ("SELECT AGE(created_at)" + O, "julianday(a)"),
    ("SELECT UNIX_TIMESTAMP()", "unixepoch(x)"),
    ("SELECT to_timestamp(0)", "'unixepoch'"),
    ("SELECT EXTRACT(YEAR FROM created_at)" + O, "CAST(strftime('%Y', x) AS INTEGER)"),
    ("SELECT SUBSTRING(lower(name) FROM 2)" + C, "substr(x, n, m)"),
    ("SELECT POSITION('a' IN name)" + C, "instr(b, a)"),
    ("SELECT CONVERT(INT, total)" + O, "CAST("),
    ("SELECT TRY_CAST(total AS INT)" + O, "CAST("),
    ("SELECT TO_NUMBER('1')", "CAST("),
    ("SELECT id FROM orders ORDER BY id FETCH FIRST 3 ROWS ONLY", "LIMIT n"),
    ("SELECT TOP 3 id" + O, "LIMIT n"),
    ("SELECT id FROM orders LIMIT ALL", "LIMIT n"),
    ("SELECT id FROM orders ORDER BY id OFFSET 1", "OFFSET m"),
    ("SELECT id FROM orders ORDER BY id LIMIT 1 WITH TIES", "LIMIT n"),
    ("SELECT id FROM orders FOR UPDATE", "LIMIT n"),
    ("SELECT DISTINCT ON (city) *" + C, "row_number()"),
    ("SELECT id FROM orders QUALIFY row_number() OVER () = 1", "row_number()"),
    ("SELECT 1 FROM customers c, LATERAL (SELECT 1) o", "subquery"),
    ("SELECT city FROM customers GROUP BY GROUPING SETS ((city), ())", "UNION ALL"),
    ("SELECT city FROM customers GROUP BY ROLLUP(city)", "UNION ALL"),
    ("SELECT total FROM orders PIVOT (sum(total) FOR id IN (1))", "FILTER"),
    ("SELECT * EXCEPT (email)" + C, "list the columns"),
    ("SELECT * FROM (VALUES (1, 'a')) AS v(n, t)", "WITH v(n, t) AS"),
    ("(SELECT name FROM customers) UNION ALL (SELECT id FROM orders)", "no brackets"),
    ("SELECT name FROM customers UNION (SELECT id FROM orders)", "no brackets"),
    ("SELECT * FROM generate_series(1, 10)", "WITH RECURSIVE"),
    ("SELECT UNNEST(ARRAY[1, 2])", "json_each"),
    ("SELECT name FROM customers WHERE id = ANY(ARRAY[1, 2])", "x IN (1, 2)"),
    ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total)" + O, "median(x)"),
    ("SELECT mode() WITHIN GROUP (ORDER BY total)" + O, "GROUP BY x"),
    ("SELECT LEN(name)" + C, "length(x)"),
    ("SELECT char_length(name)" + C, "length(x)"),
    ("SELECT LEFT(name, 2)" + C, "substr(x, 1, n)"),
    ("SELECT LPAD(name, 9, '0')" + C, "printf("),
    ("SELECT GREATEST(1, 2)", "max(a, b)"),
    ("SELECT LEAST(1, 2)", "min(a, b)"),
    ("SELECT NVL(email, 'x')" + C, "ifnull(a, b)"),
    ("SELECT ISNULL(email, 'x')" + C, "ifnull(a, b)"),
    ("SELECT SPLIT_PART(email, '@', 1)" + C, "instr(x, '@')"),
    ("SELECT ARRAY_AGG(name)" + C, "json_group_array"),
    ("SELECT json_agg(name)" + C, "json_group_array"),
    ("SELECT DECODE(city, 'x', 1, 0)" + C, "CASE x WHEN"),
    ("SELECT bool_or(id)" + C, "max(x)"),
    ("SELECT stddev(total)" + O, "sqrt("),
    ("SELECT jsonb_array_elements(name)" + C, "json_each(x)"),
    ("SELECT name #>> '{k}'" + C, "json_extract("),
    ("SELECT name @> '{}'" + C, "json_extract("),
    ("SELECT GROUP_CONCAT(name SEPARATOR ', ')" + C, "group_concat(x, ',')"),
    ("SELECT GROUP_CONCAT(DISTINCT name, ', ')" + C, "takes no separator"),
    ("SELECT COUNT(DISTINCT city, name)" + C, "SELECT DISTINCT a, b"),
    ("SELECT TRIM(BOTH ' ' FROM name)" + C, "trim(x, ' ')"),
    ("SELECT regexp_replace(name, 'a', 'b')" + C, "no such function"),
    ("SELECT md5(name)" + C, "nothing that does the same"),
    ("SELECT version()", "nothing that does the same"),
    ('SELECT select FROM "change log"', 'in double quotes: "select"'),
    ("SELECT 'it's'" + C, "written twice"),
    ("SELECT 'it's', 'a'" + C, "written twice"),
    ("SHOW TABLES", "Tables: change log, customers, orders."),
    ("DESCRIBE customers", "Columns of customers: id, name, email, city."),
    ("PRAGMA table_info(orders)", "Columns of orders: id, customer_id"),
    ("DESCRIBE users", "Tables: change log, customers, orders."),
    ("```sql\nSELECT 1\n```", "Send the statement alone"),
    ("SELECT id FROM customers c JOIN orders o ON o.customer_id = c.id", "these have it: customers, orders"),
]
WRITES = [
    ("UPDATE orders SET total = 1 ORDER BY id LIMIT 1", "WHERE id IN (SELECT"),
    ("DELETE FROM orders LIMIT 1", "WHERE id IN (SELECT"),
    ("DELETE FROM orders USING customers WHERE customers.id = customer_id", "WHERE id IN (SELECT"),
    ("INSERT INTO orders SET total = 1", "with the column list"),
    ("INSERT INTO orders VALUES (DEFAULT, 1, 1, 3, 'x')", "column list"),
    ("UPDATE orders SET total = total::numeric * 2", "CAST(x AS type)"),
    ("TRUNCATE orders", "DELETE without WHERE"),
    ("MERGE INTO orders USING customers ON true WHEN MATCHED THEN DELETE", "INSERT and UPDATE"),
]


async def test_the_error_says_what_to_write_for_sqlite(pool: SqlPool) -> None:
    told = [(sql, fragment, await error(pool, sql)) for sql, fragment in READS]
    assert [case for case in told if case[1] not in case[2]] == []


async def test_the_error_of_a_writing_statement_says_so_too(pool: SqlPool) -> None:
    told = [(sql, fragment, await error(pool, sql, WRITING)) for sql, fragment in WRITES]
    assert [case for case in told if case[1] not in case[2]] == []


async def test_other_refusals_are_told_as_ever(pool: SqlPool) -> None:
    assert await error(pool, "TRUNCATE orders") == "Operation not allowed: TRUNCATE. Allowed: SELECT"
    assert await error(pool, "SELECT lenght(name)" + C) == "No such function: lenght. Did you mean length?"
    assert "Did you mean email?" in await error(pool, "SELECT GREATEST(emial, 'a')" + C)
    known = "SELECT * FROM customers JOIN orders USING (customer_id)"
    assert "Did you mean" not in await error(pool, known)
    assert "Did you mean" not in await error(pool, "SELECT name FROM customers WHERE FROM")


async def test_a_word_of_another_dialect_elsewhere_is_not_blamed(pool: SqlPool) -> None:
    assert "INTERVAL" not in (text := await error(pool, "SELECT 'INTERVAL 1 ::', name,, city" + C))
    assert "In SQLite" not in text
    assert "In SQLite" not in await error(pool, "SELECT nope /* ILIKE '%' */" + C)


@pytest.mark.parametrize("shape", ["SELECT * FROM {}", "SELECT POSITION('a' IN {})" + C])
async def test_hidden_and_missing_tables_read_alike(pool: SqlPool, shape: str) -> None:
    hidden, missing = [await error(pool, shape.format(name)) for name in ("salaries", "nothings")]
    assert hidden.replace("salaries", "?") == missing.replace("nothings", "?")
    assert ("Table not allowed" in hidden) is ("POSITION" not in shape)


@pytest.mark.parametrize(
    "piece", ["[", "'", "/*", "(", "substring(", "extract(a ", "x::", "trim( ", "~", "\ud800"]
)
def test_long_hostile_texts_are_read_to_their_end(piece: str) -> None:
    sql = "SELECT " + piece * (20_000 // len(piece))
    assert isinstance(advice_at(Stumble(sql[:20_000], 7), "nothing"), str)
    assert isinstance(advice_at(Stumble(sql[:20_000], 9_000), piece), str)


def test_every_advice_is_a_text_of_its_own() -> None:
    assert all(word == word.lower() and advice for word, advice in ADVICE.items())
