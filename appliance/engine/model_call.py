"""The calls of one turn to its model: text to the log as it comes, tools asked for, and what it cost."""

from __future__ import annotations

from appliance import prompt
from appliance.bot import Bot
from appliance.citations import Citations
from appliance.engine.recorder import Recorder
from appliance.engine.tracer import Tracer
from appliance.errors import ProviderBroken, ProviderError
from appliance.events import Extra, TextDelta
from appliance.messages import Finish, PromptMessage, ToolCall, Usage, estimate_tokens
from appliance.providers.base import (
    ModelCut,
    ModelRequest,
    ModelText,
    ModelToolCall,
    ModelUsage,
    Provider,
    ToolSpec,
)

ANSWER_CHARS_MAX = 500_000
"""A model that never stops is stopped: bounds the memory of a turn."""


class ModelCalls:
    """Of one turn; `extra` is what the caller asks for beside the bot's own settings."""

    def __init__(self, bot: Bot, extra: Extra, recorder: Recorder, tracer: Tracer) -> None:
        self._bot = bot
        self._extra = extra
        self._recorder = recorder
        self._tracer = tracer
        self.usage = Usage()
        """Of all calls so far; estimated where the provider does not tell."""
        self.finish: Finish = "stop"
        """Why the last call ended."""

    async def call(
        self,
        provider: Provider,
        messages: list[PromptMessage],
        tools: list[ToolSpec],
        citations: Citations,
    ) -> tuple[str, list[ToolCall]]:
        """One call; returns all text and the tools asked for. Raises `ProviderError`, `ProviderBroken`."""
        self.finish = "stop"
        texts: list[str] = []
        calls: list[ToolCall] = []
        told: Usage | None = None
        refused = False
        try:
            with self._tracer.step(
                "model",
                call=self._tracer.prompted(messages),
                model=self._bot.model or provider.default_model,
                tools=[tool.name for tool in tools],
            ) as step:
                async with provider.stream(self._request(messages, tools)) as events:
                    async for event in events:
                        match event:
                            case ModelText(text):
                                self._append(citations.feed(text))
                                texts.append(text)
                                self._check_length()
                            case ModelToolCall(call):
                                calls.append(call)
                            case ModelUsage(usage):
                                told = usage
                            case ModelCut():
                                self.finish = "length"
                step["asked_for"] = [call.name for call in calls]
        except ProviderError:
            refused = not texts and not calls
            raise
        finally:
            self._append(citations.flush())
            if told or not refused:  # a call that never began to answer cost nothing
                self.usage += told or _estimate(messages, texts, calls)
        return "".join(texts), calls

    def _request(self, messages: list[PromptMessage], tools: list[ToolSpec]) -> ModelRequest:
        bot, extra = self._bot, self._extra
        return ModelRequest(
            messages=messages,
            tools=tools,
            model=bot.model,
            temperature=bot.temperature if extra.temperature is None else extra.temperature,
            max_tokens=min(bot.max_tokens, extra.max_tokens or bot.max_tokens),
        )

    def _append(self, text: str) -> None:
        if text:
            self._tracer.wrote()
            self._recorder.append(TextDelta(text=text))

    def _check_length(self) -> None:
        if self._recorder.text_length > ANSWER_CHARS_MAX:
            raise ProviderBroken(f"The model wrote more than {ANSWER_CHARS_MAX} characters and was stopped.")


def _estimate(messages: list[PromptMessage], texts: list[str], calls: list[ToolCall]) -> Usage:
    """For providers that do not tell, and for calls that were cut."""
    answered = sum(map(len, texts)) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(
        prompt_tokens=sum(prompt.cost(message) for message in messages),
        completion_tokens=estimate_tokens("x" * answered),
        estimated=True,
    )
