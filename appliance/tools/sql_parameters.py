"""Values for the `:name`s of a statement. Neither the parser nor SQLite is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Parameter = str | int | float | bytes | None
"""What can be bound; a boolean is 0 or 1. Bytes are for vectors only, which nobody gives by name."""

_INTEGERS = range(-(2**63), 2**63)


def checked(parameters: Mapping[str, Any]) -> dict[str, Parameter]:
    """The same values as SQLite takes them; raises `ValueError` with a text that names the bad one."""
    return {name: _checked(name, value) for name, value in parameters.items()}


def _checked(name: str, value: Any) -> Parameter:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and value not in _INTEGERS:
        raise ValueError(f"The parameter {name} is too large a number; the database keeps 64 bits")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(
        f"The parameter {name} must be text, a number, a boolean or null, not {type(value).__name__}"
    )


class Bindings(Mapping[str, Parameter]):
    """What SQLite asks for the value of each name; those that it did not find are in `missing`."""

    def __init__(self, values: Mapping[str, Parameter]) -> None:
        self._values = values
        self.missing: list[str] = []

    def __getitem__(self, name: str) -> Parameter:
        if name not in self._values and name not in self.missing:
            self.missing.append(name)
        return self._values.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def fault(self) -> str:
        """The sentence about what is missing."""
        names = ", ".join(f":{name}" for name in self.missing)
        given = ", ".join(f":{name}" for name in self._values) or "none"
        return f"No value for {names}. Given: {given}. Give a value, or write it into the statement"
