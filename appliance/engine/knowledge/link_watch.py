"""Keeps the links that bot files ask for in step with the files and with the bases that are there."""

from __future__ import annotations

import logging

import trio

from appliance.engine.catalogue import Catalogue
from appliance.engine.knowledge import links
from appliance.engine.knowledge.library import Library
from appliance.errors import StoreError
from appliance.store.knowledge import bases

LOOK_S = 1.0
"""How late a change is seen that nobody told of, such as one by a command beside the server."""

logger = logging.getLogger("appliance.knowledge")


class LinkWatch:
    """`run` looks whenever bots or bases may have changed, until it is cancelled."""

    def __init__(self, library: Library, catalogue: Catalogue) -> None:
        self._library = library
        self._catalogue = catalogue
        self._seen: object = None
        self._told: frozenset[str] = frozenset()
        self._problem = ""

    async def run(self) -> None:
        """Nothing that goes wrong here ends it; what does is told once."""
        while True:
            news = self._library.news
            try:
                await self._look()
                self._problem = ""
            except StoreError as error:
                self._tell_problem(error.text)
            except Exception as error:
                self._tell_problem(repr(error))
            with trio.move_on_after(LOOK_S):
                await news.wait()

    async def _look(self) -> None:
        bots = [entry.bot for entry in self._catalogue.all() if entry.bot is not None]
        seen = (bots, self._library.store.read_now(bases.mark))
        if seen == self._seen:
            return
        warnings = await links.follow_annotations(self._library, bots)
        for warning in warnings:
            if warning not in self._told:
                logger.warning("%s", warning)
        self._told, self._seen = frozenset(warnings), seen

    def _tell_problem(self, text: str) -> None:
        if text != self._problem:
            logger.error("links to knowledge bases cannot be kept: %s", text)
        self._problem = text
