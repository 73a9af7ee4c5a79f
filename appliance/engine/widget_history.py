"""What people do with their own conversations in a page's widget: list, read, value."""

from __future__ import annotations

from typing import Literal

from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine import admission, posts
from appliance.engine.engine import Engine
from appliance.errors import AuthRequired, InvalidInput, OriginNotAllowed
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import message_rows, widget_history
from appliance.store.widget_history import Line

COMMENT_CHARS_MAX = 2_000


def require_session(caller: Caller) -> None:
    """Raises `AuthRequired` for those who are nobody in particular: they share what they have."""
    if not caller.is_user and not caller.visitor_id:
        raise AuthRequired("Begin a session first, and send its token as Authorization: Bearer <token>.")


def own(engine: Engine, id: str, caller: Caller) -> Conversation:
    """A conversation of the caller's; raises `AuthRequired`, `ConversationNotFound`, `OriginNotAllowed`."""
    require_session(caller)
    found = engine.own(id, caller)
    bot = engine.catalogue.get(found.namespace, found.bot)
    if bot is not None:
        admission.check_page(bot, caller)
    return found


async def page(
    engine: Engine,
    caller: Caller,
    *,
    bot: str | None,
    namespace: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> tuple[list[Line], int]:
    """The caller's kept conversations, newest first, and how many there are; raises `AuthRequired`.

    Less those with bots that this page may not show.
    """
    require_session(caller)
    found, total = await engine.services.store.read(
        widget_history.page,
        caller,
        engine.services.clock(),
        bot=bot,
        namespace=namespace,
        after=after,
        limit=limit,
        hidden=hidden(engine, caller),
    )
    return found, total


def hidden(engine: Engine, caller: Caller) -> list[tuple[str, str]]:
    """The bots, by namespace and name, that the page which asks may not show."""
    bots = [entry.bot for entry in engine.catalogue.all() if entry.bot is not None]
    return [(bot.namespace, bot.name) for bot in bots if not _may_show(bot, caller)]


def _may_show(bot: Bot, caller: Caller) -> bool:
    try:
        admission.check_page(bot, caller)
    except OriginNotAllowed:
        return False
    return True


async def whole(engine: Engine, id: str, caller: Caller) -> tuple[Conversation, list[Message]]:
    """A conversation with all that people see of it; raises what `own` does."""
    found = own(engine, id, caller)
    messages = await engine.services.store.read(message_rows.messages, id)
    return found, [message for message in messages if message.is_shown]


async def value(
    engine: Engine,
    id: str,
    caller: Caller,
    message_id: str,
    opinion: Literal["positive", "negative"] | None,
    comment: str,
) -> str:
    """Value an answer in a few words, or take that back (None); the words that are kept.

    Raises `AuthRequired`, `ConversationNotFound`, `MessageNotFound`, `NotAnAnswer`, `InvalidInput`.
    """
    own(engine, id, caller)
    words = "".join(letter for letter in comment if letter.isprintable() or letter in "\n\t").strip()
    if len(words) > COMMENT_CHARS_MAX:
        raise InvalidInput(f"comment has {len(words)} characters; at most {COMMENT_CHARS_MAX} are kept.")
    await posts.feedback(engine, id, caller, message_id, opinion)
    await engine.services.store.write(widget_history.value, id, message_id, opinion, words)
    return words if opinion else ""
