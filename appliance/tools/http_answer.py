"""What the model reads of an answer of the web: JSON as JSON, text as text, cut to what a prompt can take."""

from __future__ import annotations

import codecs
import json
import math
import re
from email.message import Message
from typing import Any

from appliance.redact import Redactor
from appliance.tools.http_fetch import Fetched, FetchFailed

MODEL_CHARS_MAX = 20_000
"""Some 5,000 tokens, as for rows."""
ERROR_BODY_BYTES_MAX = 1024
_LEVELS_MAX = 100
"""Of lists in lists: no honest answer has more, and what is written out again must not exhaust the stack."""

_CHARSETS = re.compile(
    r"utf-8|utf-16(-[lb]e)?|ascii|iso8859-\d+|cp125\d|koi8-[ru]|shift_jis|cp932|euc_(jp|kr)|cp949|gb2312|gbk|gb18030"
    r"|big5|mac-roman"
)
"""As Python calls them. Among its other codecs are some that take hours for a long text."""
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_LOCATION_HOST = re.compile(
    r"(?:https?:)?//(?:[^/?#\\@]*@)?([A-Za-z0-9.:\[\]-]{1,100})(?=[/?#]|$)", re.IGNORECASE
)


def good_answer(fetched: Fetched, redactor: Redactor) -> dict[str, Any]:
    """`{success, status, data}` for a 2xx; too long a text is cut and says so. Raises `FetchFailed`.

    `data` is a JSON value, a text, or None where there is no body.
    """
    answer: dict[str, Any] = {"success": True, "status": fetched.status}
    try:
        data = _data(fetched)
        text = data if isinstance(data, str) else _encoded(data)
        if len(text) <= MODEL_CHARS_MAX:
            return {**answer, "data": _masked(data, redactor, _LEVELS_MAX)}
    except RecursionError:
        raise FetchFailed("The answer is nested too deep to be read.", fetched.status) from None
    # In one go: masking a megabyte value by value would let a hostile server keep us busy for seconds.
    return {
        **answer,
        "truncated": True,
        "note": f"The first {MODEL_CHARS_MAX} of {len(text)} characters; ask for less to see the rest.",
        "data": redactor.clean(text)[:MODEL_CHARS_MAX],
    }


def bad_answer(fetched: Fetched, redactor: Redactor) -> dict[str, Any]:
    """`{success, status, error}` for what is no 2xx, with up to 1 KiB of a readable body."""
    answer: dict[str, Any] = {"success": False, "status": fetched.status}
    if 300 <= fetched.status < 400:
        answer["error"] = redactor.clean(_redirect_text(fetched))
        return answer
    answer["error"] = f"The server answered with status {fetched.status}."
    media_type, charset = _content_type(fetched)
    if fetched.body and _is_readable(media_type):
        text = redactor.clean(_decoded(fetched.body, charset))
        answer["body"] = text.encode("utf-8", "replace")[:ERROR_BODY_BYTES_MAX].decode("utf-8", "ignore")
    return answer


def encode(answer: dict[str, Any]) -> str:
    """As JSON text that is good UTF-8 whatever came from outside."""
    return _encoded(answer).encode("utf-8", "replace").decode()


def _masked(value: Any, redactor: Redactor, room: int) -> Any:
    """A JSON value with the secrets in its texts, keys and numbers masked; `room` is for levels inside."""
    if room < 0:
        raise RecursionError
    match value:
        case str():
            return redactor.clean(value)
        case dict():
            return {redactor.clean(key): _masked(item, redactor, room - 1) for key, item in value.items()}
        case list():
            return [_masked(item, redactor, room - 1) for item in value]
        case bool() | None:
            return value
        case _:
            shown = str(value)
            return value if redactor.clean(shown) == shown else redactor.clean(shown)


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _data(fetched: Fetched) -> Any:
    if not fetched.body:
        return None
    media_type, charset = _content_type(fetched)
    if _is_json(media_type):
        return _parsed(fetched, charset)
    if _is_readable(media_type):
        return _decoded(fetched.body, charset)
    raise FetchFailed(
        f"The answer is {media_type or 'of no known type'}; only JSON and text can be read.", fetched.status
    )


def _parsed(fetched: Fetched, charset: str) -> Any:
    try:
        text = _decoded(fetched.body, charset)
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except ValueError:
        raise FetchFailed("The answer says that it is JSON, and is not.", fetched.status) from None


def _finite(text: str) -> float:
    """JSON knows no infinity: what is beyond a float could not be told on."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _decoded(body: bytes, charset: str) -> str:
    text = body.decode(charset, "replace")
    return text.removeprefix("\ufeff")


def _content_type(fetched: Fetched) -> tuple[str, str]:
    """Media type in lower case, empty when there is none, and a codec to trust."""
    media_type = fetched.content_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        return "", "utf-8"
    message = Message()
    message["content-type"] = fetched.content_type[:500]
    try:
        name = codecs.lookup(str(message.get_param("charset", "utf-8"))).name
    except (LookupError, ValueError):
        return media_type, "utf-8"
    return media_type, name if _CHARSETS.fullmatch(name) else "utf-8"


def _is_json(media_type: str) -> bool:
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def _is_readable(media_type: str) -> bool:
    return _is_json(media_type) or media_type.startswith("text/")


def _redirect_text(fetched: Fetched) -> str:
    found = _LOCATION_HOST.match(fetched.location)
    where = f" to {found[1].lower()}" if found else ""
    return (
        f"The server answered with status {fetched.status}, a redirect{where}. Redirects are not followed; "
        "ask for the final address if it is allowed."
    )
