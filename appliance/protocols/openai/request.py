"""A request's body -> whom it asks what: checked, and what a bot cannot serve refused by name."""

from __future__ import annotations

import msgspec

from appliance.errors import InvalidInput
from appliance.events import Extra
from appliance.identity import Caller
from appliance.messages import PromptMessage
from appliance.protocols.openai.shapes import Completion, Content, Message, RefusalPart
from appliance.protocols.openai.words import Unsupported

USER_ID_CHARS_MAX = 256
CONVERSATION = "conversation_id"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The last message, what came before it, and what the application adds to the bot's instructions."""

    content: str
    extra: Extra


def asked(body: Completion, *, continues: bool) -> Asked:
    """What is asked. In a conversation that is kept here the server's history counts, not the client's.

    Raises `InvalidInput`, `Unsupported`.
    """
    _refuse_unsupported(body)
    last = body.messages[-1]
    if last.role != "user":
        raise InvalidInput(
            "The last message must be the user's.", param=f"messages[{len(body.messages) - 1}].role"
        )
    texts = [_text(message, at) for at, message in enumerate(body.messages)]
    if not texts[-1].strip():
        raise InvalidInput("The last message is empty.", param=f"messages[{len(body.messages) - 1}].content")
    instructions = [
        text
        for message, text in zip(body.messages, texts, strict=True)
        if message.role in {"system", "developer"}
    ]
    return Asked(
        content=texts[-1],
        extra=Extra(
            history=None if continues else _history(body.messages[:-1], texts),
            instructions="\n\n".join(text for text in instructions if text.strip()),
            temperature=body.temperature,
            max_tokens=body.max_completion_tokens or body.max_tokens,
        ),
    )


def acting(body: Completion, caller: Caller) -> Caller:
    """With a workspace's key, `user` names its user; a user's own token says already who asks."""
    if not body.user or not caller.is_workspace or caller.is_user:
        return caller
    if len(body.user) > USER_ID_CHARS_MAX or not body.user.isprintable() or not body.user.strip():
        raise InvalidInput(
            f"user has 1 to {USER_ID_CHARS_MAX} printable characters, not only blanks.", param="user"
        )
    return caller.as_owner(f"user:{body.user}")


def _history(messages: list[Message], texts: list[str]) -> list[PromptMessage]:
    return [
        PromptMessage(role="user" if message.role == "user" else "assistant", content=text)
        for message, text in zip(messages, texts, strict=False)
        if message.role in {"user", "assistant"} and text
    ]


def _text(message: Message, at: int) -> str:
    if message.role in {"tool", "function"}:
        text = "Results of tools cannot be sent: the bot's tools run inside."
        raise Unsupported(text, param=f"messages[{at}].role")
    return _joined(message.content)


def _joined(content: Content) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.refusal if isinstance(part, RefusalPart) else part.text for part in content)


def _refuse_unsupported(body: Completion) -> None:
    wants_tools = (body.tools or body.functions) and body.tool_choice != "none"
    for param, is_wanted, text in (
        ("tools", wants_tools, "Tools cannot be brought along: a bot has its own, and they run inside."),
        ("n", body.n not in {None, 1}, "There is one answer to a request; n must be 1."),
        (
            "response_format",
            body.response_format and body.response_format.type != "text",
            "Bots answer in text only.",
        ),
        ("logprobs", body.logprobs, "Log probabilities are not told."),
        ("modalities", body.modalities and body.modalities != ["text"], "Bots answer in text only."),
    ):
        if is_wanted:
            raise Unsupported(text, param=param)
