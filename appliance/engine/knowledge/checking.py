"""Checks of what people tell of bases, documents and links: bounded, fit to be stored and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from appliance.errors import InvalidInput

LINE_CHARS_MAX = 300
TEXT_CHARS_MAX = 4_000
OBJECT_BYTES_MAX = 16 * 1024
OBJECT_DEPTH_MAX = 32
TAGS_MAX = 50
TAG_CHARS_MAX = 100
URL_CHARS_MAX = 2_000
USER_CHARS_MAX = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of what follows: `fdp.exe` would be shown as a harmless name."""
_MIME = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,150}", re.ASCII)


def label(text: str, field: str, *, empty: bool = False, longest: int = LINE_CHARS_MAX) -> str:
    """A name, title or tag: a `line` without the signs that turn the direction of writing."""
    return line(_BIDI.sub("", storable(text, field)), field, empty=empty, longest=longest)


def line(text: str, field: str, *, empty: bool = False, longest: int = LINE_CHARS_MAX) -> str:
    """`text` without blanks around it; raises `InvalidInput` for several lines, too many or no characters."""
    stripped = storable(text, field).strip()
    if len(stripped) > longest or _CONTROL.search(stripped):
        raise InvalidInput(f"{field} must be one line of at most {longest} characters.")
    if not stripped and not empty:
        raise InvalidInput(f"{field} is missing or empty.")
    return stripped


def paragraph(text: str, field: str, longest: int = TEXT_CHARS_MAX) -> str:
    """Some lines of text; raises `InvalidInput` for too many characters."""
    if len(text) > longest:
        raise InvalidInput(f"{field} must have at most {longest} characters.")
    return storable(text, field).strip()


def storable(text: str, field: str) -> str:
    """The same text; raises `InvalidInput` for what is no text in UTF-8, or has NUL characters."""
    if not isinstance(text, str):
        raise InvalidInput(f"{field} must be a text.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{field} holds half a surrogate pair; send valid Unicode.") from error
    if "\0" in text:
        raise InvalidInput(f"{field} holds a NUL character; remove it.")
    return text


def one_line(text: str, longest: int = LINE_CHARS_MAX) -> str:
    """A title made of whatever a file or a text begins with: always one line, cut where it is too long."""
    flat = " ".join(_CONTROL.sub(" ", _BIDI.sub("", text.encode("utf-8", "replace").decode())).split())
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def json_object(value: Mapping[str, Any], field: str) -> dict[str, Any]:
    """An object of JSON values, bounded; raises `InvalidInput`."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidInput(f"{field} must be an object.")
    if _is_deep(value, OBJECT_DEPTH_MAX):
        raise InvalidInput(f"{field} must have at most {OBJECT_DEPTH_MAX} levels.")
    try:
        encoded = msgspec.json.encode(value)
        found = msgspec.json.decode(encoded, type=dict[str, Any])
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(f"{field} must be an object of JSON values in valid Unicode.") from error
    if len(encoded) > OBJECT_BYTES_MAX:
        raise InvalidInput(f"{field} must be at most {OBJECT_BYTES_MAX} bytes as JSON.")
    return found


def tags(values: Sequence[str], field: str = "tags") -> list[str]:
    """Short strings, each once, in their order; raises `InvalidInput`."""
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise InvalidInput(f"{field} must be a list of strings.")
    found = list(dict.fromkeys(label(value, field, longest=TAG_CHARS_MAX) for value in values))
    if len(found) > TAGS_MAX:
        raise InvalidInput(f"{field} must be at most {TAGS_MAX}.")
    return found


def web_address(text: str, field: str = "source_url") -> str:
    """An http or https address, or nothing; raises `InvalidInput`. It is shown to people as a link."""
    found = line(text, field, empty=True, longest=URL_CHARS_MAX)
    if not found:
        return ""
    wrong = InvalidInput(f"{field} must begin with http:// or https:// and name a host.")
    try:
        parts = urlsplit(found)
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", found):
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f"{field} must not hold a user or a password; whoever reads the document sees it.")
    return found


def media_type(text: str, field: str = "mime_type") -> str:
    """A type such as text/plain without its parameters, or nothing; raises `InvalidInput`."""
    found = text.partition(";")[0].strip().lower()
    if found and not _MIME.fullmatch(found):
        raise InvalidInput(f"{field} must be a media type such as text/plain.")
    return found


def user_id(text: str, field: str = "user_id") -> str:
    """The id of a user; raises `InvalidInput`."""
    return line(text, field, longest=USER_CHARS_MAX)


def between(value: float, least: float, most: float, field: str) -> None:
    """Raises `InvalidInput` for a number that is not from `least` to `most`; so for NaN."""
    if not least <= value <= most:
        raise InvalidInput(f"{field} must be from {least:g} to {most:g}.")


def _is_deep(value: Any, left: int) -> bool:
    if not isinstance(value, Mapping | list | tuple):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return left == 0 or any(_is_deep(one, left - 1) for one in inner)
