"""The bot methods of `client.admin.ai` as the SDK calls them, and what tests of them have in common."""

from __future__ import annotations

from typing import Any

import trio

from appliance.engine.bot_entries import bot_id
from appliance.store import audit
from appliance.store.database import connect, database_path
from tests.support.sdk import Client, Ear, Result
from tests.support.stack import Stack

BOTS = "/api/v1/admin/ai/chatbots"
FIELDS = """
id name namespace description code original_code is_bundled bundle_error allowed_tables
allowed_operations allowed_schemas http_allowed_domains intent_rules required_columns default_table
enabled max_tokens temperature model provider_id persist_conversations conversation_ttl_hours
max_conversation_turns rate_limit_per_minute daily_request_limit daily_token_budget allow_unauthenticated
is_public require_roles response_language disable_execution_logs required_settings mcp_tools
use_mcp_schema knowledge_bases rag_max_chunks rag_similarity_threshold rag_table rag_column
rag_content_column reasoning_mode max_tool_iterations show_reasoning version source created_by created_at
updated_at
"""
"""Every field of `Chatbot` that the protocol lists."""
CODE = """/** A helper
 * @fluxbase:allow-unauthenticated
 * @fluxbase:max-tokens 500
 */
export default `Help.`"""
OTHER = CODE.replace("Help.", "Help better.")
BAD = "/** A helper\n * @fluxbase:row-rules orders: user_id = (\n */\nexport default `Help.`"
EVERYTHING = {
    "description": "Chosen",
    "enabled": True,
    "max_tokens": 77,
    "temperature": 0,
    "persist_conversations": False,
    "conversation_ttl_hours": 1.5,
    "max_conversation_turns": 3,
    "rate_limit_per_minute": 4,
    "daily_request_limit": 5,
    "daily_token_budget": 6,
    "allow_unauthenticated": False,
    "is_public": False,
}


class AdminAI:
    """The bot methods of `client.admin.ai`."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.request = client.request

    async def list_chatbots(self, namespace: str = "") -> list[Any]:
        query = f"?namespace={namespace}" if namespace else ""
        data, error = await self.request("GET", BOTS + query)
        assert error is None
        assert data["count"] == len(data["chatbots"])
        found: list[Any] = data["chatbots"]
        return found

    async def get_chatbot(self, name: str, namespace: str = "default") -> Result:
        return await self.request("GET", f"{BOTS}/{bot_id(namespace, name)}")

    async def toggle_chatbot(self, name: str, enabled: Any, method: str = "PUT") -> Result:
        return await self.request(method, f"{BOTS}/{bot_id('default', name)}/toggle", {"enabled": enabled})

    async def update_chatbot(self, name: str, **body: Any) -> Result:
        return await self.request("PUT", f"{BOTS}/{bot_id('default', name)}", body)

    async def delete_chatbot(self, name: str, namespace: str = "default") -> Result:
        return await self.request("DELETE", f"{BOTS}/{bot_id(namespace, name)}")

    async def sync(self, *chatbots: Any, namespace: str = "default", **options: bool) -> Any:
        """The SDK sends all of this always, `chatbots` only when there are some."""
        body: dict[str, Any] = {
            "namespace": namespace,
            "options": {"delete_missing": False, "dry_run": False, **options},
        }
        data, error = await self.request(
            "POST", f"{BOTS}/sync", body | ({"chatbots": chatbots} if chatbots else {})
        )
        assert error is None, error
        assert set(data) == {"message", "namespace", "summary", "details", "errors", "warnings", "dry_run"}
        kinds = ("created", "updated", "deleted", "unchanged")
        assert data["summary"] == {
            **{kind: len(data["details"][kind]) for kind in kinds},
            "errors": len(data["errors"]),
        }
        return data

    async def names(self) -> list[str]:
        return [bot["name"] for bot in await self.list_chatbots()]


def admin_token(served: Stack) -> str:
    return served.token("root", role="instance_admin")


def bot(name: str, code: str = CODE, **fields: Any) -> dict[str, Any]:
    return {"name": name, "code": code, **fields}


def done(data: Any) -> dict[str, list[str]]:
    """Only what there is in the details."""
    return {kind: names for kind, names in data["details"].items() if names}


def trail(served: Stack) -> list[audit.AuditEntry]:
    db = connect(database_path(served.data))
    found = audit.entries(db, tenant="default")
    db.close()
    return [entry for entry in found if entry.action.startswith("bot.")][::-1]


async def asked(served: Stack, nursery: trio.Nursery, chatbot: str, *, said: str = "hi") -> str:
    """One turn of an anonymous visitor; returns the conversation's id."""
    ear = Ear()
    chat = served.chat(nursery, ear)
    await chat.connect()
    id: str = await chat.start_chat(chatbot)
    await chat.send_message(id, said)
    await ear.until_events("done")
    return id


def active(served: Stack) -> list[str]:
    """The bots of all conversations that are not deleted."""
    db = connect(database_path(served.data))
    found = [row[0] for row in db.execute("SELECT bot FROM _conversations WHERE status = 'active'")]
    db.close()
    return found


async def appears(admin: AdminAI, name: str) -> None:
    """Wait until the files were looked at and the bot is there."""
    with trio.fail_after(20):
        while name not in await admin.names():  # noqa: ASYNC110 # what is awaited is a file being seen
            await trio.sleep(0.05)
