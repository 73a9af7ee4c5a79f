"""One server from its settings to its end: opens what it needs, serves, and stops in order."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import trio

from appliance.bot import Bot
from appliance.botfiles.data_file import DataFile, data_file
from appliance.bundled import bots_folder, bundled
from appliance.datarules import DataRules
from appliance.engine.bots import Bots
from appliance.engine.catalogue import Catalogue
from appliance.engine.engine import Engine
from appliance.engine.knowledge.bot_folders import BotFolders
from appliance.engine.knowledge.export_sync import ExportSync
from appliance.engine.knowledge.export_watch import ExportWatch
from appliance.engine.knowledge.ingest import Ingest
from appliance.engine.knowledge.library import open_library
from appliance.engine.knowledge.link_watch import LinkWatch
from appliance.engine.providers import Providers
from appliance.engine.rule_watch import RuleWatch
from appliance.engine.services import Services
from appliance.engine.turn import DECISION_TOOL
from appliance.errors import ApplianceError, StoreError
from appliance.intent import ALIASES
from appliance.protocols import registry
from appliance.providers.base import Provider
from appliance.providers.configured import environment
from appliance.providers.http import new_client
from appliance.providers.making import make_stored
from appliance.server.acting_tokens import SignedActing
from appliance.server.app import Faces
from appliance.server.auth import Authenticator
from appliance.server.guest_keys import SignedKeys
from appliance.server.run import ServerLimits, serve
from appliance.server.session_tokens import SignedSessions
from appliance.server.tokens import make_visitor_token
from appliance.server.uploads import upload_paths
from appliance.settings import Settings
from appliance.store import console_links, lock
from appliance.store import settings as stored_settings
from appliance.store.database import database_path
from appliance.store.secret import load_encryption_key, load_secret
from appliance.store.store import Store
from appliance.store.vault import Vault
from appliance.tools import knowledge_graph, query_table, records, search_vectors, sql, talk_to_person, think
from appliance.tools.base import Tool
from appliance.tools.http_get import HttpGet
from appliance.tools.mcp import McpTools
from appliance.tools.own import OwnTools
from appliance.tools.saved_queries import SavedQueries
from appliance.tools.sql_pool import SqlPool

BUILT_IN: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        sql.TOOL,
        query_table.TOOL,
        *records.TOOLS,
        think.TOOL,
        talk_to_person.TOOL,
        search_vectors.TOOL,
        *knowledge_graph.TOOLS,
        HttpGet(),
    )
}

TAKEN = frozenset({*BUILT_IN, *ALIASES, DECISION_TOOL})
"""Names that no tool of a bot or a server may have: a call by them would reach another one."""
"""The tools that a bot can have without bringing them along."""

STOP_MARGIN_S = 0.3
"""Connections outlive the turns' grace by this much, so that they can tell how a turn ended."""

logger = logging.getLogger("appliance.server")


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What a server tells when it is ready; `rules_file` is None when there is no file of rules.

    `provider` answers bots that name none; None when nothing can, which the log tells.
    """

    urls: list[str]
    data: Path
    provider: Provider | None
    bots: list[Bot]
    problems: list[str]
    rules: DataRules
    rules_file: Path | None
    setup: str | None = None
    """What stands in the link by which the first admin comes; None when there is one."""


async def run(
    settings: Settings,
    on_started: Callable[[Started], None],
    clock: Callable[[], float] = time.time,
) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends the grace at once. `clock` gives Unix seconds.

    Raises `DataFolderInUse`, `StoreError`, `InvalidInput` when it cannot start.
    """
    data = Path(settings.data)
    address = f"http://{settings.host}:{settings.port}"
    with lock.hold(data, f"process {os.getpid()} at {address}"):
        async with AsyncExitStack() as stack:
            secret = load_secret(data, settings.jwt_secret)
            store = await stack.enter_async_context(Store.open(database_path(data)))
            pool = await stack.enter_async_context(
                SqlPool(database_path(data), workers_max=settings.sql_workers_max)
            )
            client = await stack.enter_async_context(new_client())
            found = environment(settings, client)
            catalogue = Catalogue(bots_folder(settings))
            await trio.to_thread.run_sync(catalogue.load)
            rules = data_file(settings)
            await trio.to_thread.run_sync(rules.load)
            vault = await trio.to_thread.run_sync(_open_vault, data, settings)
            try:
                await store.write(stored_settings.prepare, vault)
            except StoreError as error:  # a lost key keeps nothing else from being served
                logger.error("%s", error.text)
            make = partial(make_stored, settings, client)
            providers = Providers(store, vault, found, make, clock)
            library = await stack.enter_async_context(open_library(settings, store, vault, client, clock))
            bots = Bots(store, catalogue, settings, clock, providers)
            await bots.begin()
            watch = RuleWatch(rules, catalogue, store)
            await watch.begin()
            own = await stack.enter_async_context(OwnTools(reserved=TAKEN))
            servers = await stack.enter_async_context(McpTools(reserved=TAKEN))
            services = Services(
                settings=settings,
                store=store,
                sql=pool,
                tools=BUILT_IN,
                # What a server elsewhere offers comes first: later tools of the same name win.
                sources=[servers, SavedQueries(), own],
                choose_provider=providers.choose,
                providers=providers,
                bots=bots,
                vault=vault,
                library=library,
                guest_keys=SignedKeys(store, vault, settings, secret, clock),
                data=rules.current,
                make_visitor=lambda tenant: make_visitor_token(secret, now=clock(), tenant=tenant),
                session_tokens=SignedSessions(secret, clock),
                acting_tokens=SignedActing(secret, clock),
                clock=clock,
            )
            engine = await stack.enter_async_context(Engine.open(services, catalogue))
            authenticator = Authenticator(store, secret, settings, clock)
            faces = Faces(engine, authenticator, bundled("static"))

            setup = await _first_link(store, clock())

            def on_urls(urls: list[str]) -> None:
                on_started(_started(urls, data, engine, rules, setup))

            await _serve(settings, engine, faces, watch, on_urls)


async def _first_link(store: Store, now: float) -> str | None:
    """A link for the first admin, unless there is one; a full disk keeps nobody from being served."""
    try:
        return await store.write(console_links.make_first, now)
    except StoreError as error:
        logger.error("no link to the console could be made: %s", error.text)
        return None


def _open_vault(data: Path, settings: Settings) -> Vault:
    return Vault(load_encryption_key(data, settings.encryption_key))


async def _serve(
    settings: Settings,
    engine: Engine,
    faces: Faces,
    watch: RuleWatch,
    on_urls: Callable[[list[str]], None],
) -> None:
    limits = ServerLimits.of(settings, uploads=upload_paths(registry.faces()))
    limits = msgspec.structs.replace(limits, grace_s=limits.grace_s + STOP_MARGIN_S)
    shutdown = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, engine, faces, shutdown)
        async with trio.open_nursery() as serving:

            async def serve_app(task_status: trio.TaskStatus[list[str]]) -> None:
                await serve(
                    faces.app(),
                    host=settings.host,
                    port=settings.port,
                    limits=limits,
                    shutdown=shutdown,
                    task_status=task_status,
                )

            on_urls(await serving.start(serve_app))
            _work_beside(nursery, engine, watch)
        nursery.cancel_scope.cancel()


def _work_beside(nursery: trio.Nursery, engine: Engine, watch: RuleWatch) -> None:
    """What goes on for as long as the server does; it begins when that is ready and keeps nobody waiting."""
    nursery.start_soon(engine.catalogue.watch)
    nursery.start_soon(watch.run)
    library = engine.services.library
    if library is None:
        return
    nursery.start_soon(Ingest(library).run)
    nursery.start_soon(BotFolders(library, engine.catalogue).run)
    nursery.start_soon(LinkWatch(library, engine.catalogue).run)
    nursery.start_soon(ExportWatch(engine, library).run)
    nursery.start_soon(ExportSync(engine, library).run)


async def _stop_on_signal(engine: Engine, faces: Faces, shutdown: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
        faces.draining = True
        shutdown.set()
        async with trio.open_nursery() as nursery:

            async def drain() -> None:
                await engine.drain()
                faces.end_sessions()
                nursery.cancel_scope.cancel()

            nursery.start_soon(drain)
            await anext(signals)
            engine.chats.hurry()


def _first_provider(engine: Engine) -> Provider | None:
    """What is wrong here can be mended while the server runs, so it must not keep it from starting."""
    try:
        return engine.services.choose_provider(Bot(name=""))
    except ApplianceError as error:
        logger.error("%s", error.text)
        return None


def _started(urls: list[str], data: Path, engine: Engine, rules: DataFile, setup: str | None) -> Started:
    entries = engine.catalogue.all()
    return Started(
        urls=urls,
        data=data,
        provider=_first_provider(engine),
        bots=[entry.bot for entry in entries if entry.bot is not None],
        problems=[line for entry in entries for line in (*entry.errors, *entry.warnings)],
        rules=rules.current().rules,
        rules_file=rules.path if rules.is_there else None,
        setup=setup,
    )
