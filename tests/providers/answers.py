"""What tests of all providers do with a stream of model events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from appliance.errors import ProviderError
from appliance.messages import ToolCall, Usage
from appliance.providers.base import (
    ModelEvent,
    ModelRequest,
    ModelText,
    ModelToolCall,
    ModelUsage,
    Provider,
)


class Answer(msgspec.Struct):
    """Everything one call brought, in a form that does not depend on how text was cut."""

    text: str = ""
    calls: list[ToolCall] = []
    usages: list[Usage] = []
    error: str = ""
    """The class name of the error that ended it."""

    def add(self, events: Iterable[ModelEvent]) -> None:
        for event in events:
            match event:
                case ModelText(text=text):
                    assert text, "empty text event"
                    self.text += text
                case ModelToolCall(call=call):
                    self.calls.append(call)
                case ModelUsage(usage=usage):
                    self.usages.append(usage)


def decoded(decoder: Any, *chunks: bytes) -> Answer:
    """What `decoder` makes of `chunks` and a clean end; only `ProviderError`s are caught."""
    answer = Answer()
    for chunk in chunks:
        if decoder.finished:
            break
        answer.add(decoder.feed(chunk))
    try:
        answer.add(decoder.close())
    except ProviderError as error:
        answer.error = type(error).__name__
    return answer


async def asked(provider: Provider, request: ModelRequest, answer: Answer | None = None) -> Answer:
    """What a provider answers over its real connection, put into `answer`; raises what it raises."""
    answer = answer or Answer()
    async with provider.stream(request) as events:
        async for event in events:
            answer.add([event])
    return answer
