"""From the functions of an imported `tools.py` to what a model is offered: names, words, JSON schemas.

Runs in the worker process. A function that cannot be offered is a `Problem` with its line; the others are.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import msgspec

from appliance.botkit import OPTIONS, AsyncContext, Context, ToolOptions
from appliance.tools.own_docs import parse_docstring
from appliance.tools.own_wire import Offered, Problem

FUNCTIONS_MAX = 64
"""More tools than that only confuse a model."""
SCHEMA_BYTES_MAX = 8 * 1024
"""Goes into every prompt, so a schema has to stay small."""
DESCRIPTION_CHARS_MAX = 1024
"""What the strictest of the usual model APIs takes."""
PROBLEM_CHARS_MAX = 500

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What all model APIs take as a tool's name."""
_VALUES = frozenset({"default", "enum", "const", "examples"})
"""Keys of a schema behind which stand values, not schemas."""


class Unfit(Exception):
    """The function cannot be offered; the text says why and what to do."""


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function and how it is called: its arguments as a struct, with a context or without."""

    offered: Offered
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    takes_context: bool
    is_async: bool

    def bind(self, arguments: str) -> dict[str, Any]:
        """Keyword arguments of their annotated types from JSON text; raises `msgspec.ValidationError`."""
        bound = msgspec.json.decode(arguments, type=self.arguments)
        values = {name: getattr(bound, name) for name in bound.__struct_fields__}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def collect(module: ModuleType) -> tuple[dict[str, Function], list[Problem]]:
    """The public functions that `module` itself defines, by their names for the model."""
    functions: dict[str, Function] = {}
    problems: list[Problem] = []
    for name, value in _own(module):
        line = inspect.unwrap(value).__code__.co_firstlineno
        try:
            function = _read(value, line)
            if function.offered.name in functions:
                raise Unfit(f"there is another tool with the name {function.offered.name}")
            if len(functions) == FUNCTIONS_MAX:
                raise Unfit(f"there are more than {FUNCTIONS_MAX} functions; begin names of helpers with _")
            functions[function.offered.name] = function
        except Unfit as unfit:
            problems.append(Problem(line=line, message=f"{name} is not offered: {unfit}"[:PROBLEM_CHARS_MAX]))
    return functions, sorted(problems, key=lambda problem: problem.line)


def _own(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions under their own name, plain or wrapped by a decorator; imported ones left out."""
    for name, value in list(vars(module).items()):
        wraps = "__wrapped__" in getattr(value, "__dict__", {}) and not isinstance(value, type)
        if name.startswith("_") or not (inspect.isfunction(value) or wraps):
            continue
        inner = inspect.unwrap(value)
        if inspect.isfunction(inner) and inner.__module__ == module.__name__ and inner.__name__ == name:
            yield name, value


def _read(function: Callable[..., Any], line: int) -> Function:
    options = getattr(function, OPTIONS, ToolOptions())
    name = str(options.name) or inspect.unwrap(function).__name__
    if not _NAME.fullmatch(name):
        raise Unfit(
            "a tool's name has 1 to 64 characters of A-Z, a-z, 0-9, _ and -; set one with @tool(name=…)"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Unfit("it is a generator; return a list instead")
    description, texts = parse_docstring(inspect.getdoc(inspect.unwrap(function)) or "")
    if not description:
        raise Unfit("it has no docstring; its first paragraph tells the model what the function is for")
    is_async = inspect.iscoroutinefunction(function)
    parameters, takes_context = _parameters(function, is_async)
    arguments = _arguments(parameters)
    return Function(
        offered=Offered(
            name=name,
            description=description[:DESCRIPTION_CHARS_MAX],
            parameters=_schema(arguments, parameters, texts),
            timeout_s=float(options.timeout_s),
            line=line,
        ),
        function=function,
        arguments=arguments,
        takes_context=takes_context,
        is_async=is_async,
    )


class _Parameter(typing.NamedTuple):
    """A parameter that the model fills."""

    name: str
    hint: Any
    default: Any

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty


def _parameters(function: Callable[..., Any], is_async: bool) -> tuple[list[_Parameter], bool]:
    """What the model fills, and whether a context stands before it."""
    try:
        hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception as error:
        raise Unfit(f"its annotations cannot be read: {type(error).__name__}: {error}") from error
    parameters = list(inspect.signature(function).parameters.values())
    wanted, other = (AsyncContext, Context) if is_async else (Context, AsyncContext)
    takes_context = bool(parameters) and hints.get(parameters[0].name) is wanted
    found = []
    for parameter in parameters[takes_context:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Unfit(f"its parameter {parameter.name} must be a plain one: no *args, **kwargs or /")
        if parameter.name not in hints:
            raise Unfit(f"its parameter {parameter.name} has no annotation")
        hint = hints[parameter.name]
        if hint is wanted:
            raise Unfit(f"the {wanted.__name__} must be its first parameter and the only one")
        if hint is other:
            kind = "an async" if is_async else "a plain"
            raise Unfit(f"{kind} function takes {wanted.__name__}, not {other.__name__}")
        _describable(parameter.name, hint)
        found.append(_Parameter(parameter.name, hint, parameter.default))
    return found, takes_context


def _describable(name: str, hint: Any) -> None:
    try:
        msgspec.json.schema(hint)
    except Exception as error:
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise Unfit(f"the type of its parameter {name} has no JSON schema: {reason[0]}") from error


def _arguments(parameters: list[_Parameter]) -> type[msgspec.Struct]:
    """A struct of the parameters; what the model leaves out stays unset, so that Python's default counts."""
    fields: list[Any] = []
    for name, hint, default in parameters:
        if default is inspect.Parameter.empty:
            fields.append((name, hint))
        else:
            fields.append((name, typing.Union[hint, msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007
    try:
        return msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    except Exception as error:
        raise Unfit(f"its parameters cannot be read: {error}") from error


def _schema(
    arguments: type[msgspec.Struct], parameters: list[_Parameter], texts: dict[str, str]
) -> dict[str, Any]:
    """The JSON schema of the arguments as one plain object, with the author's words for each."""
    try:
        whole = msgspec.json.schema(arguments)
        schema: dict[str, Any] = _inlined(whole, whole.get("$defs", {}), ())
        for parameter in parameters:
            schema["properties"][parameter.name] |= _told(parameter, texts, schema)
        size = len(msgspec.json.encode(schema))
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"its parameters have no JSON schema: {error}") from error
    if size > SCHEMA_BYTES_MAX:
        raise Unfit(f"the JSON schema of its parameters is larger than {SCHEMA_BYTES_MAX} bytes")
    return schema


def _told(parameter: _Parameter, texts: dict[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    """What the schema does not know yet of a parameter: a text about it and its default."""
    told: dict[str, Any] = {}
    text = _annotated_text(parameter.hint) or texts.get(parameter.name)
    if text and "description" not in schema["properties"][parameter.name]:
        told["description"] = text
    if not parameter.is_required and parameter.default is not None:
        # Some defaults only Python knows; leaving the argument out still means them.
        with suppress(TypeError, ValueError):
            told["default"] = msgspec.json.decode(msgspec.json.encode(parameter.default))
    return told


def _annotated_text(hint: Any) -> str:
    notes = hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()
    return " ".join(note for note in notes if isinstance(note, str))


def _inlined(schema: Any, types: dict[str, Any], within: tuple[str, ...]) -> Any:
    """The schema with each `$ref` replaced by what it stands for: many models know no references."""
    if isinstance(schema, list):
        return [_inlined(item, types, within) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        if name in within:
            raise Unfit(f"the type {name} holds itself, which a model cannot be told")
        rest = {key: value for key, value in schema.items() if key not in ("$ref", "$defs")}
        return _inlined(types[name] | rest, types, (*within, name))
    plain = {
        key: value if key in _VALUES else _inlined(value, types, within)
        for key, value in schema.items()
        if key != "$defs"
    }
    if isinstance(plain.get("title"), str):  # a type's name in Python; a parameter `title` is an object
        del plain["title"]
    return plain
