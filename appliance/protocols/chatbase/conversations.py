"""Reading conversations (3.5): lists, single ones, their messages, the export."""

from __future__ import annotations

from typing import Literal

from appliance.bot import Bot
from appliance.conversation import Conversation, ConversationFilter
from appliance.engine import listing, reading
from appliance.engine.engine import Engine
from appliance.errors import ConversationNotFound
from appliance.identity import Caller
from appliance.protocols.chatbase import shapes, told
from appliance.protocols.chatbase.agents import agent_in
from appliance.protocols.chatbase.requests import (
    EXPORT_LIMIT_MAX,
    LIMIT,
    Mark,
    checked_user_id,
    cursor_of,
    limit_in,
    mark_in,
    period_in,
    signed_in,
)
from appliance.protocols.chatbase.words import BadField
from appliance.wire import Reply, Request

API = ("chatbase",)
"""Lists show what came by this API; the export shows everything."""


async def list_conversations(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{a}/conversations`: newest first; of users their own."""
    caller, bot = signed_in(request), agent_in(engine, request)
    start, end = period_in(request)
    wanted = _of(bot, caller, sources=API, start=start, end=end)
    page, pagination = await _page(engine, request, wanted, caller, "created", limit_in(request))
    return Reply(body=_list(page, pagination, bot))


async def list_of_user(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{a}/users/{userId}/conversations`: latest activity first; nobody else's for a user."""
    caller, bot = signed_in(request), agent_in(engine, request)
    owner = f"user:{checked_user_id(request.path['user'])}"
    wanted = _of(bot, caller, sources=API, owner=owner)
    page, pagination = await _page(engine, request, wanted, caller, "active", limit_in(request))
    return Reply(body=_list(page, pagination, bot))


async def get_conversation(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{a}/conversations/{c}`: with its newest 20 messages."""
    caller, bot = signed_in(request), agent_in(engine, request)
    conversation, acting = conversation_in(engine, request, caller, bot)
    messages, pagination = await _messages(engine, conversation, acting, None, LIMIT)
    return Reply(
        body=shapes.ConversationBody(
            data=shapes.WholeConversation(**told.heading(conversation, bot), messages=messages),
            pagination=pagination,
        )
    )


async def list_messages(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{a}/conversations/{c}/messages`: pages backward, oldest first within a page."""
    caller, bot = signed_in(request), agent_in(engine, request)
    limit, mark = limit_in(request), mark_in(request, "messages")
    conversation, acting = conversation_in(engine, request, caller, bot)
    before = None if mark is None else int(mark.at)
    messages, pagination = await _messages(engine, conversation, acting, before, limit)
    return Reply(body=shapes.Messages(data=messages, pagination=pagination))


async def export(engine: Engine, request: Request) -> Reply:
    """`GET /agents/{a}/conversations/export`: of every source, with all messages or without."""
    caller, bot = signed_in(request), agent_in(engine, request)
    limit = limit_in(request, EXPORT_LIMIT_MAX)
    include = request.query.get("include", "messages")
    if include not in ("messages", "summary"):
        raise BadField("include", "include must be messages or summary.")
    start, end = period_in(request)
    wanted = _of(bot, caller, sources=_sources_in(request), start=start, end=end)
    if "conversationId" in request.query:
        mark_in(request, "created")  # one that is not ours is refused, needed or not
        page, pagination = _only(engine, request.query["conversationId"], wanted, caller)
    else:
        page, pagination = await _page(engine, request, wanted, caller, "created", limit)
    rows = [await _exported(engine, one, caller, bot, whole=include == "messages") for one in page]
    return Reply(body=shapes.Export(data=[row for row in rows if row], pagination=pagination))


def conversation_in(
    engine: Engine, request: Request, caller: Caller, bot: Bot
) -> tuple[Conversation, Caller]:
    """The conversation that the path names, and as whom the caller acts in it.

    Raises `ConversationNotFound`, also when it is another agent's.
    """
    conversation, acting = engine.reach(request.path["conversation"], caller)
    if (conversation.namespace, conversation.bot) != bot.key:
        raise ConversationNotFound("The requested item could not be found.")
    return conversation, acting


# -- pages -------------------------------------------------------------------------------------------------


def _of(
    bot: Bot,
    caller: Caller,
    *,
    sources: tuple[str, ...],
    owner: str | None = None,
    start: float | None = None,
    end: float | None = None,
) -> ConversationFilter:
    return ConversationFilter(
        tenant=caller.tenant,
        namespace=bot.namespace,
        bot=bot.name,
        owner=owner if caller.is_workspace else (owner or caller.owner),
        sources=sources,
        start=start,
        end=end,
    )


def _may_list(wanted: ConversationFilter, caller: Caller) -> bool:
    """Strangers without a name share one: what they began is reached by its id alone and never listed."""
    return caller.is_workspace or (wanted.owner == caller.owner and caller.owner != "anon")


async def _page(
    engine: Engine,
    request: Request,
    wanted: ConversationFilter,
    caller: Caller,
    order: Literal["created", "active"],
    limit: int,
) -> tuple[list[Conversation], shapes.Pagination]:
    mark = mark_in(request, order)
    if not _may_list(wanted, caller):
        return [], shapes.Pagination(cursor=None, has_more=False, total=0)
    after = None if mark is None else (mark.at, mark.id)
    listed, total = await listing.conversations(engine, wanted, order=order, after=after, limit=limit + 1)
    page = [one.conversation for one in listed[:limit]]
    cursor = cursor_of(_mark_of(page[-1], order)) if len(listed) > limit else None
    return page, shapes.Pagination(cursor=cursor, has_more=cursor is not None, total=total)


def _mark_of(conversation: Conversation, order: Literal["created", "active"]) -> Mark:
    at = conversation.created_at if order == "created" else conversation.last_message_at
    return Mark(order, at, conversation.id)


def _list(page: list[Conversation], pagination: shapes.Pagination, bot: Bot) -> shapes.Conversations:
    return shapes.Conversations(
        data=[shapes.Conversation(**told.heading(one, bot)) for one in page], pagination=pagination
    )


async def _messages(
    engine: Engine, conversation: Conversation, acting: Caller, before: int | None, limit: int
) -> tuple[list[shapes.Message], shapes.Pagination]:
    """The newest `limit` messages before that position. One more is read, to know whether there is more."""
    read, total = await reading.messages(engine, conversation.id, acting, before=before, limit=limit + 1)
    page = read[-limit:]
    cursor = cursor_of(Mark("messages", page[0].position)) if len(read) > limit else None
    pagination = shapes.Pagination(cursor=cursor, has_more=cursor is not None, total=total)
    return [told.message(one) for one in page if told.is_told(one)], pagination


# -- the export --------------------------------------------------------------------------------------------


def _sources_in(request: Request) -> tuple[str, ...]:
    """The sources that the export is limited to. The vendor has others than we, which match nothing here."""
    text = request.query.get("source")
    if text is None:
        return ()
    names = {name.strip().lower() for name in text.split(",")}
    return tuple(source for source, name in told.SOURCES.items() if name.lower() in names) or ("none",)


def _only(
    engine: Engine, id: str, wanted: ConversationFilter, caller: Caller
) -> tuple[list[Conversation], shapes.Pagination]:
    """The one of that id, if it is among those that are wanted."""
    try:
        found, _ = engine.reach(id, caller)
    except ConversationNotFound:
        found = None
    page = [found] if found and _is_among(found, wanted) else []
    return page, shapes.Pagination(cursor=None, has_more=False, total=len(page))


def _is_among(conversation: Conversation, wanted: ConversationFilter) -> bool:
    return (
        (conversation.namespace, conversation.bot) == (wanted.namespace, wanted.bot)
        and (not wanted.sources or conversation.source in wanted.sources)
        and (wanted.start is None or conversation.created_at >= wanted.start)
        and (wanted.end is None or conversation.created_at < wanted.end)
    )


async def _exported(
    engine: Engine, conversation: Conversation, caller: Caller, bot: Bot, *, whole: bool
) -> shapes.Exported | None:
    """None when it was deleted in this moment."""
    head = told.heading(conversation, bot)
    source = told.SOURCES.get(conversation.source, conversation.source)
    if not whole:
        return shapes.Exported(**head, source=source)
    try:
        _, acting = engine.reach(conversation.id, caller)
        _, messages = await reading.conversation(engine, conversation.id, acting)
    except ConversationNotFound:
        return None
    shown = [told.message(one) for one in messages if told.is_told(one)]
    return shapes.Exported(**head, source=source, messages=shown)
