"""The English words of the grammar, as tables: phrase -> what it means. No code decides anything here."""

from __future__ import annotations

from appliance.providers.offline.intent import Unit


def _phrases(text: str) -> dict[tuple[str, ...], str]:
    """Lines of `meaning: a phrase, another`, continued by two spaces -> {("a", "phrase"): "meaning", …}."""
    lines = text.replace("\n  ", " ").strip().splitlines()
    meanings = (line.split(": ", 1) for line in lines)
    return {tuple(p.split()): meaning for meaning, phrases in meanings for p in phrases.split(", ")}


KEYWORDS = _phrases("""
count: how many, number of, count of, count, counts, are there any, is there any, do we have any
list: list, show, display, find, give, print, return, see, details, information, info
which: which, what, who, whose, whom, what's, who's, which are the
distinct: distinct, unique, different
sum: total, sum, sum of, in total, how much, overall, altogether, combined
avg: average, avg, mean
highest: highest, maximum, max, largest, biggest, greatest
lowest: lowest, minimum, min, smallest
top: top, best, leading
bottom: bottom, worst
most: most
fewest: fewest, least
common: most common, most popular, most frequent, most often, popular
newest: newest, latest, most recent, recent, last, most recently
oldest: oldest, earliest, first
by: by, per, for each, for every, grouped by, group by, broken down by, split by, in each, each, every,
  in every, according to, across
sort: sorted by, ordered by, order by, sort by, sort, sorted
ascending: ascending, asc, ascending order, in ascending order, lowest first, alphabetically
descending: descending, desc, descending order, in descending order, highest first
gt: over, above, more than, greater than, higher than, larger than, bigger than, longer than, exceeding,
  older than, >
ge: at least, no less than, not less than, >=
lt: under, below, less than, fewer than, lower than, cheaper than, smaller than, shorter than, <
le: at most, up to, no more than, not more than, <=
eq: exactly, equal to, equals, =, ==
or_more: or more, or above, and more, and above
or_less: or less, or fewer, or below, and below
between: between
is: is, are, was, were, be, of type
not: not, is not, are not, isn't, aren't, !=, <>, except, excluding, other than, but not, not in, were
  not, was not, wasn't, weren't
with: with, where, whose, having, has, have, had, that have, who have, which have, that has, who has,
  which has, and have, that are, which are, who are, there are, that were
without: without, with no, have no, has no, had no, with zero, with 0, lacking, that have no, who have
  no, no, never, without any, without a, have never, has never, have not, who never, that never
missing: missing, empty, null, blank, unknown, not set
contains: contains, containing, contain, including, includes, like
starts: starts with, start with, starting with, beginning with, begins with
ends: ends with, end with, ending with, ending in
in: in, at, on, within, inside
from: from
to: to, into, towards
of: of, for, called, named
and: and, as well as, plus, also
or: or
daily: daily
weekly: weekly
monthly: monthly
quarterly: quarterly
yearly: yearly, annually, annual
""")
"""What the phrases mean to `question.py` and its stages."""

FILLERS = set(
    _phrases("""
article: a, an, the, all, any, some, this, that, these, those, there, their, its, it, them, they
polite: when, please, kindly, me, us, you, i, we, our,
  my, mine, your, can you, could you, can i, could i, would you, i
  want, i need, i would like, let, let's, tell me, tell, want, like to, know, i'd like, hey, hi, hello,
  ok, okay
verbs: do, does, did, can, could, will, would, get, got, been, being, exist, exists, made, make, makes,
  placed, place, bought, buy, buys, purchased, sold, sell, selling, came, come, comes, signed, sign, up,
  registered, joined, join, created, received, booked, done, happened, occurred, flew, fly, flown,
  departed, departing, left, leaving, arrived, arriving, going, coming, went, run, ran, operated, built,
  manufactured, live, lives, living, lived, based, located, belong, belongs, belonging, cost, costs,
  costing, costed, earned, earn, generated, generate, brought, bring, contributed, worth, valued,
  priced, paid by, used, uses, use, given, listed, stored
nouns: value of, rows, row, records, record, entries, entry, data, table, values, result, results,
  people who, ones, one, currently, now, so far, until now, ever, overall, only, just, new, still,
  already, yet, then, too, together, respectively, about, name of the, names of the, terms of, in terms
  of, order of, kind of, kinds of, types of, list of, a list of
signs: $, €
""")
)
"""Phrases that say nothing to the grammar, unless the data has something of that name."""
COUNTED_UNITS = {
    *("euros", "euro", "eur", "dollars", "dollar", "usd", "miles", "mile", "km"),
    *("kilometers", "kilometres", "pieces", "units", "feet"),
}
"""Said after a number, they say nothing more."""
DURATIONS = {
    form: unit
    for unit in ("second", "minute", "hour", "day", "week", "month", "year")
    for form in (unit, f"{unit}s")
} | {"secs": "second", "mins": "minute", "hrs": "hour"}
"""Said after a number in a comparison, they are its unit."""
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
"""Units that can be put into each other; months and years are not all of one length."""

NUMBER_WORDS = {
    "zero": 0,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "twenty": 20,
    "fifty": 50,
    "hundred": 100,
}
"""Without one: in "which one" and "the ones" it is no number."""

UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month", "quarter", "year")
TIME_UNITS: dict[str, Unit] = {form: unit for unit in UNITS for form in (unit, f"{unit}s")}
EVERY_UNIT: dict[str, Unit] = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
}

MONEY_WORDS = {
    "revenue",
    "sales",
    "turnover",
    "income",
    "spending",
    "spent",
    "spend",
    "spends",
    "earnings",
    "money",
    "value",
}
MONEY_COLUMNS = ("revenue", "sale", "turnover", "total", "amount", "value", "sum", "income", "subtotal")
"""Parts of column names that hold the worth of a row, best first."""
PRICE_COLUMNS = ("price", "cost", "rate", "fee")
CODE_COLUMNS = {
    *(
        "id",
        "zip",
        "zipcode",
        "postcode",
        "postal",
        "code",
        "number",
        "no",
        "nr",
        "phone",
        "flight",
        "version",
    ),
    *("year", "month", "day", "hour", "minute", "lat", "lon", "lng", "latitude", "longitude"),
}
"""Parts of the names of columns whose numbers tell rows, places or times apart: no mean makes sense."""
QUANTITY_COLUMNS = ("quantity", "qty", "piece")

SUPERLATIVES: dict[tuple[str, ...], tuple[bool, tuple[str, ...]]] = {
    ("cheapest",): (False, PRICE_COLUMNS),
    ("least", "expensive"): (False, PRICE_COLUMNS),
    ("most", "expensive"): (True, PRICE_COLUMNS),
    ("priciest",): (True, PRICE_COLUMNS),
    ("most", "valuable"): (True, (*MONEY_COLUMNS, *PRICE_COLUMNS)),
    ("longest",): (True, ("duration", "length", "distance", "time")),
    ("shortest",): (False, ("duration", "length", "distance", "time")),
    ("furthest",): (True, ("distance",)),
    ("farthest",): (True, ("distance",)),
    ("fastest",): (True, ("speed",)),
    ("slowest",): (False, ("speed",)),
    ("heaviest",): (True, ("weight",)),
    ("lightest",): (False, ("weight",)),
    ("hottest",): (True, ("temp", "temperature")),
    ("warmest",): (True, ("temp", "temperature")),
    ("coldest",): (False, ("temp", "temperature")),
    ("tallest",): (True, ("height",)),
    ("best", "selling"): (True, QUANTITY_COLUMNS),
    ("best", "sold"): (True, QUANTITY_COLUMNS),
    ("most", "sold"): (True, QUANTITY_COLUMNS),
    ("worst", "selling"): (False, QUANTITY_COLUMNS),
}
"""Adjective -> (descending, parts of the names of columns that it speaks of, best first)."""

SYNONYMS = (
    {"user", "customer", "client", "person", "people", "buyer", "member", "account", "shopper", "visitor"},
    {"product", "item", "article", "good"},
    {"order", "purchase", "sale"},
    {"airline", "carrier"},
    {"plane", "aircraft", "airplane"},
    {"employee", "staff", "worker", "colleague"},
    {"company", "firm", "organisation", "organization", "business"},
    {"category", "kind", "type"},
    {"status", "state"},
    {"city", "town"},
    {"price", "cost"},
    {"quantity", "amount"},
    {"email", "mail"},
    {"phone", "telephone"},
)
"""Words, in the singular, that may stand for each other when a name is not found as it is."""

LABEL_COLUMNS = (
    "name",
    "title",
    "full_name",
    "fullname",
    "label",
    "display_name",
    "username",
    "user_name",
    "login",
    "email",
)
"""Columns that say to people which row it is, best first."""
PLACE_COLUMNS = ("city", "town", "country", "state", "region", "location", "place", "continent", "address")
KIND_COLUMNS = (
    *("status", "state", "category", "type", "kind", "class", "group", "role", "plan", "level", "segment"),
    *("brand", "manufacturer", "color", "colour", "tag", "gender", "model", "department", "priority"),
)
"""Columns whose value may stand as an adjective before the table: "red products", "open tickets"."""
FROM_COLUMNS = ("origin", "source", "from", "sender", "departure")
TO_COLUMNS = ("dest", "destination", "target", "to", "receiver", "recipient", "arrival")
TIME_COLUMNS = ("created", "ordered", "order", "placed", "date", "timestamp", "time", "at", "on")
"""Parts of the names of columns that tell when the row happened, best first."""

NEEDY = {
    *(
        "avg",
        "highest",
        "lowest",
        "top",
        "bottom",
        "most",
        "fewest",
        "common",
        "newest",
        "oldest",
        "by",
        "sort",
        "gt",
        "ge",
    ),
    *(
        "lt",
        "le",
        "between",
        "or_more",
        "or_less",
        "not",
        "without",
        "missing",
        "contains",
        "starts",
        "ends",
        "money",
    ),
}
"""Meanings that change a question; left without a partner they make it unclear, all others can be ignored."""

DATA_WORDS = {
    *(
        "count",
        "list",
        "sum",
        "avg",
        "top",
        "bottom",
        "most",
        "fewest",
        "highest",
        "lowest",
        "newest",
        "oldest",
        "by",
    ),
    "common",
}
"""Meanings that make a question one about data, even when no name in it is known."""

WRITING_WORDS = {
    "delete",
    "drop",
    "update",
    "insert",
    "remove",
    "alter",
    "truncate",
    "erase",
    "add",
    "change",
    "modify",
}
OWN_WORDS = {"my", "mine"}
