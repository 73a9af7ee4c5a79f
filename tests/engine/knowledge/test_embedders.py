"""Which embedder is chosen, and that what administrators change counts from the next call on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from appliance.engine.knowledge.embedders import Embedders, embed
from appliance.engine.provider_views import ProviderChange, ProviderDraft
from appliance.engine.providers import Providers
from appliance.errors import AuthRequired, EmbeddingFailed, Forbidden, InvalidInput, NoEmbedder
from appliance.identity import Caller
from appliance.providers.configured import environment
from appliance.providers.embedding import local_files
from appliance.providers.embedding.base import Embedder
from appliance.providers.http import new_client
from appliance.providers.making import make_stored
from appliance.settings import load
from appliance.store import settings
from appliance.store.database import connect, database_path
from appliance.store.store import Store
from appliance.store.vault import Vault
from tests.providers.embedding.replies import one_hot, openai_vectors
from tests.support.model_server import model_server

ADMIN = Caller(role="admin", user_id="root")
ALICE = Caller(role="authenticated", user_id="alice")
SECRET = "sk-t0p-secret-value"
VAULT = Vault("k" * 32)
OPENAI = {"OPENAI_API_KEY": SECRET}
LOCAL = "all-MiniLM-L6-v2"


class Stage:
    def __init__(
        self, embedders: Embedders, providers: Providers, store: Store, client: httpx.AsyncClient
    ) -> None:
        self.embedders = embedders
        self.providers = providers
        self.store = store
        self.client = client

    def who(self, model: str = "", provider: str = "") -> str | None:
        """The key of whoever is chosen."""
        found = self.embedders.choose(model, provider=provider)
        assert (found is None) == bool(self.embedders.why_none(model, provider=provider))
        return found.key if found else None

    async def make(self, name: str, type: str = "openai", *, flag: bool = False, **draft: object) -> str:
        config = draft.pop("config", {"api_key": SECRET})
        made = ProviderDraft(name=name, type=type, config=config, **draft)  # type: ignore[arg-type]
        id = (await self.providers.create(made, ADMIN)).id
        if flag:
            await self.providers.flag_for_embeddings(id, ADMIN, flag=True)
        return id


@asynccontextmanager
async def stage(data: Path, **environ: str) -> AsyncIterator[Stage]:
    connect(database_path(data)).close()
    known = load({"APPLIANCE_PROVIDER_RETRIES": "0", **environ})
    async with Store.open(database_path(data)) as store, new_client(trust_env=False) as client:
        await store.write(settings.prepare, VAULT)
        providers = Providers(
            store, VAULT, environment(known, client), partial(make_stored, known, client), lambda: 1.0
        )
        async with Embedders.open(known, store, VAULT, client) as embedders:
            yield Stage(embedders, providers, store, client)


@pytest.fixture
def without_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_files, "_PROGRAMS", ("numpy", "no_such_program"))


async def test_the_local_model_serves_when_nobody_is_configured(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        assert there.who() == f"local 8199be6f699a {LOCAL}"
        assert there.who("text-embedding-3-small") == there.who()


async def test_the_local_model_serves_before_the_default_provider(tmp_path: Path) -> None:
    async with stage(tmp_path, **OPENAI) as there:
        assert (there.who() or "").startswith("local")


@pytest.mark.usefixtures("without_local")
async def test_without_its_packages_nobody_serves_and_people_are_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        assert there.who() is None
        assert "no_such_program is not installed" in there.embedders.why_none()
        assert "chat-appliance[embed]" in there.embedders.why_none()


@pytest.mark.usefixtures("without_local")
async def test_local_without_its_packages_is_told_once_and_nobody_else_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "appliance.embedding")
    async with stage(tmp_path, APPLIANCE_EMBEDDING_PROVIDER="local", **OPENAI) as there:
        assert there.who() is None
        assert there.who() is None
    assert len([record for record in caplog.records if "no_such_program" in record.message]) == 1


async def test_none_means_words_only(tmp_path: Path) -> None:
    async with stage(tmp_path, APPLIANCE_EMBEDDING_PROVIDER="none", **OPENAI) as there:
        await there.make("flagged", flag=True)
        assert there.who() is None
        assert "APPLIANCE_EMBEDDING_PROVIDER is none" in there.embedders.why_none()
        assert there.embedders.by_key(f"local 8199be6f699a {LOCAL}") is None


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        (OPENAI, "openai https://api.openai.com/v1 text-embedding-3-small"),
        (
            {"AZURE_OPENAI_ENDPOINT": "https://a.example", "AZURE_OPENAI_API_KEY": "k", "family": "azure"},
            "azure https://a.example text-embedding-ada-002",
        ),
        ({"family": "ollama"}, "ollama http://127.0.0.1:11434 nomic-embed-text"),
        ({**OPENAI, "APPLIANCE_EMBEDDING_MODEL": "big"}, "openai https://api.openai.com/v1 big"),
        ({**OPENAI, "OPENAI_MODEL": "gpt-4o"}, "openai https://api.openai.com/v1 text-embedding-3-small"),
        ({**OPENAI, "OPENAI_BASE_URL": "http://own:1/v1"}, "openai http://own:1/v1 text-embedding-3-small"),
    ],
)
async def test_the_explicit_setting_takes_the_environments_provider(
    tmp_path: Path, environ: dict[str, str], key: str
) -> None:
    given = {"family": "openai", **environ}
    family = given.pop("family")
    async with stage(tmp_path, APPLIANCE_EMBEDDING_PROVIDER=family, **given) as there:
        await there.make("flagged", flag=True, embedding_model="other")
        assert there.who() == key
        assert there.who("named") == f"{key.rsplit(' ', 1)[0]} named"


async def test_an_explicit_family_that_only_the_database_has_is_taken_from_there(tmp_path: Path) -> None:
    async with stage(tmp_path, APPLIANCE_EMBEDDING_PROVIDER="openai") as there:
        assert there.who() is None
        assert "api_key" in there.embedders.why_none()
        await there.make("stored", embedding_model="mine")
        assert there.who() == "openai https://api.openai.com/v1 mine"


async def test_the_flagged_provider_acts_at_the_next_call_and_so_does_every_change(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        id = await there.make("stored", embedding_model="one")
        assert (there.who() or "").startswith("local")
        await there.providers.flag_for_embeddings(id, ADMIN, flag=True)
        assert there.who() == "openai https://api.openai.com/v1 one"
        await there.providers.update(id, ProviderChange(embedding_model="two"), ADMIN)
        assert there.who() == "openai https://api.openai.com/v1 two"
        await there.providers.update(id, ProviderChange(config={"base_url": "http://own:1/v1"}), ADMIN)
        assert there.who() == "openai http://own:1/v1 two"
        await there.providers.update(id, ProviderChange(enabled=False), ADMIN)
        assert (there.who() or "").startswith("local")
        await there.providers.update(id, ProviderChange(enabled=True), ADMIN)
        assert there.who() == "openai http://own:1/v1 two"
        await there.providers.delete(id, ADMIN)
        assert (there.who() or "").startswith("local")


async def test_a_new_key_is_used_for_the_same_vectors(tmp_path: Path) -> None:
    async with (
        model_server([openai_vectors(one_hot(0)), openai_vectors(one_hot(0))]) as server,
        stage(tmp_path) as there,
    ):
        config = {"api_key": "sk-first", "base_url": server.url}
        id = await there.make("stored", flag=True, config=config)
        first = there.embedders.choose()
        assert first is not None
        assert there.embedders.choose() is first
        await first.embed(["a"])
        await there.providers.update(id, ProviderChange(config={"api_key": "sk-second"}), ADMIN)
        second = there.embedders.choose()
        assert second is not None
        assert second.key == first.key
        await second.embed(["b"])
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer sk-first",
        "Bearer sk-second",
    ]


async def test_a_flagged_provider_that_cannot_be_used_is_no_reason_to_ask_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path, **OPENAI) as there:
        await there.make("empty", flag=True, config={})
        assert there.who() is None
        assert there.who() is None
        assert there.embedders.why_none() == "The provider 'empty' cannot make vectors: it has no api_key."
    assert len([record for record in caplog.records if "'empty'" in record.message]) == 1


async def test_secrets_of_another_key_are_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        await there.make("sealed", flag=True)
        async with Embedders.open(load({}), there.store, Vault("o" * 32), there.client) as embedders:
            assert embedders.choose() is None
            assert "'sealed'" in embedders.why_none()


@pytest.mark.usefixtures("without_local")
async def test_the_default_provider_serves_when_there_is_no_local_model(tmp_path: Path) -> None:
    async with stage(tmp_path, **OPENAI) as there:
        assert there.who() == "openai https://api.openai.com/v1 text-embedding-3-small"
        await there.make("ours", "ollama", config={"model": "llama3"}, is_default=True)
        assert there.who() == "ollama http://127.0.0.1:11434 nomic-embed-text"


@pytest.mark.usefixtures("without_local")
async def test_a_compatible_server_serves_only_with_a_model_that_somebody_names(tmp_path: Path) -> None:
    async with stage(tmp_path, OPENAI_BASE_URL="http://own:1/v1") as there:
        assert there.who() is None
    async with stage(
        tmp_path, OPENAI_BASE_URL="http://own:1/v1", APPLIANCE_EMBEDDING_MODEL="bge-small"
    ) as there:
        assert there.who() == "openai http://own:1/v1 bge-small"


async def test_vectors_that_are_there_find_their_embedder_while_another_is_chosen(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        local = there.who()
        assert local is not None
        id = await there.make("stored", flag=True)
        stored = there.who("text-embedding-3-large")
        assert stored == "openai https://api.openai.com/v1 text-embedding-3-large"
        for key in (local, stored):
            found = there.embedders.by_key(key)
            assert found is not None
            assert found.key == key
        await there.providers.delete(id, ADMIN)
        assert there.embedders.by_key(stored) is None


@pytest.mark.parametrize(
    "key",
    ["", "local", "local x y", "openai", "openai  ", "openai https://else.example/v1 m", "nobody a b", " "],
)
async def test_keys_that_nobody_has_are_nobodys(tmp_path: Path, key: str) -> None:
    async with stage(tmp_path, **OPENAI) as there:
        assert there.embedders.by_key(key) is None


async def test_a_folder_without_a_model_is_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path, APPLIANCE_EMBEDDING_MODEL_PATH=str(tmp_path / "none")) as there:
        assert there.who() is None
    assert "APPLIANCE_EMBEDDING_MODEL_PATH must be a folder" in caplog.text


async def test_nothing_is_started_again_when_the_server_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    async def ask(embedder: Embedder) -> None:
        try:
            await embedder.embed(["The quarterly report says that sales went up. " * 250])
        except EmbeddingFailed as error:
            told.append(error.text)

    async with trio.open_nursery() as nursery, stage(tmp_path) as there:
        embedder = there.embedders.choose()
        assert embedder is not None
        await embedder.embed(["warm"])
        nursery.start_soon(ask, embedder)
        await trio.testing.wait_all_tasks_blocked()
    assert told == ["The local model gave no vectors: the server is stopping."]
    assert "replaced" not in caplog.text


async def test_an_error_in_the_block_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="mine"):
        async with stage(tmp_path):
            raise InvalidInput("mine")


async def test_texts_of_a_user_get_vectors(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        found = await embed(there.embedders, ALICE, ["hello there", "bye"])
    assert (len(found.vectors), len(found.vectors[0]), found.model) == (2, 384, LOCAL)
    assert found.tokens == 4


async def test_only_operators_name_a_provider(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        await there.make("mine", config={})
        with pytest.raises(Forbidden):
            await embed(there.embedders, ALICE, ["x"], provider="mine")
        with pytest.raises(NoEmbedder, match="no api_key"):
            await embed(there.embedders, ADMIN, ["x"], provider="mine")
        with pytest.raises(NoEmbedder, match="no such provider"):
            await embed(there.embedders, ADMIN, ["x"], provider="other")
        assert (await embed(there.embedders, ADMIN, ["x"], provider="local")).model == LOCAL


@pytest.mark.parametrize("texts", [[], [""], ["a", "  "], ["a"] * 101, ["a" * 200_001]])
async def test_nothing_and_too_much_are_refused(tmp_path: Path, texts: list[str]) -> None:
    async with stage(tmp_path) as there:
        with pytest.raises(InvalidInput):
            await embed(there.embedders, ALICE, texts)


async def test_strangers_get_no_vectors(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        with pytest.raises(AuthRequired):
            await embed(there.embedders, Caller(), ["x"])
