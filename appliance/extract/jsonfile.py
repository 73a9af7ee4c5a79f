"""JSON and NDJSON as lines that people can read: `name: value`, objects of a list as rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import clean
from appliance.extract.plain import read_text
from appliance.knowledge import Extracted

DEPTH_MAX = 100
INDENT = "  "
_TITLE_NAMES = ("title", "name")


def read_json(text: str) -> Extracted:
    """The values with their names; what is not JSON after all is read as plain text, with a note.

    Raises `DocumentUnreadable` for what is nested without end.
    """
    text = clean(text)
    builder = TextBuilder()
    try:
        value = _parsed(text)
    except ValueError as error:
        return _lines_or_text(text, error)
    _write_top(builder, value)
    return builder.build(title=_title(value))


def read_ndjson(text: str) -> Extracted:
    """Each line's value as one row or block; lines that are no JSON stay as they are."""
    text = clean(text)
    builder = TextBuilder()
    bad = 0
    for line in text.split("\n"):
        if builder.full:
            break
        if line.strip():
            try:
                _write_item(builder, _parsed(line))
            except ValueError:
                bad += 1
                builder.row(line)
    if bad:
        builder.notes.append(f"{bad:,} lines are not JSON and were kept as they are.")
    return builder.build()


def _parsed(text: str) -> Any:
    """Numbers stay as they are written: 9.50 is not 9.5 for people."""
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except RecursionError:
        raise _too_deep() from None


def _lines_or_text(text: str, error: ValueError) -> Extracted:
    """Many `.json` files are lines of JSON."""
    lines = text.strip().split("\n", 2)
    if len(lines) > 1:
        try:
            _parsed(lines[0]), _parsed(lines[1])
        except ValueError:
            pass
        else:
            return read_ndjson(text)
    read = read_text(text)
    note = f"It is not valid JSON ({error}) and was read as plain text."
    return Extracted(
        text=read.text, outline=read.outline, mime_type=read.mime_type, notes=[*read.notes, note]
    )


def _title(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((value[name] for name in _TITLE_NAMES if isinstance(value.get(name), str)), "")


def _write_top(builder: TextBuilder, value: Any) -> None:
    match value:
        case dict() if not _is_flat(value):
            for name, inner in value.items():
                if isinstance(inner, list) and inner:
                    builder.paragraph(f"{name}:")
                    _write_items(builder, inner)
                else:
                    builder.block()
                    builder.paragraph("\n".join(_lines({name: inner}, 0)))
        case list():
            _write_items(builder, value)
        case _:
            builder.paragraph("\n".join(_lines(value, 0)))


def _write_items(builder: TextBuilder, items: list[Any]) -> None:
    for item in items:
        if builder.full:
            return
        _write_item(builder, item)


def _write_item(builder: TextBuilder, item: Any) -> None:
    """A flat object is a row; one with more in it a block of lines."""
    if isinstance(item, dict) and not _is_flat(item):
        builder.block()
        builder.paragraph("\n".join(_lines(item, 0)))
    elif isinstance(item, dict):
        builder.row("; ".join(f"{name}: {_scalar(inner)}" for name, inner in item.items() if inner != ""))
    elif isinstance(item, list) and not all(map(_is_scalar, item)):
        builder.block()
        builder.paragraph("\n".join(_lines(item, 0)))
    else:
        builder.row(", ".join(map(_scalar, item)) if isinstance(item, list) else _scalar(item))


def _lines(value: Any, depth: int) -> Iterator[str]:
    """The lines of a value, what is inner indented more."""
    if depth > DEPTH_MAX:
        raise _too_deep()
    indent = INDENT * depth
    match value:
        case dict():
            for name, inner in value.items():
                if _is_scalar(inner):
                    yield f"{indent}{name}: {_scalar(inner)}"
                elif isinstance(inner, list) and all(map(_is_scalar, inner)):
                    yield f"{indent}{name}: {', '.join(map(_scalar, inner))}"
                else:
                    yield f"{indent}{name}:"
                    yield from _lines(inner, depth + 1)
        case list():
            for inner in value:
                first = True
                for line in _lines(inner, depth + 1):
                    yield f"{indent}- {line.lstrip()}" if first else line
                    first = False
        case _:
            yield indent + _scalar(value)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_flat(value: dict[str, Any]) -> bool:
    return all(map(_is_scalar, value.values()))


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _too_deep() -> DocumentUnreadable:
    return DocumentUnreadable(f"It is nested too deeply; more than {DEPTH_MAX} levels are not read.")
