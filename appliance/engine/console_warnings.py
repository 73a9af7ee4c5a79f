"""What somebody should look after: each a sentence, and the page of the console where it is mended."""

from __future__ import annotations

import msgspec

from appliance.bot import Bot
from appliance.engine import console_gaps
from appliance.engine.console_backups import newest_backup
from appliance.engine.console_bots import bots_of
from appliance.engine.console_overview import Budget
from appliance.engine.engine import Engine
from appliance.errors import ProviderError
from appliance.prices import WARN_SHARE
from appliance.store import warnings as stored

BACKUP_DAYS = 7
DAY_S = 86_400
FAILED_SHARE = 0.2
FAILED_MIN = 5
"""So many answers of the last day have to have failed before it is told: one that fails is no news."""


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing; `page` is the path of a page of the console."""

    text: str
    page: str


async def warnings(engine: Engine, tenant: str, budget: Budget | None) -> list[Warned]:
    """All there is to be told now, the most pressing first."""
    return [
        *_of_budget(budget),
        *await _of_providers(engine),
        *_of_bots(engine),
        *await _of_answers(engine, tenant),
        *await _of_documents(engine, tenant),
        *await _of_gaps(engine, tenant),
        *await _of_backups(engine),
    ]


def _of_budget(budget: Budget | None) -> list[Warned]:
    if budget is None or budget.share < WARN_SHARE:
        return []
    used = "is used up" if budget.share >= 1 else f"is used to {int(budget.share * 100)} %"
    return [Warned(text=f"This month's budget {used}.", page="settings")]


async def _of_providers(engine: Engine) -> list[Warned]:
    services = engine.services
    told = []
    try:
        if services.choose_provider(Bot(name="")).name == "offline":
            text = "No model is configured: the offline model answers, which is for trying things out only."
            told.append(Warned(text=text, page="providers"))
    except ProviderError as error:
        told.append(Warned(text=error.text, page="providers"))
    views = await services.providers.all() if services.providers else []
    return told + [
        Warned(text=f"The provider {view.display_name} cannot be used: {view.problem}", page="providers")
        for view in views
        if view.enabled and view.problem
    ]


def _of_bots(engine: Engine) -> list[Warned]:
    told = []
    for entry in bots_of(engine).all():
        if entry.errors:
            more = f" and {len(entry.errors) - 1} more" if len(entry.errors) > 1 else ""
            page = f"bots/{entry.id}"
            told.append(Warned(text=f"The bot {entry.name} has an error: {entry.errors[0]}{more}", page=page))
    return told


async def _of_answers(engine: Engine, tenant: str) -> list[Warned]:
    since = engine.services.clock() - DAY_S
    answered = await engine.services.store.read(stored.answers, tenant, since)
    return [
        Warned(
            text=f"{one.failed} of {one.all} answers of {one.provider} failed within a day.",
            page="providers",
        )
        for one in answered
        if one.failed >= FAILED_MIN and one.failed >= FAILED_SHARE * one.all
    ]


async def _of_documents(engine: Engine, tenant: str) -> list[Warned]:
    failed = await engine.services.store.read(stored.failed_documents, tenant)
    return [
        Warned(text=f"{_counted(count, 'document')} of {name} could not be read.", page=f"knowledge/{id}")
        for id, name, count in failed
    ]


async def _of_gaps(engine: Engine, tenant: str) -> list[Warned]:
    _, count = await console_gaps.listed(engine, tenant, "open", offset=0, limit=0)
    if not count:
        return []
    return [Warned(text=f"{_counted(count, 'question')} had no answer in the documents.", page="gaps")]


async def _of_backups(engine: Engine) -> list[Warned]:
    at = await newest_backup(engine)
    if at is not None and at > engine.services.clock() - BACKUP_DAYS * DAY_S:
        return []
    text = f"There is no backup of the last {BACKUP_DAYS} days."
    return [Warned(text=text, page="backups")]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
