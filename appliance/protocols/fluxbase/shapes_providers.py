"""Bodies of Fluxbase's provider endpoints (3.2): what is read of requests, and what answers look like."""

from __future__ import annotations

import msgspec

from appliance.providerconfig import Value


class CreateProvider(msgspec.Struct):
    """Body of `createProvider`; the SDK sends every value of `config` as a text."""

    name: str
    provider_type: str
    display_name: str | None = None
    is_default: bool | None = None
    config: dict[str, Value] | None = None
    enabled: bool | None = None
    embedding_model: str | None = None

    def __repr__(self) -> str:
        """Without secrets: tracebacks show representations."""
        return f"CreateProvider({self.name!r}, {self.provider_type!r})"


class UpdateProvider(msgspec.Struct):
    """Body of `updateProvider`; what is not there stays, and a null `embedding_model` resets it."""

    display_name: str | None = None
    config: dict[str, Value] | None = None
    enabled: bool | None = None
    embedding_model: str | msgspec.UnsetType | None = msgspec.UNSET

    def __repr__(self) -> str:
        """Without secrets."""
        return f"UpdateProvider({', '.join(self.config or ())})"


class ProviderBody(msgspec.Struct, frozen=True, kw_only=True):
    """`Provider`. `use_for_embeddings` is true when set and null when left open; `from_config` = `read_only`.

    Ours beside Fluxbase's: `problem` says why no turn can use it, null when one can.
    """

    id: str
    name: str
    display_name: str
    provider_type: str
    is_default: bool
    use_for_embeddings: bool | None
    embedding_model: str | None
    config: dict[str, str]
    enabled: bool
    read_only: bool
    from_config: bool
    created_at: str
    updated_at: str
    created_by: str | None
    problem: str | None


class DefaultBody(ProviderBody, frozen=True, kw_only=True):
    """Answer of `setDefaultProvider`: the provider, and what older servers call the flag."""

    isDefault: bool


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `listProviders`."""

    providers: list[ProviderBody]
    count: int


class ProviderDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `deleteProvider`."""

    deleted: bool
    id: str


class EmbeddingSet(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `setEmbeddingProvider`."""

    id: str
    use_for_embeddings: bool


class EmbeddingCleared(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `clearEmbeddingProvider`."""

    use_for_embeddings: bool
