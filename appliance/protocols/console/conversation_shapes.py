"""Conversations and messages as the console's API tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from appliance.engine.console_bots import bot_title
from appliance.engine.engine import Engine
from appliance.engine.handoff import Note
from appliance.engine.oversight import Seen, Whole
from appliance.engine.widget_files import AttachedFile
from appliance.engine.widget_passages import sent_with
from appliance.messages import (
    Message,
    MessageStatus,
    Part,
    SourcesPart,
    TextPart,
    ToolCallPart,
    ToolResult,
    ToolResultPart,
)
from appliance.protocols.fluxbase.chat import query_body
from appliance.protocols.source_data import SourceData, source_data

RESULT_CHARS_MAX = 20_000
"""Of what a tool gave to the model; a page shows no more."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in a list; times are Unix seconds, `person` is a name or an id.

    `bot_title` is the bot's name for people.

    `handoff_reason` is why a person is waited for, `helped_by` who of the team was there and has left.
    """

    id: str
    title: str | None
    preview: str
    bot: str
    bot_title: str
    namespace: str
    owner: str
    person: str
    source: str
    created_at: float
    last_message_at: float
    message_count: int
    tokens: int
    handoff: str
    operator: str
    operator_name: str
    handoff_reason: str
    helped_by: str
    positive: int
    negative: int
    errors: int
    running: bool


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is the cursor of the next one."""

    items: list[Item]
    total: int
    next: str | None


class SentFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a question was sent with; without a name it was deleted since."""

    id: str
    name: str = ""
    bytes: int = 0
    characters: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or a `note` that tells who answers from then on."""

    id: str
    role: Literal["user", "assistant", "operator", "note"]
    name: str = ""
    turn_id: str = ""
    status: MessageStatus = "done"
    text: str = ""
    parts: list[dict[str, Any]] = []
    sources: list[SourceData] = []
    usage: dict[str, Any] | None = None
    feedback: str | None = None
    comment: str = ""
    error: dict[str, str] | None = None
    files: list[SentFile] = []
    created_at: float
    note: str | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. What its stream tells from `seq` on is what is not in here."""

    conversation: Item
    messages: list[Line]
    seq: int


def item(engine: Engine, seen: Seen) -> Item:
    """A line of a list."""
    found = seen.conversation
    return Item(
        id=found.id,
        title=found.title,
        preview=seen.preview,
        bot=found.bot,
        bot_title=bot_title(engine, found.namespace, found.bot),
        namespace=found.namespace,
        owner=found.owner,
        person=seen.person or found.owner.partition(":")[2] or found.owner,
        source=found.source,
        created_at=found.created_at,
        last_message_at=found.last_message_at,
        message_count=seen.message_count,
        tokens=found.prompt_tokens + found.completion_tokens,
        handoff=found.handoff,
        operator=found.operator,
        operator_name=found.operator_name,
        handoff_reason=seen.reason,
        helped_by=seen.helped_by,
        positive=seen.positive,
        negative=seen.negative,
        errors=seen.errors,
        running=engine.chats.is_running(found.id),
    )


def detail(engine: Engine, whole: Whole) -> Detail:
    """Messages in order, each note between those that it came between."""
    told = item(engine, whole.seen)
    lines: list[Line] = []
    notes = list(whole.notes)
    for message in whole.messages:
        place = max(message.first_seq, message.last_seq)
        while notes and place and notes[0].seq < place:
            lines.append(_note(notes.pop(0)))
        lines.append(line(message, told.person, whole.comments.get(message.id, ""), whole.files))
    return Detail(conversation=told, messages=[*lines, *map(_note, notes)], seq=whole.seq)


def line(message: Message, person: str, comment: str = "", files: Mapping[str, AttachedFile] = {}) -> Line:
    """One message."""
    role: Literal["user", "assistant", "operator"] = "operator" if message.is_by_operator else message.role
    failed = message.status in ("failed", "interrupted")
    usage = message.usage
    return Line(
        id=message.id,
        role=role,
        name=person if role == "user" else message.operator_name,
        turn_id="" if role == "operator" else message.turn_id,
        status=message.status,
        text=message.text,
        parts=parts(message.parts),
        sources=[source_data(source) for source in message.sources],
        usage={"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        if usage and usage.total_tokens
        else None,
        feedback=message.feedback,
        comment=comment,
        error={"code": message.error_code, "text": message.error_text} if failed else None,
        files=[_file(id, files.get(id)) for id in sent_with(message.metadata)] if role == "user" else [],
        created_at=message.created_at,
    )


def parts(told: Sequence[Part]) -> list[dict[str, Any]]:
    """What an answer is made of; a call and its result are one."""
    results = {part.result.call_id: part.result for part in told if isinstance(part, ToolResultPart)}
    shown: list[dict[str, Any]] = []
    for part in told:
        match part:
            case TextPart(text=text):
                shown.append({"kind": "text", "text": text})
            case ToolCallPart(call=call):
                result = results.pop(call.id, None)
                shown.append(_tool(call.id, call.name, call.arguments, result))
            case ToolResultPart(result=result) if results.pop(result.call_id, None):
                shown.append(_tool(result.call_id, result.name, "", result))
            case SourcesPart(sources=sources):
                shown.append({"kind": "sources", "sources": [source_data(source) for source in sources]})
    return shown


def _tool(id: str, name: str, arguments: str, result: ToolResult | None) -> dict[str, Any]:
    part: dict[str, Any] = {"kind": "tool", "id": id, "name": name, "arguments": arguments}
    if result is None:
        return {**part, "ok": None, "result": ""}
    part |= {"ok": result.ok, "result": result.content[:RESULT_CHARS_MAX]}
    return {**part, "query": query_body(result.query)} if result.query else part


def _file(id: str, there: AttachedFile | None) -> SentFile:
    if there is None:
        return SentFile(id=id)
    return SentFile(id=id, name=there.name, bytes=there.bytes, characters=there.characters)


def _note(note: Note) -> Line:
    return Line(
        id=note.id,
        role="note",
        name=note.name,
        text=note.reason,
        created_at=note.at,
        note=note.state,
    )
