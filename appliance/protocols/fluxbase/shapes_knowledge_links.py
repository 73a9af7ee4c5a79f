"""Bodies of the endpoints that tie knowledge bases to bots (3.4), and of questions without an answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.knowledge import AccessLevel, LinkOrigin


class _LinkWanted(msgspec.Struct, frozen=True, kw_only=True):
    access_level: AccessLevel | None = None
    filter_expression: dict[str, Any] | None = None
    context_weight: Annotated[float, Meta(ge=0, le=100)] | None = None
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | None = None
    intent_keywords: list[str] | None = None
    max_chunks: Annotated[int, Meta(ge=1, le=50)] | None = None
    similarity_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None


class NewLink(_LinkWanted, frozen=True, kw_only=True):
    """Body of a link; one that is there already is updated."""

    knowledge_base_id: str


class UpdateLink(_LinkWanted, frozen=True, kw_only=True):
    """Body of an update; what is not there, or null, stays."""


class LinkBody(msgspec.Struct, frozen=True, kw_only=True):
    """A bot answers from a knowledge base. `similarity_threshold` is null where the embedder chooses it.

    Ours is `origin`: what made the link; `metadata.origin` says it, too, unless an administrator did.
    """

    id: str
    chatbot_id: str
    knowledge_base_id: str
    knowledge_base_name: str
    access_level: AccessLevel
    filter_expression: dict[str, Any]
    context_weight: float
    priority: int
    intent_keywords: list[str]
    max_chunks: int
    similarity_threshold: float | None
    enabled: bool
    metadata: dict[str, Any]
    origin: LinkOrigin
    created_at: str
    updated_at: str


class LinkList(msgspec.Struct, frozen=True, kw_only=True):
    """The links of a bot."""

    knowledge_bases: list[LinkBody]
    count: int


class LinkedChatbot(LinkBody, frozen=True, kw_only=True):
    """A link as one who knows the knowledge base sees it: with what lists tell of the bot (2.1, 6.8)."""

    chatbot_name: str
    name: str
    namespace: str
    description: str
    model: str
    is_public: bool
    source: str


class LinkedChatbots(msgspec.Struct, frozen=True, kw_only=True):
    """The bots that answer from a knowledge base."""

    chatbots: list[LinkedChatbot]
    count: int


class GapBody(msgspec.Struct, frozen=True, kw_only=True):
    """Ours: a question that the documents did not answer, `count` times.

    `reason`: `nothing` was found, or what was found was not used (`uncited`); `best` is the similarity of the
    nearest passage.
    """

    id: str
    namespace: str
    chatbot_name: str
    question: str
    count: int
    reason: Literal["nothing", "uncited"]
    best: float
    conversation_id: str | None
    first_at: str
    last_at: str
    status: Literal["open", "closed"]


class GapList(msgspec.Struct, frozen=True, kw_only=True):
    """Some of them, the most often asked first: `count` is their number, `total` that of all."""

    gaps: list[GapBody]
    count: int
    total: int


class UpdateGap(msgspec.Struct, frozen=True, kw_only=True):
    """Body of closing one, or opening it again."""

    status: Literal["open", "closed"]
