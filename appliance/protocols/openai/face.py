"""`/v1/chat/completions` and `/v1/models`, as the official packages call them."""

from __future__ import annotations

from typing import Literal

from appliance.conversation import Conversation
from appliance.engine import intake
from appliance.engine.admission import Accepted
from appliance.engine.bot_entries import Entry
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound, Busy
from appliance.events import SendMessage
from appliance.identity import Caller
from appliance.messages import Message, Usage
from appliance.protocols.base import Endpoint, Face, Stream
from appliance.protocols.openai.request import CONVERSATION, acting, asked
from appliance.protocols.openai.shapes import (
    Answer,
    ChatCompletion,
    Choice,
    Completion,
    ErrorBody,
    Model,
    Models,
)
from appliance.protocols.openai.stream import ChunkCodec, annotations_of, usage_of
from appliance.protocols.openai.words import NoAnswer, refuse
from appliance.wire import Reply, Request


async def complete(engine: Engine, request: Request) -> Reply | Stream:
    """Ask a bot. Without `metadata.conversation_id` the client keeps the history and sends it along."""
    body = request.json(Completion)
    bot = find_bot(engine, body.model)
    id = (body.metadata or {}).get(CONVERSATION)
    question = asked(body, continues=bool(id))
    caller = acting(body, request.caller)
    if id:
        conversation, caller = engine.reach(id, caller)
        if (conversation.namespace, conversation.bot) != bot.key:
            raise BotNotFound(f"That conversation is with {conversation.bot!r}, not with {body.model!r}.")
    else:
        conversation = await engine.open_conversation(bot, caller, source="openai", kept=bool(body.store))
    message = SendMessage(
        conversation_id=conversation.id, content=question.content, extra=question.extra, opens=not id
    )
    accepted = await intake.send(engine, message, caller)
    if not accepted.turn_id:
        raise Busy(
            "A person has taken over this conversation; the message was kept and the bot does not answer."
        )
    if body.stream:
        return _streamed(body, conversation, caller, accepted)
    return _whole(body, conversation, await engine.answer(conversation.id, caller, accepted))


async def list_models(engine: Engine, request: Request) -> Reply:
    """Every bot that the caller may know of."""
    return Reply(body=Models(data=[_model(entry) for entry in _known(engine, request.caller)]))


async def get_model(engine: Engine, request: Request) -> Reply:
    """One bot."""
    bot = find_bot(engine, request.path["model"])
    for entry in _known(engine, request.caller):
        if entry.key == bot.key:
            return Reply(body=_model(entry))
    raise BotNotFound(f"There is no model {request.path['model']!r}.")


def _streamed(body: Completion, conversation: Conversation, caller: Caller, accepted: Accepted) -> Stream:
    codec = ChunkCodec(
        accepted.turn_id,
        id=f"chatcmpl-{accepted.answer_id}",
        model=body.model,
        created=int(accepted.at),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
    )
    return Stream(
        codec=codec,
        conversation_id=conversation.id,
        caller=caller,
        after=accepted.after,
        headers=_headers(conversation) | {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def _whole(body: Completion, conversation: Conversation, answer: Message) -> Reply:
    if answer.status in {"failed", "interrupted"}:
        raise NoAnswer(answer.error_text, reason=answer.error_code)
    completion = ChatCompletion(
        id=f"chatcmpl-{answer.id}",
        created=int(answer.created_at),
        model=body.model,
        choices=[
            Choice(
                message=Answer(content=answer.text, annotations=annotations_of(answer.text, answer.sources)),
                finish_reason=_reason(answer),
            )
        ],
        usage=usage_of(answer.usage or Usage()),
    )
    return Reply(body=completion, headers=_headers(conversation))


def _reason(answer: Message) -> Literal["stop", "length"]:
    return "length" if answer.finish == "length" else "stop"


def _headers(conversation: Conversation) -> dict[str, str]:
    return {"X-Conversation-Id": conversation.id}


def _known(engine: Engine, caller: Caller) -> list[Entry]:
    """Enabled bots; strangers and users know the public ones."""
    return [
        entry
        for entry in engine.catalogue.all()
        if entry.bot and entry.bot.enabled and (entry.bot.public or caller.is_workspace)
    ]


def _model(entry: Entry) -> Model:
    name = entry.name if entry.namespace == "default" else f"{entry.namespace}:{entry.name}"
    return Model(id=name, created=int(entry.updated_at))


FACE = Face(
    name="OpenAI",
    prefixes=("/v1",),
    endpoints=(
        Endpoint(
            method="POST",
            path="/v1/chat/completions",
            handler=complete,
            summary="Ask a bot, streamed or not",
            body=Completion,
            answers={200: (ChatCompletion, "text/event-stream")},
            errors=(400, 401, 403, 404, 413, 429, 500, 503),
            access="anyone",
        ),
        Endpoint(
            method="GET",
            path="/v1/models",
            handler=list_models,
            summary="The bots, as models",
            answers={200: Models},
            errors=(401,),
            access="anyone",
        ),
        Endpoint(
            method="GET",
            path="/v1/models/<model>",
            handler=get_model,
            summary="One bot, as a model",
            answers={200: Model},
            errors=(401, 404),
            access="anyone",
        ),
    ),
    refuse=refuse,
    error=ErrorBody,
    variables={"model": "A bot: its id, its name or namespace:name"},
    cors_headers=(
        "Authorization, Content-Type, Accept, OpenAI-Organization, OpenAI-Project, X-Stainless-Lang, "
        "X-Stainless-Package-Version, X-Stainless-OS, X-Stainless-Arch, X-Stainless-Runtime, "
        "X-Stainless-Runtime-Version, X-Stainless-Retry-Count, X-Stainless-Timeout, X-Stainless-Async, "
        "X-Stainless-Helper-Method"
    ),
    cors_exposed="X-Conversation-Id, X-Should-Retry",
)
