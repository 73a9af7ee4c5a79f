"""What an MCP server answers to a call, as text for a model."""

from __future__ import annotations

from typing import Any

import msgspec
from mcp import types

from appliance.redact import Redactor

CONTENT_CHARS_MAX = 20_000
_COMPARED_CHARS_MAX = 100_000
_CUT = "\n[The result was longer; the rest is left out.]"


def result_text(result: types.CallToolResult, redactor: Redactor) -> str:
    """Texts as they are, other parts in a few words, structured content as JSON where no text says the same.

    Secrets are masked; at most `CONTENT_CHARS_MAX` characters.
    """
    parts: list[str] = []
    size = 0
    for block in result.content:
        parts.append(_part(block))
        size += len(parts[-1])
        if size > 2 * CONTENT_CHARS_MAX:
            break
    structured = result.structured_content
    if structured is not None and not any(_same(part, structured) for part in parts):
        parts.append(_json(structured))
    text = "\n".join(part for part in parts if part)
    # Masked before it is cut, so that no half of a secret stays; a margin bounds the work.
    clean = redactor.clean(text[: 2 * CONTENT_CHARS_MAX])
    if len(clean) > CONTENT_CHARS_MAX:
        return clean[: CONTENT_CHARS_MAX - len(_CUT)] + _CUT
    return clean


def _part(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent(text=text):
            return text
        case types.ImageContent(data=data):
            return f"[image, {_size(len(data) * 3 // 4)}]"
        case types.AudioContent(data=data):
            return f"[audio, {_size(len(data) * 3 // 4)}]"
        case types.EmbeddedResource(resource=types.TextResourceContents(text=text, uri=uri)):
            return f"[resource {str(uri)[:500]}]\n{text}"
        case types.EmbeddedResource(resource=types.BlobResourceContents(blob=blob, uri=uri)):
            return f"[resource {str(uri)[:500]}, {_size(len(blob) * 3 // 4)}]"
        case types.ResourceLink(uri=uri, name=name):
            return f"[link to resource {name[:200]}: {str(uri)[:500]}]"
        case _:
            return "[a part of an unknown kind]"


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, OverflowError):
        return "[structured content that cannot be written as JSON]"


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{round(count / 1000)} kB"


def _same(text: str, structured: Any) -> bool:
    """Servers repeat structured content as text, a plain value often as `{"result": …}`."""
    if len(text) > _COMPARED_CHARS_MAX:
        return False
    if structured == {"result": text}:
        return True
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return bool(found == structured or structured == {"result": found})
