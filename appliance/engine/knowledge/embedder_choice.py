"""Who makes the vectors (Fluxbase 6.4). Pure: settings, records and the local model in, one of them out.

The explicit setting; the provider that is flagged for embeddings; the local model; the default provider,
if it can be expected to make some; nobody. A provider that somebody chose and that cannot be used is no
reason to take another: vectors of two models cannot be compared, and texts would go to whom nobody named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from appliance.providers.configured import config_of
from appliance.providers.embedding import making
from appliance.providers.making import lacking as lacking_for_chat
from appliance.settings import Settings
from appliance.store.providers import ProviderRecord

FAMILIES = ("openai", "azure", "ollama")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: a family, and either a stored provider or with `record` None the environment's.

    The local model has the family `local`. `model` is what the provider names for embeddings, or empty.
    """

    family: str
    record: ProviderRecord | None = None
    model: str = ""


class Nobody(msgspec.Struct, frozen=True):
    """Nobody makes vectors, in a sentence for people."""

    why: str


Choice: TypeAlias = Source | Nobody
LOCAL = Source(family="local")


def choose(settings: Settings, records: Sequence[ProviderRecord], local_fault: str) -> Choice:
    """Who makes the vectors as things stand; `local_fault` says why the local model cannot, or is empty."""
    enabled = [record for record in records if record.enabled]
    if settings.embedding_provider:
        return _explicit(settings, enabled, local_fault)
    for record in enabled:
        if record.use_for_embeddings:
            return _of_record(record)
    if not local_fault:
        return LOCAL
    default = _default(settings, enabled)
    if default is not None and _is_expected(settings, default):
        return default
    return Nobody(
        "Nothing here makes vectors, so documents are found by their words only. Choose a provider for "
        f"embeddings, set APPLIANCE_EMBEDDING_PROVIDER, or install the local model: {local_fault}"
    )


def named(name: str, settings: Settings, records: Sequence[ProviderRecord], local_fault: str) -> Choice:
    """The one that an administrator names for once: a stored provider's id or name, a family or `local`."""
    for record in records:
        if record.enabled and name in (record.id, record.name):
            return _of_record(record)
    if name in (*FAMILIES, "local"):
        changed = msgspec.structs.replace(settings, embedding_provider=name)
        return _explicit(changed, [record for record in records if record.enabled], local_fault)
    return Nobody("There is no such provider, or it is disabled.")


def all_of(settings: Settings, records: Sequence[ProviderRecord], family: str) -> list[Source]:
    """Everybody of this family who may be asked with vectors that are there already."""
    if settings.embedding_provider not in ("", family):
        return []
    stored = [_of_record(record) for record in records if record.enabled and record.type == family]
    is_there = not making.lacking(family, config_of(settings, family))
    return [*stored, Source(family=family)] if is_there else stored


def config(
    settings: Settings, source: Source, secrets: Callable[[ProviderRecord], Mapping[str, str]]
) -> dict[str, str]:
    """The configuration of a source with its secrets."""
    if source.record is None:
        return config_of(settings, source.family)
    return {**source.record.config, **secrets(source.record)}


def _explicit(settings: Settings, enabled: Sequence[ProviderRecord], local_fault: str) -> Choice:
    wanted = settings.embedding_provider
    if wanted == "none":
        return Nobody("APPLIANCE_EMBEDDING_PROVIDER is none: documents are found by their words only.")
    if wanted == "local":
        return LOCAL if not local_fault else Nobody(f"The local model cannot be used: {local_fault}")
    if wanted == "ollama" and settings.ollama_host:
        return Source(family=wanted)
    if wanted != "ollama" and not making.lacking(wanted, config_of(settings, wanted)):
        return Source(family=wanted)
    ours = [record for record in enabled if record.type == wanted]
    ours.sort(key=lambda record: (not record.use_for_embeddings, not record.is_default))
    if ours:
        return _of_record(ours[0])
    if wanted == "ollama":
        return Source(family=wanted)  # on this machine, as its own clients find it
    missing = " and ".join(making.lacking(wanted, config_of(settings, wanted)))
    return Nobody(f"APPLIANCE_EMBEDDING_PROVIDER is {wanted}, which has no {missing} and no stored provider.")


def _default(settings: Settings, enabled: Sequence[ProviderRecord]) -> Source | None:
    """Who answers a chat where a bot names nobody, see `engine.provider_choice`."""
    for record in enabled:
        if record.is_default:
            return _of_record(record)
    family = settings.provider or next(
        (one for one in FAMILIES if not lacking_for_chat(one, config_of(settings, one))), ""
    )
    if family in FAMILIES:
        return Source(family=family)
    return _of_record(enabled[0]) if len(enabled) == 1 else None


def _is_expected(settings: Settings, source: Source) -> bool:
    """A server at an address of one's own rarely has OpenAI's model: somebody has to name one."""
    if source.family != "openai" or source.model or settings.embedding_model:
        return True
    if source.record is not None:
        return not source.record.config.get("base_url")
    return not settings.openai_base_url


def _of_record(record: ProviderRecord) -> Source:
    return Source(family=record.type, record=record, model=record.embedding_model or "")
