"""Chatbase's API v2 as one face: its endpoints, its headers, its two mounts (1.1, 2)."""

from __future__ import annotations

import secrets

from appliance.protocols.aisdk.face import Stopped
from appliance.protocols.base import Endpoint, Face, Param
from appliance.protocols.chatbase import agents, answers, changes, conversations, requests, shapes
from appliance.protocols.chatbase.words import refuse

_AGENT = "/api/v2/agents/<agent>"
_CONVERSATIONS = f"{_AGENT}/conversations"
_CONVERSATION = f"{_CONVERSATIONS}/<conversation>"

_ANSWER = (shapes.AnswerBody, "text/event-stream", "application/x-ndjson")
"""In one piece, or as a stream in either dialect."""
_ALWAYS = (413, 429, 500, 503)
"""A body that is too large is refused wherever it is sent."""
_SIGNED_IN = (401, 403, *_ALWAYS)
"""403 tells of a key that pages of this origin may not use, too."""
_READS = (400, 404, *_SIGNED_IN)
_ANSWERS = (400, 402, 404, *_SIGNED_IN)
_CHANGES = _READS

_CURSOR = Param(name="cursor", description="Where the page before ended: its pagination.cursor")
_DATES = tuple(
    Param(name=name, description=f"{what}, as 2026-01-31 or 2026-01-31T12:00:00Z")
    for name, what in (("startDate", "From when"), ("endDate", "Until when, a date with all of its day"))
)


def _limit(most: int) -> Param:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": requests.LIMIT}
    return Param(name="limit", description="Rows of a page", schema=schema)


def _stamp() -> dict[str, str]:
    """A new id for every answer (2)."""
    return {"x-request-id": f"req_{secrets.token_hex(6)}"}


_PAGE = (_CURSOR, _limit(requests.LIMIT_MAX))

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v2/health",
        handler=agents.health,
        summary="Is the server there?",
        answers={200: shapes.Health},
        errors=_ALWAYS,
        access="open",
    ),
    Endpoint(
        method="GET",
        path="/api/v2/me",
        handler=agents.me,
        summary="The workspace of a key, and what the key may do",
        answers={200: shapes.Me},
        errors=_SIGNED_IN,
    ),
    Endpoint(
        method="GET",
        path="/api/v2/agents",
        handler=agents.list_agents,
        summary="All agents",
        params=_PAGE,
        answers={200: shapes.Agents},
        errors=(400, *_SIGNED_IN),
    ),
    Endpoint(
        method="GET",
        path=_AGENT,
        handler=agents.get_agent,
        summary="One agent, by its id, its name or namespace:name",
        answers={200: shapes.Agent},
        errors=(404, *_SIGNED_IN),
    ),
    Endpoint(
        method="POST",
        path=f"{_AGENT}/chat",
        handler=answers.chat,
        summary="Send a message, or go on after a tool result; answers as a stream unless stream is false",
        body=requests.ChatBody,
        answers={200: _ANSWER},
        errors=_ANSWERS,
    ),
    Endpoint(
        method="GET",
        path=f"{_AGENT}/chat/<chat>/stream",
        handler=answers.resume,
        summary="The answer that runs in a chat of the AI SDK, from its beginning",
        answers={200: "text/event-stream", 204: None},
        errors=_SIGNED_IN,
    ),
    Endpoint(
        method="POST",
        path=f"{_AGENT}/chat/<chat>/stop",
        handler=answers.stop,
        summary="Stop the answer that runs in a chat of the AI SDK, or in a conversation",
        answers={200: Stopped},
        errors=_SIGNED_IN,
        body_required=False,
    ),
    Endpoint(
        method="POST",
        path=f"{_CONVERSATION}/retry",
        handler=answers.retry,
        summary="Make an answer anew; it and what follows it is deleted",
        body=requests.RetryBody,
        answers={200: _ANSWER},
        errors=_ANSWERS,
    ),
    Endpoint(
        method="GET",
        path=_CONVERSATIONS,
        handler=conversations.list_conversations,
        summary="Conversations made through this API, newest first",
        params=(*_PAGE, *_DATES),
        answers={200: shapes.Conversations},
        errors=_READS,
    ),
    Endpoint(
        method="GET",
        path=f"{_CONVERSATIONS}/export",
        handler=conversations.export,
        summary="Conversations of every source with their messages, newest first",
        params=(
            _CURSOR,
            _limit(requests.EXPORT_LIMIT_MAX),
            *_DATES,
            Param(name="conversationId", description="Only this one"),
            Param(
                name="include",
                description="With the messages, or without",
                schema={"type": "string", "enum": ["messages", "summary"], "default": "messages"},
            ),
            Param(name="source", description="Only these sources, by commas, such as API,AI SDK"),
        ),
        answers={200: shapes.Export},
        errors=_READS,
    ),
    Endpoint(
        method="GET",
        path=_CONVERSATION,
        handler=conversations.get_conversation,
        summary="One conversation with its newest messages",
        answers={200: shapes.ConversationBody},
        errors=(404, *_SIGNED_IN),
    ),
    Endpoint(
        method="GET",
        path=f"{_CONVERSATION}/messages",
        handler=conversations.list_messages,
        summary="Messages, backward from the newest page by page, oldest first within a page",
        params=_PAGE,
        answers={200: shapes.Messages},
        errors=_READS,
    ),
    Endpoint(
        method="GET",
        path=f"{_AGENT}/users/<user>/conversations",
        handler=conversations.list_of_user,
        summary="A user's conversations, the latest active first",
        params=_PAGE,
        answers={200: shapes.Conversations},
        errors=_READS,
    ),
    Endpoint(
        method="PATCH",
        path=_CONVERSATION,
        handler=changes.pause,
        summary="Keep the bot from answering, or let it answer again",
        body=requests.PauseBody,
        answers={200: shapes.ConversationStatusBody},
        errors=_CHANGES,
        access="key",
    ),
    Endpoint(
        method="PATCH",
        path=f"{_CONVERSATION}/messages/<message>/feedback",
        handler=changes.feedback,
        summary="Value an answer, or take that back",
        body=requests.FeedbackBody,
        answers={200: shapes.MessageBody},
        errors=(*_CHANGES, 422),
    ),
    Endpoint(
        method="POST",
        path=f"{_CONVERSATION}/tool-result",
        handler=changes.tool_result,
        summary="Give the output of a tool that the client ran",
        body=requests.ToolResultBody,
        answers={200: shapes.SuccessBody},
        errors=_CHANGES,
    ),
)

FACE = Face(
    name="Chatbase",
    prefixes=("/api/v2",),
    mounts=("", "/ndjson"),
    endpoints=ENDPOINTS,
    refuse=refuse,
    error=shapes.ErrorBody,
    variables={
        "agent": "A bot: its id, its name or namespace:name",
        "conversation": "A conversation's id",
        "chat": "The id of a chat, which its page has made, or a conversation's",
        "message": "A message's id",
        "user": f"A user's id: {requests.USER_ID_RULE}",
    },
    stamp=_stamp,
    requests_per_10_s=True,
    cors_exposed=(
        "x-vercel-ai-ui-message-stream, x-request-id, X-RateLimit-Limit, X-RateLimit-Remaining, "
        "X-RateLimit-Reset, Retry-After"
    ),
)
