"""The objects, bodies and answers of this API (6, 7), as they stand on the wire.

What has no value is left out, never null. `fid` and a message's `type` are of the 0.2.x dialect alone (14.1).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from appliance.protocols.botpress.old import OldPayload
from appliance.protocols.botpress.payloads import Payload

Name = Annotated[str, msgspec.Meta(max_length=200)]
PictureUrl = Annotated[str, msgspec.Meta(max_length=40_000)]
ProfileText = Annotated[str, msgspec.Meta(max_length=1000)]

# -- objects ---------------------------------------------------------------------------------------------


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A person, and what they tell of themselves."""

    id: str
    created_at: str
    updated_at: str
    name: str | UnsetType = UNSET
    picture_url: str | UnsetType = UNSET
    profile: str | UnsetType = UNSET
    fid: str | UnsetType = UNSET


class Conversation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A conversation; whose it is, is told to nobody."""

    id: str
    created_at: str
    updated_at: str
    fid: str | UnsetType = UNSET


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A person's or the bot's message."""

    id: str
    created_at: str
    conversation_id: str
    user_id: str
    payload: dict[str, Any]
    metadata: dict[str, Any] | UnsetType = UNSET
    type: str | UnsetType = UNSET
    fid: str | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody told that is no message."""

    id: str
    created_at: str
    conversation_id: str
    user_id: str
    payload: dict[str, Any]


# -- bodies ----------------------------------------------------------------------------------------------


class UserBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody tells of themselves; a null is as if it were absent."""

    name: Name | None = None
    picture_url: PictureUrl | None = None
    profile: ProfileText | None = None


class NewUser(UserBody, frozen=True, kw_only=True, rename="camel"):
    """The same with an id of the caller's choice; an empty one is none."""

    id: str | None = None
    fid: str | None = None


class NewConversation(msgspec.Struct, frozen=True, kw_only=True):
    """An id of the caller's choice, where an empty one is none, and others who take part."""

    id: str | None = None
    fid: str | None = None
    participants: list[str] | None = None


class WantedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a conversation that is to be there."""

    id: str | None = None
    fid: str | None = None


class NewParticipant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who is to take part."""

    user_id: str


class NewMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message with its payload as it came; `payloads` and `old` say what may be in it."""

    conversation_id: str
    payload: dict[str, Any]
    metadata: dict[str, Any] | UnsetType = UNSET
    fid: str | None = None


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Any JSON object."""

    conversation_id: str
    payload: dict[str, Any]


class NewName(msgspec.Struct, frozen=True, kw_only=True):
    """0.2.x: another foreign id for a conversation or message."""

    fid: str | None = None


# -- bodies as they are described ------------------------------------------------------------------------


class WantedConversationBody(msgspec.Struct, frozen=True, kw_only=True):
    """`WantedConversation` of today's dialect."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=70, pattern=r"^[A-Za-z0-9_\-\\/]+$")]


class NewMessageBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`NewMessage` with the kinds of payloads."""

    conversation_id: str
    payload: Payload
    metadata: dict[str, Any] | UnsetType = UNSET


class OldMessageBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`NewMessage` of the 0.2.x dialect."""

    conversation_id: str
    payload: OldPayload
    fid: str | None = None


# -- answers ---------------------------------------------------------------------------------------------


class Meta(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a list goes on; empty on its last page. Clients read it unguarded, so it is always there."""

    next_token: str | UnsetType = UNSET


class Nothing(msgspec.Struct, frozen=True):
    """`{}`: an answer without a body would come out as an empty string."""


class UserAndKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new user and the key that is theirs."""

    user: User
    key: str


class OneUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user."""

    user: User


class OneConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation."""

    conversation: Conversation


class Conversations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of conversations, newest first."""

    conversations: list[Conversation]
    meta: Meta


class OneParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who takes part."""

    participant: User


class Participants(msgspec.Struct, frozen=True, kw_only=True):
    """A page of those who take part, the owner first."""

    participants: list[User]
    meta: Meta


class OneMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    message: Message


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """A page of messages, newest first."""

    messages: list[Message]
    meta: Meta


class OneEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event."""

    event: Event
