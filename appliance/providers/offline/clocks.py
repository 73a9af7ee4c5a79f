"""How a table tells when its rows happened: ISO text, Unix seconds, or columns year, month and day."""

from __future__ import annotations

from appliance.providers.offline import vocabulary
from appliance.providers.offline.intent import Clock, Form, Ref
from appliance.providers.offline.lexicon import Lexicon

FORMS: dict[str, Form] = {"date": "text", "epoch": "epoch"}
"""Kind of column -> how it tells time."""


def clock_of(lexicon: Lexicon, table: str) -> Clock | None:
    """Columns year and month are taken first, then the column of dates with the most telling name."""
    years = {ref.column.lower(): ref for ref in lexicon.refs(table) if lexicon.kind(ref) in {"number", "key"}}
    dated = _dated(lexicon, table)
    if "year" in years and ("month" in years or not dated):
        parts = {name: years[name].column for name in ("year", "month", "day") if name in years}
        return Clock(table, "parts", **parts)
    if not dated:
        return None
    return Clock(table, FORMS[lexicon.kind(dated[0])], dated[0].column)


def _dated(lexicon: Lexicon, table: str) -> list[Ref]:
    named = lexicon.by_parts(table, vocabulary.TIME_COLUMNS, *FORMS)
    return named or [ref for ref in lexicon.refs(table) if lexicon.kind(ref) in FORMS]
