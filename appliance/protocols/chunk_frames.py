"""Chunks of the AI SDK as text: Server-Sent Events, or bare JSON lines for Chatbase's oldest readers.

Numbers are sections of our page on these protocols: 1.1 the two dialects, 4 the wire. No text can serve both
kinds of readers, and one of them fails silently on the other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

Chunk: TypeAlias = dict[str, Any]

SSE_TYPE = "text/event-stream"
LINES_TYPE = "application/x-ndjson; charset=utf-8"
HEADERS = {"x-vercel-ai-ui-message-stream": "v1", "cache-control": "no-cache", "x-accel-buffering": "no"}

SSE_HEARTBEAT = ": keep-alive\n\n"
LINES_HEARTBEAT = "\n"
"""Readers of lines skip blank ones, and parse everything else (1.1)."""
DONE = "data: [DONE]\n\n"
"""The end of Server-Sent Events; lines have none (1.1; 4, rule 9)."""
LINE_TEXT_CHARS_MAX = 1000
"""The readers of lines lose one that is cut by the network; lines of about 1 KB never were (1.1)."""

_NOT_IN_LINES = ("file", "data-", "reasoning-", "source-", "tool-input-delta")
"""What may be big and says nothing to readers of lines (1.1)."""
_ENCODER = msgspec.json.Encoder()


def start(id: str | None, metadata: Mapping[str, Any]) -> Chunk:
    """The first chunk; what is not there is left out, for a null would end the chat (4, rules 4, 7)."""
    chunk: Chunk = {"type": "start"}
    if id is not None:
        chunk["messageId"] = id
    if metadata:
        chunk["messageMetadata"] = dict(metadata)
    return chunk


def finish(reason: str, metadata: Mapping[str, Any]) -> Chunk:
    """The last chunk; a `finishReason` of the metadata is also the chunk's (4, rule 6)."""
    chunk: Chunk = {"type": "finish", "finishReason": metadata.get("finishReason", reason)}
    if metadata:
        chunk["messageMetadata"] = dict(metadata)
    return chunk


def frame(chunk: Chunk, *, lines: bool) -> str:
    """One chunk as it is sent, whole; empty for one that has no place in lines.

    Some front ends look for the bytes `"type":"finish"`: no blank more or less (4, rule 1).
    """
    if not lines:
        return f"data: {_ENCODER.encode(chunk).decode()}\n\n"
    if chunk["type"].startswith(_NOT_IN_LINES):
        return ""
    if chunk["type"] == "finish" and "messageMetadata" in chunk:
        chunk = {**chunk, "metadata": chunk["messageMetadata"]}
    return f"{_ENCODER.encode(chunk).decode()}\n"
