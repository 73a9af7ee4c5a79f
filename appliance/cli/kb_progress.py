"""How far a long command is: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from appliance.cli.chat_tables import clean
from appliance.knowledge import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

TITLE_CHARS = 40


class Shown(Protocol):
    """Who tells people how far it is."""

    def begin(self, what: str) -> None:
        """A new step."""

    def advance(self, done: int, total: int) -> None:
        """So many of so many are done."""

    def running(self, documents: Sequence[tuple[str, Progress]]) -> None:
        """What is being worked on right now."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[Shown]:
    """A bar on a terminal, else lines on the standard error; nothing when `quiet`."""
    if quiet:
        yield _Nothing()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        # Only here: it costs a third of the command's start.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Bar(*columns, console=console, transient=True) as bar:
            yield _Bar(bar)


class _Nothing:
    def begin(self, what: str) -> None:
        pass

    def advance(self, done: int, total: int) -> None:
        pass

    def running(self, documents: Sequence[tuple[str, Progress]]) -> None:
        pass


class _Lines(_Nothing):
    def begin(self, what: str) -> None:
        click.echo(clean(f"{what} …"), err=True)


class _Bar:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._what = ""
        self._task = bar.add_task("", total=None)

    def begin(self, what: str) -> None:
        self._what = clean(what)
        self._bar.reset(self._task, description=self._what, total=None)

    def advance(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total or None)

    def running(self, documents: Sequence[tuple[str, Progress]]) -> None:
        told = ", ".join(_told(title, progress) for title, progress in documents[:2])
        self._bar.update(self._task, description=f"{self._what}: {told}" if told else self._what)


def _told(title: str, progress: Progress) -> str:
    far = f" {progress.done:,}/{progress.total:,}" if progress.total else ""
    return f"{clean(title)[:TITLE_CHARS]} ({progress.stage}{far})"
