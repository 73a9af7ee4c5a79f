"""Which provider a turn gets, and that what administrators change counts from the next turn on."""

import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.bot import Bot
from appliance.engine.provider_views import ProviderChange, ProviderDraft
from appliance.engine.providers import Providers
from appliance.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProviderAuthFailed,
    ProviderNotConfigured,
    StoreError,
)
from appliance.identity import Caller
from appliance.messages import PromptMessage
from appliance.providerconfig import MASK
from appliance.providers.base import ModelRequest, ModelText, Provider
from appliance.providers.configured import environment
from appliance.providers.http import new_client
from appliance.providers.making import make_stored
from appliance.settings import load
from appliance.store import audit, settings
from appliance.store.database import connect, database_path
from appliance.store.store import Store
from appliance.store.vault import Vault
from tests.support.model_replies import error, openai_text
from tests.support.model_server import ModelServer, model_server

ADMIN = Caller(role="admin", user_id="root", ip="10.1.2.3")
SECRET = "sk-t0p-secret-value"
VAULT = Vault("k" * 32)
OTHER = Vault("o" * 32)
OPENAI_ENV = {"OPENAI_API_KEY": "sk-environment", "OPENAI_MODEL": "from-environment"}


class Stage:
    """Providers over a real database, and its parts."""

    def __init__(self, providers: Providers, store: Store, client: httpx.AsyncClient) -> None:
        self.providers = providers
        self.store = store
        self.client = client

    def choose(self, wanted: str | None = None) -> Provider:
        return self.providers.choose(Bot(name="shop", provider=wanted))

    def model(self, wanted: str | None = None) -> str:
        return self.choose(wanted).default_model

    async def add(self, name: str, type: str = "openai", **draft: Any) -> str:
        """Its id; its model is its name."""
        config = {"model": name, "api_key": SECRET} | draft.pop("config", {})
        made = await self.providers.create(ProviderDraft(name=name, type=type, config=config, **draft), ADMIN)
        return made.id

    async def change(self, id: str, **change: Any) -> None:
        await self.providers.update(id, ProviderChange(**change), ADMIN)

    async def defaults(self) -> list[str]:
        return [view.name for view in await self.providers.all() if view.is_default]


@asynccontextmanager
async def stage(
    data: Path, environ: Mapping[str, str] | None = None, vault: Vault = VAULT
) -> AsyncIterator[Stage]:
    read = load(environ or {})
    async with Store.open(database_path(data)) as store, new_client(trust_env=False) as client:
        make = partial(make_stored, read, client)
        found = environment(read, client)
        # A clock that stands still: nothing may depend on two changes having two times.
        yield Stage(Providers(store, vault, found, make, lambda: 1700000000.0), store, client)


async def ask(provider: Provider) -> str:
    request = ModelRequest(messages=[PromptMessage(role="user", content="hi")])
    async with provider.stream(request) as events:
        return "".join([event.text async for event in events if isinstance(event, ModelText)])


def keys_sent(server: ModelServer) -> list[str]:
    return [request.headers["authorization"] for request in server.requests]


# -- the choice --------------------------------------------------------------------------------------


async def test_with_nothing_configured_the_offline_model_answers(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        assert on.choose().name == "offline"
        assert await on.providers.all() == []
        with pytest.raises(ProviderNotConfigured, match=r"No AI provider configured.*'azure'.*offline"):
            on.choose("azure")


async def test_the_default_of_the_database_comes_before_the_environment(tmp_path: Path) -> None:
    async with stage(tmp_path, OPENAI_ENV) as on:
        assert on.model() == "from-environment"
        main = await on.add("main")
        assert on.model() == "main"
        await on.change(main, enabled=False)
        assert on.model() == "from-environment"
        await on.change(main, enabled=True)
        assert on.model() == "main"
        await on.providers.delete(main, ADMIN)
        assert on.model() == "from-environment"


async def test_the_only_enabled_one_answers_when_there_is_no_default(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        first, second, third = [await on.add(name) for name in ("a", "b", "c")]
        await on.providers.delete(first, ADMIN)
        with pytest.raises(ProviderNotConfigured, match="No AI provider configured: none of b, c is the def"):
            on.choose()
        await on.change(second, enabled=False)
        assert on.model() == "c"
        await on.change(third, enabled=False)
        with pytest.raises(ProviderNotConfigured, match=r"No AI provider configured: all .* are disabled"):
            on.choose()


async def test_a_bot_gets_its_own_by_id_or_name_if_enabled(tmp_path: Path) -> None:
    async with stage(tmp_path, OPENAI_ENV) as on:
        await on.add("main")
        other = await on.add("other")
        assert (on.model(), on.model(other), on.model("other")) == ("main", "other", "other")
        assert on.model("FROM_CONFIG") == "from-environment"
        await on.change(other, enabled=False)
        assert (on.model(other), on.model("other")) == ("main", "main")
        await on.providers.delete(other, ADMIN)
        assert on.model(other) == "main"
        with pytest.raises(
            ProviderNotConfigured, match=r"asks for 'other', and there is openai, offline, main"
        ):
            on.choose("other")


async def test_a_bot_that_asks_for_a_family_never_gets_another_vendor(tmp_path: Path) -> None:
    async with stage(tmp_path, OPENAI_ENV) as on:
        await on.add("main")
        with pytest.raises(ProviderNotConfigured, match="asks for 'ollama'"):
            on.choose("ollama")
        local = await on.add("local", "ollama")
        assert on.model("ollama") == "local"
        await on.change(local, enabled=False)
        with pytest.raises(ProviderNotConfigured, match=r"asks for 'ollama'.*local \(disabled\)"):
            on.choose("ollama")
        assert on.choose("offline").name == "offline"


async def test_of_several_of_a_family_the_one_called_so_or_the_default_or_the_environments_answers(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, OPENAI_ENV) as on:
        await on.add("local", "ollama", is_default=True)
        await on.add("a")
        b = await on.add("b")
        assert on.model("openai") == "from-environment"
        await on.providers.make_default(b, ADMIN)
        assert on.model("openai") == "b"
        await on.add("openai")
        assert on.model("openai") == "openai"
    async with stage(tmp_path) as on:  # no environment
        for view in await on.providers.all():
            if view.name in ("openai", "b"):
                await on.providers.delete(view.id, ADMIN)
        assert on.model("openai") == "a"
        await on.add("c")  # the default, since there is none
        (local,) = [view.id for view in await on.providers.all() if view.name == "local"]
        await on.providers.make_default(local, ADMIN)
        with pytest.raises(ProviderNotConfigured, match="'openai', which could be any of a, c"):
            on.choose("openai")


# -- what changes, acts ------------------------------------------------------------------------------


async def test_a_changed_key_goes_out_with_the_next_turn_over_the_same_client(tmp_path: Path) -> None:
    async with model_server([openai_text("a"), openai_text("b"), openai_text("c")]) as server:
        async with stage(tmp_path) as on:
            id = await on.add("main", config={"base_url": f"{server.url}/v1", "organization_id": "org-1"})
            first = on.choose()
            assert await ask(first) == "a"
            assert on.choose() is first
            await on.change(id, config={"api_key": "sk-second"})
            assert await ask(on.choose()) == "b"
            await on.change(id, config={"api_key": MASK, "organization_id": ""})
            assert await ask(on.choose()) == "c"
        assert keys_sent(server) == [f"Bearer {SECRET}", "Bearer sk-second", "Bearer sk-second"]
        organizations = [request.headers.get("openai-organization") for request in server.requests]
        assert organizations == ["org-1", "org-1", None]
        assert server.connections == 1


async def test_a_change_in_another_process_counts_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        id = await on.add("main")
        assert on.model() == "main"
        db = connect(database_path(tmp_path))
        config = b'{"api_key":"***masked***","model":"m2"}'
        db.execute("UPDATE _providers SET config = ? WHERE id = ?", (config, id))
        db.close()
        assert on.model() == "m2"


async def test_errors_of_a_stored_provider_name_its_keys_and_no_variable(tmp_path: Path) -> None:
    async with (
        model_server([error(401, f"Incorrect API key provided: {SECRET}")]) as server,
        stage(tmp_path) as on,
    ):
        await on.add("main", config={"base_url": f"{server.url}/v1"})
        with pytest.raises(ProviderAuthFailed, match="Check api_key of the provider 'main'") as refused:
            await ask(on.choose())
        assert SECRET not in refused.value.text


# -- administering -----------------------------------------------------------------------------------


async def test_what_is_created_is_shown_without_its_secrets(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        config: dict[str, Any] = {
            "api_key": f" {SECRET}\n",
            "model": "gpt-4o",
            "Access_Token": SECRET,
            "max_tokens": 5,
            "ratio": 1.0,
            "stream": True,
            "base_url": "",
            "organization_id": None,
            "undefined_one": "undefined",
            "null_one": "null",
        }
        made = await on.providers.create(ProviderDraft(name="main", type="openai", config=config), ADMIN)
        assert made.config == {
            "api_key": MASK,
            "model": "gpt-4o",
            "Access_Token": MASK,
            "max_tokens": "5",
            "ratio": "1",
            "stream": "true",
        }
        assert (made.display_name, made.created_by, made.is_default, made.problem) == (
            "main",
            "root",
            True,
            "",
        )
        assert await on.providers.get(made.id) == made
        assert await on.providers.all() == [made]


async def test_an_update_merges_keys_and_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        id = await on.add("main", embedding_model="e", config={"base_url": "http://localhost:1/v1"})
        await on.change(id, config={"model": "m2", "api_key": ""}, display_name="Main")
        view = await on.providers.get(id)
        assert view.config == {"model": "m2", "api_key": MASK, "base_url": "http://localhost:1/v1"}
        assert (view.display_name, view.embedding_model, view.enabled) == ("Main", "e", True)
        await on.change(id, config={"base_url": "", "api_key": None}, embedding_model="", display_name="")
        view = await on.providers.get(id)
        assert view.config == {"model": "m2"}
        assert (view.display_name, view.embedding_model) == ("main", None)
        assert view.problem == "It has no api_key."
        with pytest.raises(ProviderNotConfigured, match="'main' cannot be used: it has no api_key"):
            on.choose()


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ({"type": "bard"}, "openai, azure, ollama"),
        ({"type": "offline"}, "openai, azure, ollama"),
        ({"name": " "}, "name must"),
        ({"name": "x" * 101}, "name must"),
        ({"name": "a\nb"}, "name must"),
        ({"name": "config"}, "environment"),
        ({"name": "FROM_CONFIG"}, "environment"),
        ({"name": "ollama"}, "cannot be called"),
        ({"name": "offline"}, "cannot be called"),
        ({"config": {"base_url": "localhost"}}, "base_url of the provider 'main'"),
        ({"config": {"base_url": "file:///etc/passwd"}}, "base_url"),
        ({"config": {"base_url": "https://user:pw@host/v1"}}, "base_url.* must not hold a user"),
        ({"config": {"api_key": "a b"}}, "api_key of the provider 'main'"),
        ({"config": {"api_key": "a\r\nX-Evil: 1"}}, "config.api_key must be one line"),
        ({"config": {"organization_id": "ü"}}, "organization_id"),
        ({"config": {"": "x"}}, "key of config"),
        ({"config": {"a" * 65: "x"}}, "key of config"),
        ({"config": {"model": "x" * 5000}}, "config.model must be"),
        ({"config": {f"k{n}": "x" for n in range(33)}}, "33 keys"),
        ({"display_name": "a\nb"}, "display_name"),
        ({"embedding_model": "x" * 5000}, "embedding_model"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_nothing_is_stored(
    tmp_path: Path, draft: dict[str, Any], said: str
) -> None:
    async with stage(tmp_path) as on:
        with pytest.raises(InvalidInput, match=said) as refused:
            await on.providers.create(ProviderDraft(**({"name": "main", "type": "openai"} | draft)), ADMIN)
        assert "X-Evil" not in refused.value.text
        assert "pw@" not in refused.value.text
        assert await on.providers.all() == []
        assert await on.store.read(audit.entries, tenant="default") == []


async def test_a_bad_update_changes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        before = await on.providers.get(await on.add("main"))
        with pytest.raises(InvalidInput):
            await on.change(before.id, config={"model": "m2", "base_url": "nowhere"}, enabled=False)
        assert await on.providers.get(before.id) == before


async def test_a_taken_name_is_a_conflict_and_the_default_stays(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.add("main")
        await on.add("other", is_default=True)
        with pytest.raises(Conflict):
            await on.add("main", is_default=True)
        assert await on.defaults() == ["other"]


async def test_an_unknown_id_is_not_found(tmp_path: Path) -> None:
    async with stage(tmp_path, OPENAI_ENV) as on:
        for id in ("nobody", "", "'; DROP TABLE _providers; --"):
            with pytest.raises(NotFound):
                await on.providers.get(id)
            with pytest.raises(NotFound):
                await on.change(id, enabled=False)
            with pytest.raises(NotFound):
                await on.providers.make_default(id, ADMIN)
            with pytest.raises(NotFound):
                await on.providers.flag_for_embeddings(id, ADMIN, flag=True)
            with pytest.raises(NotFound):
                await on.providers.delete(id, ADMIN)


async def test_the_provider_of_the_environment_is_listed_first_and_read_only(tmp_path: Path) -> None:
    environ = {**OPENAI_ENV, "OPENAI_BASE_URL": "https://u:pw@host/v1", "APPLIANCE_PROVIDER_NAME": "Ours"}
    async with stage(tmp_path, environ) as on:
        (ours,) = await on.providers.all()
        assert (ours.id, ours.name, ours.display_name, ours.type) == (
            "FROM_CONFIG",
            "config",
            "Ours",
            "openai",
        )
        assert (ours.is_default, ours.is_read_only, ours.enabled) == (True, True, True)
        assert ours.config == {
            "api_key": MASK,
            "model": "from-environment",
            "base_url": f"https://{MASK}@host/v1",
        }
        for asked in (
            on.change("FROM_CONFIG", enabled=False),
            on.providers.make_default("FROM_CONFIG", ADMIN),
            on.providers.flag_for_embeddings("FROM_CONFIG", ADMIN, flag=True),
            on.providers.flag_for_embeddings("FROM_CONFIG", ADMIN, flag=False),
            on.providers.delete("FROM_CONFIG", ADMIN),
        ):
            with pytest.raises(Forbidden, match="read-only"):
                await asked
        main = await on.add("main")
        assert [view.name for view in await on.providers.all()] == ["config", "main"]
        assert await on.defaults() == ["main"]
        await on.change(main, enabled=False)
        assert (await on.providers.get("FROM_CONFIG")).is_default


async def test_every_change_leaves_a_row_and_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with stage(tmp_path) as on:
        id = await on.add("main")
        await on.change(id, config={"api_key": SECRET + "2"}, enabled=False)
        await on.providers.make_default(id, ADMIN)
        await on.providers.flag_for_embeddings(id, ADMIN, flag=True)
        await on.providers.delete(id, ADMIN)
        rows = (await on.store.read(audit.entries, tenant="default"))[::-1]
        assert [row.action.partition(".")[2] for row in rows] == [
            "create",
            "update",
            "default",
            "embedding",
            "delete",
        ]
        assert {(row.actor, row.target, row.details["name"]) for row in rows} == {("user:root", id, "main")}
        assert rows[1].details["keys"] == ["api_key"]
        assert all(row.details["ip"] == ADMIN.ip for row in rows)
        assert SECRET not in repr(rows) + caplog.text


# -- the encryption key ------------------------------------------------------------------------------


async def test_with_a_lost_key_the_provider_is_listed_with_its_problem_and_can_be_replaced(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as on:
        await on.add("main")
        await on.add("keyless", config={"api_key": "", "base_url": "http://localhost:1/v1"})
    async with stage(tmp_path, vault=OTHER) as on:
        with pytest.raises(StoreError):
            await on.store.write(settings.prepare, OTHER)  # as the server does when it starts
        keyless, broken = await on.providers.all()
        assert (broken.config["api_key"], keyless.problem) == (MASK, "")
        assert "encryption key" in broken.problem
        with pytest.raises(ProviderNotConfigured, match=r"'main' cannot be used.*another encryption key"):
            on.choose()
        assert on.model("keyless") == "keyless"
        await on.change(broken.id, display_name="Old", config={"model": "m2"})  # no secret: no key is needed
        with pytest.raises(Conflict, match="another encryption key"):
            await on.change(broken.id, config={"api_key": "sk-new"})
        with pytest.raises(Conflict, match="another encryption key"):
            await on.add("second")
        await on.providers.delete(broken.id, ADMIN)
        await on.add("main", is_default=True)
        assert on.model() == "main"


async def test_a_damaged_row_is_the_trouble_of_its_provider_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        id = await on.add("main")
        await on.add("other")
        db = connect(database_path(tmp_path))
        db.execute("UPDATE _providers SET sealed = x'0102' WHERE id = ?", (id,))
        db.close()
        assert [bool(view.problem) for view in await on.providers.all()] == [True, False]
        with pytest.raises(Conflict, match="delete the provider"):
            await on.change(id, config={"api_key": "sk-new"})
        assert on.model("other") == "other"


async def test_no_traceback_holds_a_secret(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        try:
            await on.add("main", config={"api_key": f"{SECRET} x"})
        except InvalidInput as refused:
            told = "".join(
                traceback.TracebackException.from_exception(refused, capture_locals=False).format()
            )
            assert SECRET not in told
        else:
            pytest.fail("a key with a blank was taken")
