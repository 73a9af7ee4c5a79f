from __future__ import annotations

import random
from collections.abc import Iterator

from appliance.schema import ForeignKey
from appliance.sqlguard import fold
from appliance.tools.sql_keys import OVERLAP_BY_NAME, OVERLAP_BY_VALUE, VAGUE, VALUES_MIN, Evidence, infer

TABLES = [
    "user",
    "users",
    "Users",
    "category",
    "categories",
    "box",
    "boxes",
    "ÄRA",
    "ära",
    "ids",
    "_",
    "city",
]
COLUMNS = [
    "id", "ID", "user_id", "userId", "USERID", "category_id", "categoryid", "boxid", "box_id", "ära_id",
    "ÄRAid", "_id", "code", "Code", "name", "city", "city_id", "type", "y_id",
]  # fmt: skip
TEXTS = [f"t{number}" for number in range(30)]


def pairwise(source: Evidence, all_tables: list[Evidence], known: set[str]) -> list[ForeignKey]:
    """What the rules say, by comparing every column with every table."""
    others = [table for table in all_tables if table.key and table.table != source.table]
    found = []
    for column in source.columns:
        target = None if column in known else next(candidates(source, column, others), None)
        if target is not None:
            found.append(
                ForeignKey(column=column, target_table=target.table, target_column=target.key, declared=False)
            )
    return found


def candidates(source: Evidence, column: str, others: list[Evidence]) -> Iterator[Evidence]:
    yield from (other for other in others if is_named_after(fold(column), other))
    if column == source.key:
        return
    if fold(column) not in VAGUE:
        for other in others:
            enough = other.key_is_declared or overlap(source, column, other) >= OVERLAP_BY_NAME
            if fold(column) == fold(other.key) and enough:
                yield other
    ranked = sorted(others, key=lambda other: -overlap(source, column, other))
    yield from (other for other in ranked if overlap(source, column, other) >= OVERLAP_BY_VALUE)


def is_named_after(name: str, other: Evidence) -> bool:
    stem = name.removesuffix("id").removesuffix("_")
    if not name.endswith("id") or not stem:
        return False
    plurals = {stem, stem + "s", stem + "es"} | ({stem[:-1] + "ies"} if stem.endswith("y") else set())
    return fold(other.table) in plurals and fold(other.key) in {"id", name}


def overlap(source: Evidence, column: str, other: Evidence) -> float:
    values = source.values.get(column, frozenset())
    return len(values & other.key_values) / len(values) if len(values) >= VALUES_MIN else 0.0


def texts(chance: random.Random) -> frozenset[str]:
    """Few, many, or nearly all of the texts, so that shares lie on both sides of what is asked for."""
    return frozenset(chance.sample(TEXTS, chance.choice([0, 1, 2, 3, 4, 9, 10, 11, 20, 26, 27, 28, 29, 30])))


def evidence(chance: random.Random) -> Evidence:
    columns = chance.sample(COLUMNS, chance.randrange(1, 8))
    return Evidence(
        table=chance.choice(TABLES),
        columns=columns,
        values={column: texts(chance) for column in columns if chance.random() < 0.7},
        key=chance.choice(["", columns[0], *columns]),
        key_is_declared=chance.random() < 0.4,
        key_values=texts(chance) if chance.random() < 0.8 else frozenset(),
    )


def test_the_keys_are_those_that_comparing_all_pairs_finds() -> None:
    chance = random.Random(7)
    seen = 0
    for _ in range(1500):
        tables = [evidence(chance) for _ in range(chance.randrange(2, 9))]
        for source in tables:
            known = set(chance.sample(source.columns, chance.randrange(2) and 1))
            expected = pairwise(source, tables, known)
            assert infer(source, tables, known) == expected
            seen += len(expected)
    assert seen > 5000


def table(name: str, *columns: str, declared: bool = True, texts: list[str] | None = None) -> Evidence:
    """A table whose first column is its key; `texts` are those of every column."""
    shown = frozenset(texts or [])
    return Evidence(
        table=name,
        columns=list(columns),
        values={column: shown for column in columns if shown},
        key=columns[0],
        key_is_declared=declared,
        key_values=shown,
    )


def targets(source: Evidence, *others: Evidence, known: set[str] | None = None) -> dict[str, str]:
    return {key.column: key.target_table for key in infer(source, [source, *others], known or set())}


def test_a_column_points_at_the_first_table_that_its_name_means() -> None:
    source = table("orders", "id", "user_id", "category_id")
    others = [table("users", "id"), table("user", "id"), table("Categories", "ID")]
    assert targets(source, *others) == {"user_id": "users", "category_id": "Categories"}
    assert targets(source, *others, known={"user_id"}) == {"category_id": "Categories"}


def test_values_decide_where_names_say_nothing_and_the_most_of_them_win() -> None:
    codes = [f"c{number}" for number in range(20)]
    source = table("flights", "number", "origin", texts=codes)
    near = table("airports", "iata", texts=[*codes[:18], "x"])
    nearer = table("places", "code", texts=[*codes[:19], "y"])
    far = table("towns", "town", texts=codes[:17])
    assert targets(source, far, near) == {"origin": "airports"}
    assert targets(source, far, near, nearer) == {"origin": "places"}
    assert targets(source, far) == {}


def test_two_values_prove_nothing() -> None:
    both = ["a", "b"]
    assert targets(table("t", "id", "kind", texts=both), table("kinds", "kind_code", texts=both)) == {}
