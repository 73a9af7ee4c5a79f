"""Talk to a bot from Python: `AIChat` over one WebSocket that reconnects and resumes by itself.

    async with AIChat("ws://localhost:8080/ai/ws") as chat:
        async for event in chat.ask("sql-assistant", "Show me the top 10 users by order count"):
            print(event.delta, end="")

Nothing is lost and nothing comes twice over a reconnect: the server numbers every frame of a
conversation (`seq`), the client names the last number it saw, and an unacknowledged message is sent
again under the same id, which the server takes as one message. This package stands alone: copy it
into another project together with its requirements, trio, trio-websocket and msgspec.
"""

from appliance.client.answer import Answer
from appliance.client.chat import AIChat
from appliance.client.events import Change, ChatError, ChatEvent, ConnectError, RowChange, Usage
from appliance.client.mailbox import Events

__all__ = [
    "AIChat",
    "Answer",
    "Change",
    "ChatError",
    "ChatEvent",
    "ConnectError",
    "Events",
    "RowChange",
    "Usage",
]
