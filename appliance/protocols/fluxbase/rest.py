"""Fluxbase's public REST endpoints: bots, visitors' view, and a user's own conversations (2 and 8.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from appliance.conversation import Conversation, Listed
from appliance.engine import intake, posts, reading
from appliance.engine.bot_entries import Entry
from appliance.engine.engine import Engine
from appliance.errors import AuthRequired, BotNotFound, InvalidInput
from appliance.events import Decide
from appliance.identity import Caller
from appliance.messages import Message, ToolResultPart
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.fluxbase import shapes
from appliance.protocols.fluxbase.chat import change_body, query_body, usage_body
from appliance.protocols.source_data import source_data
from appliance.spreadsheet import to_csv
from appliance.wire import Reply, Request

PREVIEW_CHARS = 50
PAGE = 50
PAGE_MAX = 100
OFFSET_MAX = 1_000_000


async def list_chatbots(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots`: the enabled and public ones."""
    summaries = [summary(entry) for entry in engine.catalogue.all() if _is_listed(entry)]
    return Reply(body={"chatbots": summaries, "count": len(summaries)})


async def get_chatbot(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots/:id`: 404 unless enabled and public."""
    entry = engine.catalogue.entry(request.path["id"])
    if entry is None or not _is_listed(entry):
        raise BotNotFound("There is no such chatbot.")
    return Reply(body=summary(entry))


async def lookup_chatbot(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots/by-name/:name`; ambiguous is 200, since the SDK reads bodies of good answers only."""
    name = request.path["name"]
    found = engine.catalogue.lookup(name)
    if found.entry is not None:
        return Reply(body={"chatbot": summary(found.entry), "ambiguous": False})
    if found.is_ambiguous:
        text = f"Several namespaces have a chatbot {name!r}: {', '.join(found.namespaces)}. Name one."
        return Reply(body={"ambiguous": True, "namespaces": found.namespaces, "error": text})
    text = f"There is no chatbot {name!r}."
    return Reply(status=404, body={"ambiguous": False, "error": text, "code": "NOT_FOUND"})


async def list_conversations(engine: Engine, request: Request) -> Reply:
    """`GET /conversations`: the caller's own kept ones, newest first."""
    caller = _user(request)
    limit = request.whole_number("limit", PAGE, 1, PAGE_MAX)
    offset = request.whole_number("offset", 0, 0, OFFSET_MAX)
    page, total = await reading.own_conversations(
        engine,
        caller,
        bot=request.query.get("chatbot") or None,
        namespace=request.query.get("namespace") or None,
        limit=limit,
        offset=offset,
    )
    return Reply(
        body={
            "conversations": [_listed(item) for item in page],
            "total": total,
            "has_more": offset + len(page) < total,
        }
    )


async def get_conversation(engine: Engine, request: Request) -> Reply:
    """`GET /conversations/:id`: with its messages."""
    return Reply(body=await _detail(engine, request.path["id"], _user(request)))


async def rename_conversation(engine: Engine, request: Request) -> Reply:
    """`PATCH /conversations/:id` with `{"title": …}`."""
    caller = _user(request)
    await posts.rename(engine, request.path["id"], caller, request.json(shapes.Title).title)
    return Reply(body=await _detail(engine, request.path["id"], caller))


async def delete_conversation(engine: Engine, request: Request) -> Reply:
    """`DELETE /conversations/:id`: hides it, and stops what runs in it."""
    await engine.delete(request.path["id"], _user(request))
    return Reply(body={"deleted": True, "id": request.path["id"]})


async def list_changes(engine: Engine, request: Request) -> Reply:
    """Ours: `GET /conversations/:id/changes`: those that wait for the user's word."""
    waiting = await reading.open_changes(engine, request.path["id"], request.caller)
    return Reply(body={"changes": [change_body(change) for change in waiting]})


async def decide_change(engine: Engine, request: Request) -> Reply:
    """Ours: `POST /conversations/:id/changes/:change_id`, `{"approve": true}`; 202: a turn carries it out."""
    word = request.json(shapes.Word)
    command = Decide(
        conversation_id=request.path["id"],
        change_id=request.path["change_id"],
        approve=word.approve,
        client_id=word.message_id,
    )
    accepted = await intake.decide(engine, command, request.caller)
    return Reply(status=202, body={"message_id": accepted.message_id, "duplicate": accepted.duplicate})


async def get_result(engine: Engine, request: Request) -> Reply:
    """Ours: `GET /results/:id?format=json|csv`: all rows of one query's result."""
    outcome = await reading.result(engine, request.path["id"], request.caller)
    kind = request.query.get("format", "json")
    if kind == "csv":
        name = f"result-first-{outcome.row_count}.csv" if outcome.truncated else "result.csv"
        return Reply(body=to_csv(outcome), content_type="text/csv; charset=utf-8", file_name=name)
    if kind == "json":
        return Reply(body=query_body(outcome))
    raise InvalidInput(f"format={kind!r} must be json or csv.")


async def make_visitor(engine: Engine, request: Request) -> Reply:
    """Ours: `POST /visitor`: a token with which a stranger finds their own conversations again."""
    return Reply(body={"token": engine.services.make_visitor(request.caller.tenant)})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/ai/chatbots",
        handler=list_chatbots,
        summary="Enabled, public bots",
        answers={200: shapes.PublicChatbots},
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/chatbots/by-name/<name>",
        handler=lookup_chatbot,
        summary="A bot by its name alone",
        answers={200: shapes.Lookup, 404: shapes.LookupFailed},
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/chatbots/<id>",
        handler=get_chatbot,
        summary="One bot",
        answers={200: shapes.PublicChatbot},
        errors=(404,),
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/conversations",
        handler=list_conversations,
        summary="The caller's conversations, newest first",
        params=(
            Param(name="chatbot", description="Only those with the bot of this name"),
            Param(name="namespace", description="Only those with bots of this namespace"),
            Param(
                name="limit",
                description="How many to give",
                schema={"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE},
            ),
            Param(
                name="offset",
                description="How many to leave out",
                schema={"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
            ),
        ),
        answers={200: shapes.Conversations},
        errors=(400,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/conversations/<id>",
        handler=get_conversation,
        summary="One conversation with its messages",
        answers={200: shapes.WholeConversation},
        errors=(404,),
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/ai/conversations/<id>",
        handler=rename_conversation,
        summary="Give a conversation a title",
        answers={200: shapes.WholeConversation},
        errors=(404,),
        body=shapes.Title,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/ai/conversations/<id>",
        handler=delete_conversation,
        summary="Delete a conversation",
        answers={200: shapes.ConversationDeleted},
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/conversations/<id>/changes",
        handler=list_changes,
        summary="Changes of data that wait for the user's word",
        answers={200: shapes.Changes},
        errors=(404,),
        access="anyone",
    ),
    Endpoint(
        method="POST",
        path="/api/v1/ai/conversations/<id>/changes/<change_id>",
        handler=decide_change,
        summary="Agree to a change, or decline it",
        answers={202: shapes.Taken},
        errors=(404, 409, 429),
        body=shapes.Word,
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ai/results/<id>",
        handler=get_result,
        summary="All rows of a query's result",
        params=(
            Param(
                name="format",
                description="As JSON, or as a file for spreadsheets",
                schema={"type": "string", "enum": ["json", "csv"], "default": "json"},
            ),
        ),
        answers={200: (shapes.QueryResult, "text/csv")},
        errors=(400, 404),
        access="anyone",
    ),
    Endpoint(
        method="POST",
        path="/api/v1/ai/visitor",
        handler=make_visitor,
        summary="A token for a visitor",
        answers={200: shapes.Visitor},
        access="anyone",
        body_required=False,
    ),
)


def summary(entry: Entry) -> dict[str, Any]:
    """What strangers may know of a bot: its allow-lists describe the schema, so they stay empty (2.1)."""
    bot = entry.bot
    assert bot is not None, "only loaded bots are listed"
    title: shapes.Titled = {"title": bot.title} if bot.title else {}
    return {
        **title,
        "id": entry.id,
        "name": bot.name,
        "namespace": bot.namespace,
        "description": bot.description,
        "model": bot.model or "",
        "enabled": bot.enabled,
        "is_public": bot.public,
        "source": entry.source,
        "version": bot.version,
        "suggestions": bot.suggestions,
        "allowed_tables": [],
        "allowed_operations": [],
        "allowed_schemas": [],
        "created_at": timestamp(entry.created_at),
        "updated_at": timestamp(entry.updated_at),
    }


def timestamp(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC (0.4)."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _user(request: Request) -> Caller:
    caller = request.caller
    if not caller.is_user and caller.role == "anon":
        raise AuthRequired("Sign in first: send a user's token as Authorization: Bearer <token>.")
    return caller


def _is_listed(entry: Entry) -> bool:
    return entry.bot is not None and entry.bot.enabled and entry.bot.public


def _listed(item: Listed) -> dict[str, Any]:
    return {
        **_head(item.conversation),
        "preview": item.preview[:PREVIEW_CHARS],
        "message_count": item.message_count,
    }


async def _detail(engine: Engine, id: str, caller: Caller) -> dict[str, Any]:
    conversation, messages = await reading.conversation(engine, id, caller)
    shown = [_message(message) for message in messages if message.is_shown]
    return {**_head(conversation), "messages": shown}


def _head(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "chatbot": conversation.bot,
        "namespace": conversation.namespace,
        "title": conversation.title,
        "created_at": timestamp(conversation.created_at),
        "updated_at": timestamp(conversation.updated_at),
    }


def _message(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": message.id,
        "role": message.role,
        "content": message.text,
        "timestamp": timestamp(message.created_at),
        "status": message.status,
    }
    if message.role == "assistant":
        queries = [
            query_body(part.result.query)
            for part in message.parts
            if isinstance(part, ToolResultPart) and part.result.query is not None
        ]
        body |= {"query_results": queries} if queries else {}
        sources = [source_data(source) for source in message.sources]
        body |= {"sources": sources} if sources else {}
        body |= {"usage": usage_body(message.usage)} if message.usage else {}
    return body
