"""What a source of documents holds: the names in it, and one of them as it was read."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Unread(Exception):
    """Something of a source could not be read; the text says why. `gone`: it is not there any more."""

    def __init__(self, text: str, *, gone: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.gone = gone


class Problem(msgspec.Struct, frozen=True):
    """What was left out, and why; `path` is empty for the source as a whole."""

    path: str
    reason: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The paths in a source, in order, each once. `whole` is False when there may be others.

    `skipped` counts files of kinds that nobody reads.
    """

    paths: list[str]
    problems: list[Problem] = []
    skipped: int = 0
    whole: bool = True


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a web server says of a version of a page, so that it need not send it again."""

    etag: str = ""
    last_modified: str = ""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One document as it was read. `title` is what its name says, until the document tells one."""

    data: bytes
    file_name: str
    title: str
    mime_type: str = ""
    source_url: str = ""
    version: Version | None = None


class Opened(Protocol):
    """A source that is being read."""

    async def listing(self) -> Listing:
        """All that is there; raises `Unread` when the source cannot be read at all."""
        ...

    async def read(self, path: str, known: Version | None) -> Content | None:
        """One document; None when the version that is known is still the one. Raises `Unread`."""
        ...


def title_of(file_name: str) -> str:
    """What the name of a file says of it: without folders and suffix, blanks for underscores."""
    name = file_name.rstrip("/").rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    return " ".join(stem.replace("_", " ").split()) or name
