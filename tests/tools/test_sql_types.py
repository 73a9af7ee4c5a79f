from __future__ import annotations

from typing import Any

import msgspec
import pytest

from appliance.tools.sql_types import typed


@pytest.mark.parametrize(
    ("declared", "values", "kind"),
    [
        ("BOOLEAN", [0, 1, None], "boolean"),
        ("BOOLEAN", [0, 2], "integer"),
        ("bool", [], "boolean"),
        ("DECIMAL(10, 2)", [1, 2.5], "decimal"),
        ("NUMERIC", ["12.50", "-3"], "decimal"),
        ("NUMERIC", ["twelve"], "text"),
        ("DATE", ["2026-02-28"], "date"),
        ("DATE", ["2026-13-01"], "text"),
        ("DATE", [20260228], "integer"),
        ("DATETIME", ["2026-02-28 10:00:00"], "datetime"),
        ("TIMESTAMP WITH TIME ZONE", ["2026-02-28T10:00:00.5+01:00", "2026-02-28T10:00Z"], "datetime"),
        ("TEXT", ["2026-02-28"], "date"),
        ("TEXT", ["2026-02-28", "x"], "text"),
        ("", [1, 2], "integer"),
        ("", [1, 2.5], "number"),
        ("", [1, "a"], "mixed"),
        ("", [b"x"], "blob"),
        ("", [None], "mixed"),
        ("VARCHAR(9)", [None], "text"),
        ("BIGINT", [], "integer"),
        ("DOUBLE", [], "number"),
    ],
)
def test_a_type_is_what_was_declared_where_the_values_agree(
    declared: str, values: list[Any], kind: str
) -> None:
    types, rows = typed([declared], [(value,) for value in values])
    assert types == [kind]
    assert len(rows) == len(values)


def test_values_are_what_json_and_javascript_can_hold() -> None:
    rows = [(b"\x00\xff", 2**53, 1.5, 2**53 - 1), (None, 1, float("-inf"), -(2**53) + 1)]
    types, values = typed([""] * 4, rows)
    assert values == [["x'00ff'", str(2**53), 1.5, 2**53 - 1], [None, "1", None, -(2**53) + 1]]
    assert types == ["blob", "integer", "number", "integer"]
    msgspec.json.encode(values)
