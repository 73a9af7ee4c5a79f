"""The model providers: which of them a turn gets, and what administrators do with them (Fluxbase 3.2 and 7).

Nothing is remembered from one turn to the next but the objects made from records that are still the same: a
changed key, default or enabled flag counts from the next turn on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

import apsw
import msgspec

from appliance.bot import Bot
from appliance.engine.provider_choice import choose
from appliance.engine.provider_views import (
    ProviderChange,
    ProviderDraft,
    ProviderView,
    view_of,
    view_of_environment,
)
from appliance.errors import Conflict, Forbidden, NotFound, ProviderNotConfigured, StoreError
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.providerconfig import (
    FROM_CONFIG,
    ProviderConfig,
    changes_secrets,
    check_line,
    check_name,
    check_type,
    merge,
)
from appliance.providers.base import Provider
from appliance.providers.configured import Environment
from appliance.providers.making import check, lacking
from appliance.store import audit
from appliance.store import providers as stored
from appliance.store import settings as stored_settings
from appliance.store.providers import ProviderRecord
from appliance.store.store import Store
from appliance.store.vault import Vault

Make = Callable[[str, Mapping[str, str], str], Provider]
"""(type, configuration with secrets, name) -> provider; raises `ProviderNotConfigured`."""

OFFLINE = "offline"
TENANT = DEFAULT_TENANT
"""There is one set of providers, which all tenants use."""


class Providers:
    """Chooses and administers. Whether a caller may administer is asked before, see `require_operator`."""

    def __init__(
        self, store: Store, vault: Vault, environment: Environment, make: Make, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._vault = vault
        self._environment = environment
        self._make = make
        self._clock = clock
        self._began_at = clock()
        self._made: dict[str, tuple[ProviderRecord, Provider]] = {}

    # -- turns ---------------------------------------------------------------------------------------

    def choose(self, bot: Bot) -> Provider:
        """The provider of this bot as things stand now; raises `ProviderNotConfigured`, `StoreError`."""
        records = self._store.read_now(stored.every, TENANT)
        choice = choose(bot.provider, records, self._environment)
        return self._provider(choice) if isinstance(choice, ProviderRecord) else choice

    def _provider(self, record: ProviderRecord) -> Provider:
        known, provider = self._made.get(record.id, (None, None))
        if provider is None or known != record:
            provider = self._make(record.type, record.config | self._secrets(record), record.name)
            self._made[record.id] = (record, provider)
        return provider

    def open(self, id: str) -> Provider:
        """The one of that id, also a disabled one; raises `NotFound`, `ProviderNotConfigured`."""
        environment = self._environment
        if id == FROM_CONFIG and environment.default is not None:
            return environment.default
        if id == OFFLINE:
            return environment.providers[OFFLINE]
        return self._provider(self._store.read_now(stored.get, TENANT, id))

    def known_as(self, provider: Provider) -> tuple[str, str]:
        """The id and the name of a provider that was chosen here; others are the environment's."""
        for record, made in self._made.values():
            if made is provider:
                return record.id, record.name
        return FROM_CONFIG, provider.name

    def _secrets(self, record: ProviderRecord) -> dict[str, str]:
        try:
            return stored.open_secrets(self._vault, record)
        except StoreError as error:
            raise ProviderNotConfigured(
                f"The provider {record.name!r} cannot be used: {error.text}"
            ) from error

    # -- reading -------------------------------------------------------------------------------------

    async def all(self) -> list[ProviderView]:
        """All of them: the environment's first, then those of the database, oldest first."""
        records = await self._store.read(stored.every, TENANT)
        of_database = [self._view(record) for record in records]
        ours = view_of_environment(self._environment, records, self._began_at)
        return [ours, *of_database] if ours else of_database

    async def get(self, id: str) -> ProviderView:
        """One of them; raises `NotFound`."""
        for view in await self.all():
            if view.id == id:
                return view
        raise NotFound("There is no such provider.")

    # -- changing ------------------------------------------------------------------------------------

    async def create(self, draft: ProviderDraft, caller: Caller) -> ProviderView:
        """Make one; the first is the default. Raises `InvalidInput`, `Conflict`."""
        id, now = str(uuid.uuid4()), self._clock()
        family = check_type(draft.type)
        name = check_name(draft.name, family)
        config = merge(ProviderConfig(), draft.config)
        check(family, config.shown | config.secrets, name)
        record = ProviderRecord(
            id=id,
            tenant=TENANT,
            name=name,
            display_name=check_line(draft.display_name, "display_name") or name,
            type=family,
            config=config.shown,
            sealed=None,
            embedding_model=check_line(draft.embedding_model, "embedding_model") or None,
            use_for_embeddings=False,
            is_default=draft.is_default,
            enabled=draft.enabled,
            created_at=now,
            updated_at=now,
            created_by=caller.user_id or None,
        )

        def write(db: apsw.Connection) -> ProviderRecord:
            made = stored.add(
                db, msgspec.structs.replace(record, sealed=self._sealed(db, id, config.secrets))
            )
            self._audit(
                db, caller, "provider.create", made, keys=sorted(config.shown), default=made.is_default
            )
            return made

        return self._view(await self._store.write(write))

    async def update(self, id: str, change: ProviderChange, caller: Caller) -> ProviderView:
        """Change some of it; raises `InvalidInput`, `NotFound`, `Forbidden`, `Conflict` (wrong vault key)."""
        _refuse_environment(id)

        def write(db: apsw.Connection) -> ProviderRecord:
            before = stored.get(db, TENANT, id)
            after = self._changed(db, before, change)
            stored.replace(db, after)
            enabled = {} if change.enabled is None else {"enabled": change.enabled}
            self._audit(db, caller, "provider.update", after, keys=sorted(change.config), **enabled)
            return after

        return self._view(await self._store.write(write))

    async def make_default(self, id: str, caller: Caller) -> ProviderView:
        """Move the default to it; raises `NotFound`, `Forbidden`."""
        _refuse_environment(id)

        def write(db: apsw.Connection) -> ProviderRecord:
            stored.make_default(db, TENANT, id, self._clock())
            record = stored.get(db, TENANT, id)
            self._audit(db, caller, "provider.default", record)
            return record

        return self._view(await self._store.write(write))

    async def flag_for_embeddings(self, id: str, caller: Caller, *, flag: bool) -> None:
        """Let it, and no other, make embeddings, or leave that open again; raises `NotFound`, `Forbidden`."""
        _refuse_environment(id)

        def write(db: apsw.Connection) -> None:
            stored.flag_for_embeddings(db, TENANT, id, self._clock(), flag=flag)
            self._audit(db, caller, "provider.embedding", stored.get(db, TENANT, id), flag=flag)

        await self._store.write(write)

    async def delete(self, id: str, caller: Caller) -> None:
        """Forget it and its secrets; no other becomes the default. Raises `NotFound`, `Forbidden`."""
        _refuse_environment(id)

        def write(db: apsw.Connection) -> None:
            self._audit(db, caller, "provider.delete", stored.delete(db, TENANT, id))

        await self._store.write(write)
        self._made.pop(id, None)

    def _changed(self, db: apsw.Connection, record: ProviderRecord, change: ProviderChange) -> ProviderRecord:
        """Without a change of secrets the encrypted ones stay untouched: a lost key hinders nothing else."""
        touched = changes_secrets(change.config)
        config = ProviderConfig(shown=record.config, secrets=self._opened(db, record) if touched else {})
        merged = merge(config, change.config)
        check(record.type, merged.shown | merged.secrets, record.name)
        changed: dict[str, object] = {"config": merged.shown, "updated_at": self._clock()}
        if touched:
            changed["sealed"] = self._sealed(db, record.id, merged.secrets)
        if change.display_name is not None:
            changed["display_name"] = check_line(change.display_name, "display_name") or record.name
        if change.enabled is not None:
            changed["enabled"] = change.enabled
        if change.embedding_model is not None:
            changed["embedding_model"] = check_line(change.embedding_model, "embedding_model") or None
        return msgspec.structs.replace(record, **changed)

    def _opened(self, db: apsw.Connection, record: ProviderRecord) -> dict[str, str]:
        self._prepare(db)
        try:
            return stored.open_secrets(self._vault, record)
        except StoreError as error:
            raise Conflict(f"{error.text} Or delete the provider and create it again.") from error

    def _sealed(self, db: apsw.Connection, id: str, secrets: Mapping[str, str]) -> bytes | None:
        if secrets:
            self._prepare(db)
        return stored.seal(self._vault, TENANT, id, secrets)

    def _prepare(self, db: apsw.Connection) -> None:
        """Nothing is encrypted with a key that does not open what is there; raises `Conflict`."""
        try:
            stored_settings.prepare(db, self._vault)
        except StoreError as error:
            raise Conflict(error.text) from error

    def _audit(
        self, db: apsw.Connection, caller: Caller, action: str, record: ProviderRecord, **details: object
    ) -> None:
        audit.record(
            db,
            at=self._clock(),
            tenant=TENANT,
            actor=caller.principal,
            action=action,
            target=record.id,
            details={"name": record.name, "type": record.type, **details, "ip": caller.ip},
        )

    def _view(self, record: ProviderRecord) -> ProviderView:
        """Its problem is looked for without making it: views are made of writes in other threads, too."""
        try:
            config = record.config | self._secrets(record)
        except ProviderNotConfigured as error:
            return view_of(record, error.text)
        missing = lacking(record.type, config)
        return view_of(record, f"It has no {' and no '.join(missing)}." if missing else "")


def _refuse_environment(id: str) -> None:
    if id == FROM_CONFIG:
        raise Forbidden(
            "This provider comes from the environment and is read-only: change its variables and start again."
        )
