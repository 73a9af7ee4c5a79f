"""Bodies of Lexicon's REST (2.1 to 2.5): what is sent and what is answered."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.conversation import Conversation
from appliance.messages import Message
from appliance.protocols.lexicon.words import iso
from appliance.protocols.source_data import cited_by


class NewChat(msgspec.Struct, frozen=True, kw_only=True):
    """What a chat is made of. `metadata.agent_id` chooses the bot: ours."""

    user_id: str
    title: str | None = None
    metadata: dict[str, Any] | None = None


class ChatConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The metadata as it was given; `agent_id` only where that names one."""

    metadata: dict[str, Any]
    agent_id: str = ""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A chat; of another protocol it may be no user's. `last_message_at` is null before a message."""

    id: str
    user_id: str | None
    tenant_id: str
    title: str
    config: ChatConfig
    created_at: str
    updated_at: str
    last_message_at: str | None


class CountedChat(Chat, frozen=True, kw_only=True):
    """A chat in a list."""

    message_count: int


class ChatDetail(CountedChat, frozen=True, kw_only=True):
    """A chat by itself; nothing closes one."""

    status: Literal["active"] = "active"


class ChatPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a user's chats."""

    chats: list[CountedChat]
    total: int
    offset: int
    limit: int
    has_more: bool


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message. An assistant's `metadata` is what the server knows; media there are none."""

    id: str
    content: str
    sender_role: Literal["user", "assistant"]
    media_type: None = None
    media_url: None = None
    created_at: str
    metadata: dict[str, Any]


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a chat's messages."""

    messages: list[ChatMessage]
    total: int
    offset: int
    limit: int
    has_more: bool


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The chat is gone."""

    success: Literal[True] = True
    message: str = "Chat deleted successfully"
    deleted_at: str


def chat_fields(conversation: Conversation, message_count: int) -> dict[str, Any]:
    """The fields of `Chat`. Without a title it gets one from its first message; until then it has its day."""
    made = iso(conversation.created_at)
    return {
        "id": conversation.id,
        "user_id": conversation.user_id,
        "tenant_id": conversation.tenant,
        "title": conversation.title or f"Chat {made[:10]}",
        "config": _config(conversation),
        "created_at": made,
        "updated_at": iso(conversation.updated_at),
        "last_message_at": iso(conversation.last_message_at) if message_count else None,
    }


def message_shape(message: Message, model: str) -> ChatMessage:
    """A stored message; `model` is what an answer's metadata names, if anything."""
    return ChatMessage(
        id=message.id,
        content=message.text,
        sender_role=message.role,
        created_at=iso(message.created_at),
        metadata=message.metadata if message.role == "user" else _known_of(message, model),
    )


def _config(conversation: Conversation) -> ChatConfig:
    chosen = conversation.metadata.get("agent_id") if conversation.source == "lexicon" else None
    return ChatConfig(metadata=conversation.metadata, agent_id=chosen if isinstance(chosen, str) else "")


def _known_of(answer: Message, model: str) -> dict[str, Any]:
    """`status` only where the answer is not whole: running, cancelled, failed or interrupted."""
    known: dict[str, Any] = {"model": model} if model else {}
    if answer.operator_name:
        known["operator_name"] = answer.operator_name
    if answer.usage:
        known["tokens_used"] = answer.usage.total_tokens
    if sources := cited_by(answer):
        known["sources"] = sources
    if answer.status != "done":
        known["status"] = answer.status
    if answer.error_text:
        known["error"] = answer.error_text
    return known
