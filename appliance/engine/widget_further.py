"""What somebody may want to know next: without asking a model."""

from __future__ import annotations

from appliance import further
from appliance.citations import cited_in
from appliance.engine import widget_history
from appliance.engine.engine import Engine
from appliance.engine.knowledge.access import viewer_of
from appliance.identity import Caller
from appliance.messages import Message
from appliance.store import widget_neighbours

SOURCES_MAX = 3


async def questions(engine: Engine, id: str, caller: Caller) -> list[str]:
    """At most three questions after the last answer of a conversation; none while a person has taken over.

    Raises `AuthRequired`, `ConversationNotFound`, `OriginNotAllowed`.
    """
    conversation, messages = await widget_history.whole(engine, id, caller)
    bot = engine.catalogue.get(conversation.namespace, conversation.bot, enabled_only=True)
    last = messages[-1] if messages else None
    if bot is None or not bot.follow_ups or conversation.paused or last is None or last.status != "done":
        return []
    if last.role != "assistant" or last.is_by_operator:
        return []
    asked = [message.content for message in messages if message.role == "user"]
    near = await engine.services.store.read(widget_neighbours.near, _read(last), viewer_of(caller))
    read = [one for one in near if one.was_read]
    others = [one for one in near if not one.was_read]
    topics = further.topics((one.headings, one.content) for one in others)
    known = [*asked, *(heading for one in read for heading in one.headings)]
    talk = "\n".join([*asked[-1:], last.text])
    return further.choose(further.fitting(bot.suggestions, talk), topics, known)


def _read(answer: Message) -> list[str]:
    """The passages that it cites, or else the best that it was given; none of a file that was attached."""
    cited = {source.number: source for _, _, source in cited_in(answer.text, answer.sources)}
    sources = list(cited.values()) or answer.sources
    return [source.chunk_id for source in sources if source.chunk_id and source.knowledge_base][:SOURCES_MAX]
