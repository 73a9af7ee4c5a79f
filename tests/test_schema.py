"""Notes on tables and columns: which they mean, and that none speaks of what is not there."""

from __future__ import annotations

import pytest

from appliance.schema import Column, Schema, Table, with_notes

SCHEMA = Schema(
    tables=[
        Table(name="Orders", comment="one per order", columns=[Column(name="Status", comment="n or p")]),
        Table(name="archive", columns=[Column(name="orders"), Column(name="old")]),
        Table(name="orders", schema="archive", columns=[Column(name="status")]),
    ],
    version=3,
)


def comments(**notes: str) -> dict[str, str]:
    """The comments that differ from those of the file, by full name."""
    noted = with_notes(SCHEMA, {key.replace("__", "."): note for key, note in notes.items()})
    assert noted.version == 3
    return {name: text for name, text in told(noted).items() if text != told(SCHEMA)[name]}


def told(schema: Schema) -> dict[str, str]:
    texts = {f"{table.schema}.{table.name}": table.comment for table in schema.tables}
    for table in schema.tables:
        texts |= {f"{table.schema}.{table.name}.{column.name}": column.comment for column in table.columns}
    return texts


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("orders", "public.Orders"),
        ("PUBLIC.ORDERS", "public.Orders"),
        ("orders.STATUS", "public.Orders.Status"),
        ("public.orders.status", "public.Orders.Status"),
        ("archive.orders.status", "archive.orders.status"),
        ("archive.orders", "archive.orders"),  # and not the column of the table archive
        ("public.archive.orders", "public.archive.orders"),
        ("archive.old", "public.archive.old"),
    ],
)
def test_a_note_means_one_thing(key: str, meant: str) -> None:
    found = comments(**{key.replace(".", "__"): "Note"})
    assert list(found) == [meant]
    assert found[meant].startswith("Note")


def test_a_note_stands_before_the_comment_and_an_empty_one_takes_it_away() -> None:
    assert comments(orders="Since\n 2020.") == {"public.Orders": "Since 2020. one per order"}
    assert comments(orders="one per order") == {}
    assert comments(orders__status="") == {"public.Orders.Status": ""}


def test_notes_of_what_cannot_be_seen_are_not_used() -> None:
    hidden = {"salaries": "SECRET", "orders.margin": "SECRET", "other.orders": "SECRET", "status": "SECRET"}
    assert with_notes(SCHEMA, hidden) == SCHEMA
    only_attached = Schema(tables=SCHEMA.tables[2:])
    assert with_notes(only_attached, {"orders": "SECRET", "orders.status": "SECRET"}) == only_attached
