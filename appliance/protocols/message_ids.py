"""What Chatbase's clients and the AI SDK's call a message: one name, whichever of the two asks (2).

The number is a section of our page on these protocols.
"""

from __future__ import annotations

PREFIX = "msg_"


def message_id(id: str) -> str:
    """A stored message's id as clients see it."""
    return PREFIX + id


def stored_id(id: str) -> str:
    """The stored id of what a client calls a message."""
    return id.removeprefix(PREFIX)
