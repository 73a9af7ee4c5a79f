"""The folder of bot files, read again on demand (Fluxbase 3.3, file system mode)."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import trio

from appliance.engine.bot_entries import Entry
from appliance.engine.bot_sync import (
    Outcome,
    check_address,
    check_namespace,
    message,
    system_settings,
    warn_of_missing,
)
from appliance.engine.bots import Bots, Stop
from appliance.identity import Caller
from appliance.store import bots as stored
from appliance.store.bots import Key

WHOLE_TREE = "default"
"""A sync of the files in this namespace is one of all files."""


async def sync_files(
    bots: Bots,
    namespace: str,
    caller: Caller,
    stop: Stop,
    *,
    delete_missing: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Read the configured folder again, with its own namespaces, and tell what is new since the last time.

    `default` is the whole tree, any other namespace its part of it. Deleted bots come back. A bot whose file
    has gone is not served in any case; `delete_missing` takes its conversations and what was chosen for it.
    Raises `InvalidInput` when the folder is missing, `Forbidden` for a caller from elsewhere.
    """
    check_address(bots, caller)
    namespace = check_namespace(namespace)
    async with bots.lock:
        if not dry_run:
            await trio.to_thread.run_sync(bots.catalogue.load)
        files = bots.catalogue.files() if not dry_run else await trio.to_thread.run_sync(bots.catalogue.look)
        files = {key: entry for key, entry in sorted(files.items()) if _is_in(key, namespace)}
        outcome = Outcome(namespace=namespace, dry_run=dry_run)
        shown = [key for key in files if bots.choices(key).hidden]
        _compare(bots, outcome, files)
        if delete_missing:
            outcome.deleted = _missing(bots, namespace, files)
        system = await system_settings(bots, caller)
        for key, entry in files.items():
            warn_of_missing(outcome, key, entry.bot, system)
        if not dry_run:
            if outcome.changed:
                await bots.carry_out(lambda db: _write_files(db, bots, outcome, shown, caller), stop)
            bots.synced = {key: bot for key, bot in bots.synced.items() if key not in outcome.deleted}
            bots.synced |= {key: entry.bot for key, entry in files.items() if entry.bot}
        return outcome


def _compare(bots: Bots, outcome: Outcome, files: dict[Key, Entry]) -> None:
    covered = bots.catalogue.overlay.stored
    for key, entry in files.items():
        exists = key in bots.synced and not bots.choices(key).hidden
        if entry.errors:
            outcome.fail(key, "; ".join(entry.errors), exists=exists)
        elif not exists:
            outcome.created.append(key)
        elif bots.synced[key] != entry.bot:
            outcome.updated.append(key)
        else:
            outcome.unchanged.append(key)
        outcome.warn(key, (message(line) for line in entry.warnings))
        if key in covered:
            outcome.warn(key, ["a bot of this name came over the API and is served instead of this file"])


def _missing(bots: Bots, namespace: str, files: dict[Key, Entry]) -> list[Key]:
    """Bots of files that have gone, as far as something is known of them."""
    chosen = {key for key, one in bots.catalogue.overlay.choices.items() if not one.hidden}
    known = {*bots.synced, *chosen}
    gone = known - files.keys() - bots.catalogue.overlay.stored.keys()
    return sorted(key for key in gone if _is_in(key, namespace))


def _write_files(
    db: apsw.Connection, bots: Bots, outcome: Outcome, shown: Sequence[Key], caller: Caller
) -> list[str]:
    """Returns the conversations that ended with their bots."""
    ended: list[str] = []
    for key in shown:
        bots.unhide(db, key)
    for key in outcome.deleted:
        stored.forget_choices(db, key)
        ended += stored.delete_conversations(db, key, bots.clock())
    bots.audit(db, caller, "bot.sync", outcome.namespace, files=True, **outcome.changed)
    return ended


def _is_in(key: Key, namespace: str) -> bool:
    return namespace in (WHOLE_TREE, key[0])
