"""What a person of the team said while no stream of the page was open: found, so that it is told later.

A page reads answers only while it asks or resumes, and people write when they like: often the first "Hello"
comes before the visitor's next question.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from appliance.engine import posts, reading, replay
from appliance.engine.engine import Engine
from appliance.events import OperatorMessage
from appliance.identity import Caller
from appliance.protocols.aisdk.body import UiMessage
from appliance.protocols.message_ids import message_id, stored_id

RECENT = 50
"""Messages at the end of a chat that are looked through."""


async def before(
    engine: Engine, id: str, caller: Caller, asked_id: str, shown: Sequence[UiMessage]
) -> list[OperatorMessage]:
    """A person's words between the question `asked_id` and the one before it that are not in `shown`.

    A page that sends its last message alone does not say what it has: none then.
    """
    if len(shown) < 2:
        return []
    had = _ids_in(shown)
    newest, _ = await reading.messages(engine, id, caller, before=None, limit=RECENT)
    asked = next((message.position for message in newest if message.id == asked_id), 0)
    earlier = (message for message in reversed(newest) if message.position < asked)
    behind = list(takewhile(lambda message: message.role != "user", earlier))[::-1]
    return [
        replay.by_operator(message)
        for message in behind
        if message.is_by_operator and message_id(message.id) not in had
    ]


async def since(engine: Engine, id: str, caller: Caller, ref: str) -> list[OperatorMessage]:
    """A person's words behind the message that the page calls `ref`; none where there is no such message."""
    seen = await posts.find_in(engine, id, caller, ref) or await posts.find_in(
        engine, id, caller, stored_id(ref)
    )
    if seen is None:
        return []
    newest, _ = await reading.messages(engine, id, caller, before=None, limit=RECENT)
    return [
        replay.by_operator(message)
        for message in newest
        if message.is_by_operator and message.position > seen.position
    ]


def _ids_in(shown: Sequence[UiMessage]) -> set[str]:
    """What a page calls the messages that it has, and the person's words within them."""
    named = [part.get("data") for one in shown for part in one.parts if part.get("type") == "data-operator"]
    words = {str(data.get("messageId")) for data in named if isinstance(data, dict)}
    return words | {message_id(stored_id(one.id)) for one in shown}
