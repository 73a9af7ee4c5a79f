"""Parameters of SQL are found where SQLite finds them, and nowhere else."""

import pytest

from appliance.botfiles.sql_scan import filled, parameters, without_end


def test_literals_names_and_comments_have_no_parameters() -> None:
    sql = """SELECT ':a', "b:b", `:c`, [:d], 'it''s :e' -- :f
        /* :g */ FROM t WHERE x = :x AND y = :y OR z = :x"""
    assert parameters(sql) == ["x", "y"]


@pytest.mark.parametrize("sql", ["x = ?", "x = ?1", "x = @a", "x = $a", "x = $a::b", "x = #a", "x : y"])
def test_other_forms_of_parameters_are_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="parameters are written :name"):
        parameters(sql)


@pytest.mark.parametrize("sql", ["x = 'a", 'x = "a', "x = `a", "x = [a", "x /* y", "x = 'a''"])
def test_what_is_not_closed_is_told(sql: str) -> None:
    with pytest.raises(ValueError, match="that is not closed"):
        parameters(sql)


def test_parameters_are_filled_in_where_they_are() -> None:
    assert filled("SELECT ':a', :a, :ab", {"a": "1", "ab": "2"}) == "SELECT ':a', 1, 2"


def test_comments_and_the_last_semicolon_are_left_out() -> None:
    assert without_end("/* a */ SELECT '--b;' -- c\n; /* d */ ;\n-- e") == "SELECT '--b;'"
