"""What a bot's `tools.py` imports from us: the context of a call, its errors, and the decorator for options.

    from appliance.botkit import Context

    def open_orders(context: Context, city: str) -> list[dict]:
        \"\"\"Orders of a city that are not sent yet.\"\"\"
        return context.query("SELECT id, total FROM orders WHERE city = :city", city=city)

Light on purpose, so that a worker process starts fast. Who offers and runs the functions is `tools/own.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from appliance.identity import Caller

TIMEOUT_S = 30.0
TIMEOUT_S_MAX = 600.0
OPTIONS = "__appliance_tool__"
"""Where `tool` leaves its options on a function."""

F = TypeVar("F", bound=Callable[..., Any])


class ToolError(Exception):
    """Raise it to tell the model why it cannot be done; the text is all that the model reads."""


class QueryError(ToolError):
    """The statement was refused or failed; the text says why and what is possible."""


class ChangeProposed(QueryError):
    """The writing statement waits until a person agrees: nothing is changed yet.

    A function that does not catch it ends there, and the model is told.
    """


class Rows(list[dict[str, Any]]):
    """Rows as dicts of JSON-able values; `truncated` when the query had more than its cap."""

    truncated: bool = False


def _no_data(sql: str, parameters: dict[str, Any]) -> Rows:
    raise QueryError("This context has no data; give it a function `run` that answers queries.")


async def _no_data_async(sql: str, parameters: dict[str, Any]) -> Rows:
    return _no_data(sql, parameters)


@dataclass(frozen=True, kw_only=True)
class _About:
    """Who asks, through which bot, and the values of the bot's `{{key}}`s, secret ones too.

    Only `caller` tells reliably who asks; what the model passes as an argument may be anything.
    """

    caller: Caller = field(default_factory=Caller)
    bot: str = ""
    namespace: str = "default"
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Context(_About):
    """What a call is about; annotate the first parameter of a function with it."""

    run: Callable[[str, dict[str, Any]], Rows] = field(default=_no_data, repr=False)

    def query(self, sql: str, /, **parameters: Any) -> Rows:
        """Run one SQL statement with values for its `:parameters`, with the caller's rights on the data.

        Raises `QueryError` when it is refused or fails, `ChangeProposed` when a person has to agree first.
        """
        return self.run(sql, parameters)


@dataclass(frozen=True, kw_only=True)
class AsyncContext(_About):
    """The same for `async def` functions, which run under trio: `await context.query(…)`."""

    run: Callable[[str, dict[str, Any]], Awaitable[Rows]] = field(default=_no_data_async, repr=False)

    async def query(self, sql: str, /, **parameters: Any) -> Rows:
        """As `Context.query`."""
        return await self.run(sql, parameters)


@dataclass(frozen=True, kw_only=True)
class ToolOptions:
    """What `tool` was told; an empty `name` is the function's own."""

    name: str = ""
    timeout_s: float = TIMEOUT_S


def tool(*, name: str = "", timeout_s: float = TIMEOUT_S) -> Callable[[F], F]:
    """Decorate a function whose name for the model, or whose deadline, is to be another.

    Raises `ValueError` for a deadline that is not above 0 and at most 600 s.
    """
    if not 0 < timeout_s <= TIMEOUT_S_MAX:
        raise ValueError(f"timeout_s must be above 0 and at most {TIMEOUT_S_MAX:g}, not {timeout_s!r}")

    def mark(function: F) -> F:
        setattr(function, OPTIONS, ToolOptions(name=name, timeout_s=timeout_s))
        return function

    return mark
