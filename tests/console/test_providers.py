"""Model providers in the console: all are listed, made, and tried out with their error in plain words."""

from __future__ import annotations

from pathlib import Path

from tests.console.signed_in import admin_of
from tests.support.model_replies import error, openai_text
from tests.support.model_server import model_server
from tests.support.stack import stack

KEY = "sk-very-secret-key-1234567890"


async def test_the_offline_model_is_always_there_and_answers(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        (offline,) = (await admin.get("providers"))["providers"]
        assert (offline["provider_type"], offline["is_default"], offline["read_only"]) == (
            "offline",
            True,
            True,
        )
        tried = await admin.post(f"providers/{offline['id']}/test")
        assert tried["ok"]
        assert tried["text"]
        assert (await admin.actions())[-1] == "provider.test"


async def test_a_provider_is_made_tried_and_deleted_and_its_key_is_never_shown(tmp_path: Path) -> None:
    replies = [openai_text("ready"), error(401, "Incorrect API key provided"), openai_text("")]
    async with (
        model_server(replies) as model,
        stack(tmp_path) as served,
        admin_of(served) as admin,
    ):
        config = {"api_key": KEY, "base_url": f"{model.url}/v1", "model": "small"}
        made = await admin.post("providers", {"name": "mine", "provider_type": "openai", "config": config})
        path = f"providers/{made['id']}"
        assert KEY not in str(made) + str(await admin.get("providers"))
        tried = await admin.post(f"{path}/test")
        assert (tried["ok"], tried["text"], tried["error"]) == (True, "ready", None)
        assert tried["took_ms"] > 0
        tried = await admin.post(f"{path}/test")
        assert (tried["ok"], tried["text"]) == (False, None)
        assert "401" in tried["error"] or "key" in tried["error"]
        assert KEY not in tried["error"]
        assert (await admin.post(f"{path}/test"))["error"] == "It answered with nothing."
        assert (await admin.put(path, {"enabled": False}))["enabled"] is False
        assert (await admin.put(f"{path}/default"))["is_default"]
        assert (await admin.delete(path))["deleted"]
        assert (await admin.refused("POST", f"{path}/test"))[:2] == (404, "NOT_FOUND")


async def test_a_provider_that_nobody_hears_tells_so(tmp_path: Path) -> None:
    async with stack(tmp_path, provider_retries=0) as served, admin_of(served) as admin:
        config = {"api_key": KEY, "base_url": "http://127.0.0.1:9/v1", "model": "small"}
        made = await admin.post("providers", {"name": "gone", "provider_type": "openai", "config": config})
        tried = await admin.post(f"providers/{made['id']}/test")
        assert not tried["ok"]
        assert "127.0.0.1:9" in tried["error"]
        unset = await admin.post("providers", {"name": "unset", "provider_type": "openai", "config": {}})
        assert "no" in (await admin.post(f"providers/{unset['id']}/test"))["error"]


async def test_what_is_built_in_cannot_be_changed(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hi")]) as served, admin_of(served) as admin:
        ids = [one["id"] for one in (await admin.get("providers"))["providers"]]
        assert ids == ["FROM_CONFIG", "offline"]
        assert (await admin.post("providers/FROM_CONFIG/test"))["text"] == "Hi"
        for id in ids:
            assert (await admin.refused("PUT", f"providers/{id}", {"enabled": False}))[0] == 403
            assert (await admin.refused("DELETE", f"providers/{id}"))[0] == 403
        assert (await admin.refused("GET", "providers/nobody"))[0] == 404
        assert (await admin.refused("POST", "providers", {"name": "x", "provider_type": "y"}))[0] == 400
