"""The JSON of the widget's endpoints. Times are Unix seconds."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

import msgspec

# -- requests ----------------------------------------------------------------------------------------


class User(msgspec.Struct, frozen=True):
    """A visitor as the page knows them; `hash` is the hex HMAC-SHA256 of `id` with the identity secret."""

    id: str
    hash: str
    name: str | None = None
    email: str | None = None


class SessionAsked(msgspec.Struct, frozen=True):
    """What the page shows of its visitor: an earlier token of theirs, and perhaps a proof of who they are."""

    visitor: str | None = None
    user: User | None = None
    jwt: str | None = None


class Title(msgspec.Struct, frozen=True):
    """A new title."""

    title: str


class Opinion(msgspec.Struct, frozen=True):
    """What somebody thinks of an answer, and why; null takes it back."""

    value: Literal["positive", "negative"] | None
    comment: str | None = None


# -- answers -----------------------------------------------------------------------------------------


class WidgetBot(TypedDict):
    """What the widget shows of a bot; empty texts are not set. `operators`: is somebody there?"""

    bot: str
    namespace: str
    title: str
    description: str
    greeting: str
    suggestions: list[str]
    placeholder: str
    colour: str
    theme: Literal["auto", "light", "dark"]
    position: Literal["right", "left"]
    uploads: bool
    upload_types: list[str]
    upload_bytes_max: int
    handoff: bool
    operators: bool
    identity: Literal["none", "optional", "required"]
    feedback: bool
    follow_ups: bool
    privacy_url: str


class WidgetSession(TypedDict):
    """A token for all further requests and for the chat socket."""

    token: str
    kind: Literal["visitor", "user"]
    expires_at: float
    name: str


class ConversationItem(TypedDict):
    """One line of the history."""

    id: str
    title: str
    preview: str
    last_message_at: float
    handoff: Literal["", "waiting", "joined"]


class ConversationItems(TypedDict):
    """A page of the history, newest first; `next` is what to send as `after` for more."""

    items: list[ConversationItem]
    total: int
    next: str | None


class Deleted(TypedDict):
    """It is gone."""

    deleted: bool
    id: str


class OpinionKept(TypedDict):
    """What is kept of an answer's value."""

    message_id: str
    value: Literal["positive", "negative"] | None
    comment: str


class ExportedResult(TypedDict):
    """A table that an answer showed."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


class ExportedSource(TypedDict):
    """A passage that an answer could cite."""

    number: int
    title: str
    url: str
    content: str


class ExportedMessage(TypedDict):
    """A message; `name` is an operator's."""

    id: str
    role: Literal["user", "assistant", "operator"]
    name: str
    at: float
    text: str
    results: list[ExportedResult]
    sources: list[ExportedSource]


class Exported(TypedDict):
    """A whole conversation as JSON."""

    id: str
    bot: str
    namespace: str
    title: str
    created_at: float
    messages: list[ExportedMessage]


class FollowUps(TypedDict):
    """Questions that may come next."""

    items: list[str]


class FileItem(TypedDict):
    """A file of a conversation; `characters` are those that were read, `note` tells what was not."""

    id: str
    name: str
    bytes: int
    characters: int
    note: NotRequired[str]


class FileItems(TypedDict):
    """All files of a conversation, in their order."""

    items: list[FileItem]
    total: int
    next: None


class Erased(TypedDict):
    """How much of somebody's is gone for good."""

    conversations: int
    files: int
    documents: int
