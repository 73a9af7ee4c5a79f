"""Conversations: search, read, trace, take over, export, delete."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, cast

import msgspec

from appliance.engine import console_bots, handoff, oversight, trace
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console import conversation_files
from appliance.protocols.console import conversation_shapes as shapes
from appliance.protocols.console.access import admin, operator
from appliance.protocols.console.pages import SEARCH, limit_param, search_of
from appliance.wire import Reply, Request

LIMIT, LIMIT_MAX = 50, 100
TEXT_CHARS_MAX = 300

_CURSOR = msgspec.json.Decoder(tuple[float, str])
_MOMENT: msgspec.json.Decoder[float] = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0, le=1e11)])


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """With `force` also from another person."""

    force: bool = False


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says; the same `client_id` twice is one message."""

    content: str
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    ok: bool = True


@operator
async def listed(engine: Engine, request: Request) -> Reply:
    """The last spoken in first."""
    limit = request.whole_number("limit", LIMIT, 1, LIMIT_MAX)
    wanted, after = _wanted(engine, request), _after(request)
    found, total = await oversight.conversations(engine, wanted, after=after, limit=limit + 1)
    shown = found[:limit]
    cursor = None
    if len(found) > limit:
        last = shown[-1].conversation
        raw = msgspec.json.encode((last.last_message_at, last.id))
        cursor = base64.urlsafe_b64encode(raw).decode()
    items = [shapes.item(engine, seen) for seen in shown]
    return Reply(body=shapes.Items(items=items, total=total, next=cursor))


@operator
async def detail(engine: Engine, request: Request) -> Reply:
    """All of it; that it was read is in the audit trail."""
    whole = await oversight.whole(engine, request.path["id"], request.caller)
    return Reply(body=shapes.detail(engine, whole))


@operator
async def export(engine: Engine, request: Request) -> Reply:
    """The same as a file."""
    format = _choice(request, "format", ("json", "md")) or "json"
    id, caller = request.path["id"], request.caller
    told = shapes.detail(engine, await oversight.whole(engine, id, caller, action="conversation.export"))
    if format == "md":
        text = conversation_files.markdown(told)
        return Reply(body=text, content_type="text/markdown; charset=utf-8", file_name=f"{id}.md")
    return Reply(body=told, file_name=f"{id}.json")


@admin
async def explain(engine: Engine, request: Request) -> Reply:
    """What an answer was made of."""
    found = await trace.find(engine, request.path["id"], request.path["turn_id"], request.caller)
    return Reply(body=found)


@operator
async def join(engine: Engine, request: Request) -> Reply:
    """Answer in the bot's place."""
    force = request.json(Takeover).force
    await handoff.join(engine, request.path["id"], request.caller, force=force)
    return await _item(engine, request)


@operator
async def leave(engine: Engine, request: Request) -> Reply:
    """Give it back to the bot."""
    force = request.json(Takeover).force
    await handoff.leave(engine, request.path["id"], request.caller, force=force)
    return await _item(engine, request)


@operator
async def resolve(engine: Engine, request: Request) -> Reply:
    """Nobody needs to come any more."""
    await handoff.resolve(engine, request.path["id"], request.caller)
    return await _item(engine, request)


@operator
async def say(engine: Engine, request: Request) -> Reply:
    """Write in the bot's place; 200 instead of 201 for a message that was there."""
    ask = request.json(NewMessage)
    said, is_new = await handoff.say(
        engine, request.path["id"], request.caller, ask.content, client_id=ask.client_id
    )
    return Reply(status=201 if is_new else 200, body=shapes.line(said, ""))


@admin
async def delete(engine: Engine, request: Request) -> Reply:
    """For good."""
    await oversight.delete(engine, request.path["id"], request.caller)
    return Reply(body=Nothing())


async def _item(engine: Engine, request: Request) -> Reply:
    return Reply(body=shapes.item(engine, await oversight.one(engine, request.path["id"], request.caller)))


# -- what is asked for -------------------------------------------------------------------------------


def _wanted(engine: Engine, request: Request) -> oversight.Wanted:
    namespace, _, bot = _text(request, "bot").rpartition("/")
    return oversight.Wanted(
        tenant=request.caller.tenant,
        text=search_of(request),
        namespace=namespace,
        bot=console_bots.named(engine, bot),
        source=_text(request, "source"),
        handoff=cast('Literal["", "waiting", "joined"]', _choice(request, "handoff", ("waiting", "joined"))),
        feedback=cast(
            'Literal["", "positive", "negative"]', _choice(request, "feedback", ("positive", "negative"))
        ),
        with_errors=request.whole_number("errors", 0, 0, 1) == 1,
        person=_text(request, "person"),
        start=_moment(request, "start"),
        end=_moment(request, "end"),
    )


def _text(request: Request, name: str) -> str:
    text = request.query.get(name, "").strip()
    if len(text) > TEXT_CHARS_MAX:
        raise InvalidInput(f"{name} has {len(text)} characters; {TEXT_CHARS_MAX} are the most.")
    return text


def _choice(request: Request, name: str, choices: tuple[str, ...]) -> str:
    text = request.query.get(name, "")
    if text and text not in choices:
        raise InvalidInput(f"{name}={text[:50]!r} must be one of: {', '.join(choices)}.")
    return text


def _moment(request: Request, name: str) -> float | None:
    text = request.query.get(name, "")
    if not text:
        return None
    try:
        return _MOMENT.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(f"{name}={text[:50]!r} must be Unix seconds.") from error


def _after(request: Request) -> tuple[float, str] | None:
    text = request.query.get("after", "")
    if not text:
        return None
    try:
        return _CURSOR.decode(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise InvalidInput("after is no cursor: give the `next` of the page before.") from None


# -- endpoints ---------------------------------------------------------------------------------------

_ONE = "/admin/api/conversations/<id>"


def _param(name: str, description: str, *choices: str, type: str = "string") -> Param:
    schema: dict[str, Any] = {"type": type, **({"enum": list(choices)} if choices else {})}
    return Param(name=name, description=description, schema=schema)


def _change(path: str, handler: Any, summary: str, body: Any = None) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"{_ONE}/{path}",
        handler=handler,
        summary=summary,
        body=body,
        body_required=False,
        answers={200: shapes.Item},
        errors=(400, 401, 403, 404, 409, 413),
        access="operator",
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/admin/api/conversations",
        handler=listed,
        summary="Conversations, the last spoken in first",
        params=(
            SEARCH,
            _param("bot", "Of that bot: its name, namespace/name, or title"),
            _param("source", "Made over that wire, such as `fluxbase`"),
            _param("handoff", "Where a person is waited for, or is", "waiting", "joined"),
            _param("feedback", "With an answer that was valued so", "positive", "negative"),
            Param(
                name="errors",
                description="1: with an answer that failed",
                schema={"type": "integer", "enum": [0, 1]},
            ),
            _param("person", "Of that person: their name, or id"),
            _param("start", "Last spoken in then or later, in Unix seconds", type="number"),
            _param("end", "Last spoken in before, in Unix seconds", type="number"),
            limit_param(LIMIT, LIMIT_MAX),
            _param("after", "The `next` of the page before"),
        ),
        answers={200: shapes.Items},
        errors=(400, 401, 403),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=detail,
        summary="One conversation with its messages",
        answers={200: shapes.Detail},
        errors=(401, 403, 404),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/export",
        handler=export,
        summary="One conversation as a file",
        params=(_param("format", "What kind of file", "json", "md"),),
        answers={200: (shapes.Detail, "text/markdown")},
        errors=(400, 401, 403, 404),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/trace/<turn_id>",
        handler=explain,
        summary="What an answer was made of",
        answers={200: trace.Told},
        errors=(401, 403, 404),
        access="admin",
    ),
    _change("join", join, "Answer in the bot's place", Takeover),
    _change("leave", leave, "Give a conversation back to the bot", Takeover),
    _change("resolve", resolve, "Settle a conversation: nobody is waited for any more"),
    Endpoint(
        method="POST",
        path=f"{_ONE}/messages",
        handler=say,
        summary="Write in the bot's place",
        body=NewMessage,
        answers={201: shapes.Line, 200: shapes.Line},
        errors=(400, 401, 403, 404, 409, 413),
        access="operator",
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        handler=delete,
        summary="Delete a conversation",
        answers={200: Nothing},
        errors=(401, 403, 404),
        access="admin",
    ),
)
