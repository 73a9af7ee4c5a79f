"""What goes over the wire, as OpenAI's reference of chat completions and models has it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from appliance.protocols.source_data import SourceData

# -- requests ----------------------------------------------------------------------------------------


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """A piece of a message's text."""

    text: str


class RefusalPart(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    """What a model said instead of an answer."""

    refusal: str


Content: TypeAlias = str | list[TextPart | RefusalPart] | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message; `developer` is what newer models call `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = None


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the last chunk tells what the answer cost."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer is to be written; only `text` can be asked for."""

    type: str


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request. Fields of OpenAI's that are not here are ignored.

    `metadata.conversation_id` continues a conversation that is kept here; with `store` a new one is kept.
    """

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    n: int | None = None
    user: str | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    tools: list[dict[str, Any]] | None = None
    functions: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None


# -- answers -----------------------------------------------------------------------------------------


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What all model calls of the answer cost together, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class UrlCitation(msgspec.Struct, frozen=True, kw_only=True):
    """Which characters of the answer are the marker, and what it cites.

    `source` is ours: the passage itself. A document that has no address gets `urn:uuid:` and its id as `url`.
    """

    start_index: int
    end_index: int
    title: str
    url: str
    source: SourceData


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """A citation."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's message."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation] = []


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The one choice that there is."""

    index: int = 0
    message: Answer
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class ChatCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; `created` is in Unix seconds."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a chunk adds."""

    role: str = ""
    content: str | None = None
    annotations: list[Annotation] = []


class ChunkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk adds to the one choice that there is."""

    index: int = 0
    delta: Delta
    logprobs: None = None
    finish_reason: Literal["stop", "length"] | None = None


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a streamed answer; `usage` is there, and null but at the end, only when it was asked for."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A bot."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "appliance"


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All bots that the caller may know of."""

    object: Literal["list"] = "list"
    data: list[Model]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong: `type` and `code` for programs, `message` for people, `param` the field."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    error: Problem
