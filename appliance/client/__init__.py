"""Talk to a server from Python: `AIChat` over one WebSocket that reconnects and resumes by itself.

    async with AIChat("ws://localhost:8080/ai/ws") as chat:
        async for event in chat.ask("sql-assistant", "Show me the top 10 users by order count"):
            print(event.delta, end="")

`Client` is the REST side: bots, conversations, and what administrators do.

Nothing is lost and nothing comes twice over a reconnect: the server numbers every frame of a
conversation (`seq`), the client names the last number it saw, and an unacknowledged message is sent
again under the same id, which the server takes as one message. This package stands alone: copy it
into another project together with its requirements: trio, trio-websocket, msgspec and httpx.
"""

from appliance.client.answer import Answer
from appliance.client.chat import AIChat
from appliance.client.events import Change, ChatError, ChatEvent, ConnectError, RowChange, Source, Usage
from appliance.client.mailbox import Events
from appliance.client.rest import Client
from appliance.client.transport import ApiError

__all__ = [
    "AIChat",
    "Answer",
    "ApiError",
    "Change",
    "ChatError",
    "ChatEvent",
    "Client",
    "ConnectError",
    "Events",
    "RowChange",
    "Source",
    "Usage",
]
