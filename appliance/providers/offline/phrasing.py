"""Everyday questions, put into words of the grammar: "what do you sell?" is a list of the products.

Only whole phrases are replaced; a question that is none of them stays as it is.
"""

from __future__ import annotations

import re

from appliance.providers.offline import vocabulary
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.words import stem

RANGE = re.compile(
    r"what (?:(?:kinds? of |sort of )?(?:things|products|items|goods|articles) )?"
    r"(?:do|can|does|are) (?:you|the shop|this shop|i|we) (?:all )?"
    r"(?:sell|selling|have|offer|offering|buy|order)"
    r"(?: here| for sale| from you| in stock)*"
    r"|what(?:'s| is) (?:for sale|in stock|in your (?:shop|range|catalogue|catalog))"
)
HAVE = re.compile(r"do you (?:also )?(?:have|sell|offer|carry|stock) (?:any |some |a |an )?(?P<thing>.+)")
EARNED = re.compile(r"how much (?:money )?(?:did|do|have) (?:we|you|i) (?:sell|sold|earn|earned|make|made)\b")
SOLD = re.compile(r"what (?:did|have) (?:we|you|i) (?:sell|sold)\b")
THING_WORDS_MAX = 3
"""What is longer than this is no name of a product that nobody told us of."""


def plain_question(text: str, lexicon: Lexicon) -> str:
    """The question in words of the grammar, or as it is."""
    asked = " ".join(text.replace("\u2019", "'").split()).strip(" ?!.")
    low = asked.lower()
    if RANGE.fullmatch(low):
        return _goods(lexicon) or asked
    if have := HAVE.fullmatch(low):
        return _goods_like(asked[have.start("thing") :], lexicon) or asked
    if earned := EARNED.match(low):
        return f"total revenue{asked[earned.end() :]}"
    if sold := SOLD.match(low):
        return f"best selling products{asked[sold.end() :]}"
    return text


def _goods_like(thing: str, lexicon: Lexicon) -> str:
    """Products of a known kind, or with such a name; '' for a thing that names something else."""
    (first, *more), goods = thing.split(), _goods(lexicon)
    words = [first, *more]
    named = lexicon.certain(words) or lexicon.certain([first])
    if not goods or (named and (named.tables or named.columns)):
        return ""
    for kind in (first, first.capitalize(), first.upper()):  # short values are told apart by their case
        if (known := lexicon.certain([kind])) and known.values:
            return " ".join([goods, known.values[0].value, *more])
    if len(words) > THING_WORDS_MAX or '"' in thing:
        return ""
    return f'{goods} whose name contains "{" ".join([*words[:-1], stem(words[-1])])}"'


def _goods(lexicon: Lexicon) -> str:
    """The list of all products with what a buyer wants to know, '' where there are none."""
    named = lexicon.certain(["products"]) or lexicon.likely(["product"])
    for table in named.tables if named else ():
        kinds = lexicon.by_parts(table, vocabulary.KIND_COLUMNS, "text")[:1]
        prices = lexicon.by_parts(table, vocabulary.PRICE_COLUMNS, "number")[:1]
        shown = " and ".join(f"{table}.{ref.column}" for ref in (*lexicon.label(table), *kinds, *prices))
        return f"show {shown} of {table}"
    return ""
