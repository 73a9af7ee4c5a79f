"""What administrators tell of model providers and are shown of them (Fluxbase 3.2): no secret in either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from appliance.providerconfig import CONFIG_NAME, FROM_CONFIG, Value, masked
from appliance.providers.configured import Environment
from appliance.store.providers import ProviderRecord


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as administrators see it: secrets are masks. Times are Unix seconds.

    `problem` says why no turn can use it, and is empty when one can. `is_read_only`: the environment's.
    """

    id: str
    name: str
    display_name: str
    type: str
    config: dict[str, str]
    is_default: bool
    use_for_embeddings: bool
    embedding_model: str | None
    enabled: bool
    is_read_only: bool
    created_at: float
    updated_at: float
    created_by: str | None
    problem: str


class ProviderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A provider to be made. It need not be complete: what it lacks stands in its `problem`."""

    name: str
    type: str
    display_name: str = ""
    config: Mapping[str, Value] = {}
    is_default: bool = False
    enabled: bool = True
    embedding_model: str = ""

    def __repr__(self) -> str:
        """Without secrets: tracebacks show representations."""
        return f"ProviderDraft(name={self.name!r}, type={self.type!r})"


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change, None where nothing is; `config` is merged key by key, see `providerconfig.merge`."""

    display_name: str | None = None
    config: Mapping[str, Value] = {}
    enabled: bool | None = None
    embedding_model: str | None = None
    """Empty resets it."""

    def __repr__(self) -> str:
        """Without secrets."""
        return f"ProviderChange({', '.join(self.config)})"


def view_of(record: ProviderRecord, problem: str) -> ProviderView:
    """A provider of the database; `problem` is why no turn can use it."""
    return ProviderView(
        id=record.id,
        name=record.name,
        display_name=record.display_name,
        type=record.type,
        config=masked(record.config),
        is_default=record.is_default,
        use_for_embeddings=record.use_for_embeddings,
        embedding_model=record.embedding_model,
        enabled=record.enabled,
        is_read_only=False,
        created_at=record.created_at,
        updated_at=record.updated_at,
        created_by=record.created_by,
        problem=problem,
    )


def view_of_environment(
    environment: Environment, records: Sequence[ProviderRecord], began_at: float
) -> ProviderView | None:
    """The environment's own; it is the default unless the database has one that comes before it."""
    if environment.default is None:
        return None
    return ProviderView(
        id=FROM_CONFIG,
        name=CONFIG_NAME,
        display_name=environment.display_name or f"{environment.default.name} (environment)",
        type=environment.default.name,
        config=masked(environment.config),
        is_default=not any(record.is_default and record.enabled for record in records),
        use_for_embeddings=False,
        embedding_model=None,
        enabled=True,
        is_read_only=True,
        created_at=began_at,
        updated_at=began_at,
        created_by=None,
        problem="",
    )
