"""How a tool of an MCP server is offered to a model: its name, its words, its schema. Pure.

All of it was written by the server: it is cut, cleaned and marked, and decides nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Any

import msgspec

from appliance.redact import Redactor

NAME_CHARS_MAX = 64
DESCRIPTION_CHARS_MAX = 1000
SCHEMA_BYTES_MAX = 20_000
TOOLS_MAX = 64
"""Tools of one server; more would leave a model little room to think about the question."""

_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
_HASH_CHARS = 8


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server lists it; a `problem` says why it cannot be offered."""

    name: str
    description: str = ""
    schema: dict[str, Any] = {}
    problem: str = ""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as a model sees it; `remote_name` is what the server calls it."""

    name: str
    remote_name: str
    description: str
    parameters: dict[str, Any]


def offers(
    server: str, listed: list[Listed], wanted: list[str], taken: Collection[str], redactor: Redactor
) -> tuple[list[Offer], list[str]]:
    """What is offered of a server's tools, and why the rest is not. Empty `wanted` means all.

    No name is one of `taken`, and none is there twice.
    """
    known = {tool.name: tool for tool in listed}
    problems = [f"it has no tool {name!a}" for name in wanted if name not in known]
    chosen = [tool for tool in known.values() if not wanted or tool.name in wanted]
    if len(chosen) > TOOLS_MAX:
        problems.append(
            f"only {TOOLS_MAX} of its {len(chosen)} tools are offered; list the ones to offer under `tools`"
        )
    found: list[Offer] = []
    names = set(taken)
    for tool in chosen[:TOOLS_MAX]:
        problem = tool.problem or _name_problem(tool.name, redactor) or _schema_problem(tool.schema)
        if problem:
            problems.append(f"its tool {redactor.clean(tool.name[:100])!a} is not offered: {problem}")
            continue
        name = offered_name(server, tool.name, names)
        names.add(name)
        found.append(
            Offer(
                name=name,
                remote_name=tool.name,
                description=_description(server, redactor.clean(tool.description)),
                parameters=redactor.clean_value({"properties": {}} | tool.schema),
            )
        )
    return found, problems


def offered_name(server: str, tool: str, taken: Collection[str]) -> str:
    """`<server>_<tool>` as providers accept it; with a hash where it was changed, cut or is taken."""
    whole = f"{server}_{tool}"
    plain = _STRANGE.sub("_", whole)
    if plain == whole and len(plain) <= NAME_CHARS_MAX and plain not in taken:
        return plain
    for attempt in range(len(taken) + 1):
        digest = hashlib.sha256(f"{server}\0{tool}\0{attempt}".encode(errors="replace")).hexdigest()
        name = f"{plain[: NAME_CHARS_MAX - _HASH_CHARS - 1]}_{digest[:_HASH_CHARS]}"
        if name not in taken:
            return name
    raise AssertionError("one more name than there are taken ones")


def _name_problem(name: str, redactor: Redactor) -> str | None:
    if not name or len(name) > 1000:
        return "its name is empty or longer than 1000 characters"
    return "its name shows a secret" if redactor.clean(name) != name else None


def _schema_problem(schema: dict[str, Any]) -> str | None:
    if schema.get("type", "object") != "object":
        return "its input is not an object"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict):
        return "the properties of its schema are not an object"
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "`required` of its schema is not a list of names"
    try:
        size = len(msgspec.json.encode(schema))
    except (TypeError, ValueError, RecursionError):
        return "its schema cannot be written as JSON"
    return f"its schema has more than {SCHEMA_BYTES_MAX // 1000} kB" if size > SCHEMA_BYTES_MAX else None


def _description(server: str, text: str) -> str:
    """The server's words, marked as such, without characters that steer terminals or hide text."""
    clean = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text).strip()
    if len(clean) > DESCRIPTION_CHARS_MAX:
        clean = clean[: DESCRIPTION_CHARS_MAX - 1] + "…"
    return f"[Tool of the MCP server {server}, described by it] {clean}".rstrip()
