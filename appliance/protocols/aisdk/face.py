"""The endpoints of the AI SDK's transport: post a chat, resume its answer, stop it (6)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import msgspec

from appliance.engine.choosing import default_bot, find_bot
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound
from appliance.events import CancelTurn
from appliance.protocols.aisdk.answers import Chat, answer, told_again, told_by_person
from appliance.protocols.aisdk.body import ChatBody, is_chat_id
from appliance.protocols.aisdk.chats import candidates, reach
from appliance.protocols.aisdk.words import ErrorBody, refuse
from appliance.protocols.base import Endpoint, Face, Param, Stream
from appliance.protocols.chunk_frames import SSE_TYPE
from appliance.wire import Reply, Request

AGENT_HEADER = "X-Agent-Id"
_AGENT = Param(
    name=AGENT_HEADER,
    description="The bot, where neither path nor body name one",
    where="header",
)


_AFTER = Param(
    name="after",
    description="The newest message that the page has: what a person of the team said since comes first",
    schema={"type": "string"},
)


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing runs any more, whether or not something did."""

    success: bool = True


async def post_chat(engine: Engine, request: Request) -> Reply | Stream:
    """A chat for the bot in the path; else in the body, in a header, or the default one (6)."""
    body = request.json(ChatBody)
    ref = request.path.get("bot") or body.agent_id or request.headers.get(AGENT_HEADER.lower())
    bot = find_bot(engine, ref) if ref else default_bot(engine, request.caller)
    return await answer(engine, body, bot, request.caller)


async def resume(engine: Engine, request: Request) -> Reply | Stream:
    """The answer that runs, from its first chunk; 204 when none does, and whatever else is wrong (6.3).

    Where a person has taken over, what they say next; with `after`, first what they said since that message.
    """
    for chat in _chats(engine, request):
        if running := engine.chats.running_turn(chat.id):
            return await told_again(engine, chat, running)
        if by_person := await told_by_person(engine, chat, request.query.get("after") or ""):
            return by_person
    return Reply(status=204, body=None)


async def stop(engine: Engine, request: Request) -> Reply:
    """End the answer that runs; what there is of it stays. Always a success (6.4)."""
    for chat in _chats(engine, request):
        await engine.cancel(CancelTurn(conversation_id=chat.id), chat.caller)
    return Reply(body=Stopped())


def _chats(engine: Engine, request: Request) -> Iterator[Chat]:
    """The chats that a path may mean: one where it names the bot, else one for each bot."""
    chat_id, ref = request.path["id"], request.path.get("bot")
    if ref is None:
        for found in candidates(engine, request.caller, chat_id, request.headers.get(AGENT_HEADER.lower())):
            yield Chat(*found)
        return
    try:
        bot = find_bot(engine, ref)
    except BotNotFound:
        return
    if is_chat_id(chat_id) and (reached := reach(engine, bot, request.caller, chat_id)):
        yield Chat(*reached)


def _stamp() -> dict[str, str]:
    return {"x-request-id": f"req_{uuid.uuid4().hex[:12]}"}


_CHAT_ERRORS = (400, 401, 402, 403, 404, 409, 413, 429, 500, 503)
_OTHER_ERRORS = (401, 403, 429, 500, 503)


def _post(path: str, *params: Param) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        handler=post_chat,
        summary="Post a chat of the AI SDK and stream the answer",
        params=params,
        body=ChatBody,
        answers={200: SSE_TYPE},
        errors=_CHAT_ERRORS,
        access="anyone",
    )


def _resume(path: str, *params: Param) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        handler=resume,
        summary="The answer that runs, from its beginning",
        params=(*params, _AFTER),
        answers={200: SSE_TYPE, 204: None},
        errors=_OTHER_ERRORS,
        access="anyone",
    )


def _stop(path: str, *params: Param) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        handler=stop,
        summary="Stop the answer that runs",
        params=params,
        answers={200: Stopped},
        errors=(*_OTHER_ERRORS, 413),
        access="anyone",
        body_required=False,
    )


FACE = Face(
    name="AI SDK",
    prefixes=("/api/chat",),
    endpoints=(
        _post("/api/chat", _AGENT),
        _post("/api/chat/<bot>"),
        _resume("/api/chat/<id>/stream", _AGENT),
        _resume("/api/chat/<bot>/<id>/stream"),
        _stop("/api/chat/<id>/stop", _AGENT),
        _stop("/api/chat/<bot>/<id>/stop"),
    ),
    refuse=refuse,
    error=ErrorBody,
    variables={
        "bot": "A bot: its id, its name or namespace:name",
        "id": "The chat's id, which the page has made",
    },
    stamp=_stamp,
    cors_headers=f"Authorization, Content-Type, Accept, apikey, X-Client-Key, {AGENT_HEADER}, X-Request-ID",
    cors_exposed="x-vercel-ai-ui-message-stream, x-request-id, Retry-After",
)
