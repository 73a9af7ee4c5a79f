"""Which provider answers a bot's question (Fluxbase 7, "Choice per turn"). Pure: records in, one of them out.

The bot's own, if enabled; the default of the database; the environment's; the only enabled one. A question
never goes to another vendor than a bot file asks for: a family that cannot be had is an error.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from appliance.errors import ProviderNotConfigured
from appliance.providerconfig import CONFIG_NAME, FROM_CONFIG, TYPES
from appliance.providers.base import Provider
from appliance.providers.configured import Environment
from appliance.store.providers import ProviderRecord

Choice: TypeAlias = ProviderRecord | Provider

_NONE = "No AI provider configured"


def choose(wanted: str | None, records: Sequence[ProviderRecord], environment: Environment) -> Choice:
    """What the bot gets; `wanted` is a family, a provider's name or its id.

    The offline model answers when there is nothing else at all. Raises `ProviderNotConfigured` that says what
    to do when there is, but not for this bot.
    """
    if wanted in (*TYPES, "offline"):
        return _of_family(wanted, records, environment.providers)
    own = _own(wanted, records, environment) if wanted else None
    return own or _for_all(records, environment)


def _for_all(records: Sequence[ProviderRecord], environment: Environment) -> Choice:
    enabled = [record for record in records if record.enabled]
    for record in enabled:
        if record.is_default:
            return record
    if environment.default is not None:
        return environment.default
    if len(enabled) == 1:
        return enabled[0]
    if not records:
        return environment.providers["offline"]
    if not enabled:
        raise ProviderNotConfigured(f"{_NONE}: all providers of the database are disabled. Enable one.")
    raise ProviderNotConfigured(
        f"{_NONE}: none of {_listed(enabled)} is the default. Make one of them the default."
    )


def _own(wanted: str, records: Sequence[ProviderRecord], environment: Environment) -> Choice | None:
    """The provider of that id or name; None when it is disabled, or is an id that has been deleted."""
    if wanted in (FROM_CONFIG, CONFIG_NAME):
        return environment.default
    for record in records:
        if wanted in (record.id, record.name):
            return record if record.enabled else None
    if _is_id(wanted):
        return None
    known = _listed(records, *environment.providers)
    raise ProviderNotConfigured(
        f"{_NONE}: the bot asks for {wanted!r}, and there is {known}. See docs/settings.md."
    )


def _of_family(family: str, records: Sequence[ProviderRecord], configured: Mapping[str, Provider]) -> Choice:
    """One called like the family, else the default, else the environment's, else the only one of its kind."""
    ours = [record for record in records if record.type == family and record.enabled]
    for record in sorted(ours, key=lambda record: record.name != family):
        if record.name == family or record.is_default:
            return record
    if family in configured:
        return configured[family]
    if len(ours) == 1:
        return ours[0]
    if ours:
        raise ProviderNotConfigured(
            f"{_NONE}: the bot asks for {family!r}, which could be any of {_listed(ours)}. "
            f"Make one of them the default, or name one {family!r}."
        )
    raise ProviderNotConfigured(
        f"{_NONE}: the bot asks for {family!r}, and there is {_listed(records, *configured)}. "
        "See docs/settings.md."
    )


def _listed(records: Sequence[ProviderRecord], *names: str) -> str:
    told = [f"{record.name}{'' if record.enabled else ' (disabled)'}" for record in records]
    return ", ".join([*names, *told])


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
