"""Lexicon's REST for chats: make, list, show, read, delete (2.1 to 2.5). Messages come over the socket."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.conversation import Conversation, ConversationFilter
from appliance.engine import listing, message_pages, reading
from appliance.engine.choosing import default_bot, find_bot
from appliance.engine.engine import Engine
from appliance.errors import Conflict, InvalidInput
from appliance.identity import Caller
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.client_json import check_depth, mended
from appliance.protocols.lexicon import shapes
from appliance.protocols.lexicon.socket import tenant_of
from appliance.protocols.lexicon.words import BadParameter, check_user_id, iso
from appliance.wire import Reply, Request

PAGE = 50
PAGE_MAX = 100
OFFSET_MAX = 1_000_000_000
TITLE_CHARS_MAX = 200


async def create_chat(engine: Engine, request: Request) -> Reply:
    """2.1: 201; the user comes into being with the first connection, not here (5)."""
    caller = _tenant(request)
    wanted = msgspec.structs.replace(request, body=mended(request.body)).json(shapes.NewChat)
    check_user_id(wanted.user_id)
    metadata = wanted.metadata or {}
    check_depth(metadata)
    bot_ref = _agent_id(metadata)
    owner = caller.as_owner(f"user:{wanted.user_id}")
    made = await engine.open_conversation(
        find_bot(engine, bot_ref) if bot_ref else default_bot(engine, caller),
        owner,
        source="lexicon",
        title=_title(wanted.title),
        metadata=metadata,
    )
    return Reply(status=201, body=shapes.Chat(**shapes.chat_fields(made, 0)))


async def list_chats(engine: Engine, request: Request) -> Reply:
    """2.2: newest first unless asked otherwise; nobody's list is empty, not missing."""
    caller = _tenant(request)
    check_user_id(request.path["user_id"])
    offset, limit = _offset(request), _limit(request)
    page, total = await listing.conversations(
        engine,
        ConversationFilter(tenant=caller.tenant, owner=f"user:{request.path['user_id']}"),
        newest_first=_order(request, "desc") == "desc",
        offset=offset,
        limit=limit,
    )
    chats = [
        shapes.CountedChat(
            **shapes.chat_fields(one.conversation, one.message_count), message_count=one.message_count
        )
        for one in page
    ]
    has_more = offset + len(chats) < total
    return Reply(
        body=shapes.ChatPage(chats=chats, total=total, offset=offset, limit=limit, has_more=has_more)
    )


async def get_chat(engine: Engine, request: Request) -> Reply:
    """2.3."""
    conversation, owner = _chat(engine, request)
    _, count = await reading.messages(engine, conversation.id, owner, before=None, limit=1)
    return Reply(body=shapes.ChatDetail(**shapes.chat_fields(conversation, count), message_count=count))


async def list_messages(engine: Engine, request: Request) -> Reply:
    """2.4: oldest first unless asked otherwise."""
    conversation, owner = _chat(engine, request)
    offset, limit = _offset(request), _limit(request)
    page, total = await message_pages.messages(
        engine,
        conversation.id,
        owner,
        oldest_first=_order(request, "asc") == "asc",
        offset=offset,
        limit=limit,
    )
    messages = [shapes.message_shape(one.message, one.model) for one in page]
    has_more = offset + len(messages) < total
    return Reply(
        body=shapes.MessagePage(messages=messages, total=total, offset=offset, limit=limit, has_more=has_more)
    )


async def delete_chat(engine: Engine, request: Request) -> Reply:
    """2.5: with its messages and for good; 409 while somebody is connected to it."""
    conversation, owner = _chat(engine, request)
    if engine.chats.is_read(conversation.id):
        raise Conflict("The chat has an open connection, so it cannot be deleted.")
    await engine.delete(conversation.id, owner)
    return Reply(body=shapes.Deleted(deleted_at=iso(engine.services.clock())))


def _tenant(request: Request) -> Caller:
    if request.caller.role == "anon" and not request.caller.key_id:
        raise BadParameter("Missing X-API-Key header", fix="Add the header X-API-Key: your_api_key")
    return tenant_of(request.caller)


def _chat(engine: Engine, request: Request) -> tuple[Conversation, Caller]:
    """A chat of the tenant, of whichever user; raises `ConversationNotFound`."""
    return engine.reach(request.path["chat_id"], _tenant(request))


def _agent_id(metadata: dict[str, Any]) -> str:
    """Ours: the bot that the chat is with; empty for the tenant's default one."""
    agent_id = metadata.get("agent_id")
    if agent_id is None:
        return ""
    if not isinstance(agent_id, str) or not agent_id.strip():
        raise InvalidInput("metadata.agent_id must be the name or the id of a bot.")
    return agent_id


def _title(title: str | None) -> str | None:
    """None where there is none yet; see `shapes.chat_fields`."""
    whole = " ".join((title or "").split())
    if len(whole) > TITLE_CHARS_MAX:
        raise InvalidInput(f"The title has {len(whole)} characters; at most {TITLE_CHARS_MAX} are allowed.")
    return whole or None


def _offset(request: Request) -> int:
    return request.whole_number("offset", 0, 0, OFFSET_MAX)


def _limit(request: Request) -> int:
    return request.whole_number("limit", PAGE, 1, PAGE_MAX)


def _order(request: Request, default: str) -> str:
    order = request.query.get("order") or default
    if order not in ("asc", "desc"):
        raise InvalidInput(f"order={order[:50]!r} must be asc or desc.")
    return order


def _paging(default_order: str) -> tuple[Param, ...]:
    return (
        Param(
            name="offset",
            description="How many to leave out.",
            schema={"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
        ),
        Param(
            name="limit",
            description="How many to give.",
            schema={"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE},
        ),
        Param(
            name="order",
            description="By time.",
            schema={"type": "string", "enum": ["asc", "desc"], "default": default_order},
        ),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/chats/",
        handler=create_chat,
        summary="Make a chat for a user",
        body=shapes.NewChat,
        answers={201: shapes.Chat},
        errors=(400, 401, 403, 413),
        access="key",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/chats/user/<user_id>",
        handler=list_chats,
        summary="A user's chats",
        params=_paging("desc"),
        answers={200: shapes.ChatPage},
        errors=(400, 401),
        access="key",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/chats/<chat_id>",
        handler=get_chat,
        summary="One chat",
        answers={200: shapes.ChatDetail},
        errors=(401, 404),
        access="key",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/chats/<chat_id>/messages",
        handler=list_messages,
        summary="A chat's messages",
        params=_paging("asc"),
        answers={200: shapes.MessagePage},
        errors=(400, 401, 404),
        access="key",
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/chats/<chat_id>",
        handler=delete_chat,
        summary="Delete a chat and its messages",
        answers={200: shapes.Deleted},
        errors=(401, 404, 409),
        access="key",
    ),
)
