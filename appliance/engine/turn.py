"""One turn: a question in, an answer in the log and the store. The only tool loop of the project.

A turn belongs to the engine, not to a connection. Its first event is `TurnStarted`; its last is exactly one
of `TurnDone`, `TurnCancelled`, `TurnFailed`, appended after the answer and its cost are durable.
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import Any, Literal

import msgspec
import trio

from appliance import prompt, relevance
from appliance.engine import replay
from appliance.engine.model_call import ModelCalls
from appliance.engine.question import Decision, Question
from appliance.engine.recorder import Recorder
from appliance.engine.services import Services
from appliance.engine.toolbox import THINK, Toolbox
from appliance.engine.tracer import Tracer
from appliance.engine.turn_keeping import TurnEnd, TurnKeeping
from appliance.engine.turn_sources import TurnSources
from appliance.engine.widget_passages import sent_with
from appliance.errors import ApplianceError, ProviderBroken, ToolLoop
from appliance.events import (
    Progress,
    SourcesFound,
    Step,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import (
    Message,
    PromptMessage,
    Source,
    ToolCall,
    ToolResult,
)
from appliance.providers.base import (
    Provider,
    ToolSpec,
)
from appliance.redact import Redactor
from appliance.schema_text import LeftOut
from appliance.store import handoff, message_rows, usage
from appliance.withholding import DOCUMENT_TOOLS

HISTORY_MESSAGES_MAX = 400
"""Read for a prompt; few contexts hold as many."""

NO_WORDS_NOTE = "(The model looked things up, but gave no answer in words.)"

CALLS_MAX = 20
"""Tools that one answer of a model may call; each may bring a megabyte. Further ones are not made."""

NO_ANSWER = DOCUMENT_TOOLS | {"vector_search", THINK}
"""Tools that bring no answer beside the documents."""

DECISION_TOOL = "confirm_change"
"""The name under which a decision of the user stands among the model's own calls; it cannot be called."""

BUDGET_NOTE = "\n\n(The token budget for today is used up, so this answer stops here.)"

CancelReason = Literal["user", "orphaned", "shutdown", "deleted", "handoff"]

logger = logging.getLogger("appliance.engine")


class Turn:
    """Runs one question to its end; `cancel` may be called from any task at any moment."""

    def __init__(
        self, question: Question, recorder: Recorder, services: Services, slots: trio.CapacityLimiter
    ) -> None:
        self.question = question
        self._recorder = recorder
        self._services = services
        self._slots = slots
        self.ended = trio.Event()
        """Set when the terminal event is in the log."""
        self._scope = trio.CancelScope()
        self._cancelled_by: CancelReason = "user"
        self._provider: Provider | None = None
        self._note: Literal["", "token_budget"] = ""
        self._began = False
        self._answered = False
        self._sources = TurnSources(question.bot, question.caller, None, self._tell_sources)
        self._end_event: TurnEnd | None = None
        is_traced = services.settings.trace_days > 0 and not question.bot.disable_execution_logs
        self._tracer = Tracer(question.content, wanted=is_traced)
        self._keeping = TurnKeeping(question, recorder, services)
        self._calls = ModelCalls(question.bot, question.extra, recorder, self._tracer)
        self._redactor = Redactor(())

    @property
    def was_cancelled(self) -> bool:
        """Did the log tell everybody that it was cancelled? A turn that only waited tells few."""
        return isinstance(self._end_event, TurnCancelled) and not self._end_event.waited

    def cancel(self, reason: CancelReason) -> None:
        """Stop the model and any tool at their next checkpoint; what there is gets stored."""
        if not self._scope.cancel_called:
            self._cancelled_by = reason
            self._scope.cancel()

    def withhold(self) -> None:
        """Somebody is about to join: keep from them what is found for the asker alone."""
        self._recorder.withhold()

    async def run(self) -> None:
        """Answer, then store and announce the end; raises nothing but cancellation from outside."""
        question = self.question
        self._recorder.append(
            TurnStarted(
                turn_id=question.turn_id,
                message_id=question.message_id,
                content=question.content,
                client_id=question.client_id,
                answer_id=question.answer_id,
                author=question.caller.owner,
                at=question.at,
                continues=question.outputs is not None,
            )
        )
        for output in question.outputs or question.brought:
            self._recorder.append(ToolFinished(result=output))
        self._began = not self._scope.cancel_called
        failure: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keeping.flush_while_running)
                with self._scope:
                    failure = await self._answer_or_failure()
                    self._answered = True
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):  # a write takes as long as it takes, and it is bounded
                await self._end(failure)

    # -- the answer ----------------------------------------------------------------------------------

    async def _answer_or_failure(self) -> Exception | None:
        try:
            async with self._slots:
                await self._answer()
        except ApplianceError as error:
            logger.warning("turn %s: %s: %s", self.question.turn_id, error.code, error.text)
            return error
        except Exception as error:
            logger.exception("turn %s failed", self.question.turn_id)
            return error
        return None

    async def _answer(self) -> None:
        """Call the model, run the tools that it asks for, until it answers or has asked often enough."""
        self._progress("thinking", "Thinking...")
        question, bot = self.question, self.question.bot
        self._sources = sources = TurnSources.open(
            bot,
            question.caller,
            self._services.library,
            self._tell_sources,
            conversation_id=question.conversation_id,
            services=self._services,
        )
        toolbox = await Toolbox.open(
            self._services,
            bot,
            question.caller,
            question.conversation_id,
            question.content,
            self._think,
            clients=bot.client_tools if question.runs_tools else [],
            message_id=question.answer_id,
            look_up=sources.look_up,
            graph=sources.graph,
            call_person=self._call_person,
        )
        self._redactor = Redactor(toolbox.values.secrets)
        self._provider = self._services.choose_provider(bot)
        messages = await self._prompt(toolbox, sources)
        if question.decision:
            # No tools: a decision passes the limits, so it must not lead to more than one answer in words.
            messages += await self._decide(toolbox, question.decision)
            await self._call_model(messages, [])
            return self._check_answered()
        used_tools = False
        for number in range(bot.max_iterations + toolbox.thinks_first):
            text, calls = await self._call_model(
                messages, toolbox.specs(only_think=toolbox.thinks_first and not number)
            )
            if not calls:
                break
            theirs = [call for call in calls[:CALLS_MAX] if toolbox.is_for_client(call)]
            ours = [call for call in calls[:CALLS_MAX] if call not in theirs]
            results = [await self._run_tool(toolbox, call) for call in ours]
            results += [toolbox.one_too_many(call) for call in calls[CALLS_MAX:]]
            used_tools = used_tools or any(result.ok and result.name not in NO_ANSWER for result in results)
            if theirs:
                return self._ask_client(theirs)
            messages += prompt.called(text, calls, results)
            toolbox.results_are_told()
            if toolbox.insists:
                raise ToolLoop("The model kept asking for something that the rules of this bot do not allow.")
            if await self._over_budget():
                self._note = "token_budget"
                self._recorder.append(TextDelta(text=BUDGET_NOTE))
                return None
        else:
            await self._call_model(messages, [])
            if not self._recorder.text_length:
                self._recorder.append(TextDelta(text=NO_WORDS_NOTE))
        self._check_answered()
        await sources.note_gap(question.content, question.conversation_id, used_tools=used_tools)
        return None

    def _check_answered(self) -> None:
        """A model that has nothing at all to say has failed: people are owed an answer or an error."""
        if not self._recorder.text_length:
            raise ProviderBroken("The model gave an empty answer.")

    async def _prompt(self, toolbox: Toolbox, sources: TurnSources) -> list[PromptMessage]:
        question = self.question
        assert self._provider is not None
        context_tokens = self._services.settings.context_tokens or self._provider.context_tokens
        bot, store = question.bot, self._services.store
        room = max(0, context_tokens - min(bot.max_tokens, context_tokens // 2))
        history = store.read_now(message_rows.short_history, question.conversation_id)
        if history is None:
            newest = partial(message_rows.history, limit=HISTORY_MESSAGES_MAX)
            history = await store.read(newest, question.conversation_id)
        await self._retrieve(sources, history, room)
        known = await toolbox.schema()
        shown = known and relevance.choose_tables(
            known.schema,
            question.content,
            budget_tokens=relevance.schema_budget(self._services.settings.schema_tokens, room),
            default_table=bot.default_table,
            recent=prompt.recent_tables(history),
            index=known.index,
        )
        return prompt.build(
            prompt.PromptContext(
                bot=bot,
                prompt=self._services.render_prompt(bot, question.caller, toolbox.values),
                schema=shown.schema if shown else None,
                left_out=shown.left_out if shown else LeftOut(),
                examples=relevance.choose_examples(bot.examples, question.content) if shown else [],
                references=sources.section(),
                tools=[spec.name for spec in toolbox.specs()],
                history=history,
                question=question.content if question.outputs is None else None,
                outputs=question.outputs or question.brought,
                prior=question.extra.history,
                instructions=question.extra.instructions,
                user_id=question.caller.user_id,
                now=self._services.utc_text(),
                budget_tokens=room,
            )
        )

    async def _retrieve(self, sources: TurnSources, history: list[Message], room: int) -> None:
        """Find passages for the question; a decision needs none, and an answer that goes on has them."""
        question = self.question
        if not sources.are_there or question.decision:
            return
        if question.outputs is not None:
            sources.keep(history)
            return
        self._progress("retrieving", "Searching documents...")
        before = [message for message in history if message.id != question.message_id]
        earlier = [message.content for message in before if message.role == "user"]
        if question.extra.history is not None:
            earlier = [message.content for message in question.extra.history if message.role == "user"]
        with self._tracer.step("retrieve") as step:
            await sources.retrieve(
                question.content,
                earlier,
                room_tokens=room,
                conversation_id=question.conversation_id,
                message_id=question.answer_id,
                files=sent_with(question.metadata),
            )
            step["found"] = len(sources.passages)
        self._tracer.found(sources.passages)

    async def _call_model(
        self, messages: list[PromptMessage], tools: list[ToolSpec]
    ) -> tuple[str, list[ToolCall]]:
        """One call: text goes to the log as it comes; returns all text and the tools asked for."""
        self._progress("generating", "Generating response...")
        assert self._provider is not None
        return await self._calls.call(self._provider, messages, tools, self._sources.citations)

    def _tell_sources(self, sources: list[Source]) -> None:
        self._tracer.showed(sources)
        self._recorder.append(SourcesFound(sources=sources))

    async def _run_tool(self, toolbox: Toolbox, call: ToolCall) -> ToolResult:
        step, label = toolbox.announce(call)
        self._progress(step, label)
        with self._tracer.step("tool", name=call.name) as told:
            result = await self._recorder.around_tool(call, toolbox.run)
            self._tracer.ran(call, result, told)
        return result

    def _ask_client(self, calls: list[ToolCall]) -> None:
        """End here: the answer goes on when the client has run them."""
        for call in calls:
            self._recorder.append(ToolCalled(call=call, by_client=True))
        self._calls.finish = "tool_calls"

    async def _decide(self, toolbox: Toolbox, decision: Decision) -> list[PromptMessage]:
        """Carry out what the user decided, and what the model is told of it."""
        arguments = {"change_id": decision.proposal.id, "approve": decision.approve}
        call = ToolCall(
            id=f"decision-{self.question.turn_id}",
            name=DECISION_TOOL,
            arguments=msgspec.json.encode(arguments).decode(),
        )

        async def carry_out(call: ToolCall) -> ToolResult:
            return await toolbox.decide(call, decision.proposal, approve=decision.approve)

        return prompt.called("", [call], [await self._recorder.around_tool(call, carry_out)])

    def _think(self, thought: str) -> None:
        if self.question.bot.show_reasoning:
            self._progress("reasoning", thought)

    async def _call_person(self, reason: str) -> Literal["coming", "nobody", "already"]:
        """Let a person of the team be waited for; the bot goes on until they come."""
        question, services = self.question, self._services
        ask = handoff.Ask(
            conversation_id=question.conversation_id,
            tenant=question.caller.tenant,
            note_id=str(uuid.uuid4()),
            now=services.clock(),
        )
        note = await services.store.write(handoff.call, ask, reason)
        if note is None:
            return "already"
        await services.store.write(handoff.place, note, self._recorder.append(replay.changed(note)))
        return "coming" if services.bulletin.is_read(question.caller.tenant) else "nobody"

    async def _over_budget(self) -> bool:
        """Has this turn, with all that was settled today, used up the bot's tokens of the day?"""
        budget = self.question.bot.daily_token_budget
        if not budget or self.question.caller.is_unlimited:
            return False
        now = self._services.clock()
        standing = await self._services.store.read(usage.standing, self.question.bucket, 0, now)
        return standing.tokens_today + self._calls.usage.total_tokens >= budget

    def _progress(self, step: Step, text: str) -> None:
        self._recorder.append(Progress(step=step, message=text))

    # -- the end -------------------------------------------------------------------------------------

    async def _end(self, failure: Exception | None) -> None:
        """Store the answer and its cost, then append the terminal event, whatever happens."""
        event = self._terminal(failure, self._services.clock())
        trace = self._tracer.packed(self._recorder.text, self._redactor)
        self._end_event = await self._keeping.settle(event, self._provider, trace)
        self._recorder.append(self._end_event)

    def _terminal(self, failure: Exception | None, now: float) -> TurnEnd:
        ids: dict[str, Any] = {
            "turn_id": self.question.turn_id,
            "message_id": self.question.answer_id,
            "usage": self._calls.usage,
            "at": now,
        }
        if isinstance(failure, ApplianceError):
            is_admin = self.question.caller.is_admin
            return self._failed(failure.code, failure.text if is_admin else failure.public_text, now)
        if failure is not None:
            text = f"Something went wrong here (turn {self.question.turn_id})."
            return self._failed("internal", text, now)
        if self._answered:
            return TurnDone(**ids, note=self._note, finish=self._calls.finish)
        reason = self._cancelled_by if self._scope.cancel_called else "shutdown"
        return TurnCancelled(**ids, reason=reason, waited=not self._began)

    def _failed(self, code: str, text: str, now: float) -> TurnFailed:
        return TurnFailed(
            turn_id=self.question.turn_id,
            message_id=self.question.answer_id,
            usage=self._calls.usage,
            code=code,
            message=text,
            at=now,
        )
