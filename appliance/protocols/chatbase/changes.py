"""What clients change in conversations (3.6): a pause, feedback, the results of their own tools."""

from __future__ import annotations

from appliance.engine import client_tools, posts
from appliance.engine.engine import Engine
from appliance.errors import Forbidden
from appliance.protocols.chatbase import shapes, told
from appliance.protocols.chatbase.agents import agent_in
from appliance.protocols.chatbase.conversations import conversation_in
from appliance.protocols.chatbase.requests import (
    FeedbackBody,
    PauseBody,
    ToolResultBody,
    read_body,
    signed_in,
)
from appliance.protocols.message_ids import stored_id
from appliance.protocols.tool_values import text_of
from appliance.wire import Reply, Request


async def pause(engine: Engine, request: Request) -> Reply:
    """`PATCH /agents/{a}/conversations/{c}`: a workspace takes the word from the bot, or gives it back."""
    caller = signed_in(request)
    if not caller.is_workspace:
        raise Forbidden("Only a workspace's API key may pause a conversation.")
    bot = agent_in(engine, request)
    ask = read_body(request, PauseBody)
    conversation, acting = conversation_in(engine, request, caller, bot)
    await posts.pause(engine, conversation.id, acting, ask.paused)
    status = shapes.ConversationStatus(id=conversation.id, status="paused" if ask.paused else "ongoing")
    return Reply(body=shapes.ConversationStatusBody(data=status))


async def feedback(engine: Engine, request: Request) -> Reply:
    """`PATCH …/messages/{m}/feedback`: what somebody thinks of an answer."""
    caller, bot = signed_in(request), agent_in(engine, request)
    ask = read_body(request, FeedbackBody)
    conversation, acting = conversation_in(engine, request, caller, bot)
    id = stored_id(request.path["message"])
    valued = await posts.feedback(engine, conversation.id, acting, id, ask.feedback)
    return Reply(body=shapes.MessageBody(data=told.message(valued)))


async def tool_result(engine: Engine, request: Request) -> Reply:
    """`POST …/tool-result`: what the client made of one call; chat then goes on with it."""
    caller, bot = signed_in(request), agent_in(engine, request)
    ask = read_body(request, ToolResultBody)
    conversation, acting = conversation_in(engine, request, caller, bot)
    await client_tools.give(engine, conversation.id, acting, ask.tool_call_id, text_of(ask.output))
    return Reply(body=shapes.SuccessBody(data=shapes.Success()))
