"""Requests and replies of plain HTTP endpoints, as far as protocols need to know them."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

import msgspec

from appliance.errors import InvalidInput
from appliance.identity import Caller

T = TypeVar("T")


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie to be set: for no script, and for https only where the client came by that.

    `max_age_s` of 0 takes it away. `same_site` tells with which requests of other sites' pages it is sent.
    """

    name: str
    value: str = ""
    max_age_s: int = 0
    path: str = "/"
    same_site: Literal["Strict", "Lax"] = "Strict"


_WHOLE = re.compile(r"-?[0-9]{1,30}")
"""`int` would take other scripts' digits, blanks and underscores, too."""


class FormPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a form. `file_name` and `content_type` are what the client calls it, empty for a field."""

    data: bytes
    file_name: str = ""
    content_type: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler gets: who asks, the path's variables, the query, the headers and the raw body.

    Names of headers are in lower case. `mount` is the prefix under which a face was reached, where it has
    several, `origin` the scheme and host by which the client came. Endpoints that take a form get its parts
    by their names instead of a body.
    """

    caller: Caller
    path: dict[str, str] = {}
    query: dict[str, str] = {}
    body: bytes = b""
    headers: dict[str, str] = {}
    mount: str = ""
    origin: str = ""
    form: dict[str, FormPart] = {}

    def json(self, type: type[T]) -> T:
        """The body as `type`; raises `InvalidInput` that says what is wrong with it."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=type)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"The body is not of the expected form: {error}.") from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidInput(f"The body is not JSON: {error}.") from error

    def field(self, name: str) -> str:
        """A field of the form as text, empty when it is not there; raises `InvalidInput` when it is none."""
        part = self.form.get(name)
        try:
            return part.data.decode() if part is not None else ""
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The field {name!r} of the form is not UTF-8.") from error

    def whole_number(self, name: str, default: int, low: int, high: int) -> int:
        """A query parameter as an integer within bounds; raises `InvalidInput`."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not _WHOLE.fullmatch(text):
            raise InvalidInput(f"{name}={text[:50]!r} must be a whole number.")
        value = int(text)
        if not low <= value <= high:
            raise InvalidInput(f"{name}={value} must be between {low} and {high}.")
        return value


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: `body` is sent as JSON, or as it is when it is bytes, or a text of another `content_type`.

    A `Path` is a file that is sent without being read into memory.

    With a `file_name` browsers save it instead of showing it.
    """

    body: Any
    status: int = 200
    content_type: str = "application/json"
    file_name: str = ""
    headers: dict[str, str] = {}
    cookies: tuple[Cookie, ...] = ()
