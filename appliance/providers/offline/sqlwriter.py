"""`Intent` -> one SELECT for SQLite, with every name quoted where it has to be and every value escaped."""

from __future__ import annotations

from appliance.providers.offline.intent import (
    LIMIT_MAX,
    ByColumn,
    ByTime,
    Clock,
    Entity,
    Group,
    Intent,
    Measure,
    Ref,
    Unclear,
)
from appliance.providers.offline.joins import Step
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.sqlconditions import where
from appliance.providers.offline.sqljoins import Joins
from appliance.providers.offline.sqltext import literal, quoted
from appliance.providers.offline.words import parts, stem

FUNCTION_WORDS = {"sum": "total", "avg": "average", "min": "lowest", "max": "highest"}


def write(intent: Intent, lexicon: Lexicon) -> str:
    """The statement. Raises `Unclear` when rows could not be told apart or a table not be reached."""
    return _Writer(intent, lexicon).select()


def group_names(groups: tuple[Group, ...]) -> list[str]:
    """What the columns of the groups are called in the result, in order."""
    return [name for group in groups for name in _names_of(group)]


def _names_of(group: Group) -> list[str]:
    match group:
        case Entity(table, via):
            return [_row_name(table) if via is None else _key_name(table, via)]
        case ByColumn(ref):
            return [ref.column]
        case ByTime(clock, unit) if clock.form == "parts" and unit != "year":
            return ["year", "month", "day"][: {"month": 2, "day": 3}.get(unit, 1)] + ["quarter"] * (
                unit == "quarter"
            )
        case ByTime(_, unit):
            return [unit]


def _row_name(table: str) -> str:
    """order_items -> order_item."""
    *before, last = table.split("_")
    return "_".join([*before, stem(last)])


def _key_name(table: str, column: Ref) -> str:
    """What a key column points at: user_id -> user, but manager_id -> manager and origin -> origin."""
    words = [word for word in parts(column.column) if word != "id"]
    tells = bool(set(words) - set(parts(table))) and column.table != table
    return "_".join(words) if tells else _row_name(table)


def measure_name(intent: Intent) -> str:
    """What the column of the measure is called in the result."""
    measure = intent.measure
    assert measure is not None
    if measure.outer:
        per = "_".join(group_names(intent.groups))
        return f"{FUNCTION_WORDS[measure.outer]}_{intent.base}_per_{per}"
    if measure.column is None:
        return intent.base
    column = "revenue" if measure.factor else measure.column.column
    if measure.function == "distinct":
        return f"distinct_{column}"
    word = FUNCTION_WORDS[measure.function]
    return (
        column
        if column.startswith(word) or (column == "revenue" == "revenue" and word == "total")
        else f"{word}_{column}"
    )


class _Writer:
    """Writes the parts of the statement; the FROM clause last, when it is known what to join."""

    def __init__(self, intent: Intent, lexicon: Lexicon) -> None:
        self._intent = intent
        self._lexicon = lexicon
        self._joins = Joins(intent.base, lexicon)

    def select(self) -> str:
        intent = self._intent
        wheres = [where(self._joins, condition) for condition in intent.filters]
        for table in intent.related:
            self._joins.reach(table)
        if intent.measure is None:
            return self._rows(wheres)
        wheres += self._known_groups()
        groups = [expression for group in intent.groups for expression in self._group(group)]
        extra = [self._joins.column(ref) for group in intent.groups for ref in self._identity(group)]
        if (
            self._joins.fans_out()
            and intent.measure.column is not None
            and intent.measure.function != "distinct"
        ):
            return self._over_distinct_rows(intent.measure, groups, extra, wheres)
        body = [self._joins.from_clause(), *_clause("WHERE", " AND ", wheres)]
        return self._grouped(self._aggregate(intent.measure), groups, [*extra, *groups], body)

    def _rows(self, wheres: list[str]) -> str:
        """The rows themselves, with names in place of the keys of other tables."""
        intent = self._intent
        way = "DESC" if intent.order and intent.order.descending else "ASC NULLS LAST"
        order = [f"{self._joins.column(ref)} {way}" for ref in (intent.order.refs if intent.order else ())]
        many = self._joins.fans_out()
        columns = [self._joins.column(ref) for ref in intent.columns] or self._all_columns()
        key = self._lexicon.key(intent.base)
        if intent.distinct:
            order = order or columns[:1]
        elif key:
            order.append(self._joins.column(key))
        return "\n".join(
            [
                f"SELECT {'DISTINCT ' if intent.distinct or many else ''}{', '.join(columns)}",
                self._joins.from_clause(),
                *_clause("WHERE", " AND ", wheres),
                *_clause("ORDER BY", ", ", list(dict.fromkeys(order))),
                f"LIMIT {intent.limit}",
            ]
        )

    def _all_columns(self) -> list[str]:
        columns = []
        for ref in self._lexicon.refs(self._intent.base):
            step = self._joins.graph.step_from(ref)
            label = self._lexicon.label(step.target.table) if step and self._is_number(ref) else ()
            if (
                step
                and label
                and self._joins.steps.setdefault(step.target.table, (step, "LEFT JOIN"))[0] == step
            ):
                columns.append(f"{self._joins.joined(label)} AS {quoted(_key_name(step.target.table, ref))}")
            else:
                columns.append(self._joins.column(ref))
        return columns

    def _is_number(self, ref: Ref) -> bool:
        """Numbers say nothing to people, codes like JFK do."""
        return "INT" in self._lexicon.column(ref).type.upper()

    def _grouped(self, measure: str, groups: list[str], by: list[str], body: list[str]) -> str:
        intent = self._intent
        assert intent.measure is not None
        if intent.measure.outer:
            inner = "\n".join([f"SELECT {measure} AS n", *body, *_clause("GROUP BY", ", ", by)])
            outer = f"{intent.measure.outer.upper()}(n)"
            outer = f"ROUND({outer}, 2)" if intent.measure.outer == "avg" else outer
            return f"SELECT {outer} AS {quoted(measure_name(intent))}\nFROM (\n{inner}\n)"
        names = [quoted(name) for name in group_names(intent.groups)]
        shown = [f"{e} AS {n}" if e.split(".")[-1] != n else e for e, n in zip(groups, names, strict=True)]
        name = measure_name(intent)
        name = quoted(f"number_of_{name}" if name in group_names(intent.groups) else name)
        lines = [
            f"SELECT {', '.join([*shown, f'{measure} AS {name}'])}",
            *body,
            *_clause("GROUP BY", ", ", by),
        ]
        if intent.having:
            lines.append(f"HAVING {measure} {intent.having.operator} {literal(intent.having.number)}")
        if groups:
            lines += [f"ORDER BY {', '.join(self._group_order(name, groups))}", f"LIMIT {intent.limit}"]
        return "\n".join(lines)

    def _group_order(self, measure: str, groups: list[str]) -> list[str]:
        """By the groups themselves, or by the measure first."""
        order = self._intent.order
        if order and order.refs and order.descending:
            return [f"{group} DESC" for group in groups]
        if order is None or order.refs:
            return groups
        return [f"{measure} {'DESC' if order.descending else 'ASC NULLS LAST'}", *groups]

    def _over_distinct_rows(
        self, measure: Measure, groups: list[str], extra: list[str], wheres: list[str]
    ) -> str:
        """A sum over rows that a join has multiplied: each row of the base counts once in each group."""
        assert measure.column is not None
        parts = list(dict.fromkeys([*groups, *extra]))
        names = [f"g{number}" for number, _ in enumerate(parts)]
        shown = [f"{part} AS {name}" for part, name in zip(parts, names, strict=True)]
        shown += [f"{self._key()} AS row_key", f"{self._value(measure)} AS n"]
        inner = "\n".join(
            [
                f"SELECT DISTINCT {', '.join(shown)}",
                self._joins.from_clause(),
                *_clause("WHERE", " AND ", wheres),
            ]
        )
        aggregate = self._rounded(measure, f"{measure.function.upper()}(n)")
        return self._grouped(aggregate, names[: len(groups)], names, [f"FROM (\n{inner}\n)"])

    def _aggregate(self, measure: Measure) -> str:
        if measure.column is None:
            return f"COUNT(DISTINCT {self._key()})" if self._joins.fans_out() else "COUNT(*)"
        if measure.function == "distinct":
            self._joins.reach(measure.column.table)
            return f"COUNT(DISTINCT {self._joins.column(measure.column)})"
        return self._rounded(measure, f"{measure.function.upper()}({self._value(measure)})")

    def _rounded(self, measure: Measure, expression: str) -> str:
        assert measure.column is not None
        whole = "INT" in self._lexicon.column(measure.column).type.upper() and measure.factor is None
        if measure.function == "avg" or (measure.function == "sum" and not whole):
            return f"ROUND({expression}, 2)"
        return expression

    def _value(self, measure: Measure) -> str:
        assert measure.column is not None
        value = self._joins.column(measure.column)
        return f"{self._joins.column(measure.factor)} * {value}" if measure.factor else value

    def _key(self) -> str:
        key = self._lexicon.key(self._intent.base)
        if key is None:
            raise Unclear(f"{self._intent.base} has no key, so I cannot count its rows once each there.")
        return self._joins.column(key)

    def _group(self, group: Group) -> list[str]:
        match group:
            case Entity():
                return [self._label(group)]
            case ByColumn(ref):
                return [self._joins.column(ref)]
            case ByTime(clock, unit):
                self._joins.reach(clock.table)
                return self._unit(clock, unit)

    def _known_groups(self) -> list[str]:
        """In a ranking rows of no group are left out: nobody asks for the first among the unknown."""
        if self._intent.limit == LIMIT_MAX:
            return []
        steps = [self._step(group) for group in self._intent.groups if isinstance(group, Entity)]
        refs = [group.ref for group in self._intent.groups if isinstance(group, ByColumn)]
        refs += [step.source for step in steps if step]
        return [
            f"{self._joins.column(ref)} IS NOT NULL" for ref in refs if self._lexicon.column(ref).nullable
        ]

    def _label(self, group: Entity) -> str:
        """The name of the other table's row, or the key itself where there is no such row."""
        step, key = self._step(group), self._lexicon.key(group.table)
        if step:
            self._joins.steps.setdefault(group.table, (step, "JOIN" if step.sure else "LEFT JOIN"))
        label = self._lexicon.label(group.table) or ((key,) if key else ())
        if not label:
            raise Unclear(f"{group.table} has no column that says which row is which.")
        text = self._joins.joined(label)
        return text if step is None or step.sure else f"COALESCE({text}, {self._joins.column(step.source)})"

    def _identity(self, group: Group) -> list[Ref]:
        """Two people of one name are two people: group by the key as well."""
        if not isinstance(group, Entity):
            return []
        step, key = self._step(group), self._lexicon.key(group.table)
        if step and not step.sure:
            return [step.source]
        return [key] if key else []

    def _step(self, group: Entity) -> Step | None:
        """The one key that leads from the base table to the group's, if it is as near as that."""
        if group.via:
            return self._joins.graph.step_from(group.via)
        match self._joins.graph.path(self._intent.base, group.table):
            case [Step(to_one=True) as step]:
                return step
        return None

    def _unit(self, clock: Clock, unit: str) -> list[str]:
        if clock.form == "parts":
            columns = [
                self._joins.column(Ref(clock.table, c)) for c in (clock.year, clock.month, clock.day) if c
            ]
            if unit == "quarter":
                return [columns[0], f"({columns[1]} + 2) / 3"]
            return columns[: {"year": 1, "month": 2, "day": 3}[unit]]
        text = self._moment(clock)
        match unit:
            case "week":
                return [f"date({text}, 'weekday 0', '-6 days')"]
            case "quarter":
                return [f"substr({text}, 1, 4) || '-Q' || ((substr({text}, 6, 2) + 2) / 3)"]
        return [f"substr({text}, 1, { {'year': 4, 'month': 7, 'day': 10, 'hour': 13}[unit] })"]

    def _moment(self, clock: Clock) -> str:
        """The time as ISO text."""
        column = self._joins.column(Ref(clock.table, clock.column))
        return f"datetime({column}, 'unixepoch')" if clock.form == "epoch" else column


def _clause(word: str, between: str, parts: list[str]) -> list[str]:
    return [f"{word} {between.join(dict.fromkeys(parts))}"] if parts else []
