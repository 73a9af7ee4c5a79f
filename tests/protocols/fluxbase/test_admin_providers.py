"""`client.admin.ai.*` for providers as the SDK calls it: bodies, refusals, and that it acts at once."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import trio

from appliance.server.tokens import make_user_token
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from appliance.store.secret import load_secret
from tests.support.model_replies import openai_text
from tests.support.model_server import model_server
from tests.support.sdk import Client, Ear, Result, create_client
from tests.support.stack import Stack, stack

PROVIDERS = "/api/v1/admin/ai/providers"
SECRET = "sk-t0p-secret-value"
OPENAI = {"api_key": SECRET, "model": "gpt-4o"}


class AdminAI:
    """The provider methods of `client.admin.ai`, which sends a body `{}` with both flags."""

    def __init__(self, client: Client) -> None:
        self.request = client.request

    async def list_providers(self) -> Result:
        return await self.request("GET", PROVIDERS)

    async def get_provider(self, id: str) -> Result:
        return await self.request("GET", f"{PROVIDERS}/{id}")

    async def create_provider(self, name: Any = "main", provider_type: Any = "openai", **body: Any) -> Result:
        return await self.request("POST", PROVIDERS, {"name": name, "provider_type": provider_type, **body})

    async def update_provider(self, id: str, **body: Any) -> Result:
        return await self.request("PUT", f"{PROVIDERS}/{id}", body)

    async def set_default_provider(self, id: str) -> Result:
        return await self.request("PUT", f"{PROVIDERS}/{id}/default", {})

    async def delete_provider(self, id: str) -> Result:
        return await self.request("DELETE", f"{PROVIDERS}/{id}")

    async def set_embedding_provider(self, id: str) -> Result:
        return await self.request("PUT", f"{PROVIDERS}/{id}/embedding", {})

    async def clear_embedding_provider(self, id: str) -> Result:
        return await self.request("DELETE", f"{PROVIDERS}/{id}/embedding")

    async def made(self, name: str, **body: Any) -> str:
        id: str = (await self.create_provider(name, config=OPENAI, **body)).data["id"]
        return id


def admin_token(served: Stack) -> str:
    return served.token("root", role="instance_admin")


async def test_a_created_provider_has_every_field_of_the_sdks_type(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        assert (await admin.list_providers()).data == {"providers": [], "count": 0}
        made, error = await admin.create_provider("openai-main", display_name="OpenAI (Main)", config=OPENAI)
        assert error is None
        UUID(made["id"])
        assert made["created_at"] == made["updated_at"]
        assert made["created_at"].endswith("Z")
        shown = {name: made[name] for name in made if name not in ("id", "created_at", "updated_at")}
        assert shown == {
            "name": "openai-main",
            "display_name": "OpenAI (Main)",
            "provider_type": "openai",
            "is_default": True,
            "use_for_embeddings": None,
            "embedding_model": None,
            "config": {"api_key": "***masked***", "model": "gpt-4o"},
            "enabled": True,
            "read_only": False,
            "from_config": False,
            "created_by": "root",
            "problem": None,
        }
        assert (await admin.get_provider(made["id"])).data == made
        assert (await admin.list_providers()).data == {"providers": [made], "count": 1}
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                served.url + PROVIDERS,
                json={"name": "x", "provider_type": "azure"},
                headers={"Authorization": f"Bearer {admin_token(served)}"},
            )
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
        assert answer.json()["problem"] == "It has no endpoint and no api_key and no deployment_name."


async def test_a_provider_is_updated_made_default_flagged_and_deleted(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        first = await admin.made("first", enabled=False, embedding_model="e1")
        second = await admin.made("second")
        changed = (
            await admin.update_provider(
                first, config={"api_key": "***masked***", "model": "m2"}, enabled=True
            )
        ).data
        assert changed["config"] == {"api_key": "***masked***", "model": "m2"}
        assert (changed["enabled"], changed["embedding_model"], changed["is_default"]) == (True, "e1", True)
        for reset in ("", None):
            assert (await admin.update_provider(first, embedding_model="e2")).data["embedding_model"] == "e2"
            assert (await admin.update_provider(first, embedding_model=reset)).data["embedding_model"] is None
        default = (await admin.set_default_provider(second)).data
        assert (default["id"], default["is_default"], default["isDefault"]) == (second, True, True)
        assert (await admin.get_provider(first)).data["is_default"] is False
        assert (await admin.set_embedding_provider(first)).data == {"id": first, "use_for_embeddings": True}
        assert (await admin.set_embedding_provider(second)).data["use_for_embeddings"] is True
        listed = (await admin.list_providers()).data["providers"]
        assert [one["use_for_embeddings"] for one in listed] == [None, True]
        assert (await admin.clear_embedding_provider(second)).data == {"use_for_embeddings": False}
        assert (await admin.delete_provider(first)).data == {"deleted": True, "id": first}
        (left,) = (await admin.list_providers()).data["providers"]
        assert (left["id"], left["use_for_embeddings"]) == (second, None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "main", "provider_type": "openai"}, 409, "CONFLICT"),
        ({"name": "x", "provider_type": "bard"}, 400, "INVALID_INPUT"),
        ({"name": "x"}, 400, "INVALID_INPUT"),
        ({"provider_type": "openai"}, 400, "INVALID_INPUT"),
        ({"name": 5, "provider_type": "openai"}, 400, "INVALID_INPUT"),
        ({"name": "x", "provider_type": "openai", "config": {"a": {"b": 1}}}, 400, "INVALID_INPUT"),
        ({"name": "x", "provider_type": "openai", "config": [1]}, 400, "INVALID_INPUT"),
        ({"name": "x", "provider_type": "openai", "config": {"base_url": "nowhere"}}, 400, "INVALID_INPUT"),
        ({"name": "x", "provider_type": "openai", "is_default": "yes"}, 400, "INVALID_INPUT"),
        ([], 400, "INVALID_INPUT"),
    ],
)
async def test_a_bad_provider_is_refused_in_the_sdks_form(
    tmp_path: Path, body: Any, status: int, code: str
) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.made("main")
        error = (await client.request("POST", PROVIDERS, body)).error
        assert error is not None
        assert (error.status, error.details["code"]) == (status, code)
        assert isinstance(error.details["error"], str)
        assert (await admin.list_providers()).data["count"] == 1


async def test_unknown_ids_are_404_and_the_environments_provider_is_403(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        (ours,) = (await admin.list_providers()).data["providers"]
        assert (ours["id"], ours["name"], ours["is_default"]) == ("FROM_CONFIG", "config", True)
        assert (ours["read_only"], ours["from_config"], ours["provider_type"]) == (True, True, "openai")
        assert (await admin.get_provider("FROM_CONFIG")).data == ours
        for id, status in (("no-such-id", 404), ("FROM_CONFIG", 403)):
            for answer in (
                await admin.update_provider(id, enabled=False),
                await admin.set_default_provider(id),
                await admin.set_embedding_provider(id),
                await admin.clear_embedding_provider(id),
                await admin.delete_provider(id),
            ):
                assert answer.error is not None
                assert answer.error.status == status
        assert (await admin.get_provider("no-such-id")).error.status == 404
        assert (await admin.list_providers()).data["providers"] == [ours]


async def test_only_admins_of_the_default_tenant_see_and_change_providers(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        db = connect(database_path(tmp_path))
        _, service = create_key(db, "service", "default", 0.0)
        _, elsewhere = create_key(db, "service", "acme", 0.0)
        _, tenant = create_key(db, "tenant", "default", 0.0)
        _, anon = create_key(db, "anon", "default", 0.0)
        db.close()
        secret = load_secret(tmp_path)
        foreign = make_user_token(secret, user_id="eve", role="admin", tenant="acme", now=0, lifetime_s=1e11)
        expected = {
            "": 401,
            anon: 403,
            served.token(): 403,
            tenant: 403,
            elsewhere: 403,
            foreign: 403,
            service: 200,
            admin_token(served): 200,
            served.token("tina", role="tenant_admin"): 200,
            make_user_token(
                secret, user_id="tom", role="tenant_admin", tenant="acme", now=0, lifetime_s=1e11
            ): 403,
        }
        calls = [
            ("GET", PROVIDERS, None),
            ("GET", f"{PROVIDERS}/FROM_CONFIG", None),
            ("POST", PROVIDERS, "not JSON"),
            ("PUT", f"{PROVIDERS}/x", "not JSON"),
            ("PUT", f"{PROVIDERS}/x/default", "{}"),
            ("PUT", f"{PROVIDERS}/x/embedding", "{}"),
            ("DELETE", f"{PROVIDERS}/x/embedding", None),
            ("DELETE", f"{PROVIDERS}/x", None),
        ]
        async with httpx.AsyncClient() as http:
            for key, status in expected.items():
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                for method, path, content in calls:
                    answer = await http.request(method, served.url + path, headers=headers, content=content)
                    if status == 200:
                        assert answer.status_code in (200, 400, 404), (method, path)
                    else:
                        assert answer.status_code == status, (method, path, answer.text)
                        assert "error" in answer.json()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def ask(served: Stack, text: str) -> tuple[str, list[tuple[str, str | None, str | None]]]:
    """The answer of the bot, and the errors."""
    ear = Ear()
    async with trio.open_nursery() as nursery:
        chat = served.chat(nursery, ear, token=served.token(), reconnect_attempts=0)
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, text)
        await ear.until(lambda: bool(ear.done or ear.errors))
        nursery.cancel_scope.cancel()
    return chat.get_accumulated_content(id), ear.errors


async def test_what_an_admin_changes_acts_at_the_next_question_of_a_running_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "appliance")
    replies = [openai_text(word) for word in ("one", "two", "three")]
    async with (
        model_server(replies) as model,
        stack(tmp_path) as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        admin = AdminAI(client)
        id = await admin.made("main")
        await admin.update_provider(id, config={"base_url": f"{model.url}/v1"})
        assert await ask(served, "a?") == ("one", [])
        await admin.update_provider(id, config={"api_key": "sk-second"})
        assert await ask(served, "b?") == ("two", [])
        await admin.update_provider(id, enabled=False)
        _, ((text, code, _),) = await ask(served, "c?")
        assert (text.startswith("No AI provider configured"), code) == (True, "PROVIDER_ERROR")
        await admin.update_provider(id, enabled=True)
        assert await ask(served, "d?") == ("three", [])
        keys = [request.headers["authorization"] for request in model.requests]
        assert keys == [f"Bearer {SECRET}", "Bearer sk-second", "Bearer sk-second"]
        assert [request.body["model"] for request in model.requests] == ["gpt-4o"] * 3
    assert SECRET.encode() not in everything_in(tmp_path)
    assert SECRET not in caplog.text
    assert "sk-second" not in caplog.text


async def test_a_server_whose_encryption_key_is_lost_starts_and_says_what_is_wrong(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        id = await AdminAI(client).made("main")
    (tmp_path / "secrets.key").unlink()
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        (broken,) = (await admin.list_providers()).data["providers"]
        assert broken["config"] == {"api_key": "***masked***", "model": "gpt-4o"}
        assert "another encryption key" in broken["problem"]
        _, ((text, code, _),) = await ask(served, "a?")
        assert (text.startswith("No AI provider configured"), code) == (True, "PROVIDER_ERROR")
        error = (await admin.update_provider(id, config={"api_key": "sk-new"})).error
        assert error is not None
        assert error.status == 409
        assert (await admin.delete_provider(id)).data["deleted"]
        assert (await admin.create_provider("main", config=OPENAI)).data["problem"] is None
