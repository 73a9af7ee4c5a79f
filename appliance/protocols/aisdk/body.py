"""What the AI SDK's transport posts, and what the server reads of it: the last message (6.1)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.engine.admission import CLIENT_ID_CHARS_MAX, CONTENT_CHARS_MAX
from appliance.errors import InvalidInput
from appliance.protocols.tool_values import text_of

CHAT_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
FILE_NAME_CHARS_MAX = 100


class UiMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a page. The parts are as the page built them, of any type."""

    id: Annotated[str, Meta(min_length=1, max_length=CLIENT_ID_CHARS_MAX)]
    role: Literal["user", "assistant", "system"]
    parts: list[dict[str, Any]]


class ChatBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole chat as the page has it; keys that are not known here do not matter (6.1)."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    messages: Annotated[list[UiMessage], Meta(min_length=1)]
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: str | None = None
    agent_id: str | None = None

    @property
    def last(self) -> UiMessage:
        """The message that decides what is to be done (6.2)."""
        return self.messages[-1]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A user's message: the text for the model, and all its parts where there is more than text."""

    content: str
    payload: dict[str, Any] | None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a page's tool made of one call, as text for the model; `ok` is False where it failed."""

    text: str
    ok: bool


def is_chat_id(text: str) -> bool:
    """May a chat be called so? Older releases put the id into paths as it is, so it is plain (6.2)."""
    return bool(CHAT_ID.fullmatch(text)) and text not in {".", ".."}


def check_chat_id(text: str) -> None:
    """Raises `InvalidInput` for what cannot be a chat's id."""
    if not is_chat_id(text):
        raise InvalidInput("The chat id has to be 1 to 128 letters, digits, dots, hyphens and underscores.")


def said_in(message: UiMessage) -> Said:
    """What a user's message says; files are named in the text. Raises `InvalidInput` when it says nothing."""
    content = "\n".join(line for part in message.parts if (line := _line(part)))
    if not content.strip():
        raise InvalidInput("The last message says nothing: it needs a text part that is not empty.")
    if len(content) > CONTENT_CHARS_MAX:
        raise InvalidInput(f"The last message is longer than the limit of {CONTENT_CHARS_MAX} characters.")
    only_text = all(part.get("type") == "text" for part in message.parts)
    return Said(content=content, payload=None if only_text else {"parts": message.parts})


def outputs_in(message: UiMessage) -> dict[str, Output]:
    """The tools in a page's own assistant message that have an output or have failed, by call id (6.1)."""
    found: dict[str, Output] = {}
    for part in message.parts:
        kind, call_id = part.get("type"), part.get("toolCallId")
        if not isinstance(kind, str) or not isinstance(call_id, str) or part.get("providerExecuted") is True:
            continue
        if not kind.startswith("tool-") and kind != "dynamic-tool":
            continue
        if part.get("state") == "output-available":
            found[call_id] = Output(text=text_of(part.get("output")), ok=True)
        elif part.get("state") == "output-error":
            found[call_id] = Output(text=_failure(part.get("errorText")), ok=False)
    return found


def _line(part: dict[str, Any]) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "text"}:
            raise InvalidInput("A part of type text needs its `text`, a string.")
        case {"type": "file"}:
            return f"[File: {_file(part)}]"
        case {"type": str()}:
            return ""
        case _:
            raise InvalidInput("Each part of a message needs its `type`, a string.")


def _file(part: dict[str, Any]) -> str:
    """A few words that stand for a file: the model is not shown it."""
    named = (part.get(key) for key in ("filename", "mediaType"))
    words = [" ".join(word.split())[:FILE_NAME_CHARS_MAX] for word in named if isinstance(word, str)]
    return ", ".join(filter(None, words)) or "without a name"


def _failure(text: Any) -> str:
    return text if isinstance(text, str) and text.strip() else "The tool failed and did not say why."
