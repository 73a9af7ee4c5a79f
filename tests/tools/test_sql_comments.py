from __future__ import annotations

from appliance.tools.sql_comments import comments

CREATE = """CREATE TABLE t -- the table
( -- of all tables
  a INTEGER PRIMARY KEY, -- the id
  -- about b,
  "b" TEXT DEFAULT '-- no (', /* more b */
  c DECIMAL(10, 2) -- money, in euros
  , [d e] TEXT,
  FOREIGN KEY (a) REFERENCES x(y) -- a key
)"""


def test_comments_find_their_owners() -> None:
    table, columns = comments(CREATE, ["a", "b", "c", "d e"])
    assert table == "the table of all tables"
    assert columns == {"a": "the id", "b": "about b, more b", "c": "money, in euros"}


def test_statements_without_comments_and_of_one_line_have_none() -> None:
    assert comments("CREATE TABLE t (a TEXT, b TEXT)", ["a", "b"]) == ("", {})
    assert comments("CREATE TABLE t (a TEXT /* x */, b TEXT /* y */)", ["a", "b"]) == (
        "",
        {"a": "x", "b": "y"},
    )
    assert comments("", []) == ("", {})
