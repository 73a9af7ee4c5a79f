"""A question's words -> `Reading`: which words ask for what. Syntax only; `resolve.py` chooses tables.

Each stage takes away the marks that it understands: the order, conditions ("in Berlin", "over 100"), rankings
("top 10 users by …"), measures ("average price", "how many orders") and groups ("by month"). What is left are
the tables and columns that the question is about, and words that nobody knows.
"""

from __future__ import annotations

from datetime import date

from appliance.providers.offline import vocabulary
from appliance.providers.offline.conditions import take_conditions
from appliance.providers.offline.cursor import Cursor
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.marks import Mark, mark
from appliance.providers.offline.metrics import take_measure
from appliance.providers.offline.phrasing import plain_question
from appliance.providers.offline.rankings import take_ranking
from appliance.providers.offline.reading import Reading


def read(text: str, lexicon: Lexicon, today: date | None) -> Reading:
    """Take the question apart. Raises `Unclear` for dates that cannot be."""
    marks = Cursor(mark(plain_question(text, lexicon), lexicon, today), lexicon)
    about_data = any(m.keyword in vocabulary.DATA_WORDS or m.tables or m.columns for m in marks)
    sort, descending = _take_sort(marks)
    conditions = take_conditions(marks)
    ranking = take_ranking(marks)
    metric = None if ranking else take_measure(marks)
    groups = _take_groups(marks)
    limit = marks.take_limit()
    names = [m for m in marks if m.tables or m.columns]
    return Reading(
        metric=metric,
        ranking=ranking,
        groups=groups,
        conditions=tuple(conditions),
        subjects=tuple(m for m in names if m.tables),
        columns=tuple(m for m in names if not m.tables),
        columns_first=bool(names) and not names[0].tables,
        sort=sort,
        descending=descending,
        distinct=any(m.keyword == "distinct" for m in marks),
        either=any(m.keyword == "or" for m in marks),
        limit=limit,
        unknown=_unknown(marks),
        about_data=about_data,
    )


def _take_sort(marks: Cursor) -> tuple[Mark | None, bool]:
    """`sorted by price descending`."""
    for at, found in enumerate(marks):
        target = marks.get(at + 1)
        if found.keyword == "sort" and target and target.columns:
            way = marks.keyword(at + 2)
            marks.cut(at, at + (3 if way in {"descending", "ascending"} else 2))
            return target, way == "descending"
    return None, False


def _take_groups(marks: Cursor) -> tuple[Mark, ...]:
    """`by status and month`, `per user`, `monthly`."""
    groups: list[Mark] = []
    at = 0
    while at < len(marks):
        word = marks.keyword(at)
        if word in vocabulary.EVERY_UNIT:
            unit = vocabulary.EVERY_UNIT[word]
            groups.append(Mark(text=unit, unit=unit))
            marks.cut(at, at + 1)
        elif word == "by" and (group := marks.name_at(at + 1)):
            groups.append(group)
            end = at + 2
            while marks.keyword(end) in {"and", "by"} and (group := marks.name_at(end + 1)):
                groups.append(group)
                end += 2
            marks.cut(at, end)
        else:
            at += 1
    return tuple(groups)


def _unknown(marks: Cursor) -> tuple[str, ...]:
    """Words that mean nothing; when there are none, those whose partner is missing: a "by" without a name."""
    strange = tuple(m.text for m in marks if not m.known)
    return strange or tuple(m.text for m in marks if _is_alone(m))


def _is_alone(mark: Mark) -> bool:
    left_over = mark.number is not None or mark.unit or mark.hints or mark.quoted or mark.values
    return not mark.tables and not mark.columns and bool(left_over or mark.keyword in vocabulary.NEEDY)
