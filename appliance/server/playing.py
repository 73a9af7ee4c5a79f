"""What a token of the console's playground is good for: to try a bot out, and for nothing else.

It acts for somebody who knows nothing of it. Their conversations, files and documents are not what is tried
out; an admin has ways to those that are written down.
"""

from __future__ import annotations

from appliance.errors import Forbidden
from appliance.identity import Caller
from appliance.protocols.base import Endpoint

_TALK = "/api/v1/ai/conversations/<id>"
_TALK_IN_PAGE = "/api/v1/widget/conversations/<id>"
CHATTING = frozenset(
    {
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/<model>"),
        ("GET", "/api/v1/ai/chatbots"),
        ("GET", "/api/v1/ai/chatbots/by-name/<name>"),
        ("GET", "/api/v1/ai/chatbots/<id>"),
        ("GET", _TALK),
        ("GET", f"{_TALK}/changes"),
        ("POST", f"{_TALK}/changes/<change_id>"),
        ("GET", "/api/v1/ai/results/<id>"),
        ("GET", "/api/v1/widget/bots/<bot>"),
        ("PUT", f"{_TALK_IN_PAGE}/messages/<message_id>/feedback"),
        ("GET", f"{_TALK_IN_PAGE}/follow-ups"),
        ("POST", f"{_TALK_IN_PAGE}/files"),
        ("GET", f"{_TALK_IN_PAGE}/files"),
        ("DELETE", f"{_TALK_IN_PAGE}/files/<file_id>"),
    }
)
"""Which conversations: those that were begun in the playground (`store/conversations.py`)."""


def check_playing(endpoint: Endpoint, caller: Caller) -> None:
    """Raises `Forbidden` for somebody of the playground who wants more than to chat."""
    if caller.player and endpoint.access != "open" and (endpoint.method, endpoint.path) not in CHATTING:
        raise Forbidden("A token of the playground is for chatting with bots; for this, use one of your own.")
