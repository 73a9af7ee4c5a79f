"""Bots that are sent over the API (Fluxbase 3.3, payload mode); `bot_file_sync.py` is for those of files.

A dry run does everything but the writing, so it tells what the real run would. One bad bot hinders no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import apsw
import msgspec
import trio

from appliance.bot import Bot
from appliance.botoverrides import BotOverrides, checked
from appliance.botsettings import Setting, SettingValues, missing_settings
from appliance.engine.bot_entries import Entry
from appliance.engine.bots import Bots, Stop
from appliance.errors import Forbidden, InvalidInput
from appliance.identity import Caller
from appliance.networks import is_within, networks
from appliance.store import bots as stored
from appliance.store import settings as stored_settings
from appliance.store.bots import BOTS_MAX, Key, StoredBot

NAME_CHARS_MAX = 100


class BotDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as it is sent: its code, and settings that go before what the code says. Nothing is checked."""

    name: str
    code: str
    original_code: str | None = None
    is_bundled: bool = False
    given: BotOverrides = BotOverrides()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a bot could not be made or changed."""

    name: str
    namespace: str
    error: str
    action: Literal["create", "update"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that its author should know of a good bot."""

    name: str
    namespace: str
    message: str


class Outcome(msgspec.Struct, kw_only=True):
    """What a sync did, or would do: keys, errors and warnings."""

    namespace: str
    dry_run: bool
    created: list[Key] = []
    updated: list[Key] = []
    deleted: list[Key] = []
    unchanged: list[Key] = []
    errors: list[Problem] = []
    warnings: list[Note] = []
    bots: dict[Key, Bot] = {}
    """The good ones, as they are to be; what else is wrong with them can be told with `warn`."""

    @property
    def changed(self) -> dict[str, list[str]]:
        """The names of what was created, updated and deleted, for the audit trail."""
        kinds = {"created": self.created, "updated": self.updated, "deleted": self.deleted}
        return {
            kind: [f"{namespace}/{name}" for namespace, name in keys] for kind, keys in kinds.items() if keys
        }

    def fail(self, key: Key, error: str, *, exists: bool) -> None:
        """Note a bad bot."""
        action: Literal["create", "update"] = "update" if exists else "create"
        self.errors.append(Problem(name=key[1], namespace=key[0], error=error, action=action))

    def warn(self, key: Key, messages: Iterable[str]) -> None:
        """Note what to know of a good one."""
        self.warnings += [Note(name=key[1], namespace=key[0], message=message) for message in messages]


def check_address(bots: Bots, caller: Caller) -> None:
    """Raises `Forbidden` for a caller from where bots may not be synced."""
    if not is_within(caller.ip, networks(bots.settings.sync_allowed_ips)):
        raise Forbidden(
            f"Bots may not be synced from {caller.ip or 'an unknown address'}; APPLIANCE_SYNC_ALLOWED_IPS "
            "names the networks from which they may."
        )


def check_namespace(namespace: str) -> str:
    """The namespace, `default` for an empty one; raises `InvalidInput`."""
    namespace = namespace or "default"
    if problem := name_problem(namespace):
        raise InvalidInput(f"namespace {problem}.")
    return namespace


async def sync_payload(
    bots: Bots,
    namespace: str,
    drafts: Sequence[BotDraft],
    caller: Caller,
    stop: Stop,
    *,
    delete_missing: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Make these bots, or change those that are there; with `delete_missing` others of source `sdk` go.

    Raises `InvalidInput` for a bad namespace, `Forbidden` for a caller from elsewhere.
    """
    check_address(bots, caller)
    namespace = check_namespace(namespace)
    async with bots.lock:
        outcome = Outcome(namespace=namespace, dry_run=dry_run)
        if delete_missing:
            outcome.deleted = _missing(bots, namespace, {draft.name for draft in drafts})
        records = await trio.to_thread.run_sync(_judge, bots, outcome, drafts, caller)
        system = await system_settings(bots, caller)
        for key, (_, entry) in records.items():
            warn_of_missing(outcome, key, entry.bot, system)
        if outcome.changed and not dry_run:
            good = list(records.values())
            await bots.carry_out(lambda db: _write_payload(db, bots, outcome, good, caller), stop)
        return outcome


def _missing(bots: Bots, namespace: str, named: set[str]) -> list[Key]:
    """The bots of that namespace that came by a sync and are not named in this one."""
    return [
        key
        for key, entry in bots.catalogue.overlay.stored.items()
        if key[0] == namespace and entry.source == "sdk" and key[1] not in named
    ]


def _judge(
    bots: Bots, outcome: Outcome, drafts: Sequence[BotDraft], caller: Caller
) -> dict[Key, tuple[StoredBot, Entry]]:
    """Sort the drafts into the outcome; returns those that are good, with what became of their code."""
    good: dict[Key, tuple[StoredBot, Entry]] = {}
    seen: set[Key] = set()
    stored_ones = bots.catalogue.overlay.stored
    room = BOTS_MAX - len(stored_ones) + len(outcome.deleted)
    for position, draft in enumerate(drafts, 1):
        key = (outcome.namespace, draft.name)
        exists = bots.catalogue.entry(key) is not None
        try:
            if problem := name_problem(draft.name):
                key = (outcome.namespace, draft.name if draft.name.isprintable() else "")
                raise InvalidInput(f"chatbot {position}: its name {problem}")
            if key in seen:
                raise InvalidInput("is sent twice; the first one counts")
            seen.add(key)
            if key not in stored_ones and room <= 0:
                raise InvalidInput(f"there are {BOTS_MAX} bots already, which is the limit; delete one first")
            record, entry = read_draft(bots, key, draft, caller)
            room -= key not in stored_ones
        except InvalidInput as error:
            outcome.fail(key, error.text, exists=exists)
            continue
        good[key] = (record, entry)
        known = stored_ones.get(key)
        if known is not None and known.stored is not None and _same(known.stored, record):
            outcome.unchanged.append(key)
        else:
            (outcome.updated if exists else outcome.created).append(key)
        outcome.warn(key, (message(line) for line in entry.warnings))
    return good


def read_draft(
    bots: Bots, key: Key, draft: BotDraft, caller: Caller, source: Literal["sdk", "api"] = "sdk"
) -> tuple[StoredBot, Entry]:
    """The record of a draft and what its code says; raises `InvalidInput` for a bad one. Blocking."""
    now = bots.clock()
    record = StoredBot(
        namespace=key[0],
        name=key[1],
        code=draft.code,
        original_code=draft.original_code,
        is_bundled=draft.is_bundled,
        given=checked(draft.given),
        source=source,
        created_at=now,
        updated_at=now,
        created_by=caller.user_id or None,
    )
    entry = bots.stored.read(record)
    if entry.bot is None:
        raise InvalidInput("; ".join(map(message, entry.errors)))
    return record, entry


def _same(old: StoredBot, new: StoredBot) -> bool:
    fields = ("code", "original_code", "is_bundled", "given")
    return all(getattr(old, field) == getattr(new, field) for field in fields)


def _write_payload(
    db: apsw.Connection,
    bots: Bots,
    outcome: Outcome,
    good: Sequence[tuple[StoredBot, Entry]],
    caller: Caller,
) -> list[str]:
    """All of it in one transaction; returns the conversations that ended with their bots."""
    unchanged = set(outcome.unchanged)
    ended: list[str] = []
    for record, entry in good:
        if record.key not in unchanged:
            put(db, bots, record, entry)
    for key in outcome.deleted:
        stored.delete_bot(db, key)
        # What was chosen is for the file of that name now, where there is one.
        if key not in bots.catalogue.files():
            stored.forget_choices(db, key)
            ended += stored.delete_conversations(db, key, bots.clock())
    bots.audit(db, caller, "bot.sync", outcome.namespace, **outcome.changed)
    return ended


def put(db: apsw.Connection, bots: Bots, record: StoredBot, read: Entry) -> None:
    """Store it with the next version; the first one of a new bot is what its code says."""
    known = bots.catalogue.entry(record.key)
    choices = bots.choices(record.key)
    first = read.bot.version if read.bot is not None else 1
    if known is not None and known.bot is not None:
        first = known.bot.version - choices.updates
        choices = msgspec.structs.replace(choices, updates=choices.updates + 1)
        stored.put_choices(db, choices)
    stored.put_bot(db, msgspec.structs.replace(record, first_version=first))


async def system_settings(bots: Bots, caller: Caller) -> SettingValues:
    """Which settings the system has, without their values."""
    names = await bots.store.read(stored_settings.names, caller.tenant, "")
    return SettingValues(system={one.key: Setting(value="") for one in names})


def warn_of_missing(outcome: Outcome, key: Key, bot: Bot | None, system: SettingValues) -> None:
    """Warn of `required-settings` that the system does not have; users' own cannot be known here."""
    if bot is not None:
        outcome.bots[key] = bot
    missing = missing_settings(bot, system) if bot else []
    outcome.warn(
        key,
        (
            f"required-settings: nobody has made {name}; make it with: appliance settings set {name}"
            for name in missing
            if not name.startswith("user:")
        ),
    )


def name_problem(name: str) -> str:
    """Why it cannot be a name, continuing "the name …"; empty for a good one."""
    if not name or len(name) > NAME_CHARS_MAX:
        return f"must have 1 to {NAME_CHARS_MAX} characters"
    if not name.isprintable() or name != name.strip():
        return "must be printable text without outer spaces"
    if name in (".", ".."):
        return "must not be dots only"
    if "/" in name or "\\" in name:
        return "must not have a slash"
    return ""


def message(line: str) -> str:
    """A finding without the place in front of it that nobody sent: `line 3: …`."""
    for severity in (": error: ", ": warning: "):
        place, found, message = line.partition(severity)
        if found:
            return f"line {place.rpartition(':')[2]}: {message}"
    return line
