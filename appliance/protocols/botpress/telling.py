"""Our people, conversations, messages, events -> this API's objects, alike in answers and signals. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from appliance import conversation as ours
from appliance import messages
from appliance.engine.bot_entries import bot_id
from appliance.engine.people import CustomEvent, Person
from appliance.protocols.botpress import old, payloads, shapes
from appliance.protocols.source_data import cited

SOURCE = "botpress"
BOT_ID = re.compile(r"bot_[0-9a-f]{32}", re.ASCII)
"""The ids of bots among those of users; nobody may take one."""
OPERATOR_ID = "operator_"
"""The ids of people of the team begin so; nobody may take one."""
NO_WORDS = "(no text)"


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of a conversation to tell what is said in it; `old` clients know the 0.2.x dialect."""

    id: str
    """The public one."""
    owner: str
    bot_user_id: str
    old: bool = False


def room(conversation: ours.Conversation, *, old: bool) -> Room:
    """The conversation as those who take part know it."""
    return Room(
        id=public_id(conversation),
        owner=conversation.owner,
        bot_user_id=bot_user_id(conversation.namespace, conversation.bot),
        old=old,
    )


def public_id(conversation: ours.Conversation) -> str:
    """The id that its maker chose over this API, else ours; another wire's foreign ids mean nothing here."""
    return conversation.public_id if conversation.source == SOURCE else conversation.id


def bot_user_id(namespace: str, name: str) -> str:
    """Under which id a bot writes: the same on every machine and after every restart."""
    return f"bot_{bot_id(namespace, name).replace('-', '')}"


def user_id(owner: str) -> str:
    """The public id of somebody who is `owner` to us."""
    kind, _, id = owner.partition(":")
    return id if kind in {"user", "guest"} else owner.replace(":", "_")


def timestamp(at: float) -> str:
    """Unix seconds in UTC with milliseconds; clients drop signals whose times do not end in `Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(person: Person, *, old: bool) -> shapes.User:
    """A user or participant."""
    id = user_id(person.owner)
    return shapes.User(
        id=id,
        created_at=timestamp(person.created_at),
        updated_at=timestamp(person.updated_at),
        name=UNSET if person.name is None else person.name,
        picture_url=UNSET if person.picture_url is None else person.picture_url,
        profile=UNSET if person.profile is None else person.profile,
        fid=id if old else UNSET,
    )


def operator(found: ours.Conversation, *, old: bool) -> shapes.User | None:
    """The person of the team who is in the conversation now; their times, which nobody needs, are its own."""
    if found.handoff != "joined":
        return None
    id = user_id(f"{messages.OPERATOR}{found.operator}")
    at = timestamp(found.created_at)
    return shapes.User(
        id=id, created_at=at, updated_at=at, name=found.operator_name, fid=id if old else UNSET
    )


def conversation(found: ours.Conversation, *, old: bool) -> shapes.Conversation:
    """A conversation."""
    id = public_id(found)
    return shapes.Conversation(
        id=id,
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        fid=id if old else UNSET,
    )


def message(found: messages.Message, room: Room) -> shapes.Message | None:
    """A stored message; None for an answer that has no words or has not ended."""
    if found.role == "user":
        return said(
            room,
            id=found.id,
            author=found.author,
            at=found.created_at,
            content=found.content,
            payload=found.payload,
            metadata=found.metadata,
            client_id=found.client_id,
        )
    if found.status in {"queued", "running"}:
        return None
    if found.is_by_operator:
        return by_operator(
            room,
            id=found.id,
            author=found.author,
            name=found.operator_name,
            at=found.created_at,
            text=found.text,
        )
    failed = found.status in {"failed", "interrupted"}
    return answered(
        room,
        id=found.id,
        at=found.created_at,
        text=found.text,
        error=found.error_text * failed,
        sources=found.sources,
    )


def said(
    room: Room,
    *,
    id: str,
    author: str,
    at: float,
    content: str,
    payload: dict[str, Any] | None,
    metadata: dict[str, Any],
    client_id: str = "",
) -> shapes.Message:
    """What a person said; in the words of their message where it is of a form that clients do not know."""
    known = payload if payload and payloads.is_payload(payload) else _words(content)
    if client_id and room.old:
        id = client_id
    told = _message(room, id, at, user_id(author or room.owner), known, metadata)
    return msgspec.structs.replace(told, fid=client_id) if client_id and room.old else told


def answered(
    room: Room, *, id: str, at: float, text: str, error: str = "", sources: Sequence[messages.Source] = ()
) -> shapes.Message | None:
    """What the bot said, with what it cites in `metadata`, or why it said nothing; None without either."""
    words = text or error
    told = cited(text, sources)
    metadata = {"sources": told} if told else {}
    return _message(room, id, at, room.bot_user_id, _words(words), metadata) if words else None


def by_operator(room: Room, *, id: str, author: str, name: str, at: float, text: str) -> shapes.Message:
    """What a person of the team said in the bot's place; `metadata` has their name: ours."""
    return _message(room, id, at, user_id(author), _words(text), {"operator_name": name})


def event(found: CustomEvent, room: Room) -> shapes.Event:
    """A stored event."""
    return shapes.Event(
        id=found.id,
        created_at=timestamp(found.created_at),
        conversation_id=room.id,
        user_id=user_id(found.author),
        payload=found.payload,
    )


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text or NO_WORDS}


def _message(
    room: Room, id: str, at: float, author: str, payload: dict[str, Any], metadata: dict[str, Any]
) -> shapes.Message:
    if room.old:
        payload = old.older(payload)
    return shapes.Message(
        id=id,
        created_at=timestamp(at),
        conversation_id=room.id,
        user_id=author,
        payload=payload,
        metadata=metadata or UNSET,
        type=payload["type"] if room.old else UNSET,
    )
