"""Which conversation a page's chat id means: each caller has ids of their own, with each bot (6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from appliance.bot import Bot
from appliance.conversation import Conversation, External
from appliance.engine.choosing import default_bot, find_bot
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound, Conflict, ConversationNotFound, InvalidInput
from appliance.identity import Caller
from appliance.protocols.aisdk.body import is_chat_id

SOURCE = "ai-sdk"
WORKSPACE = "workspace"
"""All keys of a tenant share their chats, so that a key can be replaced."""
ANONYMOUS_ID_CHARS_MIN = 16
"""Strangers share one scope: only ids that nobody guesses keep them apart. The SDK makes ids of 16."""

Reached: TypeAlias = tuple[Conversation, Caller]
"""A conversation, and as whom to go on with it."""


def external(bot: Bot, caller: Caller, chat_id: str) -> External:
    """The name under which a chat is kept; another caller's or bot's chat of the same id is another one."""
    whose = WORKSPACE if caller.is_workspace and not caller.is_user else caller.owner
    return External(scope=f"{SOURCE}:{bot.namespace}/{bot.name}:{whose}", id=chat_id)


def reach(engine: Engine, bot: Bot, caller: Caller, chat_id: str) -> Reached | None:
    """The chat with this bot; also one of another wire, by its conversation's id. None when there is none."""
    found = engine.reach_external(external(bot, caller, chat_id), caller) or _by_own_id(
        engine, caller, chat_id
    )
    return found if found and (found[0].namespace, found[0].bot) == bot.key else None


async def reach_or_open(engine: Engine, bot: Bot, caller: Caller, chat_id: str) -> Reached:
    """The same, or a new one. Raises `InvalidInput`, `AuthRequired`, `Forbidden`, `ShuttingDown`."""
    if found := reach(engine, bot, caller, chat_id):
        return found
    if caller.owner == "anon" and len(chat_id) < ANONYMOUS_ID_CHARS_MIN:
        raise InvalidInput(
            f"Without a user's token or a visitor's the chat id needs at least {ANONYMOUS_ID_CHARS_MIN} "
            "characters that nobody can guess: let the SDK make one."
        )
    name = external(bot, caller, chat_id)
    try:
        return await engine.open_conversation(bot, caller, source=SOURCE, external=name), caller
    except Conflict:  # the same page has just opened it with another request
        if found := engine.reach_external(name, caller):
            return found
        raise


def candidates(engine: Engine, caller: Caller, chat_id: str, bot_ref: str | None) -> Iterator[Reached]:
    """The caller's chats of this id, for paths that name no bot; that with `bot_ref` comes first."""
    if not is_chat_id(chat_id):
        return
    for bot in _bots(engine, caller, bot_ref):
        if found := engine.reach_external(external(bot, caller, chat_id), caller):
            yield found
    if found := _by_own_id(engine, caller, chat_id):
        yield found


def _by_own_id(engine: Engine, caller: Caller, chat_id: str) -> Reached | None:
    try:
        return engine.reach(chat_id, caller)
    except ConversationNotFound:
        return None


def _bots(engine: Engine, caller: Caller, ref: str | None) -> list[Bot]:
    bots = [entry.bot for entry in engine.catalogue.all() if entry.bot and entry.bot.enabled]
    try:
        first = find_bot(engine, ref) if ref else default_bot(engine, caller)
    except BotNotFound:
        return bots
    return [first, *(bot for bot in bots if bot.key != first.key)]
