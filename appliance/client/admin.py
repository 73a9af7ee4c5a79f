"""`client.admin.ai`: what administrators see and change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from appliance.client.knowledge import AdminKnowledge
from appliance.client.shapes import (
    AdminConversationPage,
    AdminMessagePage,
    AuditPage,
    Chatbot,
    ChatbotDetail,
    ChatbotList,
    Metrics,
    Provider,
    ProviderList,
    SyncResult,
    Table,
    TableList,
    TableSummary,
)
from appliance.client.transport import segment

BASE = "/api/v1/admin/ai"
UNSET = msgspec.UNSET


class AdminAI(AdminKnowledge):
    """Needs an administrator's token or a service key. Knowledge bases are `AdminKnowledge`."""

    # -- bots ----------------------------------------------------------------------------------------

    async def list_chatbots(self, namespace: str | None = None) -> list[Chatbot]:
        """All of them, also disabled ones and those whose file is bad."""
        query = {"namespace": namespace}
        return (await self._transport.call("GET", f"{BASE}/chatbots", ChatbotList, query=query)).chatbots

    async def get_chatbot(self, id: str) -> ChatbotDetail:
        """One of them with its code."""
        return await self._transport.call("GET", _chatbot(id), ChatbotDetail)

    async def toggle_chatbot(self, id: str, enabled: bool) -> ChatbotDetail:
        """Enable or disable it."""
        body = {"enabled": enabled}
        return await self._transport.call("PUT", f"{_chatbot(id)}/toggle", ChatbotDetail, body)

    async def update_chatbot(self, id: str, **settings: Any) -> ChatbotDetail:
        """Choose settings that go before what the bot's file says, such as `temperature=0.2`."""
        return await self._transport.call("PUT", _chatbot(id), ChatbotDetail, settings)

    async def delete_chatbot(self, id: str) -> None:
        """Delete it with all conversations with it."""
        await self._transport.fetch("DELETE", _chatbot(id))

    async def sync(
        self,
        chatbots: Sequence[Mapping[str, Any]] | None = None,
        *,
        namespace: str = "default",
        delete_missing: bool = False,
        dry_run: bool = False,
    ) -> SyncResult:
        """Make, change and delete bots: those given (`{"name": …, "code": …}`), else the server's files."""
        options = {"delete_missing": delete_missing, "dry_run": dry_run}
        body: dict[str, Any] = {"namespace": namespace, "options": options}
        if chatbots:
            body["chatbots"] = list(chatbots)
        return await self._transport.call("POST", f"{BASE}/chatbots/sync", SyncResult, body)

    # -- providers -----------------------------------------------------------------------------------

    async def list_providers(self) -> list[Provider]:
        """All model providers, the environment's first."""
        return (await self._transport.call("GET", f"{BASE}/providers", ProviderList)).providers

    async def get_provider(self, id: str) -> Provider:
        """One of them."""
        return await self._transport.call("GET", _provider(id), Provider)

    async def create_provider(
        self,
        name: str,
        provider_type: str,
        config: Mapping[str, str | int | float | bool] | None = None,
        *,
        display_name: str | None = None,
        is_default: bool = False,
        enabled: bool = True,
        embedding_model: str | None = None,
    ) -> Provider:
        """Make one; `provider_type` is openai, azure or ollama. The first one is the default."""
        body = {
            "name": name,
            "provider_type": provider_type,
            "config": dict(config or {}),
            "display_name": display_name,
            "is_default": is_default,
            "enabled": enabled,
            "embedding_model": embedding_model,
        }
        return await self._transport.call("POST", f"{BASE}/providers", Provider, body)

    async def update_provider(
        self,
        id: str,
        *,
        display_name: str | None = None,
        config: Mapping[str, str | int | float | bool] | None = None,
        enabled: bool | None = None,
        embedding_model: str | msgspec.UnsetType | None = UNSET,
    ) -> Provider:
        """Change what is given; `config` is merged key by key, `embedding_model=None` resets it."""
        given = {"display_name": display_name, "config": config and dict(config), "enabled": enabled}
        body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if embedding_model is not UNSET:
            body["embedding_model"] = embedding_model
        return await self._transport.call("PUT", _provider(id), Provider, body)

    async def set_default_provider(self, id: str) -> Provider:
        """Let it answer where a bot names none."""
        return await self._transport.call("PUT", f"{_provider(id)}/default", Provider, {})

    async def delete_provider(self, id: str) -> None:
        """Delete it."""
        await self._transport.fetch("DELETE", _provider(id))

    async def set_embedding_provider(self, id: str) -> None:
        """Let it make embeddings."""
        await self._transport.fetch("PUT", f"{_provider(id)}/embedding", {})

    async def clear_embedding_provider(self, id: str) -> None:
        """Leave open again who makes embeddings."""
        await self._transport.fetch("DELETE", f"{_provider(id)}/embedding")

    # -- what there is and what was done -------------------------------------------------------------

    async def list_tables(self, schema: str | None = None) -> list[TableSummary]:
        """All tables and views of the data, or of one schema."""
        query = {"schema": schema}
        return (await self._transport.call("GET", f"{BASE}/tables", TableList, query=query)).tables

    async def get_table(self, schema: str, table: str) -> Table:
        """One of them with its columns, keys and indexes."""
        return await self._transport.call("GET", f"{BASE}/tables/{segment(schema)}/{segment(table)}", Table)

    async def metrics(self) -> Metrics:
        """Turns, tokens, errors and times of the tenant so far."""
        return await self._transport.call("GET", f"{BASE}/metrics", Metrics)

    async def list_conversations(
        self,
        *,
        chatbot_id: str | None = None,
        user_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AdminConversationPage:
        """Everybody's, the latest first; without a `status` all but the deleted ones."""
        query = {
            "chatbot_id": chatbot_id,
            "user_id": user_id,
            "status": status,
            "limit": limit,
            "offset": offset,
        }
        return await self._transport.call("GET", f"{BASE}/conversations", AdminConversationPage, query=query)

    async def list_messages(
        self, conversation_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> AdminMessagePage:
        """What was said in one, and what tools were called; the audit trail has that it was read."""
        path = f"{BASE}/conversations/{segment(conversation_id)}/messages"
        query = {"limit": limit, "offset": offset}
        return await self._transport.call("GET", path, AdminMessagePage, query=query)

    async def audit(
        self,
        *,
        chatbot_id: str | None = None,
        user_id: str | None = None,
        success: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AuditPage:
        """The calls of tools, the newest first."""
        query: dict[str, str | int | bool | None] = {
            "chatbot_id": chatbot_id,
            "user_id": user_id,
            "success": success,
            "limit": limit,
            "offset": offset,
        }
        return await self._transport.call("GET", f"{BASE}/audit", AuditPage, query=query)


def _chatbot(id: str) -> str:
    return f"{BASE}/chatbots/{segment(id)}"


def _provider(id: str) -> str:
    return f"{BASE}/providers/{segment(id)}"
