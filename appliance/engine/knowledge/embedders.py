"""Which embedder a knowledge base gets, as things stand now.

Nothing is remembered but the objects made from configurations that are still the same: a provider that is
changed, flagged, disabled or deleted acts at the next call.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

import httpx
import msgspec
import trio

from appliance.engine.knowledge import embedder_choice
from appliance.engine.knowledge.embedder_choice import Choice, Nobody, Source
from appliance.errors import EmbeddingFailed, InvalidInput, NoEmbedder, StoreError
from appliance.identity import DEFAULT_TENANT, Caller, require_operator, require_user
from appliance.providers.embedding import making
from appliance.providers.embedding.base import Embedder
from appliance.providers.embedding.cached import Cached, QueryCache
from appliance.providers.embedding.local import Local
from appliance.providers.embedding.local_files import NotInstalled, find
from appliance.providers.embedding.vectors import numbers
from appliance.providers.failures import as_key_of, as_variable
from appliance.settings import Settings
from appliance.store import providers as stored
from appliance.store.providers import ProviderRecord
from appliance.store.store import Store
from appliance.store.vault import Vault

TEXTS_MAX = 100
TEXTS_CHARACTERS_MAX = 200_000
"""What one request may have made vectors of."""

_MADE_MAX = 64
_CHARACTERS_OF_A_TOKEN = 4

logger = logging.getLogger("appliance.embedding")


class Embedders:
    """Makes embedders of the settings and of the stored providers. Open it with `open`."""

    def __init__(
        self, settings: Settings, store: Store, vault: Vault, client: httpx.AsyncClient, local: Local | str
    ) -> None:
        """`local` is the local model, or why there is none."""
        self._settings = settings
        self._store = store
        self._vault = vault
        self._client = client
        self._local = local if isinstance(local, Local) else None
        self._local_fault = "" if isinstance(local, Local) else local
        self._cache = QueryCache()
        self._made: OrderedDict[tuple[str, str, str], tuple[Mapping[str, str], Embedder]] = OrderedDict()
        self._said: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, store: Store, vault: Vault, client: httpx.AsyncClient
    ) -> AsyncIterator[Self]:
        """Serve while the block runs; the local model's process is started when it is first needed."""
        local = await trio.to_thread.run_sync(_local, settings)
        embedders = cls(settings, store, vault, client, local)
        is_asked_for = settings.embedding_provider == "local" or settings.embedding_model_path
        if is_asked_for and isinstance(local, str):
            embedders._say(f"The local model cannot be used: {local}")
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            if isinstance(local, Local):
                nursery.start_soon(local.run)
            try:
                yield embedders
            except Exception as error:  # out of the nursery, which would wrap it
                failure = error
            finally:
                await embedders.aclose()
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def choose(self, model: str = "", *, provider: str = "") -> Embedder | None:
        """Who makes the vectors, with `model` where it is named; None: find by words only.

        The local model is the only one of its kind: it serves whatever model is named. `provider` is for
        administrators: a stored provider's id or name, a family or `local`.
        """
        found = self._found(model, provider)
        return None if isinstance(found, Nobody) else found

    def by_key(self, key: str) -> Embedder | None:
        """The embedder whose vectors can be compared with those of this key; None when it has gone."""
        if self._local is not None and key == self._local.key:
            return self._cached("", self._local) if self._allows_local() else None
        family, _, rest = key.partition(" ")
        _, _, model = rest.partition(" ")
        if not model:
            return None
        for source in embedder_choice.all_of(self._settings, self._records(), family):
            found = self._made_of(source, model)
            if not isinstance(found, Nobody) and found.key == key:
                return found
        return None

    def why_none(self, model: str = "", *, provider: str = "") -> str:
        """Why `choose` gives None, in a sentence for administrators; empty when it does not."""
        found = self._found(model, provider)
        return found.why if isinstance(found, Nobody) else ""

    async def aclose(self) -> None:
        """End the process of the local model; the client is not ours."""
        if self._local is not None:
            await self._local.aclose()

    # -- making --------------------------------------------------------------------------------------

    def _found(self, model: str, provider: str) -> Embedder | Nobody:
        choice = self._choice(provider)
        if isinstance(choice, Nobody):
            return choice
        if choice.family == "local":
            assert self._local is not None
            return self._cached("", self._local)
        named = model or self._settings.embedding_model or choice.model
        return self._made_of(choice, named or making.DEFAULT_MODELS[choice.family])

    def _choice(self, provider: str) -> Choice:
        records = self._records()
        if provider:
            return embedder_choice.named(provider, self._settings, records, self._local_fault)
        return embedder_choice.choose(self._settings, records, self._local_fault)

    def _made_of(self, source: Source, model: str) -> Embedder | Nobody:
        name = source.record.name if source.record else ""
        try:
            config = embedder_choice.config(self._settings, source, self._secrets)
            if missing := making.lacking(source.family, config):
                raise InvalidInput(f"it has no {' and no '.join(missing)}")
            place = (source.family, source.record.id if source.record else "", model)
            known, embedder = self._made.get(place, (None, None))
            if embedder is None or known != config:
                setting = as_key_of(name) if name else as_variable
                embedder = making.make(self._settings, self._client, source.family, config, model, setting)
                embedder = self._keep(place, config, Cached(embedder, self._cache))
            self._made.move_to_end(place)
            return embedder
        except (InvalidInput, StoreError) as error:
            who = f"The provider {name!r}" if name else f"The environment's {source.family}"
            nobody = Nobody(f"{who} cannot make vectors: {error.text.rstrip('.')}.")
            self._say(nobody.why)
            return nobody

    def _cached(self, name: str, local: Local) -> Embedder:
        place = ("local", name, local.model)
        if place not in self._made:
            self._keep(place, {}, Cached(local, self._cache))
        return self._made[place][1]

    def _keep(self, place: tuple[str, str, str], config: Mapping[str, str], embedder: Embedder) -> Embedder:
        self._made[place] = (config, embedder)
        if len(self._made) > _MADE_MAX:
            self._made.popitem(last=False)
        return embedder

    def _allows_local(self) -> bool:
        return self._settings.embedding_provider in ("", "local")

    def _records(self) -> list[ProviderRecord]:
        return self._store.read_now(stored.every, DEFAULT_TENANT)

    def _secrets(self, record: ProviderRecord) -> dict[str, str]:
        return stored.open_secrets(self._vault, record)

    def _say(self, text: str) -> None:
        """Once, however often it is found out."""
        if text not in self._said and len(self._said) < _MADE_MAX:
            self._said.add(text)
            logger.warning("%s", text)


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of length 1, in the order of the texts; `tokens` is reckoned from their length."""

    vectors: list[list[float]]
    model: str
    tokens: int


async def embed(
    embedders: Embedders, caller: Caller, texts: Sequence[str], *, model: str = "", provider: str = ""
) -> Embedded:
    """Vectors of texts for whoever is signed in (Fluxbase 6.9); who names a `provider` has to be an operator.

    Raises `AuthRequired`, `Forbidden`, `NoEmbedder`, `EmbeddingFailed`, and `InvalidInput` for nothing or too
    much.
    """
    require_user(caller)
    if provider:
        require_operator(caller)
    _check(texts)
    embedder = embedders.choose(model, provider=provider)
    if embedder is None:
        why = embedders.why_none(model, provider=provider)
        logger.warning("vectors were asked for: %s", why)
        raise NoEmbedder(why)
    try:
        vectors = await embedder.embed(texts, purpose="document")
    except EmbeddingFailed as error:
        logger.warning("%s", error.text)
        raise
    characters = sum(map(len, texts))
    return Embedded(
        vectors=[list(numbers(vector)) for vector in vectors],
        model=embedder.model,
        tokens=-(-characters // _CHARACTERS_OF_A_TOKEN),
    )


def _check(texts: Sequence[str]) -> None:
    if not texts:
        raise InvalidInput("There is no text: send text or texts.")
    if len(texts) > TEXTS_MAX:
        raise InvalidInput(f"{len(texts)} texts at once; at most {TEXTS_MAX} can be sent.")
    if not all(text.strip() for text in texts):
        raise InvalidInput("A text is empty.")
    if sum(map(len, texts)) > TEXTS_CHARACTERS_MAX:
        raise InvalidInput(f"The texts together have more than {TEXTS_CHARACTERS_MAX} characters.")


def _local(settings: Settings) -> Local | str:
    try:
        return Local(find(settings.embedding_model_path))
    except NotInstalled as error:
        return str(error)
