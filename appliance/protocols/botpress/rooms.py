"""Which conversation an id means, and whether the caller may do something in it (5, 7.1)."""

from __future__ import annotations

from appliance.conversation import Conversation
from appliance.engine import people, shared
from appliance.errors import ConversationNotFound, Forbidden, NotFound
from appliance.protocols.botpress import telling
from appliance.protocols.botpress.telling import Room
from appliance.protocols.botpress.visits import Visit

NOT_IN = "You are not a participant in this conversation."


def find(visit: Visit, id: str) -> Conversation | None:
    """A conversation with this bot by its foreign id or ours; other bots have their own."""
    found = shared.find(visit.engine, visit.caller.tenant, visit.external(id))
    return found if found and _is_the_bots(visit, found) else None


def member(visit: Visit, id: str) -> Conversation:
    """One that the caller takes part in; raises `Forbidden`, the same for one that is not there."""
    found = find(visit, id)
    if found is None or not people.is_in(visit.engine, found, visit.caller.owner):
        raise Forbidden(NOT_IN)
    return found


def seen(visit: Visit, id: str) -> Conversation:
    """The same; raises `ConversationNotFound` for one that is not there."""
    if find(visit, id) is None:
        raise ConversationNotFound("There is no such conversation.")
    return member(visit, id)


def owned(visit: Visit, id: str) -> Conversation:
    """The caller's own; raises `ConversationNotFound` and `Forbidden`."""
    found = find(visit, id)
    if found is None:
        raise ConversationNotFound("There is no such conversation.")
    if found.owner != visit.caller.owner:
        raise Forbidden("This conversation is somebody else's.")
    return found


def around(visit: Visit, conversation_id: str, missing: NotFound) -> Conversation:
    """The conversation that something was said in, by our id; raises `missing` and `Forbidden`."""
    found = shared.by_id(visit.engine, visit.caller.tenant, conversation_id)
    if found is None or not _is_the_bots(visit, found):
        raise missing
    if not people.is_in(visit.engine, found, visit.caller.owner):
        raise Forbidden(NOT_IN)
    return found


def room(visit: Visit, conversation: Conversation) -> Room:
    """How the caller's client knows the conversation."""
    return telling.room(conversation, old=visit.old)


def _is_the_bots(visit: Visit, conversation: Conversation) -> bool:
    return (conversation.namespace, conversation.bot) == visit.bot.key
