"""The widget's history: conversations, what people think of answers, what may come next."""

from __future__ import annotations

import math
from typing import get_args

from appliance import conversationtext
from appliance.conversationtext import Form
from appliance.engine import posts, widget_further, widget_history
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.widget import shapes
from appliance.wire import Reply, Request

PAGE = 20
PAGE_MAX = 100
CURSOR_CHARS_MAX = 100
FORMS: tuple[Form, ...] = get_args(Form)


async def listed(engine: Engine, request: Request) -> Reply:
    """`GET /conversations`: the caller's own, newest first."""
    limit = request.whole_number("limit", PAGE, 1, PAGE_MAX)
    found, total = await widget_history.page(
        engine,
        request.caller,
        bot=request.query.get("bot") or None,
        namespace=request.query.get("namespace") or None,
        after=_cursor(request.query.get("after", "")),
        limit=limit,
    )
    items = [
        shapes.ConversationItem(
            id=one.conversation.id,
            title=one.conversation.title or "",
            preview=one.preview,
            last_message_at=one.conversation.last_message_at,
            handoff=one.conversation.handoff,
        )
        for one in found
    ]
    last = found[-1].conversation if len(found) == limit else None
    after = f"{last.last_message_at!r}~{last.id}" if last else None
    return Reply(body=shapes.ConversationItems(items=items, total=total, next=after))


async def rename(engine: Engine, request: Request) -> Reply:
    """`PATCH /conversations/<id>`."""
    title = request.json(shapes.Title).title
    id = widget_history.own(engine, request.path["id"], request.caller).id
    await posts.rename(engine, id, request.caller, title)
    found = widget_history.own(engine, id, request.caller)
    return Reply(
        body=shapes.ConversationItem(
            id=id,
            title=found.title or "",
            preview="",
            last_message_at=found.last_message_at,
            handoff=found.handoff,
        )
    )


async def delete(engine: Engine, request: Request) -> Reply:
    """`DELETE /conversations/<id>`: with its files; what runs in it is stopped."""
    found = widget_history.own(engine, request.path["id"], request.caller)
    await engine.delete(found.id, request.caller)
    return Reply(body=shapes.Deleted(deleted=True, id=found.id))


async def export(engine: Engine, request: Request) -> Reply:
    """`GET /conversations/<id>/export`: a file to keep."""
    wanted = request.query.get("format", "md")
    form = next((one for one in FORMS if one == wanted), None)
    if form is None:
        raise InvalidInput(f"format={wanted[:50]!r} must be one of {', '.join(FORMS)}.")
    found, messages = await widget_history.whole(engine, request.path["id"], request.caller)
    text = conversationtext.written(found, messages, form, request.query.get("you", "")[:50].strip() or "You")
    return Reply(
        body=text.encode("utf-8", "replace"),
        content_type=conversationtext.MEDIA[form],
        file_name=conversationtext.file_name(found, form),
    )


async def value(engine: Engine, request: Request) -> Reply:
    """`PUT /conversations/<id>/messages/<message_id>/feedback`."""
    opinion = request.json(shapes.Opinion)
    message_id = request.path["message_id"]
    kept = await widget_history.value(
        engine, request.path["id"], request.caller, message_id, opinion.value, opinion.comment or ""
    )
    return Reply(body=shapes.OpinionKept(message_id=message_id, value=opinion.value, comment=kept))


async def follow_ups(engine: Engine, request: Request) -> Reply:
    """`GET /conversations/<id>/follow-ups`: at most three questions."""
    items = await widget_further.questions(engine, request.path["id"], request.caller)
    return Reply(body=shapes.FollowUps(items=items))


def _cursor(text: str) -> tuple[float, str] | None:
    """Where a page ended, as `listed` told it."""
    if not text:
        return None
    at, _, id = text.partition("~")
    try:
        moment = float(at)
    except ValueError:
        moment = math.nan
    if len(text) > CURSOR_CHARS_MAX or not math.isfinite(moment) or not id:
        raise InvalidInput(f"after={text[:50]!r} must be the `next` of the page before.")
    return moment, id


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/widget/conversations",
        handler=listed,
        summary="The caller's conversations, newest first",
        params=(
            Param(name="bot", description="Only those with the bot of this name"),
            Param(name="namespace", description="Only those with bots of this namespace"),
            Param(
                name="limit",
                description="How many to give",
                schema={"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE},
            ),
            Param(name="after", description="The `next` of the page before"),
        ),
        answers={200: shapes.ConversationItems},
        errors=(400, 401, 403),
        access="anyone",
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/widget/conversations/<id>",
        handler=rename,
        summary="Give a conversation a title",
        body=shapes.Title,
        answers={200: shapes.ConversationItem},
        errors=(400, 401, 403, 404),
        access="anyone",
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/widget/conversations/<id>",
        handler=delete,
        summary="Delete a conversation with its files",
        answers={200: shapes.Deleted},
        errors=(401, 403, 404),
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/widget/conversations/<id>/export",
        handler=export,
        summary="A conversation as a file, with its sources and results",
        params=(
            Param(
                name="format",
                description="Markdown, JSON or plain text",
                schema={"type": "string", "enum": list(FORMS), "default": "md"},
            ),
            Param(name="you", description="What the person is called who asked; `You` without it"),
        ),
        answers={200: (shapes.Exported, "text/markdown", "text/plain")},
        errors=(400, 401, 403, 404),
        access="anyone",
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/widget/conversations/<id>/messages/<message_id>/feedback",
        handler=value,
        summary="Value an answer, in a few words, or take that back",
        body=shapes.Opinion,
        answers={200: shapes.OpinionKept},
        errors=(400, 401, 403, 404),
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/widget/conversations/<id>/follow-ups",
        handler=follow_ups,
        summary="Questions that may come next",
        answers={200: shapes.FollowUps},
        errors=(401, 403, 404),
        access="anyone",
    ),
)
