"""The Botpress Chat API as one face: its operations (7) in today's dialect and in that of 0.2.x (14)."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint, Face, Param, Stream
from appliance.protocols.botpress import (
    conversations,
    events,
    messages,
    participants,
    shapes,
    users,
    visits,
)
from appliance.protocols.botpress.visits import Entry, Handler, Visit
from appliance.protocols.botpress.words import JSON, Refusal, refuse
from appliance.wire import Reply, Request

HERE = "/botpress/<bot>"
OLD = f"{HERE}/v1"

NEXT = Param(name="nextToken", description="`meta.nextToken` of the page before")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the API, before it is known in which dialect."""

    name: str
    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any
    body: Any = None
    body_required: bool = False
    errors: tuple[int, ...] = ()
    entry: Entry = visits.user
    paged: bool = False


async def hello(visit: Visit, request: Request) -> Reply:
    """That somebody is here; clients ask before anything else."""
    return Reply(body="Hello from the Chat API.", content_type="text/plain; charset=utf-8")


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="hello",
        method="GET",
        path="/hello",
        handler=hello,
        entry=visits.anybody,
        summary="Whether there is such a bot",
        answer="text/plain",
    ),
    Operation(
        name="createUser",
        method="POST",
        path="/users",
        handler=users.create,
        entry=visits.anybody,
        summary="A new user and their key",
        body=shapes.NewUser,
        answer=shapes.UserAndKey,
        errors=(400, 401, 403, 409, 429),
    ),
    Operation(
        name="getUser",
        method="GET",
        path="/users/me",
        handler=users.get,
        summary="The caller",
        answer=shapes.OneUser,
    ),
    Operation(
        name="updateUser",
        method="PUT",
        path="/users/me",
        handler=users.update,
        summary="Change what the caller tells of themselves",
        body=shapes.UserBody,
        answer=shapes.OneUser,
        errors=(400,),
    ),
    Operation(
        name="deleteUser",
        method="DELETE",
        path="/users/me",
        handler=users.delete,
        summary="Forget the caller",
        answer=shapes.Nothing,
    ),
    Operation(
        name="createConversation",
        method="POST",
        path="/conversations",
        handler=conversations.create,
        summary="A new conversation of the caller's",
        body=shapes.NewConversation,
        answer=shapes.OneConversation,
        errors=(400, 403, 409, 429),
    ),
    Operation(
        name="listConversations",
        method="GET",
        path="/conversations",
        handler=conversations.listed,
        summary="Those that the caller takes part in, newest first",
        answer=shapes.Conversations,
        paged=True,
    ),
    Operation(
        name="getConversation",
        method="GET",
        path="/conversations/<id>",
        handler=conversations.get,
        summary="One conversation",
        answer=shapes.OneConversation,
        errors=(403,),
    ),
    Operation(
        name="deleteConversation",
        method="DELETE",
        path="/conversations/<id>",
        handler=conversations.delete,
        summary="Delete a conversation and all in it",
        answer=shapes.Nothing,
        errors=(403,),
    ),
    Operation(
        name="listenConversation",
        method="GET",
        path="/conversations/<*id>/listen",
        handler=conversations.listen,
        summary="What happens from now on, as Server-Sent Events",
        answer="text/event-stream",
        errors=(403, 429),
    ),
    Operation(
        name="listMessages",
        method="GET",
        path="/conversations/<id>/messages",
        handler=messages.listed,
        summary="What was said, newest first",
        answer=shapes.Messages,
        errors=(403,),
        paged=True,
    ),
    Operation(
        name="addParticipant",
        method="POST",
        path="/conversations/<id>/participants",
        handler=participants.add,
        summary="Let a user take part",
        body=shapes.NewParticipant,
        body_required=True,
        answer=shapes.OneParticipant,
        errors=(400, 403),
    ),
    Operation(
        name="listParticipants",
        method="GET",
        path="/conversations/<id>/participants",
        handler=participants.listed,
        summary="Who takes part, the owner first",
        answer=shapes.Participants,
        errors=(403,),
        paged=True,
    ),
    Operation(
        name="getParticipant",
        method="GET",
        path="/conversations/<id>/participants/<user_id>",
        handler=participants.get,
        summary="One of those who take part",
        answer=shapes.OneParticipant,
        errors=(403,),
    ),
    Operation(
        name="removeParticipant",
        method="DELETE",
        path="/conversations/<id>/participants/<user_id>",
        handler=participants.remove,
        summary="Let a user take part no more",
        answer=shapes.Nothing,
        errors=(400, 403),
    ),
    Operation(
        name="getMessage",
        method="GET",
        path="/messages/<id>",
        handler=messages.get,
        summary="One message",
        answer=shapes.OneMessage,
        errors=(403,),
    ),
    Operation(
        name="deleteMessage",
        method="DELETE",
        path="/messages/<id>",
        handler=messages.delete,
        summary="Delete one's own message",
        answer=shapes.Nothing,
        errors=(403,),
    ),
)
"""What both dialects have."""

CURRENT: tuple[Operation, ...] = (
    Operation(
        name="getOrCreateUser",
        method="POST",
        path="/users/get-or-create",
        handler=users.get_or_create,
        entry=visits.key_holder,
        summary="The key's user, made where there is none",
        body=shapes.UserBody,
        answer=shapes.OneUser,
        errors=(400, 403),
    ),
    Operation(
        name="getOrCreateConversation",
        method="POST",
        path="/conversations/get-or-create",
        handler=conversations.get_or_create,
        summary="The caller's conversation of that id, made where there is none",
        body=shapes.WantedConversationBody,
        body_required=True,
        answer=shapes.OneConversation,
        errors=(400, 403, 409, 429),
    ),
    Operation(
        name="createMessage",
        method="POST",
        path="/messages",
        handler=messages.create,
        summary="Say something",
        body=shapes.NewMessageBody,
        body_required=True,
        answer=shapes.OneMessage,
        errors=(400, 403, 429),
    ),
    Operation(
        name="createEvent",
        method="POST",
        path="/events",
        handler=events.create,
        summary="Tell something that is no message",
        body=shapes.NewEvent,
        body_required=True,
        answer=shapes.OneEvent,
        errors=(400, 403, 429),
    ),
    Operation(
        name="getEvent",
        method="GET",
        path="/events/<id>",
        handler=events.get,
        summary="One event",
        answer=shapes.OneEvent,
        errors=(403,),
    ),
)
"""What came after 0.2.x, or looks otherwise in it."""

FORMER: tuple[Operation, ...] = (
    Operation(
        name="getOrCreateConversation",
        method="POST",
        path="/conversations/get-or-create",
        handler=conversations.get_or_create,
        summary="The caller's conversation of that id, made where there is none",
        body=shapes.WantedConversation,
        body_required=True,
        answer=shapes.OneConversation,
        errors=(400, 403, 409, 429),
    ),
    Operation(
        name="updateConversation",
        method="PUT",
        path="/conversations/<id>",
        handler=conversations.rename,
        summary="Give a conversation another foreign id",
        body=shapes.NewName,
        answer=shapes.OneConversation,
        errors=(400, 403, 409),
    ),
    Operation(
        name="createMessage",
        method="POST",
        path="/messages",
        handler=messages.create,
        summary="Say something",
        body=shapes.OldMessageBody,
        body_required=True,
        answer=shapes.OneMessage,
        errors=(400, 403, 429),
    ),
    Operation(
        name="getOrCreateMessage",
        method="POST",
        path="/messages/get-or-create",
        handler=messages.get_or_create,
        summary="Say something once",
        body=shapes.OldMessageBody,
        body_required=True,
        answer=shapes.OneMessage,
        errors=(400, 403, 409, 429),
    ),
    Operation(
        name="updateMessage",
        method="PUT",
        path="/messages/<id>",
        handler=messages.rename,
        summary="Give one's own message another foreign id",
        body=shapes.NewName,
        answer=shapes.OneMessage,
        errors=(400, 403, 409),
    ),
)
"""What 0.2.x has beside that."""


def _endpoint(operation: Operation, *, old: bool) -> Endpoint:
    """The operation where clients of one dialect look for it."""
    open_to_all = operation.entry is visits.anybody
    header = Param(name="x-chat-key" if old else "x-user-key", description="The user's key", where="header")
    errors = {404, *operation.errors, *(() if open_to_all else (401,)), *((400,) if operation.paged else ())}
    return Endpoint(
        method=operation.method,
        path=f"{OLD if old else HERE}{operation.path}",
        handler=_Served(operation, old),
        summary=f"{operation.summary} (0.2.x)" if old else operation.summary,
        params=(*(() if open_to_all else (header,)), *((NEXT,) if operation.paged else ())),
        body=operation.body,
        body_required=operation.body_required,
        answers={200: operation.answer},
        errors=tuple(sorted(errors | ({413} if operation.body else set()))),
        access="open" if open_to_all else "user",
    )


class _Served:
    """An operation as a handler: finds out who asks which bot, then does it."""

    def __init__(self, operation: Operation, old: bool) -> None:
        self._operation = operation
        self._old = old

    async def __call__(self, engine: Engine, request: Request) -> Reply | Stream:
        operation = self._operation
        try:
            visit = await operation.entry(engine, request, self._old)
            answer = await operation.handler(visit, request)
        except Exception as error:
            if operation.handler is not conversations.listen:
                raise
            raise conversations.as_refusal_to_listen(error) from error
        if isinstance(answer, Stream) or operation.answer == "text/plain":
            return answer
        return msgspec.structs.replace(answer, content_type=JSON)


FACE = Face(
    name="Botpress Chat",
    prefixes=("/botpress",),
    endpoints=(
        *(_endpoint(operation, old=False) for operation in (*OPERATIONS, *CURRENT)),
        *(_endpoint(operation, old=True) for operation in (*OPERATIONS, *FORMER)),
    ),
    refuse=refuse,
    error=Refusal,
    variables={
        "bot": "A bot: its id or its name; of another tenant than the default one: tenant@bot",
        "id": "The id of the conversation, message or event, in the path's words",
        "user_id": "A user's id",
    },
    identifies=False,
    cors_headers="Content-Type, X-User-Key, X-Chat-Key, Accept, Cache-Control, Last-Event-ID",
    cors_credentials=True,
)
