"""Reads back the passages of documents: from the system prompt, or from what `search_vectors` found.

The form of the section is the promise of `appliance.references.section`: each line of a passage begins with
`> `, so nothing that stands in a document can pass for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from appliance.references import HEADING
from appliance.visible import visible

SOURCE_LINE = re.compile(r"\[(\d{1,3})\] (.*) \(knowledge base (.*), similarity (\d(?:\.\d+)?)\)")
QUOTED = ">"


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that can be cited as `[number]`, as it is shown; `title` also names the headings above it."""

    number: int
    title: str
    content: str
    similarity: float = 0.0


class _Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One result of `search_vectors` (Fluxbase 5.2); those without a number are counted."""

    content: str
    document_title: str = ""
    similarity: float = 0.0
    number: int | None = None


class _Hits(msgspec.Struct, frozen=True):
    results: list[_Hit]


def looked_up(system_prompt: str) -> bool:
    """Does the prompt say what was found in documents, be it nothing?"""
    return HEADING in system_prompt.splitlines()


def read_passages(system_prompt: str) -> list[Passage]:
    """The passages of the section, in its order; none when there is no section."""
    return list(_read(_section(system_prompt)))


def read_hits(content: str) -> list[Passage] | None:
    """The passages in a result of `search_vectors`; None when it tells of an error."""
    try:
        hits = msgspec.json.decode(content, type=_Hits).results
    except msgspec.DecodeError:  # also of the wrong shape
        return None
    return [
        Passage(
            number=hit.number or at,
            title=hit.document_title,
            content=visible(hit.content),
            similarity=hit.similarity,
        )
        for at, hit in enumerate(hits, start=1)
    ]


def _section(system_prompt: str) -> list[str]:
    """The lines below the last heading of that name, up to the next heading of the same level."""
    lines = system_prompt.splitlines()
    starts = [at for at, line in enumerate(lines) if line == HEADING]
    if not starts:
        return []
    rest = lines[starts[-1] + 1 :]
    end = next((at for at, line in enumerate(rest) if line.startswith("# ")), len(rest))
    return rest[:end]


def _read(lines: Iterable[str]) -> Iterable[Passage]:
    found: re.Match[str] | None = None
    content: list[str] = []
    for line in lines:
        if line.startswith(QUOTED):
            content.append(line.removeprefix(QUOTED).removeprefix(" "))
        elif (source := SOURCE_LINE.fullmatch(line)) is not None:
            if found is not None:
                yield _passage(found, content)
            found, content = source, []
    if found is not None:
        yield _passage(found, content)


def _passage(source: re.Match[str], lines: list[str]) -> Passage:
    return Passage(
        number=int(source[1]),
        title=source[2],
        content=visible("\n".join(lines)),
        similarity=float(source[4]),
    )
