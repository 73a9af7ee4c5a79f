"""Sees to it that rules are not lost unnoticed: from one start to the next, while we run, and by a typo.

That rules were in force is remembered in the database. So a server whose `data.yaml` went missing, or whose
database was restored elsewhere without it, does not start with everything open.
"""

from __future__ import annotations

import logging

import msgspec
import trio

from appliance.botfiles.data_file import NAME, DataFile
from appliance.datarules import DataConfig, DataRules
from appliance.engine.catalogue import Catalogue
from appliance.engine.rule_targets import Tables, faults, tables_in_file, tables_of
from appliance.errors import InvalidInput, StoreError
from appliance.sqlguard import PUBLIC
from appliance.store import facts, health
from appliance.store.store import Store

log = logging.getLogger("appliance.data")

LOOK_S = 2.0
"""How late a changed data.yaml is seen when nobody asks anything."""
READING_MAX_S = 20.0
"""For the names of all tables; a disk that takes longer tells nothing."""


class Layer(msgspec.Struct, frozen=True):
    """The rules of one source, by the name that the log has for it."""

    source: str
    rules: DataRules


class RuleWatch:
    """Watches the rules of `data.yaml` and of the bots in a catalogue; `begin` once, then `run`."""

    def __init__(self, rules: DataFile, catalogue: Catalogue, store: Store) -> None:
        self._rules = rules
        self._catalogue = catalogue
        self._store = store
        self._remembered: str | None = None
        self._seen: object = None
        self._told: frozenset[str] = frozenset()
        self._problem = ""

    async def begin(self) -> None:
        """Take note of the rules as they are loaded now, before anybody is served.

        Raises `InvalidInput` when there were rules and their file is gone, and `StoreError`.
        """
        self._remembered = await self._store.read(facts.get, facts.DATA_RULES)
        if self._remembered is not None and not self._rules.is_there:
            raise InvalidInput(_lost(self._remembered, self._rules))
        try:
            await self._remember(self._rules.current())
        except StoreError as error:  # a full disk keeps nothing from being read; `run` tries again
            self._tell_problem(error.text)

    async def run(self) -> None:
        """Look again and again, until cancelled; nothing that a file holds can end it."""
        while True:
            await self._look()
            await trio.sleep(LOOK_S)

    async def _look(self) -> None:
        try:
            config = self._rules.current()
            await self._remember(config)
            await self._check(config)
            self._problem = ""
        except StoreError as error:
            self._tell_problem(error.text)
        except Exception as error:
            self._tell_problem(repr(error))

    def _tell_problem(self, text: str) -> None:
        if text != self._problem:
            log.error("the rules cannot be watched: %s", text)
        self._problem = text

    async def _remember(self, config: DataConfig) -> None:
        """Keep the fact in step with the rules that hold now."""
        if not self._rules.is_there:
            return
        path = str(self._rules.path).encode(errors="replace").decode()
        now = path if config.rules != DataRules() else None
        if now == self._remembered:
            return
        if now is None:
            log.warning("%s has no rules any more: bots may read all of their tables", self._rules.path)
            await self._store.write(facts.forget, facts.DATA_RULES)
        else:
            await self._store.write(facts.put, facts.DATA_RULES, now)
        self._remembered = now

    async def _check(self, config: DataConfig) -> None:
        """Tell which rules name tables that are not there; each once, as long as it stays so."""
        bots = [entry.bot for entry in self._catalogue.all() if entry.bot is not None]
        seen = (config, bots, self._store.read_now(health.schema_version))
        if seen == self._seen:
            return
        layers = [Layer(self._rules.path.name, config.rules)]
        for bot in bots:
            rules = DataRules(row_rules=bot.row_rules, hidden_columns=bot.hidden_columns)
            layers.append(Layer(f"bot {bot.namespace}/{bot.name}", rules))
        layers = [layer for layer in layers if layer.rules != DataRules()]
        found = await self._faults(layers, config) if layers else []
        for line in found:
            if line not in self._told:
                log.warning("%s", line)
        self._told, self._seen = frozenset(found), seen

    async def _faults(self, layers: list[Layer], config: DataConfig) -> list[str]:
        """Lines for the log; none when the files take too long to be looked at."""
        own = await self._store.read(tables_of)

        def look() -> list[str]:
            tables: Tables = {PUBLIC: own} | {
                name: tables_in_file(path) for name, path in config.files.items()
            }
            return [f"{layer.source}: {fault}" for layer in layers for fault in faults(layer.rules, tables)]

        with trio.move_on_after(READING_MAX_S):
            return await trio.to_thread.run_sync(look, abandon_on_cancel=True)
        return []


def _lost(remembered: str, rules: DataFile) -> str:
    folder = rules.path.parent
    if remembered == str(rules.path) or remembered.rpartition("/")[2] == NAME:
        was, what = NAME, "no such file"
    else:
        was, what = remembered, f"no {NAME}"
    return (
        f"This database was served with rules in {was}, and there is {what} in {folder} now: everything "
        f"would be open. Put it back, or put an empty {NAME} there to say that there shall be no rules."
    )
