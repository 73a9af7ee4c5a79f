"""Files that visitors attach to a conversation, read by the worker for documents, for that one alone."""

from __future__ import annotations

import hashlib
import re
from functools import partial

import trio

from appliance import chunking, searchtext
from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.engine import admission
from appliance.engine.engine import Engine
from appliance.engine.knowledge.library import Library
from appliance.errors import (
    BotNotFound,
    ConversationNotFound,
    DocumentUnreadable,
    Forbidden,
    MessageTooLarge,
    NotFound,
)
from appliance.extract.kinds import SUPPORTED_SUFFIXES
from appliance.identity import Caller
from appliance.knowledge import Extracted
from appliance.store import widget_files
from appliance.store.widget_files import AttachedFile as AttachedFile
from appliance.store.widget_files import NewPassage

TYPES = SUPPORTED_SUFFIXES
"""Suffixes of files that can be read; other files of text can be, too."""
TEXT_BYTES_MAX = 5_000_000
"""Of one file, as UTF-8."""
PASSAGE_TOKENS = 300
OVERLAP_TOKENS = 30
NAME_CHARS_MAX = 200
NOTE_CHARS_MAX = 500
NAMELESS = "file"

_PATH = re.compile(r"[/\\]")


def are_taken(engine: Engine, bot: Bot) -> bool:
    """May visitors of this bot attach files?"""
    return bot.uploads and engine.services.library is not None


def check(engine: Engine, conversation_id: str, caller: Caller) -> int:
    """May this caller attach one more file? The most bytes that it may have; strangers' tries are counted.

    Asked before a file is read from the network. Raises `ConversationNotFound`, `BotNotFound`, `Forbidden`,
    `QuotaReached`, `TooManyRequests`.
    """
    conversation = own(engine, conversation_id, caller)
    bot = engine.catalogue.get(conversation.namespace, conversation.bot, enabled_only=True)
    if bot is None:
        raise BotNotFound(f"The bot {conversation.bot!r} of this conversation is not there any more.")
    admission.check_access(bot, caller)
    if not are_taken(engine, bot):
        raise Forbidden(f"The bot {bot.name!r} takes no files.")
    engine.services.store.read_now(widget_files.check_room, conversation.id)
    engine.strangers.check_upload(caller)
    return engine.services.settings.widget_upload_bytes_max


def own(engine: Engine, conversation_id: str, caller: Caller) -> Conversation:
    """A conversation that is this caller's own; raises `ConversationNotFound`."""
    found = engine.own(conversation_id, caller)
    if found.owner != caller.owner:
        raise ConversationNotFound("There is no such conversation.")
    return found


async def add(
    engine: Engine, conversation_id: str, caller: Caller, data: bytes, *, name: str, mime_type: str
) -> tuple[AttachedFile, bool]:
    """Read a file and keep its text with the conversation; False when the same one was there already.

    `check` comes before. Raises `UnsupportedDocument`, `DocumentUnreadable`, `MessageTooLarge`,
    `QuotaReached`, `Conflict`.
    """
    library = engine.services.library
    assert library is not None, "`check` has said so"
    hash = hashlib.sha256(data).digest()
    if (there := library.store.read_now(widget_files.known, conversation_id, hash)) is not None:
        return there, False
    name = shown_name(name)
    extracted = await library.extractor.extract(data, file_name=name, mime_type=mime_type)
    passages = await trio.to_thread.run_sync(_passages, extracted)
    begun = await library.store.write(
        partial(
            widget_files.begin,
            conversation_id=conversation_id,
            owner=caller.owner,
            name=name,
            mime_type=extracted.mime_type,
            bytes=len(data),
            characters=len(extracted.text),
            hash=hash,
            note=" ".join(extracted.notes)[:NOTE_CHARS_MAX],
            now=library.clock(),
        )
    )
    try:
        await _store(library, begun, passages)
    except BaseException:
        with trio.CancelScope(shield=True):
            await library.store.write(widget_files.drop, conversation_id, begun.id)
        raise
    return begun, True


async def listed(engine: Engine, conversation_id: str, caller: Caller) -> list[AttachedFile]:
    """The files of the caller's conversation; raises `ConversationNotFound`."""
    own(engine, conversation_id, caller)
    return await engine.services.store.read(widget_files.listed, conversation_id)


async def drop(engine: Engine, conversation_id: str, caller: Caller, file_id: str) -> None:
    """Delete a file with its text; what answers quoted of it stays. Raises `NotFound`."""
    own(engine, conversation_id, caller)
    if not await engine.services.store.write(widget_files.drop, conversation_id, file_id):
        raise NotFound("There is no such file in this conversation.")


def shown_name(name: str) -> str:
    """A file's name as people may read it: without folders and signs that cannot be seen."""
    last = _PATH.split(name)[-1]
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in last).split())
    return plain[:NAME_CHARS_MAX] or NAMELESS


def _passages(extracted: Extracted) -> list[NewPassage]:
    """Takes a second for a large text: not on the loop."""
    text = extracted.text
    size = len(text.encode("utf-8", "replace"))
    if size > TEXT_BYTES_MAX:
        raise MessageTooLarge(
            f"The file has {size} bytes of text; at most {TEXT_BYTES_MAX} are taken. Split it."
        )
    pieces = chunking.chunk(
        text, extracted.outline, strategy="recursive", size=PASSAGE_TOKENS, overlap=OVERLAP_TOKENS
    )
    if not pieces:
        raise DocumentUnreadable("There is no text in this file.")
    made = []
    for piece in pieces:
        content = text[piece.start : piece.end]
        prepared = searchtext.prepare("\n".join([*piece.headings, content]))
        words = [*prepared.words, *prepared.names]
        made.append(
            NewPassage(
                start=piece.start,
                end=piece.end,
                content=content,
                words=words,
                page=piece.page,
                headings=piece.headings,
            )
        )
    return made


async def _store(library: Library, file: AttachedFile, passages: list[NewPassage]) -> None:
    store = library.store
    for first in range(0, len(passages), widget_files.AT_ONCE):
        part = passages[first : first + widget_files.AT_ONCE]
        if not await store.write(widget_files.add, file.number, first, part):
            raise NotFound("The conversation was deleted meanwhile.")
    if not await store.write(widget_files.finish, file.number):
        raise NotFound("The conversation was deleted meanwhile.")
