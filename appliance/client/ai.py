"""`client.ai`: bots, the caller's own conversations, results of queries."""

from __future__ import annotations

from typing import Any

from appliance.client.events import Change
from appliance.client.knowledge import Knowledge
from appliance.client.shapes import (
    ChangeList,
    Chatbot,
    ChatbotList,
    ConversationDetail,
    ConversationPage,
    Decided,
    Lookup,
    QueryResult,
)
from appliance.client.transport import ApiError, Transport, segment

BASE = "/api/v1/ai"


class AI(Knowledge):
    """What everybody may ask; conversations and knowledge bases need a user."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, BASE)

    async def list_chatbots(self) -> list[Chatbot]:
        """The enabled, public bots."""
        return (await self._transport.call("GET", f"{BASE}/chatbots", ChatbotList)).chatbots

    async def get_chatbot(self, id: str) -> Chatbot:
        """One of them."""
        return await self._transport.call("GET", f"{BASE}/chatbots/{segment(id)}", Chatbot)

    async def lookup_chatbot(self, name: str) -> Lookup:
        """A bot by its name alone; where there is none, or several, the result says so."""
        try:
            return await self._transport.call("GET", f"{BASE}/chatbots/by-name/{segment(name)}", Lookup)
        except ApiError as error:
            if error.status != 404:
                raise
            return Lookup(error=error.message)

    async def list_conversations(
        self,
        *,
        chatbot: str | None = None,
        namespace: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> ConversationPage:
        """The caller's own, newest first."""
        query = {"chatbot": chatbot, "namespace": namespace, "limit": limit, "offset": offset}
        return await self._transport.call("GET", f"{BASE}/conversations", ConversationPage, query=query)

    async def get_conversation(self, id: str) -> ConversationDetail:
        """One of them with its messages."""
        return await self._transport.call("GET", _conversation(id), ConversationDetail)

    async def update_conversation(self, id: str, *, title: str) -> ConversationDetail:
        """Give it a title."""
        return await self._transport.call("PATCH", _conversation(id), ConversationDetail, {"title": title})

    async def delete_conversation(self, id: str) -> None:
        """Delete it, and stop what runs in it."""
        await self._transport.fetch("DELETE", _conversation(id))

    async def changes(self, conversation_id: str) -> list[Change]:
        """Changes of data that wait for the user's word, oldest first."""
        found = await self._transport.call("GET", f"{_conversation(conversation_id)}/changes", ChangeList)
        return found.changes

    async def decide_change(
        self, conversation_id: str, change_id: str, *, approve: bool, message_id: str | None = None
    ) -> Decided:
        """Agree to a change, or decline it; the same `message_id` again is the same decision."""
        path = f"{_conversation(conversation_id)}/changes/{segment(change_id)}"
        body: dict[str, Any] = {"approve": approve} | ({"message_id": message_id} if message_id else {})
        return await self._transport.call("POST", path, Decided, body)

    async def results(self, id: str) -> QueryResult:
        """All rows of a query's result, by the `result_id` that a chat gave."""
        return await self._transport.call("GET", f"{BASE}/results/{segment(id)}", QueryResult)

    async def results_csv(self, id: str) -> str:
        """The same as a CSV file's text."""
        query = {"format": "csv"}
        return (await self._transport.fetch("GET", f"{BASE}/results/{segment(id)}", query=query)).decode()


def _conversation(id: str) -> str:
    return f"{BASE}/conversations/{segment(id)}"
