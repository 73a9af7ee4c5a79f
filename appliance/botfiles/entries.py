"""Mappings and JSON inside of settings: every mistake names the entry that it is in. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from appliance.botfiles import values

T = TypeVar("T")


class EntryError(ValueError):
    """A mistake in one entry of a mapping; `entry` is its key, for the line that it stands on."""

    def __init__(self, entry: str, message: str) -> None:
        super().__init__(f"{entry}: {message}")
        self.entry = entry
        self.line: int | None = None


def json_value(value: str) -> Any:
    """The data of a JSON text; raises `ValueError`, also for a key that an object has twice."""
    try:
        return json.loads(value, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be JSON: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"has {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return found


def each(data: Any, read: Callable[[str, Any], T], *, form: str) -> dict[str, T]:
    """`{key: read(key, value)}` of a non-empty mapping; mistakes become `EntryError`s; `form` shows how."""
    if not isinstance(data, dict) or not data or not all(isinstance(key, str) for key in data):
        raise ValueError(f"must be a mapping like {form}")
    found: dict[str, T] = {}
    for key, value in data.items():
        try:
            found[key.strip()] = read(key.strip(), value)
        except ValueError as error:
            raise EntryError(key, str(error)) from None
    if len(found) < len(data):
        raise ValueError("has two keys that differ only in spaces")
    return found


def known_keys(data: Any, known: Iterable[str], *, required: Iterable[str] = ()) -> dict[str, Any]:
    """`data` as an object that has all `required` keys and no others than `known` ones."""
    if not isinstance(data, dict):
        raise ValueError(f"must be a mapping with the keys {', '.join(known)}")
    for key in data:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(known)}")
    for key in required:
        if data.get(key) in (None, ""):
            raise ValueError(f"needs a {key}")
    return data


def sentence(data: Any, name: str) -> str:
    """A text of one line."""
    return values.text(verbatim(data, name))


def verbatim(data: Any, name: str) -> str:
    """A text as it was written, without white space around it; never empty."""
    if not isinstance(data, str) or not data.strip():
        raise ValueError(f"{name} must be a text")
    return data.strip()


def merge(first: dict[str, T], second: dict[str, T]) -> dict[str, T]:
    """Both mappings as one; an entry that both have must be the same in both."""
    for key in second:
        if key in first and first[key] != second[key]:
            raise EntryError(key, "is given again with another value")
    return {**first, **second}
