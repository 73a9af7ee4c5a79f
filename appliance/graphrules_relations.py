"""What a text says of two things: sentences of plain forms, without a doubt in them. Pure.

A statement is found by its words (" acquired "), which costs next to nothing in a text that has none; then
what stands on both sides has to be names of the right kinds. Sentences that ask, deny or suppose say nothing.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import msgspec

from appliance.graphrules_kinds import Findings, Key, RelationshipType
from appliance.graphrules_names import (
    DOTTED_FORM,
    NAME,
    ROLE,
    Name,
    add_organization,
    add_person,
    add_place,
)
from appliance.graphrules_technical import reference, table
from appliance.graphrules_words import COMPANY_FORMS, COUNTRIES, PLACES
from appliance.textbreaks import is_sentence_end, sentence_ends

Kind: TypeAlias = Literal["person", "organization", "party", "place", "code", "table"]
STATEMENTS_MAX = 5_000
"""Of one form in one document; who repeats a word that often says nothing."""
_AROUND = 300

_BEFORE = re.compile(rf"(?<![\w'’.&-])({NAME}\.?)({DOTTED_FORM})\Z")  # noqa: RUF001
_BEHIND = re.compile(rf"(?:the )?({NAME})({DOTTED_FORM})")
_CODE_BEFORE = re.compile(r"(?:`([^`\n]{1,80})`|(?<![\w`])([A-Za-z_]\w{0,60}(?:_\w{1,60}|\(\))))\Z")
_CODE_BEHIND = re.compile(r"(?:the )?(?:`([^`\n]{1,80})`|([A-Za-z_]\w{0,60}(?:_\w{1,60}|\(\))))")
_ROLE_AT = re.compile(rf"[ ](?:the[ ]|a[ ]|an[ ]|our[ ]|its[ ])?{ROLE}[ ](?:of|at|for)[ ]")
_FOUNDER_OF = re.compile(r"[ ](?:the[ ]|a[ ])?(?:co-?)?founder[ ](?:and[ ]CEO[ ])?of[ ]")
_DOUBT = re.compile(
    r"\b(?:[Ii]f|[Ww]hether|[Uu]nless|rumou?r(?:s|ed)?|den(?:y|ies|ied)|[Aa]llegedly"
    r"|reportedly|hypothetical(?:ly)?|not|never|"
    r"would|could|might|may|fictional|false|falsely|wrongly|no longer|neither|nor|hardly|n't"
    r"|[Ss]uppose|[Ii]magine|"
    r"[Nn]obody|[Nn]either|plans?|planned|hopes?|wants?|tried|failed|refused|believed|myth"
    r"|nicht|kein(?:e|er)?|falls)\b"
)


class Form(msgspec.Struct, frozen=True):
    """Words between two names; with `turned` the second one is the source."""

    words: str
    type: RelationshipType
    left: Kind
    right: Kind
    turned: bool = False
    confidence: float = 0.8


def _forms() -> list[Form]:
    found: list[Form] = []

    def form(
        words: str,
        type: RelationshipType,
        left: Kind,
        right: Kind,
        *,
        turned: bool = False,
        sure: float = 0.8,
    ) -> None:
        found.extend(Form(f" {one} ", type, left, right, turned, sure) for one in words.split("|"))

    form(
        "works at|works for|worked at|worked for|is employed by|is employed at|arbeitet bei",
        "works_at",
        "person",
        "organization",
        sure=0.9,
    )
    form("joined", "works_at", "person", "organization", sure=0.6)
    form(
        "is based in|is headquartered in|is located in|has its headquarters in|, based in|, headquartered in"
        "|sitzt in",
        "located_in",
        "organization",
        "place",
        sure=0.9,
    )
    form(
        "was founded by|was co-founded by|, founded by|wurde gegründet von",
        "founded_by",
        "organization",
        "person",
        sure=0.9,
    )
    form("founded|co-founded", "founded_by", "person", "organization", turned=True)
    form("acquired|has acquired|took over", "acquired", "party", "organization", sure=0.85)
    form("was acquired by|has been acquired by", "acquired", "organization", "party", turned=True, sure=0.9)
    form("merged with|has merged with", "merged_with", "organization", "organization", sure=0.85)
    form("owns", "owns", "party", "organization", sure=0.75)
    form("is owned by|, owned by", "owns", "organization", "party", turned=True, sure=0.85)
    form(
        "is a subsidiary of|, a subsidiary of|is a daughter company of",
        "child_of",
        "organization",
        "organization",
        sure=0.9,
    )
    form(
        "is the parent company of|, the parent company of",
        "parent_of",
        "organization",
        "organization",
        sure=0.9,
    )
    form(
        "is part of|is a part of|is a division of|, a division of|belongs to",
        "part_of",
        "organization",
        "organization",
        sure=0.75,
    )
    form(
        "is a customer of|is a client of|, a customer of",
        "customer_of",
        "organization",
        "organization",
        sure=0.9,
    )
    form(
        "is a supplier of|is a supplier to|supplies|, a supplier of",
        "supplier_of",
        "organization",
        "organization",
        sure=0.75,
    )
    form("invested in|has invested in", "invested_in", "party", "organization", sure=0.8)
    form(
        "competes with|is a competitor of|, a competitor of",
        "competitor_of",
        "organization",
        "organization",
        sure=0.85,
    )
    form("married|is married to|was married to", "spouse_of", "person", "person", sure=0.85)
    form(
        "is the wife of|is the husband of|, the wife of|, the husband of",
        "spouse_of",
        "person",
        "person",
        sure=0.9,
    )
    form(
        "is the brother of|is the sister of|, the brother of|, the sister of",
        "sibling_of",
        "person",
        "person",
        sure=0.9,
    )
    form(
        "is the son of|is the daughter of|, the son of|, the daughter of",
        "child_of",
        "person",
        "person",
        sure=0.9,
    )
    form(
        "is the mother of|is the father of|, the mother of|, the father of",
        "parent_of",
        "person",
        "person",
        sure=0.9,
    )
    form("knows", "knows", "person", "person", sure=0.6)
    form("depends on|requires|imports", "depends_on", "code", "code", sure=0.85)
    form("references|has a foreign key to", "foreign_key", "table", "table", sure=0.85)
    return found


FORMS = _forms()
_FLAT = {ord("\n"): " ", ord("\t"): " ", 0xA0: " "}


def find_relationships(text: str, findings: Findings) -> None:
    """Put what the text states, and the things that it states it of, into `findings`."""
    flat = text.translate(_FLAT).replace(" ,", "  ")
    for form in FORMS:
        words = form.words.replace(" ,", ",")
        at = flat.find(words)
        for _ in range(STATEMENTS_MAX):
            if at < 0:
                break
            _state(flat, at, at + len(words), form, findings)
            at = flat.find(words, at + 1)
    _find_roles(flat, findings)
    _find_cities(flat, findings)


def _state(flat: str, start: int, end: int, form: Form, findings: Findings) -> None:
    left, right = _left(flat, start, form.left), _right(flat, end, form.right)
    if left is None or right is None or _doubtful(flat, start, end):
        return
    source, target = _known(left, form.left, findings), _known(right, form.right, findings)
    if form.turned:
        source, target = target, source
    findings.relate(source, form.type, target, form.confidence, start)


def _left(flat: str, at: int, kind: Kind) -> Name | tuple[str, int] | None:
    if kind in ("code", "table"):
        match = _CODE_BEFORE.search(flat, max(at - 90, 0), at)
        group = match.lastindex if match else None
        return (match.group(group), match.start(group)) if match and group else None
    match = _BEFORE.search(flat, max(at - 120, 0), at)
    return _fitting(match, kind)


def _right(flat: str, at: int, kind: Kind) -> Name | tuple[str, int] | None:
    if kind in ("code", "table"):
        match = _CODE_BEHIND.match(flat, at)
        group = match.lastindex if match else None
        return (match.group(group), match.start(group)) if match and group else None
    match = _BEHIND.match(flat, at)
    if match and flat[match.end() : match.end() + 3] in ("'s ", "\u2019s "):
        return None  # of something of theirs
    return _fitting(match, kind)


def _fitting(match: re.Match[str] | None, kind: Kind) -> Name | None:
    """The name, when it can be of that kind."""
    if match is None:
        return None
    text = match.group(1).rstrip(".")
    name = Name(text, match.start(1), match.group(2).strip(" ,"))
    ends_oddly = len(text) < len(match.group(1)) and text.rsplit(" ")[-1] not in COMPANY_FORMS
    if not name.words or len(name.text) < 2 or ends_oddly:
        return None
    if kind == "person":
        fits = name.is_person
    elif kind == "place":
        fits = len(name.words) <= 3 and not name.is_company and not name.is_surely_person
    elif kind == "party":
        fits = name.text not in PLACES
    else:
        fits = name.text not in PLACES and not name.is_surely_person
    return name if fits else None


def _known(found: Name | tuple[str, int], kind: Kind, findings: Findings) -> Key | None:
    if isinstance(found, tuple):
        if kind == "code":
            return reference(*found, findings)
        return table(*found, findings) if "." not in found[0] and "(" not in found[0] else None
    if kind == "place":
        return add_place(found, findings)
    is_person = kind == "person" or (
        kind == "party"
        and (found.is_surely_person or (found.is_person and findings.has("person", found.text)))
    )
    return (add_person if is_person else add_organization)(found, findings)


def _doubtful(flat: str, start: int, end: int) -> bool:
    """Does the sentence ask, deny or suppose?"""
    low, high = max(start - _AROUND, 0), min(end + _AROUND, len(flat))
    before = [at for at in sentence_ends(flat, low, start) if is_sentence_end(flat, at)]
    behind = [at for at in sentence_ends(flat, end, high) if is_sentence_end(flat, at)]
    first, last = before[-1] if before else low, behind[0] if behind else high
    first = max(first, flat.rfind("  ", first, start) + 1)
    return flat[last - 1 : last] == "?" or _DOUBT.search(flat, first, last) is not None


def _find_roles(flat: str, findings: Findings) -> None:
    """Ada Lovelace, CEO of Acme; Ada Lovelace is the CEO of Acme; the founder of Acme founded it."""
    for start in ("is", "was", ","):
        words = f" {start} " if start != "," else ", "
        at = flat.find(words)
        for _ in range(20 * STATEMENTS_MAX):
            if at < 0:
                break
            place = at + len(words) - 1
            if flat[at - 1 : at].isalnum() or flat[at - 1 : at] == ".":
                _role(flat, at, place, findings)
            at = flat.find(words, at + 1)


def _role(flat: str, at: int, place: int, findings: Findings) -> None:
    founder = _FOUNDER_OF.match(flat, place)
    match = founder or _ROLE_AT.match(flat, place)
    if match is None:
        return
    form = Form("", "founded_by" if founder else "works_at", "person", "organization", bool(founder), 0.85)
    _state(flat, at, match.end(), form, findings)


def _find_cities(flat: str, findings: Findings) -> None:
    """Berlin, Germany."""
    for country in COUNTRIES:
        words = f", {country}"
        at = flat.find(words)
        for _ in range(STATEMENTS_MAX):
            if at < 0:
                break
            left = _left(flat, at, "place")
            end = at + len(words)
            if (
                isinstance(left, Name)
                and left.text in PLACES
                and left.text not in COUNTRIES
                and not flat[end : end + 1].isalnum()
            ):
                whole = Name(country, at + 2)
                findings.relate(add_place(left, findings), "located_in", add_place(whole, findings), 0.9, at)
            at = flat.find(words, end)
