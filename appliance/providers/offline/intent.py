"""What a question asks of the data, once its words have been matched to tables and columns; pure values.

`question.py` reads words into a `Reading`, `resolve.py` turns that into an `Intent`, `sqlwriter.py` and
`answer.py` put an intent into SQL and into English.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

import msgspec

LIMIT_MAX = 100
"""No statement asks for more rows."""

Number: TypeAlias = int | float
Operator: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">="]
Unit: TypeAlias = Literal["year", "quarter", "month", "week", "day", "hour"]


class Unclear(Exception):
    """The question cannot be answered as it stands; the text asks back or says why."""


class Ref(msgspec.Struct, frozen=True):
    """A column of a table, by the names the schema has for them."""

    table: str
    column: str


class Period(msgspec.Struct, frozen=True):
    """Days from `start` up to, not including, `end`; an open side is None.

    `month` is set when only the month was named: a table with a month column then takes it of any year,
    other tables take `start` and `end`, the latest such month.
    """

    start: date | None
    end: date | None
    month: int | None = None


Form: TypeAlias = Literal["text", "epoch", "parts"]
"""ISO text, Unix seconds, or columns year, month, day."""


class Clock(msgspec.Struct, frozen=True):
    """How a table tells time: by one `column`, or by some of `year`, `month`, `day`."""

    table: str
    form: Form
    column: str = ""
    year: str = ""
    month: str = ""
    day: str = ""


Function: TypeAlias = Literal["count", "distinct", "sum", "avg", "min", "max"]


class Measure(msgspec.Struct, frozen=True):
    """One number for a set of rows. `count` counts rows of the base table and needs no column.

    `factor` is multiplied with the column: quantity times price. `outer` goes over the numbers of the
    groups: the average number of orders per user.
    """

    function: Function
    column: Ref | None = None
    factor: Ref | None = None
    outer: Literal["", "avg", "min", "max"] = ""


class Entity(msgspec.Struct, frozen=True):
    """Group by the rows of another table, shown by their labels; `via` is the key column that was named."""

    table: str
    via: Ref | None = None


class ByColumn(msgspec.Struct, frozen=True):
    """Group by the values of a column."""

    ref: Ref


class ByTime(msgspec.Struct, frozen=True):
    """Group by a unit of time."""

    clock: Clock
    unit: Unit


Group: TypeAlias = Entity | ByColumn | ByTime


class Is(msgspec.Struct, frozen=True):
    """Any of the columns has any of the values. Not `exact`: in upper or lower case alike."""

    refs: tuple[Ref, ...]
    values: tuple[str | Number, ...]
    negated: bool = False
    exact: bool = True


class Matches(msgspec.Struct, frozen=True):
    """Any of the columns contains the text, or starts or ends with it."""

    refs: tuple[Ref, ...]
    text: str
    where: Literal["contains", "starts with", "ends with"] = "contains"


class Named(msgspec.Struct, frozen=True):
    """The key column has the value, or leads to a row of which a label contains it: dest, Los Angeles."""

    ref: Ref
    key: Ref
    labels: tuple[Ref, ...]
    text: str


class Compare(msgspec.Struct, frozen=True):
    """The column against a number."""

    ref: Ref
    operator: Operator
    number: Number


class Missing(msgspec.Struct, frozen=True):
    """The column has no value, or, negated, has one."""

    ref: Ref
    negated: bool = False


class During(msgspec.Struct, frozen=True):
    """The row's time lies in the period."""

    clock: Clock
    period: Period


class Has(msgspec.Struct, frozen=True):
    """The row has so many rows of another table: users with more than 5 orders, products without orders."""

    table: str
    operator: Operator
    number: Number


class Having(msgspec.Struct, frozen=True):
    """Only groups with so many rows: categories with more than 5 products."""

    operator: Operator
    number: Number


Filter: TypeAlias = Is | Matches | Named | Compare | Missing | During | Has


class Order(msgspec.Struct, frozen=True):
    """By columns, or by the measure when there are none."""

    refs: tuple[Ref, ...]
    descending: bool


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole question. Without `measure` the rows themselves are wanted: `columns`, or all.

    `related` are tables that only have to have a matching row. `limit` is never over 100.
    """

    base: str
    measure: Measure | None = None
    groups: tuple[Group, ...] = ()
    filters: tuple[Filter, ...] = ()
    columns: tuple[Ref, ...] = ()
    distinct: bool = False
    related: tuple[str, ...] = ()
    having: Having | None = None
    order: Order | None = None
    limit: int = LIMIT_MAX
