"""What requests may bring, and what is refused about it with the field's name (2, 3)."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from appliance.engine.admission import CONTENT_CHARS_MAX
from appliance.errors import AuthRequired
from appliance.identity import Caller
from appliance.protocols.chatbase.shapes import Feedback
from appliance.protocols.chatbase.words import BadField, NoJson, ReversedDates
from appliance.wire import Request

T = TypeVar("T")

LIMIT = 20
LIMIT_MAX = 100
EXPORT_LIMIT_MAX = 20
USER_ID = re.compile(r"[a-zA-Z0-9._-]{1,128}")
USER_ID_RULE = "1 to 128 letters, digits, dots, hyphens and underscores"
LINE_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"}
)

_USER_ID_SCHEMA = {"type": "string", "pattern": f"^{USER_ID.pattern}$"}
_MESSAGES_SCHEMA = {"type": "array", "items": {"type": "object"}}
_SAFE_NUMBER = 2**53
"""Beyond it a float is no exact position any more, and SQLite's integers end before a float's do."""
_DAY_S = 86_400
_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
_AT_FIELD = re.compile(r"at `\$\.([A-Za-z]+)")
_NAMED_FIELD = re.compile(r"field `([^`]*)`")


# -- bodies ---------------------------------------------------------------------------------------------


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of bodies with an open schema: keys that are not known do not matter."""


class _ClosedBody(_Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of bodies in which every key must be known."""


class ChatBody(_Body, frozen=True, kw_only=True):
    """A message, or word that the client's tools have answered (3.3).

    `user_id` counts for new conversations only and is otherwise not even looked at. With an array of
    `messages` it is the body of an AI SDK client instead.
    """

    message: Annotated[str, Meta(min_length=1, max_length=CONTENT_CHARS_MAX)] | UnsetType = UNSET
    stream: bool = True
    conversation_id: str | UnsetType = UNSET
    user_id: Annotated[Any, Meta(extra_json_schema=_USER_ID_SCHEMA)] = UNSET
    messages: Annotated[Any, Meta(extra_json_schema=_MESSAGES_SCHEMA)] = UNSET


class RetryBody(_Body, frozen=True, kw_only=True):
    """Which answer to make anew (3.4)."""

    message_id: str
    stream: bool = True


class PauseBody(_ClosedBody, frozen=True, kw_only=True):
    """Shall the bot be silent (3.6)?"""

    paused: bool


class FeedbackBody(_ClosedBody, frozen=True, kw_only=True):
    """What somebody thinks of an answer; null takes it back (3.6)."""

    feedback: Feedback | None


class ToolResultBody(_Body, frozen=True, kw_only=True):
    """What the client made of one call; `output` is any JSON (3.6)."""

    tool_call_id: str
    output: Any


class _Probe(msgspec.Struct, frozen=True):
    messages: Any = UNSET


def read_body(request: Request, type: type[T]) -> T:
    """The body as `type`; raises `NoJson`, or `BadField` that names what does not fit."""
    try:
        return msgspec.json.decode(request.body or b"{}", type=type)
    except msgspec.ValidationError as error:
        raise BadField(_field_of(str(error)), f"{error}.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NoJson(f"The body is not JSON: {error}.") from error


def is_ai_sdk_body(request: Request) -> bool:
    """Does the body have an array of `messages` (1.1, 6)? What is no JSON object at all has none."""
    try:
        return isinstance(msgspec.json.decode(request.body or b"{}", type=_Probe).messages, list)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _field_of(complaint: str) -> str:
    found = _AT_FIELD.search(complaint) or _NAMED_FIELD.search(complaint)
    return found[1] if found else "body"


# -- who asks ---------------------------------------------------------------------------------------------


def signed_in(request: Request) -> Caller:
    """Who asks; raises `AuthRequired` when nothing was shown."""
    caller = request.caller
    shown = caller.user_id or caller.visitor_id or caller.guest_id or caller.key_id
    if caller.role == "anon" and not shown:
        raise AuthRequired("Authentication required: send your API key as Authorization: Bearer <key>.")
    return caller


def checked_user_id(value: Any) -> str:
    """A user id as Chatbase has them; raises `BadField`."""
    if not isinstance(value, str) or not USER_ID.fullmatch(value):
        raise BadField("userId", f"userId must be {USER_ID_RULE}.")
    return value


# -- which dialect ------------------------------------------------------------------------------------------


def wants_lines(request: Request) -> bool:
    """Bare JSON lines instead of Server-Sent Events? `Accept` decides, else the key, else the mount (1.1)."""
    accepted = {
        kind.partition(";")[0].strip().lower() for kind in request.headers.get("accept", "").split(",")
    }
    if "text/event-stream" in accepted:
        return False
    if accepted & LINE_TYPES:
        return True
    return (request.caller.stream_format or ("ndjson" if request.mount else "sse")) == "ndjson"


# -- pages -------------------------------------------------------------------------------------------------


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: in which list, and the sort value and id of its last row (2)."""

    list: Literal["agents", "created", "active", "messages"]
    at: Annotated[float, Meta(ge=-_SAFE_NUMBER, le=_SAFE_NUMBER)] = 0.0
    id: Annotated[str, Meta(max_length=1000)] = ""


def cursor_of(mark: Mark) -> str:
    """A mark as clients hand it back."""
    return base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode()


def mark_in(request: Request, list: Literal["agents", "created", "active", "messages"]) -> Mark | None:
    """Where to go on, None from the beginning; raises `BadField` for a cursor that this list did not give."""
    cursor = request.query.get("cursor")
    if cursor is None:
        return None
    try:
        mark = msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True), type=Mark)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        mark = None
    if mark is None or mark.list != list:
        raise BadField("cursor", "cursor must be the one of this list's page before.")
    return mark


def limit_in(request: Request, most: int = LIMIT_MAX) -> int:
    """How many rows a page has; raises `BadField`."""
    text = request.query.get("limit")
    if text is None:
        return LIMIT
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= most:
        raise BadField("limit", f"limit must be a whole number from 1 to {most}.")
    return int(text)


def period_in(request: Request) -> tuple[float | None, float | None]:
    """From when (Unix seconds) and before when; a bare date ends with its day, in UTC (3.5).

    A moment without a fraction ends with its second: `createdAt` is told in whole ones. Raises
    `BadField`, `ReversedDates`.
    """
    start, end = _moment(request, "startDate"), _moment(request, "endDate")
    if end is None:
        return start, None
    is_date = _DATE.fullmatch(request.query["endDate"])
    behind = end + (_DAY_S if is_date else 1 if end.is_integer() else 0)
    if start is not None and start > end and start >= behind:
        raise ReversedDates("startDate must not be after endDate.")
    return start, behind


def _moment(request: Request, name: str) -> float | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadField(name, f"{name} must be like 2026-01-31 or 2026-01-31T12:00:00Z.") from None
