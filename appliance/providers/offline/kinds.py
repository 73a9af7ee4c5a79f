"""The kinds of answer that questions want, and how a text shows one: a time, an amount, a way, a person.

English, German and French; a question or a text in another language simply shows none. Both are compared in
lower case and without accents, as `low` gives them.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from appliance.providers.offline.stems import unaccented

Wanted: TypeAlias = Literal[
    "date", "time", "hours", "rate", "money", "number", "place", "leave", "way", "meaning", "person", "phone",
    "email", "",
]  # fmt: skip
"""The kind of answer: `date` is when, `time` how long, `hours` when a place is open, `rate` how often;
`leave` is a yes or no, or what is allowed; `way` how it is done."""
MEASURES: tuple[Wanted, ...] = ("date", "time", "hours", "rate", "money", "number")
EXACT: tuple[Wanted, ...] = ("phone", "email", "hours")
"""What shows none of the kind is no answer, however near it is."""


def _any(words: str) -> str:
    return "|".join(words.split())


_NUMBERS = _any("""
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty thirty forty
fifty sixty ninety hundred zwei drei vier funf sechs sieben acht neun zehn zwolf deux trois quatre cinq
sept huit neuf dix douze
""")
_ONES = _any("an? one several few half ein eine einen einem einer wenige\\w* un une quelques")
_NUMBER = rf"(?:\d[\d.,]*|{_NUMBERS}|{_ONES})"
_UNITS = _any("""
seconds? minutes? hours? days? nights? weeks? months? quarters? years? sekunden? minuten? stunden?
tage?n? werktage?n? wochen? monate?n? jahre?n? secondes? heures? jours? semaines? mois annees? ans?
""")
_KINDS_OF_DAYS = _any("full whole working work business calendar consecutive volle ganze")
_DURATION = (
    rf"\b{_NUMBER}[ -]?(?:to |- ?|bis |a )?(?:\d+ )?(?:(?:or )?more )?(?:(?:{_KINDS_OF_DAYS}) )?"
    rf"(?:{_UNITS})\b(?! ago\b)|\b(?:for ever|forever|never|overnight|permanently)\b"
)
_LENGTHS = _any("characters? letters pages words lines cm mm km met(?:er|re)s?")
_LENGTH = rf"\b{_NUMBER} (?:or more |to \d+ )?(?:{_LENGTHS})\b"
_DAYS = _any("""
mondays? tuesdays? wednesdays? thursdays? fridays? saturdays? sundays? weekends? montags? dienstags?
mittwochs? donnerstags? freitags? samstags? sonntags? wochenende werktags lundi mardi mercredi jeudi
vendredi samedi dimanche
""")
_MONTHS = _any("""
january february march april june july august september october november december januar februar marz mai
juni juli oktober dezember janvier fevrier mars avril juin juillet aout septembre octobre novembre
decembre
""")
_CLOCK = r"\b\d{1,2}(?:[:.]\d\d)? ?(?:am|pm|a\.m|p\.m|uhr|h)\b|\b\d{1,2}:\d\d\b|\bnoon\b|\bmidnight\b"
_RATES = _any("""
once twice every each per daily hourly weekly monthly yearly annual\\w* regular\\w* times jede\\w* mal
einmal taglich fois chaque par
""")
_PLACES = _any("street road avenue square at in near under below page platz weg hof rue place")
_STEPS = _any("""
choose open click go enter use send fill write call print ask press take select type follow contact look
try please boil rinse wipe rufen klicken offnen wahlen bringen sagen schreiben cliquez saisissez
selectionnez
""")
_CURRENCIES = _any("eur usd gbp chf euros? dollars? pounds? percent prozent")
_ROLES = _any("""
owners? admins? administrators? managers? members? only everybody everyone anyone nobody team guests?
inhaber\\w* wer leiter\\w* proprietaire responsable
""")
_ASKING_VERBS = _any("""
can could may do does is are will would am must should kann konnen konnt darf durfen gibt geht habt haben
ist sind muss macht nehmt nehmen reparier\\w* verleih\\w* verkauf\\w* bietet puis peut est-ce acceptez
avez y a
""")
_DECIDING = _any("""
can cannot can't may must not never only possible allowed except yes no is\\sfree won't doesn't don't
isn't aren't kann konnen darf durfen nicht nur kein\\w* moglich ja nein pas seulement oui non
""")

PRICE = re.compile(
    rf"\b({_any('costs? prices? pricing fees? salary salaries expensive')})\b|\bwas (zahl|bezahl|verdien)\w*|"
    rf"\b({_any('kostet kosten preise? teuer gebuhr coute?n?t? prix tarifs?')})\b"
)
"""So is an amount of money for these; "how much" may be about anything."""
HOW_MUCH = re.compile(r"\bhow (much|expensive)( (is|are|do|does|did|would|will|for)\b|[ ?]*$)")
HOW_MANY = re.compile(r"\b(?:how many|wie ?viele?|combien (?:de (?!temps|fois)|d'))\s*(.+)")
"""What is counted stands behind it."""
_COUNTED_ENDS = _any("""
do does did are is can may have has will would must should there in per for i we you a the gibt hat haben
sind kann konnen darf pro im y sont peut puis par
""")
COUNTED_END = re.compile(rf"\b({_COUNTED_ENDS})\b|[?.,!]")
_SAY = "(?:tell|say|explain)(?: to)?(?: me)?"
POLITE = re.compile(
    rf"^\W*(?:(?:hi|hello|hallo|bonjour)\W+)?(?:(?:can|could|would) (?:you|u) (?:please )?{_SAY}|do you know|"
    r"(?:please )?tell me|i(?:'d| would) like to know|(?:kannst du|konnen sie|konnt ihr) mir sagen|weisst du|"
    r"wissen sie|pouvez-vous me dire|savez-vous)\b[ ,]*"
)
"""It only leads to the question."""
_NO_THINGS = _any("is are was were do does did has have means costs sont est")
SEVERAL = re.compile(
    rf"\b(?:which|what|welche|quels|quelles) (?:(?!(?:{_NO_THINGS})\b)[\w-]+ ){{0,2}}"
    rf"(?!(?:{_NO_THINGS})\b)[\w-]+(?:s|en|e)\b"
)
"""A question for several things: the list of them answers it."""
_BEFORE = _any(
    "know me and but or so since until by from about exactly hi hello und bis ab seit von et est-ce depuis"
)
_BEGINS = rf"(?:^\W*|[.?!,;:] ?|\b(?:{_BEFORE}) )"
"""Elsewhere "when" is no question: what happens when I come late."""

WANTED: dict[Wanted, str] = {
    "hours": r"\b(open(ing)?|business|office) (hours|times)\b|\b(when|what time) (are|is|do|does) .*\bopen\b|"
    r"\b(offnungszeiten|geoffnet|habt ihr auf|offen|horaires|ouvert\w*)\b",
    "time": r"\bhow (long|soon|fast|quick\w*)\b|\bwie (lange|schnell)\b|\bcombien de temps\b|\btoo late\b|"
    r"\b(latest|last) (day|date)\b",
    "date": rf"{_BEGINS}(when|wann|quand)\b|"
    r"\bwhat (time|day|days|year|date)\b|\ban welche[nm]? tag|\ba quelle heure\b",
    "rate": r"\bhow (often|frequent\w*|regular\w*)\b|\bwie oft\b|\bcombien de fois\b",
    "money": r"\bhow (much|expensive)\b|\b(charges?|combien (ca|coute)|wie ?viel (kostet|zahl))\b|"
    + PRICE.pattern,
    "number": r"\bhow (many|big|large|heavy|tall|high|wide|far)\b|\b(maximum|minimum|amount)\b|"
    r"\bwie ?(viele?|gross|schwer|hoch|breit|weit)\b|\bcombien d[e']",
    "place": r"\b(where|address|wo|wohin|adresse|ou)\b",
    "way": r"\bhow (do|can|to|should|would)\b|\bwhat (do|should|can) i do\b|\bwhat now\b|"
    r"\bforgot\b|\bcomment\b|"
    r"\bwie (kann|mach\w*|geht|bekomm\w*|vereinbar\w*|konnen|find\w*|melde|funktioniert)\b",
    "meaning": r"\bwhat( is| are|'s|s)\b|\bwhat (does|do) .*\b(mean|do|stand for)\b|\bwas (ist|bedeutet)\b",
    "person": r"\b(who|whom|whose|wer|wem|wen|qui est)\b",
    "phone": r"\b((tele)?phone|fax) numbers?\b|\btelefonnummer\b|\bnumero de telephone\b",
    "email": r"\be-?mail address(es)?\b",
    "leave": rf"^(\W*\w+,)?\W*({_ASKING_VERBS})\b",
}
SHOWS: dict[Wanted, str] = {
    "date": rf"\b(1[5-9]|20)\d\d\b|{_CLOCK}|\b({_DAYS}|{_MONTHS})\b|{_DURATION}|"
    r"\b(as soon as|sobald|des que|immediately|at once)\b",
    "time": rf"{_DURATION}|{_LENGTH}|\b(?:until|bis|jusqu'au) (?:\w+ ){{0,2}}(?:\d|{_DAYS}|{_MONTHS})|"
    rf"{_CLOCK}|"
    rf"\b({_MONTHS})\b",
    "hours": rf"{_CLOCK}|\b(\d{{1,2}}|{_NUMBERS}) ?(to|till|until|-|\u2013|bis|a) ?(\d{{1,2}}|{_NUMBERS})\b|"
    rf"\b({_DAYS}|weekdays|daily|taglich|24/7|around the clock|rund um die uhr|closed|geschlossen|ferme)\b",
    "rate": rf"\b({_RATES})\b|{_DURATION}",
    "money": rf"[€$£¥] ?\d|\d ?[€$£¥]|\b\d[\d.,]* ?({_CURRENCIES})\b|\d ?%|: free\b|"
    r"\b(free of charge|for free|"
    r"(is|are|it's|costs?) (free|nothing)|no (charge|cost|fee)s?|without charge|"
    r"kostenlos\w*|kostenfrei|gratuit\w*)\b",
    "number": rf"(?<![\d.,])\d[\d.,]*(?![\d%]| ?%)\b|\b(one|dozen|several|only|unlimited|{_NUMBERS})\b",
    "place": rf"\b({_PLACES})\b|"
    r"stra(ss|ß)e\b|>",
    "leave": rf"\b({_DECIDING})\b",
    "way": rf"^\W*({_STEPS})\b|\b(by e-?mail|write to us|link)\b|^(to|um|pour) \w|\b(run|command|press)\b",
    "phone": r"\+?\d[\d ()/.-]{5,}\d",
    "email": r"\S@\S",
}
_WANTED = {kind: re.compile(pattern) for kind, pattern in WANTED.items()}
_SHOWS = {kind: re.compile(pattern) for kind, pattern in SHOWS.items()}
_PERSON = re.compile(r"\b[^\W\d_a-z][\w'\u2019-]+ [^\W\d_a-z][\w'\u2019-]+")
"""Two names in a row; in the text as it is written."""
_ROLE = re.compile(rf"\b({_ROLES})\b")


def low(text: str) -> str:
    """In lower case, without accents, blanks as one: what the patterns are made for."""
    return " ".join(unaccented(text).split())


def kinds_of(question: str) -> tuple[Wanted, ...]:
    """What a question, as `low` gives it, wants to know."""
    return tuple(kind for kind, pattern in _WANTED.items() if pattern.search(question))


def shows(kind: Wanted, text: str, plain: str) -> bool:
    """Does the text, `plain` as `low` gives it, have something of the kind?"""
    if kind == "person":
        return _PERSON.search(text) is not None or _ROLE.search(plain) is not None
    return kind in _SHOWS and _SHOWS[kind].search(plain) is not None
