"""A turn's events -> chunks of a streamed chat completion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from appliance.citations import cited_in
from appliance.engine.log import Entry
from appliance.errors import ApplianceError
from appliance.events import (
    ConversationDeleted,
    EventPosted,
    HandoffChanged,
    MessageDeleted,
    MessagePosted,
    OperatorMessage,
    PersonJoined,
    PersonLeft,
    Progress,
    SourcesFound,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Source
from appliance.messages import Usage as Tokens
from appliance.protocols.openai.shapes import (
    Annotation,
    Chunk,
    ChunkChoice,
    Delta,
    ErrorBody,
    UrlCitation,
    Usage,
)
from appliance.protocols.openai.words import NoAnswer, problem_of
from appliance.protocols.source_data import source_data

DONE = "data: [DONE]\n\n"


class ChunkCodec:
    """The chunks of one turn. Of tools and progress nothing is told: they run inside."""

    heartbeat_s = 15.0
    hold_s = 0.0
    apart = False

    def __init__(self, turn_id: str, *, id: str, model: str, created: int, include_usage: bool) -> None:
        self.ended = False
        self._turn_id = turn_id
        self._id = id
        self._model = model
        self._created = created
        self._include_usage = include_usage
        self._begun = False
        self._texts: list[str] = []
        self._sources: list[Source] = []

    def begin(self) -> list[str]:
        """The role comes first, at once."""
        return [self._chunk(Delta(role="assistant", content=""))]

    def heartbeat(self) -> list[str]:
        """A comment."""
        return [": keep-alive\n\n"]

    def encode(self, entry: Entry) -> list[str]:
        """Chunks that tell one event of this turn."""
        event = entry.event
        if isinstance(event, TurnStarted):
            self._begun = self._begun or event.turn_id == self._turn_id
            return []
        if isinstance(event, ConversationDeleted):
            return self._failed(NoAnswer("The conversation was deleted.", reason="interrupted"))
        if not self._begun:
            return []
        match event:
            case SourcesFound(sources=sources):
                self._sources += sources
                return []
            case TextDelta(text=text):
                self._texts.append(text)
                return [self._chunk(Delta(content=text))]
            case TurnDone(finish=finish, usage=usage):
                return self._ended("length" if finish == "length" else "stop", usage)
            case TurnCancelled(usage=usage):
                return self._ended("stop", usage)
            case TurnFailed(code=code, message=message):
                return self._failed(NoAnswer(message, reason=code))
            case (
                Progress()
                | ToolCalled()
                | ToolFinished()
                | MessagePosted()
                | MessageDeleted()
                | OperatorMessage()
                | HandoffChanged()
                | PersonJoined()
                | PersonLeft()
                | EventPosted()
            ):
                return []
            case _:
                assert_never(event)

    def _ended(self, reason: Any, usage: Tokens) -> list[str]:
        self.ended = True
        annotations = annotations_of("".join(self._texts), self._sources)
        pieces = [self._chunk(Delta(annotations=annotations), finish_reason=reason)]
        if self._include_usage:
            pieces.append(self._frame(choices=[], usage=usage_of(usage)))
        return [*pieces, DONE]

    def _failed(self, error: ApplianceError) -> list[str]:
        self.ended = True
        _, problem = problem_of(error)
        return [f"data: {msgspec.json.encode(ErrorBody(error=problem)).decode()}\n\n", DONE]

    def _chunk(self, delta: Delta, finish_reason: Any = None) -> str:
        return self._frame(choices=[ChunkChoice(delta=delta, finish_reason=finish_reason)])

    def _frame(self, *, choices: list[ChunkChoice], usage: Usage | None = None) -> str:
        chunk = Chunk(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=choices,
            usage=usage if self._include_usage else msgspec.UNSET,
        )
        return f"data: {msgspec.json.encode(chunk).decode()}\n\n"


def annotations_of(text: str, sources: Sequence[Source]) -> list[Annotation]:
    """One for each citation in the answer."""
    return [
        Annotation(
            url_citation=UrlCitation(
                start_index=start,
                end_index=end,
                title=source.title,
                url=source.url or f"urn:uuid:{source.document_id}",
                source=source_data(source),
            )
        )
        for start, end, source in cited_in(text, sources)
    ]


def usage_of(usage: Tokens) -> Usage:
    """Token counts as integers."""
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
