"""Words of other SQL dialects -> what to write for SQLite, for error texts only. Pure.

Nothing here decides whether a statement may run. It is asked when SQLite has refused one, about the place
where it stumbled, and knows no names of any data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_ARGUMENTS = r"(?:[^()]|\([^()]{0,300}\)){0,300}"
"""What stands within a call's brackets, with one more pair of them; bounded, for texts are hostile."""

_LIKE = "LIKE ignores the case of ASCII letters, GLOB 'A*' does not; there are no regular expressions"
_NOW = "dates are texts: date('now', '-30 days') for a day, datetime('now') for the moment"
_MOMENT = (
    "dates are texts: write date(x), datetime(x) or just '2026-05-31'; date('now', '-30 days') for a day"
)
_PERIOD = "strftime('%Y-%m', x) for a month, '%Y' for a year; days between are julianday(a) - julianday(b)"
_DAYS = "days between are julianday(a) - julianday(b); others: strftime('%Y', x)"
_PART = "CAST(strftime('%Y', x) AS INTEGER), with %m for the month, %d for the day, %w for the weekday"
_EPOCH = "unixepoch(x) gives seconds, datetime(x, 'unixepoch') a date"
_LIMIT = "LIMIT n OFFSET m at the end (OFFSET needs a LIMIT, -1 for all); no TOP, FETCH, TIES or FOR UPDATE"
_CAST = "CAST(x AS INTEGER), CAST(x AS REAL) or CAST(x AS TEXT); for dates date(x)"
_ELEMENTS = "json_each(x) in FROM gives the elements of a JSON array as rows, in its column value"
_LIST = f"x IN (1, 2) for a list; {_ELEMENTS}"
_JSON = "json_extract(x, '$.a.b') or x ->> '$.a.b' for a value; json_each(x) in FROM for the elements"
_DOUBLED = "a single quote within a text is written twice, like 'it''s'"
_TOTALS = "one GROUP BY per grouping, put together with UNION ALL"
_NUMBERED = (
    "number the rows in a subquery: SELECT * FROM (SELECT *, row_number() OVER (…) AS n …) WHERE n = 1"
)
_SERIES = (
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT n FROM r; "
    "for days date(n, '+1 day')"
)
_MEDIAN = "percentile(x, 50) or median(x)"
_SPREAD = (
    "there is none: sqrt(avg(x * x) - avg(x) * avg(x)) is the standard deviation, without sqrt the variance"
)
_NONE = "there is no such function, and nothing that does the same; do without it"
_SUBQUERY = "a subquery in SELECT, or a JOIN with a grouped or numbered subquery"
_PAD = "printf('%10s', x) pads on the left, printf('%-10s', x) on the right, printf('%05d', n) with zeros"

_WORDS: tuple[tuple[str, str], ...] = (
    ("regexp rlike regexp_like regexp_matches regexp_match", _LIKE),
    ("now getdate curdate sysdate sysdatetime getutcdate curtime current_date_time localtime", _NOW),
    ("localtimestamp utc_timestamp clock_timestamp date_sub date_add dateadd adddate subdate", _NOW),
    ("date_trunc date_format to_char monthname dayname", _PERIOD),
    ("quarter", "(CAST(strftime('%m', x) AS INTEGER) + 2) / 3"),
    ("age datediff timestampdiff months_between date_diff", _DAYS),
    ("date_part datepart extract year month day hour minute second week dayofweek dayofyear weekday", _PART),
    ("to_date str_to_date", "dates are texts like '2026-05-31': date(x), or strftime('%Y-%m', x)"),
    ("make_date datefromparts", "dates are texts: printf('%04d-%02d-%02d', y, m, d)"),
    ("eomonth last_day", "date(x, 'start of month', '+1 month', '-1 day')"),
    ("unix_timestamp to_timestamp from_unixtime", _EPOCH),
    ("position strpos charindex locate", "instr(b, a) for the place of a in b"),
    ("convert try_cast safe_cast try_convert to_number cast_to", _CAST),
    ("top", _LIMIT),
    ("rollup cube grouping", _TOTALS),
    ("generate_series", _SERIES),
    ("unnest jsonb_array_elements json_array_elements jsonb_array_elements_text openjson", _ELEMENTS),
    ("string_to_array json_table jsonb_each jsonb_object_keys", _ELEMENTS),
    ("any some array", _LIST),
    ("array_length cardinality jsonb_array_length", "json_array_length(x)"),
    ("len char_length character_length datalength", "length(x)"),
    ("left right mid", "substr(x, 1, n) for the first n characters, substr(x, -n) for the last"),
    ("lpad rpad", _PAD),
    ("greatest", "max(a, b), with two or more arguments"),
    ("least", "min(a, b), with two or more arguments"),
    ("nvl isnull", "ifnull(a, b)"),
    ("nvl2", "CASE WHEN a IS NULL THEN c ELSE b END"),
    ("decode", "CASE x WHEN a THEN b ELSE c END"),
    (
        "split_part substring_index",
        "substr(x, 1, instr(x, '@') - 1) before, substr(x, instr(x, '@') + 1) behind",
    ),
    ("array_agg json_agg jsonb_agg json_arrayagg", "json_group_array(x), or group_concat(x, ',') for a text"),
    ("listagg", "group_concat(x, ',')"),
    ("json_object_agg jsonb_object_agg json_objectagg", "json_group_object(name, value)"),
    ("json_build_object jsonb_build_object row_to_json to_json", "json_object('a', x, 'b', y)"),
    ("json_build_array jsonb_build_array", "json_array(a, b)"),
    ("json_value json_query jsonb_extract_path_text json_extract_path_text", _JSON),
    ("bool_or", "max(x): booleans are 1 and 0"),
    ("bool_and every", "min(x): booleans are 1 and 0"),
    ("stddev stddev_pop stddev_samp stdev std variance var_pop var_samp stdevp", _SPREAD),
    ("quantile approx_percentile", _MEDIAN),
    ("mode", "GROUP BY x ORDER BY count(*) DESC LIMIT 1"),
    ("rand newid", "random()"),
    ("count_big", "count(*)"),
    ("safe_divide", "a * 1.0 / nullif(b, 0)"),
    ("regexp_replace regexp_substr regexp_extract md5 sha1 sha2 sha256 version initcap reverse", _NONE),
    ("soundex corr pg_sleep sleep translate levenshtein similarity gen_random_uuid uuid", _NONE),
    ("session_user current_user user", "no users; the current user id stands in your instructions"),
)
ADVICE = {word: advice for words, advice in _WORDS for word in words.split()}
"""What to write for a function, or a name that is used like one, by its lower-case name."""


_BARE = """
now getdate curdate sysdate sysdatetime getutcdate curtime localtime localtimestamp utc_timestamp
current_user session_user user
"""
BARE = frozenset(_BARE.split())
"""Those that other dialects write without brackets."""


class Shape(msgspec.Struct, frozen=True):
    """A way of writing, as it looks without its literals, and the advice for it.

    `within` are the first words of the statements that it is about; empty for all.
    """

    pattern: re.Pattern[str]
    advice: str
    within: frozenset[str] = frozenset()


def _shape(pattern: str, advice: str, within: str = "") -> Shape:
    return Shape(re.compile(pattern, re.IGNORECASE), advice, frozenset(within.split()))


_POSITION = _shape(rf"\bposition\s*\({_ARGUMENTS}?\sin\s+[\"'`\[]?[\w.]+", "instr(b, a) for POSITION(a IN b)")
SHAPES: tuple[Shape, ...] = (
    _shape(r"'_*'\w+", _DOUBLED),
    _shape(r"::\s*\w*", "CAST(x AS type) for x::type; for dates date(x) or datetime(x)"),
    _shape(r"\b(?:ilike|rlike|regexp|similar\s+to)\b|!?~~?\*?", _LIKE),
    _shape(r"\binterval\s+\S", _NOW),
    _shape(r"\b(?:date|time|timestamp|datetime)\s+'", _MOMENT),
    _shape(r"\bat\s+time\s+zone\b|\bwith(?:out)?\s+time\s+zone\b", f"{_NOW}; times are in UTC"),
    _shape(r"\bextract\s*\(\s*\w+\s+from\b", _PART),
    _shape(rf"\bsubstring\s*\({_ARGUMENTS}?\s(?:from|for)\b", "substr(x, n, m): from place n, m characters"),
    _POSITION,
    _shape(
        r"\btrim\s*\(\s*(?:both|leading|trailing|'_*')\s+\S", "trim(x, ' '), ltrim(x, ' ') or rtrim(x, ' ')"
    ),
    _shape(r"\bas\s+\w+\s*\(\s*max\b", _CAST),
    _shape(r"\bfetch\s+(?:first|next)\b|\btop\s*\(?\s*\d|\blimit\s+all\b|\boffset\s+\S", _LIMIT),
    _shape(r"\bwith\s+ties\b|\bfor\s+(?:no\s+key\s+)?(?:update|share)\b|\bwith\s*\(\s*nolock", _LIMIT),
    _shape(r"\bdistinct\s+on\b|\bqualify\s+\w", _NUMBERED),
    _shape(r"\blateral\s*\(?\s*\w*|\b(?:cross|outer)\s+apply\b", _SUBQUERY),
    _shape(r"\bgrouping\s+sets\b|\bwith\s+rollup\b", _TOTALS),
    _shape(r"\b(?:un)?pivot\s*\(", "one column each: sum(x) FILTER (WHERE kind = 'a') AS a; else UNION ALL"),
    _shape(
        r"\*\s*(?:except|exclude|replace)\s*\(", "list the columns that you want; * is always all of them"
    ),
    _shape(r"(?:\A\s*|\b(?:union|all|except|intersect)\s*)\(", "no brackets round the SELECTs of a UNION"),
    _shape(r"\bmode\s*\(\s*\)\s*within\s+group\s*\(", ADVICE["mode"]),
    _shape(r"\bwithin\s+group\s*\(", f"{_MEDIAN}; percentile(x, 90) for another part"),
    _shape(r"\barray\s*\[|=\s*any\s*\(", _LIST),
    _shape(r"\bas\s+\w+\s*\(", "name the columns in front: WITH v(n, t) AS (VALUES …) SELECT … FROM v"),
    _shape(r"\bseparator\b", "group_concat(x, ',')"),
    _shape(r"#>>?|@>|<@", _JSON),
    _shape(r"\bjson_object\s*\(\s*'_*'\s*:", "json_object('a', x, 'b', y)"),
    _shape(r"\(\s*\+\s*\)", "a LEFT JOIN"),
    _shape(r"\btablesample\b", "ORDER BY random() LIMIT n"),
    _shape(r"\bdiv\s+\w", "a / b, which drops the rest between whole numbers"),
    _shape(r"\w\.\w+\s*\.", "table names have at most one schema before them"),
    _shape(r"\A\s*(?:declare|go)\b", "no variables: write the values into the one statement"),
    _shape(r"\A\s*table\b", "SELECT * FROM the table"),
    _shape(r"\b(?:order|limit)\b", "WHERE id IN (SELECT id … ORDER BY … LIMIT n)", "UPDATE DELETE"),
    _shape(r"\busing\b", "WHERE id IN (SELECT … FROM the other table)", "DELETE"),
    _shape(r"\bjoin\b", "UPDATE a SET … FROM b WHERE b.id = a.b_id", "UPDATE"),
    _shape(r"\bset\b", "INSERT INTO table (a, b) VALUES (1, 2), with the column list", "INSERT"),
    _shape(
        r"[(,=]\s*default\b",
        "name the other columns in the column list and leave this one out",
        "INSERT UPDATE",
    ),
)
"""Consulted in this order; the first that covers the place speaks."""

_CALL = re.compile(rf"\b({'|'.join(sorted(ADVICE))})\s*\({_ARGUMENTS}", re.IGNORECASE)

MESSAGES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("DISTINCT aggregates must have"), "group_concat(DISTINCT x) takes no separator"),
    (
        re.compile(r"wrong number of arguments to function count\(", re.IGNORECASE),
        "SELECT count(*) FROM (SELECT DISTINCT a, b FROM …) for more than one column",
    ),
    (re.compile("no such collation sequence"), "COLLATE NOCASE, or none"),
    (re.compile("misuse of (?:aliased )?window function"), _NUMBERED),
    (re.compile("misuse of aggregate"), "conditions on aggregates stand in HAVING; aggregates do not nest"),
)
"""What SQLite says of a statement as a whole, and the advice for it."""

_FENCE = "```"
_HIDDEN = re.compile(
    r"""'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)"""
    r"""|--[^\n]*|/\*.*?(?:\*/|\Z)""",
    re.DOTALL,
)


class Stumble(msgspec.Struct, frozen=True):
    """A refused statement and the byte of it (in UTF-8) at which SQLite stopped; -1 when it did not say."""

    sql: str
    offset: int = -1


def advice_for(word: str) -> str:
    """What to write for a function or a bare name; '' when nothing is known of it."""
    return _told(ADVICE.get(word.lower(), ""))


def advice_for_column(stumble: Stumble, name: str) -> str:
    """What to write when a column of this name is not there; '' when that is all that is wrong."""
    return advice_for(name) if name.lower() in BARE else advice_at(stumble, name)


def advice_on_token(stumble: Stumble, token: str) -> str:
    """What to write when SQLite cannot read the token at all; '' when nothing is known."""
    return _told(_DOUBLED) if token.startswith("'") else advice_at(stumble, token)


def advice_at(stumble: Stumble, token: str) -> str:
    """What to write for what stands round `token`, where SQLite stopped; '' when nothing is known."""
    if stumble.sql.lstrip().startswith(_FENCE):
        return "Send the statement alone, without ``` round it."
    bare = _bare(stumble.sql)
    places = _places(stumble, token)
    kind = (re.findall(r"[A-Za-z]+", bare[:200]) or [""])[0].upper()
    for shape in SHAPES:
        if (not shape.within or kind in shape.within) and _covers(shape.pattern, bare, places):
            return _told(shape.advice)
    called = _covers(_CALL, bare, places)
    return advice_for(called[1]) if called else ""


def advice_on(message: str) -> str:
    """What to write when SQLite says `message` of the whole statement; '' when nothing is known."""
    return _told(next((advice for pattern, advice in MESSAGES if pattern.search(message)), ""))


def advice_on_position(stumble: Stumble, name: str) -> str:
    """What to write when `name` is no table but the text that POSITION searches; '' when it is not."""
    found = _covers(_POSITION.pattern, _bare(stumble.sql), _places(stumble, name))
    return _told(_POSITION.advice) if found else ""


def _told(advice: str) -> str:
    return f"In SQLite: {advice}." if advice else ""


def _covers(pattern: re.Pattern[str], bare: str, places: list[int]) -> re.Match[str] | None:
    return next((found for found in _matches(pattern, bare, places)), None)


def _matches(pattern: re.Pattern[str], bare: str, places: list[int]) -> Iterator[re.Match[str]]:
    return (
        found
        for found in pattern.finditer(bare)
        if any(found.start() <= place < found.end() for place in places)
    )


def _places(stumble: Stumble, token: str) -> list[int]:
    """Where the token begins: where SQLite says, or everywhere when another text was run for this one."""
    sql = stumble.sql
    if stumble.offset >= 0:
        place = len(sql.encode(errors="surrogatepass")[: stumble.offset].decode(errors="ignore"))
        if token and sql[place : place + len(token)].lower() == token.lower():
            return [place]
    whole = rf"(?<!\w){re.escape(token)}(?!\w)" if token.isidentifier() else re.escape(token)
    return [found.start() for found in re.finditer(whole, sql, re.IGNORECASE)][:20] if token else []


def _bare(sql: str) -> str:
    """The same length of text: nothing within literals and quoted names, blanks for comments."""

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        if text[0] in "-/":
            return " " * len(text)
        return text[0] + "_" * (len(text) - 2) + text[-1] if len(text) > 1 else text

    return _HIDDEN.sub(blank, sql)
