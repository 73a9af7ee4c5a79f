"""Tools that a bot's clients run themselves: a name, a description, a JSON schema of arguments. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from appliance.bot import ClientTool
from appliance.botfiles import values
from appliance.botfiles.entries import EntryError, each, json_value, known_keys, sentence

CLIENT_TOOLS_FORM = '`{"get_place": {"description": "…", "parameters": {"type": "object", …}}}`'
TOOLS_MAX = 64
SCHEMA_CHARS_MAX = 20_000
"""Every schema goes to the model with every call."""
DEPTH_MAX = 32
ANYTHING: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool that takes no arguments."""

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCHEMAS = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NUMBERS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
)
_FLAGS = ("uniqueItems", "nullable", "deprecated", "readOnly", "writeOnly", "additionalProperties")
_LITERALS = ("default", "const", "enum", "examples")


def client_tools_json(taken: Collection[str]) -> Callable[[str], list[ClientTool]]:
    """A parser of one tool, an array of them, or an object of them by name, as JSON."""
    convert = client_tools(taken)
    return lambda value: convert(json_value(value))


def client_tools(taken: Collection[str]) -> Callable[[Any], list[ClientTool]]:
    """A reader of such tools from JSON or YAML data; none of them may have a name that is `taken`."""

    def convert(data: Any) -> list[ClientTool]:
        if isinstance(data, dict) and isinstance(data.get("name"), str):
            data = [data]
        named = _by_name(data) if isinstance(data, list) else data
        found = each(named, lambda name, one: _tool(name, one, taken), form=CLIENT_TOOLS_FORM)
        if len(found) > TOOLS_MAX:
            raise ValueError(f"has {len(found)} tools; {TOOLS_MAX} are the most")
        return list(found.values())

    return convert


def merge_client_tools(first: list[ClientTool], second: list[ClientTool]) -> list[ClientTool]:
    """Both lists; two tools of one name must be the same."""
    known = {tool.name: tool for tool in first}
    for tool in second:
        if known.setdefault(tool.name, tool) != tool:
            raise EntryError(tool.name, "is the name of two tools")
    return list(known.values())


def _by_name(data: list[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for position, one in enumerate(data, 1):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise ValueError(f"{position}: needs a name")
        if name in named:
            raise EntryError(name, "is the name of two tools")
        named[name] = one
    return named


def _tool(name: str, data: Any, taken: Collection[str]) -> ClientTool:
    if not _TOOL_NAME.fullmatch(name):
        raise ValueError("a name is up to 64 letters of a to z, digits, _ and -")
    if name in taken:
        raise ValueError("is the name of a built-in tool; take another one")
    fields = known_keys(data, ("name", "description", "parameters"), required=("description",))
    if fields.get("name", name) != name:
        raise ValueError(f"has another name inside: {fields['name']!r}")
    given = fields.get("parameters")
    return ClientTool(
        name=name,
        description=sentence(fields["description"], "description"),
        parameters=ANYTHING if given is None else _object_schema(given),
    )


def _object_schema(data: Any) -> dict[str, Any]:
    """The schema of a call's arguments, which are always an object."""
    if not isinstance(data, dict) or data.get("type") != "object":
        raise ValueError("parameters must be a JSON schema with type: object")
    schema: dict[str, Any] = _schema(data, "parameters", 0)
    properties = schema.setdefault("properties", {})
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ValueError("parameters: required must be a list of names")
    if strange := [name for name in required if name not in properties]:
        raise ValueError(f"parameters: {strange[0]} is required and not among the properties")
    if len(json.dumps(schema, ensure_ascii=False)) > SCHEMA_CHARS_MAX:
        raise ValueError(f"parameters are longer than {SCHEMA_CHARS_MAX} characters")
    return schema


def _schema(data: Any, place: str, depth: int) -> Any:
    """A schema with numbers and truths as such: YAML's leaves arrive as texts, JSON's as what they are."""
    if depth > DEPTH_MAX:
        raise ValueError("parameters are nested too deeply")
    if not isinstance(data, dict):
        raise ValueError(f"{place} must be a JSON schema, which is an object")
    return {
        key: _keyword(key, value, data.get("type"), f"{place}.{key}", depth) for key, value in data.items()
    }


def _keyword(key: str, value: Any, kind: Any, place: str, depth: int) -> Any:
    if key in _SCHEMAS and isinstance(value, dict):
        return _schema(value, place, depth + 1)
    if key in _SCHEMA_MAPS:
        if not isinstance(value, dict):
            raise ValueError(f"{place} must map names to schemas")
        return {name: _schema(one, f"{place}.{name}", depth + 1) for name, one in value.items()}
    if key in _SCHEMA_LISTS:
        if not isinstance(value, list):
            raise ValueError(f"{place} must be a list of schemas")
        return [_schema(one, place, depth + 1) for one in value]
    if key in _FLAGS:
        return _flag(value, place)
    if key in _NUMBERS:
        return _number(value, place)
    if key in _LITERALS:
        return _literal(value, kind)
    return value


def _flag(value: Any, place: str) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return values.flag(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{place} must be true or false") from None


def _number(value: Any, place: str) -> int | float:
    number = _as_number(value)
    if number is None:
        raise ValueError(f"{place} must be a number")
    return number


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}", value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}", value):
        return float(value)
    return None


def _literal(value: Any, kind: Any) -> Any:
    """A value of the schema's own type; a text that is none of it stays what it is."""
    if isinstance(value, list):
        return [_literal(one, kind) for one in value]
    if not isinstance(value, str):
        return value
    if kind in ("integer", "number"):
        number = _as_number(value)
        return value if number is None else number
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
