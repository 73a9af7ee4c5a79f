from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE t (a TEXT, hid TEXT /* HUSH */ CHECK(hid <> 'x'), b TEXT)",
        "CREATE TABLE t (a TEXT, hid TEXT, /* HUSH */ b TEXT)",
        "CREATE TABLE t (a TEXT,\n 'hid' TEXT -- HUSH\n , b TEXT)",
        "CREATE TABLE t (a TEXT,\n -- HUSH\n hid TEXT,\n b TEXT)",
        "CREATE TABLE t (a TEXT,\n hid TEXT,\n -- HUSH: the codes of hid\n -- HUSH are 1, 2\n b TEXT)",
        "CREATE TABLE t (a TEXT,\n hid DECIMAL(10,\n /* HUSH */ 2),\n b TEXT)",
        "CREATE TABLE t (a TEXT,\n hid TEXT CHECK (hid IN ('a', -- HUSH\n 'b')),\n b TEXT)",
        "CREATE TABLE t (a TEXT,\n hid TEXT REFERENCES o(id) -- HUSH\n ON DELETE CASCADE,\n b TEXT)",
        "CREATE TABLE t (/* HUSH */ hid TEXT, a TEXT, b TEXT)",
        "CREATE TABLE t (b$hid TEXT, -- HUSH\n a TEXT)",
        "CREATE TABLE t (b\U0001f600 TEXT, -- HUSH\n a TEXT)",
        'CREATE TABLE t ("b""" TEXT, -- HUSH\n a TEXT)',
    ],
)
def test_what_may_be_about_a_column_that_is_not_shown_goes_to_nobody(create: str) -> None:
    assert comments(create, ["a", "b"]) == ("", {})


def test_a_shown_column_behind_a_hidden_one_keeps_its_own_comment() -> None:
    create = (
        'CREATE TABLE t ( -- all\n a TEXT,\n hid TEXT, -- HUSH\n "b""c" TEXT, -- mine\n -- next\n d TEXT)'
    )
    assert comments(create, ["a", 'b"c', "d"]) == ("all", {'b"c': "mine", "d": "next"})
