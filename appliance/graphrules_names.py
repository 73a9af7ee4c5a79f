"""Persons, organisations and places in a text, by how they are written; precision before recall. Pure."""
# ruff: noqa: RUF001 - apostrophes of all kinds are meant

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from appliance.graphrules_kinds import Findings, Key, plain
from appliance.graphrules_words import COMPANY_FORMS, FIRST_NAMES, NO_NAMES, ORGANIZATION_WORDS, PLACES

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢĪİĶŁŃŅŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽ"
_LETTER = "A-Za-z0-9À-ÖØ-öø-ž"
WORD = rf"[{_UPPER}][{_LETTER}]{{0,29}}+(?:['’-][{_LETTER}]{{2,20}}+)?+(?!\.\w)"
NAME = rf"{WORD}(?:[ \u00a0](?:[&+][ \u00a0])?{WORD}){{0,5}}+"
DOTTED_FORM = (
    r"(?:,?[ \u00a0](?:S\.A\.|S\.p\.A\.|S\.r\.l\.|B\.V\.|N\.V\.|e\.V\.|Co\. KG|Inc\.|Ltd\."
    r"|Corp\.|Inc\b|Ltd\b|LLC\b|GmbH\b))?+"
)
_SEQUENCE = re.compile(rf"(?<![\w'’@#/`$])({NAME})({DOTTED_FORM})")
_PERSON = (
    rf"(?:[{_UPPER}]\.|{WORD})(?:[ \u00a0](?:(?:van|von|de|da|di|der|del|bin|al|zu|le|la"
    rf"|ten)[ \u00a0]){{0,2}}+(?:[{_UPPER}]\.|{WORD})){{0,3}}+"
)
_TITLED = re.compile(
    rf"\b(?:Dr|Prof|Mr|Mrs|Ms|Mx)\.?[ \u00a0](?:(?:Dr|h\.c)\.[ \u00a0]){{0,2}}({_PERSON})|\b"
    rf"(?:Professor|Sir|Frau|Herrn?|Madame|Señora?)[ \u00a0](?:Dr\.[ \u00a0])?({_PERSON})"
)
ROLE = (
    r"(?:(?:chief|vice|deputy|senior|lead|head|managing|executive|co-?|former|current|acting"
    r"|interim|general|software|sales|project|product|technical|research)[ -]?){0,3}+"
    r"(?:CEO|CTO|CFO|COO|CIO|founder|director|manager|engineer|president|chair(?:man|woman)?"
    r"|officer|professor|author|partner|analyst|scientist|"
    r"developer|consultant|architect|editor|spokes(?:man|woman|person)|lawyer|researcher"
    r"|Geschäftsführer(?:in)?)\b"
)
_ROLE_BEHIND = re.compile(rf"(?<![\w'’.-])({NAME}),[ \u00a0](?:the|our|its|a|an)?[ ]?{ROLE}")
_ROLE_BEFORE = re.compile(
    rf"\b(?:CEO|CTO|CFO|COO|[Ff]ounder|[Pp]resident|[Dd]irector|[Aa]uthor|[Ee]ngineer)[ \u00a0]({NAME})"
)
_PLACE_AFTER = re.compile(rf"\b(?:based|headquartered|located|situated)[ \n](?:in|at)[ \n]({NAME})")
_IN_COUNTRY = re.compile(rf"\b(?:in|from|near|at)[ \n]({NAME}),[ \n]({NAME})")

Words: TypeAlias = list[tuple[str, int]]
"""Words of a name with their places."""


class Name:
    """A run of capitalised words without what is no part of a name; `form` is S.A. and such behind it."""

    def __init__(self, text: str, start: int, form: str = "") -> None:
        words: Words = []
        at = start
        for word in text.replace("\u00a0", " ").split(" "):
            words.append((word, at))
            at += len(word) + 1
        while words and words[0][0] in NO_NAMES and " ".join(word for word, _ in words) not in PLACES:
            words.pop(0)
        while words and (words[-1][0] in NO_NAMES or words[-1][0] in "&+"):
            words.pop()
        self.words = words
        self.form = form
        self.start = words[0][1] if words else start
        self.text = " ".join(word for word, _ in words)

    @property
    def is_company(self) -> bool:
        """Does it say itself that it is an organisation?"""
        words = [word for word, _ in self.words]
        return bool(words) and (
            bool(self.form)
            or any(word in COMPANY_FORMS for word in words[1:])
            or (len(words) > 1 and bool(ORGANIZATION_WORDS & {words[0], words[-1]}))
        )

    @property
    def is_person(self) -> bool:
        """Two to four words that begin with a usual first name, or could be a name by their form."""
        return (
            2 <= len(self.words) <= 4
            and not self.is_company
            and not self.has_sign
            and self.text not in PLACES
        )

    @property
    def is_surely_person(self) -> bool:
        """Begins with a usual first name."""
        return self.is_person and self.words[0][0] in FIRST_NAMES

    @property
    def has_sign(self) -> bool:
        """Has it an & or digits, or is it all capitals, as names of people are not?"""
        return any(c in "&+" or c.isdigit() for c in self.text) or any(
            w.isupper() and len(w) > 2 for w, _ in self.words
        )


def names(text: str, start: int = 0, end: int | None = None) -> Iterator[Name]:
    """All runs of capitalised words."""
    for match in _SEQUENCE.finditer(text, start, len(text) if end is None else end):
        name = Name(match.group(1), match.start(), match.group(2).strip(" ,\u00a0"))
        if name.words:
            yield name


def find_names(text: str, findings: Findings) -> list[Name]:
    """Put all that a text names into `findings`, and return the runs of capitalised words."""
    _find_persons(text, findings)
    _find_places(text, findings)
    runs = list(names(text))
    for name in runs:
        if name.is_company:
            add_organization(name, findings)
        elif name.text in PLACES and not name.form:
            add_place(name, findings)
    return runs


def count_again(runs: list[Name], findings: Findings) -> None:
    """Names that some sentence made known count wherever they stand."""
    known = findings.names()
    companies = [(name, key) for name, key in known.items() if key[0] == "organization"]
    known |= {_without_form(name): key for name, key in companies if _without_form(name) not in known}
    for run in runs:
        words = run.words[:6]
        for first in range(len(words)):
            for last in range(len(words), first, -1):
                key = known.get(" ".join(word for word, _ in words[first:last]))
                if key is not None and (key[0] != "location" or last - first == len(words)):
                    findings.add(
                        key[0], " ".join(word for word, _ in words[first:last]), words[first][1], key[1]
                    )
                    break


def add_organization(name: Name, findings: Findings) -> Key | None:
    """Inc, GmbH and such are no part of the canonical name."""
    words = [word for word, _ in name.words]
    at = next((i for i, word in enumerate(words) if i and word in COMPANY_FORMS), len(words))
    last = at
    while last < len(words) and words[last] in COMPANY_FORMS:
        last += 1
    shown = " ".join(words[: last if last > at else len(words)])
    full = f"{shown} {name.form}" if name.form else shown
    return findings.add("organization", full, name.start, plain(" ".join(words[:at])))


def _without_form(name: str) -> str:
    words = name.split(" ")
    return " ".join(
        words[: next((i for i, word in enumerate(words) if i and word in COMPANY_FORMS), len(words))]
    )


def add_person(name: Name, findings: Findings) -> Key | None:
    """A person of that name."""
    return findings.add("person", name.text, name.start)


def add_place(name: Name, findings: Findings) -> Key | None:
    """A place; one that has several names is one place."""
    return findings.add("location", name.text, name.start, PLACES.get(name.text, ""))


def _find_persons(text: str, findings: Findings) -> None:
    for match in _TITLED.finditer(text):
        group = 1 if match.group(1) else 2
        name = Name(match.group(group), match.start(group))
        if name.words and not name.is_company and not name.text.isupper():
            findings.add("person", name.text, name.start)
    for pattern in (_ROLE_BEHIND, _ROLE_BEFORE):
        for match in pattern.finditer(text):
            name = Name(match.group(1), match.start(1))
            if name.is_person:
                add_person(name, findings)


def _find_places(text: str, findings: Findings) -> None:
    for match in _PLACE_AFTER.finditer(text):
        name = Name(match.group(1), match.start(1))
        if name.words and len(name.words) <= 3 and not name.is_company and not name.text.isupper():
            add_place(name, findings)
    for match in _IN_COUNTRY.finditer(text):
        place, country = Name(match.group(1), match.start(1)), Name(match.group(2), match.start(2))
        if country.text in PLACES and place.words and len(place.words) <= 3 and not place.is_company:
            findings.relate(
                add_place(place, findings), "located_in", add_place(country, findings), 0.9, match.start(1)
            )
