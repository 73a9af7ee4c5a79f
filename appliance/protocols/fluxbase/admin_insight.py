"""Fluxbase's endpoints for administrators who look on: counts, conversations, audit (8.3, 8.4).

Each administrator sees their own tenant.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from appliance.conversation import Conversation
from appliance.engine import insight
from appliance.engine.bot_entries import bot_id
from appliance.engine.engine import Engine
from appliance.engine.insight import Call
from appliance.errors import InvalidInput
from appliance.identity import require_admin
from appliance.messages import Message, TextPart, ToolCall, ToolCallPart, ToolResult, ToolResultPart
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_insight import (
    AdminConversation,
    AdminConversations,
    AdminMessage,
    AdminMessages,
    AuditBody,
    AuditEntries,
    ChatbotStat,
    MetricsBody,
    ProviderStat,
)
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai"
STATUSES = ("active", "archived", "deleted")
CONVERSATIONS_MAX = 100
ROWS_MAX = 1000
OFFSET_MAX = 1_000_000


async def metrics(engine: Engine, request: Request) -> Reply:
    """`GET /metrics`: all turns of the tenant so far, counted when they end."""
    require_admin(request.caller)
    counted = await insight.metrics(engine, request.caller.tenant)
    return Reply(
        body=MetricsBody(
            total_requests=counted.turns,
            total_tokens=counted.prompt_tokens + counted.completion_tokens,
            total_prompt_tokens=counted.prompt_tokens,
            total_completion_tokens=counted.completion_tokens,
            active_conversations=counted.live_conversations,
            total_conversations=counted.conversations,
            chatbot_stats=[_bot_stat(one) for one in counted.bots],
            provider_stats=[_provider_stat(one) for one in counted.providers],
            error_rate=round(100 * counted.errors / counted.ended, 2) if counted.ended else 0.0,
            avg_response_time_ms=counted.latency_ms,
        )
    )


async def list_conversations(engine: Engine, request: Request) -> Reply:
    """`GET /conversations`: everybody's, the latest first; deleted ones only where they are asked for."""
    require_admin(request.caller)
    status = request.query.get("status") or None
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"status={status!r} must be {', '.join(STATUSES[:-1])} or {STATUSES[-1]}.")
    page, total = await insight.conversations_of(
        engine,
        request.caller.tenant,
        bot=request.query.get("chatbot_id") or None,
        user_id=request.query.get("user_id") or None,
        status=status,
        limit=request.whole_number("limit", 50, 1, CONVERSATIONS_MAX),
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
    )
    shown = [_conversation(conversation, status) for conversation, status in page]
    return Reply(body=AdminConversations(conversations=shown, total=len(shown), total_count=total))


async def list_messages(engine: Engine, request: Request) -> Reply:
    """`GET /conversations/:id/messages`: with the calls of tools; that they were read is written down."""
    require_admin(request.caller)
    limit = request.whole_number("limit", ROWS_MAX, 1, ROWS_MAX)
    offset = request.whole_number("offset", 0, 0, OFFSET_MAX)
    messages = await insight.messages_of(engine, request.path["id"], request.caller)
    rows = numbered(row for message in messages for row in rows_of(message))
    return Reply(body=AdminMessages(messages=rows[offset : offset + limit], total=len(rows)))


async def list_audit(engine: Engine, request: Request) -> Reply:
    """`GET /audit`: the calls of tools, the newest first."""
    require_admin(request.caller)
    success = request.query.get("success") or None
    if success not in (None, "true", "false"):
        raise InvalidInput(f"success={success!r} must be true or false.")
    page, total = await insight.calls(
        engine,
        request.caller.tenant,
        bot=request.query.get("chatbot_id") or None,
        user_id=request.query.get("user_id") or None,
        success=None if success is None else success == "true",
        limit=request.whole_number("limit", 100, 1, ROWS_MAX),
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
    )
    entries = [_entry(call) for call in page]
    return Reply(body=AuditEntries(entries=entries, total=len(entries), total_count=total))


def _whole_number(name: str, description: str, low: int, high: int, default: int) -> Param:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Param(name=name, description=description, schema=schema)


_OFFSET = _whole_number("offset", "How many to leave out", 0, OFFSET_MAX, 0)
_BOT = Param(name="chatbot_id", description="Only those with the bot of this id")
_USER = Param(name="user_id", description="Only those of this user")

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{PATH}/metrics",
        handler=metrics,
        summary="Turns, tokens, errors and times of the tenant, by bot and by provider",
        answers={200: MetricsBody},
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/conversations",
        handler=list_conversations,
        summary="Everybody's conversations, the latest first",
        params=(
            _BOT,
            _USER,
            Param(
                name="status",
                description="Only those of this status; without it all but the deleted ones",
                schema={"type": "string", "enum": [*STATUSES]},
            ),
            _whole_number("limit", "How many to give", 1, CONVERSATIONS_MAX, 50),
            _OFFSET,
        ),
        answers={200: AdminConversations},
        errors=(400,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/conversations/<id>/messages",
        handler=list_messages,
        summary="What was said in a conversation, and what tools were called",
        params=(_whole_number("limit", "How many rows to give", 1, ROWS_MAX, ROWS_MAX), _OFFSET),
        answers={200: AdminMessages},
        errors=(400, 404),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/audit",
        handler=list_audit,
        summary="The calls of tools, the newest first",
        params=(
            _BOT,
            _USER,
            Param(
                name="success",
                description="Only those that went well, or that did not",
                schema={"type": "string", "enum": ["true", "false"]},
            ),
            _whole_number("limit", "How many to give", 1, ROWS_MAX, 100),
            _OFFSET,
        ),
        answers={200: AuditEntries},
        errors=(400,),
        access="admin",
    ),
)


def _bot_stat(count: insight.BotCount) -> ChatbotStat:
    return ChatbotStat(
        chatbot_id=count.id,
        chatbot_name=count.name,
        namespace=count.namespace,
        requests=count.turns,
        tokens=count.tokens,
        error_count=count.errors,
    )


def _provider_stat(count: insight.ProviderCount) -> ProviderStat:
    return ProviderStat(
        provider_id=count.id,
        provider_name=count.name,
        model=count.model,
        requests=count.turns,
        error_count=count.errors,
        avg_latency_ms=count.latency_ms,
    )


def _conversation(conversation: Conversation, status: str) -> AdminConversation:
    return AdminConversation(
        id=conversation.id,
        chatbot_id=bot_id(conversation.namespace, conversation.bot),
        chatbot_name=conversation.bot,
        namespace=conversation.namespace,
        user_id=conversation.user_id,
        user_email=None,  # we keep none
        session_id=None,
        owner=conversation.owner,
        source=conversation.source,
        # It is made of what the user said, and that was deleted.
        title=None if status == "deleted" else conversation.title,
        status=status,
        turn_count=conversation.turn_count,
        total_prompt_tokens=conversation.prompt_tokens,
        total_completion_tokens=conversation.completion_tokens,
        created_at=timestamp(conversation.created_at),
        updated_at=timestamp(conversation.updated_at),
        last_message_at=timestamp(conversation.last_message_at),
    )


# -- rows of messages --------------------------------------------------------------------------------


def numbered(rows: Any) -> list[AdminMessage]:
    """The rows of a conversation, numbered from 1 on."""
    return [msgspec.structs.replace(row, sequence_number=n) for n, row in enumerate(rows, start=1)]


def rows_of(message: Message) -> list[AdminMessage]:
    """One row for a user's message; of an answer one for each text and call in order.

    The last row of an answer is always the bot's own, with the id of the message and what it cost; the
    others' ids are made from that.
    """
    if message.role == "user":
        return [_row(message, role="user", content=message.content, id=message.id)]
    rows: list[AdminMessage] = []
    text = ""
    results = {part.result.call_id: part.result for part in message.parts if isinstance(part, ToolResultPart)}
    for part in message.parts:
        match part:
            case TextPart():
                text += part.text
            case ToolCallPart():
                if text:
                    rows.append(_row(message, role="assistant", content=text))
                    text = ""
                rows.append(_tool_row(message, part.call, results.pop(part.call.id, None)))
            case ToolResultPart() if part.result.call_id in results:
                # The call of this one stands in the answer before: the client ran it.
                rows.append(_tool_row(message, None, results.pop(part.result.call_id)))
    usage = message.usage
    last = _row(message, role="assistant", content=text, id=message.id)
    rows = [_with_id(row, message.id, n) for n, row in enumerate(rows)]
    return [
        *rows,
        msgspec.structs.replace(
            last,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            error_code=message.error_code or None,
        ),
    ]


def _row(message: Message, *, role: Any, content: str, id: str = "", **fields: Any) -> AdminMessage:
    return AdminMessage(
        id=id,
        conversation_id=message.conversation_id,
        role=role,
        content=content,
        status=message.status,
        created_at=timestamp(message.created_at),
        sequence_number=0,
        **fields,
    )


def _with_id(row: AdminMessage, message_id: str, number: int) -> AdminMessage:
    id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{message_id}/{number}"))
    return msgspec.structs.replace(row, id=id)


def _tool_row(message: Message, call: ToolCall | None, result: ToolResult | None) -> AdminMessage:
    """A call with its result; one without is still waited for, or its client never answered."""
    query = result.query if result else None
    return _row(
        message,
        role="tool",
        content=result.content if result else "",
        tool_call_id=call.id if call else result and result.call_id,
        tool_name=call.name if call else result and result.name,
        tool_input=call.arguments if call else None,
        executed_sql=query and query.sql,
        sql_result_summary=query and query.summary,
        sql_row_count=query and query.row_count,
        sql_error=query and query.error,
        sql_duration_ms=query and query.duration_ms,
    )


# -- the audit trail ---------------------------------------------------------------------------------


def _entry(call: Call) -> AuditBody:
    return AuditBody(
        id=str(call.id),
        chatbot_id=bot_id(call.namespace, call.bot),
        chatbot_name=call.bot,
        namespace=call.namespace,
        conversation_id=call.conversation_id,
        message_id=call.message_id,
        user_id=call.user_id,
        user_email=None,
        actor=call.actor,
        action=call.action,
        tool_name=call.tool,
        generated_sql=call.sql,
        # Statements run as they were written, or not at all.
        sanitized_sql=call.sql if call.ran else None,
        executed=call.ran,
        validation_passed=not call.refused,
        validation_errors=[call.error] if call.refused and call.error else [],
        success=call.success,
        error_message=call.error,
        rows_returned=call.rows,
        execution_duration_ms=call.duration_ms,
        tables_accessed=call.tables,
        operations_used=call.operations,
        ip_address=call.ip,
        user_agent=call.user_agent,
        details=call.facts,
        created_at=timestamp(call.at),
    )
