"""What a document has to be to get into a knowledge base: whose it is, how it is called, that it fits in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from appliance.engine.knowledge import access, checking
from appliance.engine.knowledge.items import title_of
from appliance.engine.knowledge.library import Library
from appliance.errors import DocumentUnreadable, Forbidden, InvalidInput, MessageTooLarge, QuotaReached
from appliance.extract.kinds import Kind, kind_of
from appliance.identity import Caller
from appliance.knowledge import KnowledgeBase
from appliance.store.knowledge import bases as stored_bases

TEXT_BYTES_MAX = 8 * 1024 * 1024
"""Of a text that comes as text: it waits in a row, and writing that holds other writers up."""
FILE_NAME_CHARS_MAX = 255
LANGUAGE_CHARS_MAX = 100

USER_ID = "user_id"
"""The key of metadata that says whose a document is."""

UNTITLED = "Untitled"


class Stamp(msgspec.Struct, frozen=True):
    """Metadata, and the user whose it makes a document; empty: nobody's in particular."""

    metadata: dict[str, Any]
    user_id: str


def stamp(caller: Caller, base: KnowledgeBase, metadata: Mapping[str, Any] | None, *, own: bool) -> Stamp:
    """Whose a new document is: the caller's own when they ask for it, or add to a base of per-user documents.

    Administrators may name anybody, and make documents of nobody in a per-user base. Raises `InvalidInput`,
    `Forbidden` for naming somebody else.
    """
    given, named = _named(metadata or {})
    wants_own = own or (base.per_user and not caller.is_admin)
    user = named or (caller.user_id if wants_own else "")
    if own and not caller.is_user:
        raise InvalidInput("Only a user can add a document of their own; sign in with a user's token.")
    _check_names_self(caller, named)
    return _stamped(given, user)


def restamp(caller: Caller, before: str, metadata: Mapping[str, Any]) -> Stamp:
    """Whose a document is when its metadata are replaced: it stays whose it was.

    Only administrators change that: by naming somebody, or nobody (null). Raises `InvalidInput`, `Forbidden`.
    """
    given, named = _named(metadata)
    if USER_ID not in metadata:
        return _stamped(given, before)
    if not caller.is_admin and named != before:
        raise Forbidden(f"Only an administrator may change metadata.{USER_ID}.")
    return _stamped(given, named)


def _named(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    given = checking.json_object(metadata, "metadata")
    named = given.pop(USER_ID, None)
    if named in (None, ""):
        return given, ""
    if not isinstance(named, str):
        raise InvalidInput(f"metadata.{USER_ID} must be the id of a user, as a string.")
    return given, checking.user_id(named, f"metadata.{USER_ID}")


def _check_names_self(caller: Caller, named: str) -> None:
    if named and not caller.is_admin and named != caller.user_id:
        raise Forbidden(f"Only an administrator may name another user in metadata.{USER_ID}.")


def _stamped(given: dict[str, Any], user: str) -> Stamp:
    return Stamp({**given, USER_ID: user} if user else given, user)


def check_text(library: Library, text: str) -> bytes:
    """The text in UTF-8; raises `InvalidInput` for an empty one, `MessageTooLarge`."""
    longest = min(TEXT_BYTES_MAX, library.settings.document_bytes_max)
    if len(text) > longest or len(encoded := checking.storable(text, "content").encode()) > longest:
        raise MessageTooLarge(f"content has more than {longest:,} bytes; upload it as a file, or in parts.")
    if not text.strip():
        raise InvalidInput("content is missing or empty.")
    return encoded


def check_file(library: Library, data: bytes, file_name: str, mime_type: str) -> Kind:
    """The kind of a file that can be read.

    Raises `MessageTooLarge`, `DocumentUnreadable`, `UnsupportedDocument`.
    """
    longest = library.settings.document_bytes_max
    if len(data) > longest:
        raise MessageTooLarge(f"The file has {len(data):,} bytes; at most {longest:,} are accepted.")
    if not data or not data.strip():
        raise DocumentUnreadable("The file is empty.")
    return kind_of(data, file_name, mime_type)


def file_name(text: str) -> str:
    """The last part of a name, however it came: shown to people, and offered when the file is fetched."""
    name = checking.one_line(text.replace("\\", "/").rstrip("/").rpartition("/")[2], 4 * FILE_NAME_CHARS_MAX)
    return name[-FILE_NAME_CHARS_MAX:]


def title_for(given: str, *others: str) -> str:
    """The title that was given, or the first that something else tells."""
    if given.strip():
        return checking.label(given, "title")
    return next((title for title in map(checking.one_line, others) if title), UNTITLED)


def title_of_file(name: str) -> str:
    """What a file's name says of it."""
    return title_of(name) if name else ""


def title_of_text(text: str) -> str:
    """The first line that says something, without the signs of a heading."""
    lines = (line.strip().lstrip("#").strip() for line in text[:5_000].splitlines())
    return checking.one_line(next((line for line in lines if line), ""), 120)


def language(text: str) -> str:
    """Names of languages, as `eng,deu`; raises `InvalidInput`."""
    return checking.line(text, "language", empty=True, longest=LANGUAGE_CHARS_MAX)


def check_room(
    db: apsw.Connection,
    caller: Caller,
    base: KnowledgeBase,
    *,
    documents: int = 1,
    chunks: int = 1,
    bytes: int,
) -> None:
    """Raises `QuotaReached` when a document does not fit in.

    What is `used` stands in its text and details for those only who see all that is in the base: others would
    learn of documents that are not for them.
    """
    try:
        stored_bases.check_room(db, base, documents=documents, chunks=chunks, bytes=bytes)
    except QuotaReached as error:
        usage = stored_bases.usage(db, base.number)
        if stored_bases.seen(db, base.number, access.overseer_of(caller)) != usage:
            raise
        used = getattr(usage, error.details["which"])
        raise QuotaReached(f"{error.text} It holds {used:,} now.", **error.details, used=used) from error
