"""The types of one protocol as JSON schemas that refer to each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec.inspect import Field, StructType, Type

Json: TypeAlias = dict[str, Any]

_CLAUSES = re.compile(r" \(\d[^()]*\)")
"""Sections that docstrings name, and that readers of the schemas do not have."""


class Schemas:
    """Schemas of the types of `bodies` and `answers`, where tuples name several and texts name no type.

    `components` are what the schemas refer to; the names in it begin with `owner`.
    """

    def __init__(self, owner: str, *, bodies: Iterable[Any], answers: Iterable[Any]) -> None:
        read, told = _types(bodies), _types(answers)
        types = list(dict.fromkeys([*read, *told]))
        prefix = re.sub(r"\W", "", owner)
        schemas, components = msgspec.json.schema_components(
            types, ref_template=f"#/components/schemas/{prefix}.{{name}}"
        )
        self._schemas = dict(zip(types, schemas, strict=True))
        self.components: Json = {f"{prefix}.{name}": schema for name, schema in components.items()}
        _tell_what_is_always_there(components, told=_structs(told), read=_structs(read))
        for schema in components.values():
            _tidy(schema)

    def of(self, type: Any) -> Json:
        """The schema of one of the types."""
        schema: Json = self._schemas[type]
        return schema


def _types(named: Iterable[Any]) -> list[Any]:
    each = (one for entry in named for one in (entry if isinstance(entry, tuple) else (entry,)))
    return [one for one in each if one is not None and not isinstance(one, str)]


def _tidy(schema: Json) -> None:
    """Without what is for readers of the code only."""
    if "description" in schema:
        schema["description"] = _CLAUSES.sub("", schema["description"])


# -- what is always there --------------------------------------------------------------------------------


def _tell_what_is_always_there(components: Json, *, told: Json, read: Json) -> None:
    """A field with a default may be missing in a body; in an answer it is written all the same."""
    for name in (told.keys() - read.keys()) & components.keys():
        components[name]["required"] = told[name]


def _structs(types: Iterable[Any]) -> dict[str, list[str]]:
    """The names of all structs in these types, and which of their fields are always written."""
    found: dict[str, list[str]] = {}
    for info in msgspec.inspect.multi_type_info(types):
        for struct in _within(info, set()):
            tag = [struct.tag_field] if struct.tag_field else []
            kept = [field.encode_name for field in struct.fields if _is_kept(struct, field)]
            found[struct.cls.__name__] = [*tag, *kept]
    return found


def _is_kept(struct: StructType, field: Field) -> bool:
    """One whose default is UNSET comes here as one that has none and is not required."""
    has_default = not (field.default is field.default_factory is msgspec.NODEFAULT)
    omits = struct.cls.__struct_config__.omit_defaults
    return field.required or (has_default and not omits)


def _within(info: Any, seen: set[int]) -> Iterator[StructType]:
    """Every struct in a type, itself included."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, StructType):
        yield info
    if isinstance(info, Type | Field):
        for name in info.__struct_fields__:
            yield from _within(getattr(info, name), seen)
    elif isinstance(info, tuple):
        for one in info:
            yield from _within(one, seen)
