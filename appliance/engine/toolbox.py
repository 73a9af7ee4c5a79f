"""The tools of one turn: offered to the model, checked, run with a deadline; a failure is a result."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import trio

from appliance.bot import Bot, ClientTool
from appliance.botsettings import SettingValues
from appliance.changes import Proposal
from appliance.engine.data import Data, redacted
from appliance.engine.nearest_rows import RowFinder
from appliance.engine.schemas import Known
from appliance.engine.services import Services
from appliance.errors import StoreError
from appliance.identity import Caller
from appliance.intent import ALIASES, Intent, intent_of
from appliance.messages import QueryOutcome, ToolCall, ToolResult
from appliance.providers.base import ToolSpec
from appliance.redact import Redactor
from appliance.store import audit
from appliance.tools.base import CallPerson, Graph, LookUp, Tool, ToolContext, ToolError, ToolOutput
from appliance.tools.for_model import outcome_text
from appliance.withholding import DOCUMENT_TOOLS

SQL_TOOL = "execute_sql"
THINK = "think"
HTTP_TOOL = "http_get"
PERSON_TOOL = "talk_to_person"
DATA_TOOLS = frozenset({SQL_TOOL, "query_table", "insert_record", "update_record", "delete_record"})
WRITING = {"insert_record": "INSERT", "update_record": "UPDATE", "delete_record": "DELETE"}
logger = logging.getLogger("appliance.engine")

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Toolbox:
    """What one turn's model may use, in the name of one caller.

    `on_thought` is told what the tool `think` wrote down.
    """

    def __init__(
        self,
        services: Services,
        context: ToolContext,
        data: Data,
        tools: Iterable[Tool],
        intent: Intent,
        redactor: Redactor,
        on_thought: Callable[[str], None],
        clients: Sequence[ClientTool],
    ) -> None:
        self._services = services
        self._context = context
        self._bot = context.bot
        self._data = data
        self._tools = {tool.name: tool for tool in tools}
        self._intent = intent
        self._redactor = redactor
        self._on_thought = on_thought
        self._clients = {
            tool.name: ToolSpec(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in clients
            if tool.name not in self._tools
        }
        self._refused = self._told = ""
        self.insists = False
        """The model has asked twice in a row for a tool, or a query, that the bot's rules refuse."""

    @classmethod
    async def open(
        cls,
        services: Services,
        bot: Bot,
        caller: Caller,
        conversation_id: str,
        question: str,
        on_thought: Callable[[str], None],
        clients: Sequence[ClientTool] = (),
        message_id: str = "",
        look_up: LookUp | None = None,
        graph: Graph | None = None,
        call_person: CallPerson | None = None,
    ) -> Toolbox:
        """All tools that the bot offers to this caller for this question; raises `SettingsMissing`.

        `clients` are those that the client itself runs, `message_id` is the answer that calls them.
        """
        values = services.setting_values(bot, caller)
        intent = intent_of(bot, question, ALIASES)
        redactor = Redactor(values.secrets)
        data = Data(services, bot, caller, conversation_id, intent.demands, redactor, message_id)
        context = ToolContext(
            bot=bot,
            caller=caller,
            user_message=question,
            run_sql=data.run_sql,
            values=values,
            look_up=look_up,
            graph=graph,
            call_person=call_person if bot.handoff else None,
            find_rows=RowFinder(services, data),
        )
        tools = [tool for tool in services.tools.values() if is_offered(bot, tool.name)]
        if look_up is None:
            tools = [tool for tool in tools if tool.name not in DOCUMENT_TOOLS]
        for source in services.sources:
            offered = [tool for tool in await source.tools(context) if tool.name not in services.tools]
            tools += [tool for tool in offered if not source.opt_in or is_opted_in(bot, tool.name)]
        return cls(services, context, data, tools, intent, redactor, on_thought, clients)

    @property
    def values(self) -> SettingValues:
        """What `{{key}}`s stand for when this caller asks."""
        return self._context.values

    @property
    def thinks_first(self) -> bool:
        """Does the bot want the model to plan before it does anything?"""
        return self._bot.reasoning_mode != "none" and THINK in self._tools

    async def schema(self) -> Known | None:
        """The tables that the bot may read; None when it has no tool for them."""
        if not DATA_TOOLS & self._tools.keys():
            return None
        return await self._services.schema(self._bot, self._data.policy)

    def specs(self, *, only_think: bool = False) -> list[ToolSpec]:
        """The tools as the model sees them, with the bot file's own words where it has some."""
        names = (
            [THINK] if only_think else [n for n in self._tools if not self._intent.refuses(n, self._tools)]
        )
        specs = [self._spec(self._tools[name]) for name in names]
        return specs if only_think else [*specs, *self._clients.values()]

    def is_for_client(self, call: ToolCall) -> bool:
        """Is it one that the client runs, with arguments that it can be asked with?"""
        if call.name not in self._clients:
            return False
        try:
            _check(_arguments(call), self._clients[call.name].parameters)
        except ToolError:
            return False
        return True

    def announce(self, call: ToolCall) -> tuple[Literal["querying", "executing"], str]:
        """A progress step and a label for people, made before the call is checked."""
        name = ALIASES.get(call.name, call.name)
        tool = self._tools.get(name)
        try:
            label = tool.label(_arguments(call)) if tool else f"Executing {call.name}..."
        except ToolError:
            label = f"Executing {call.name}..."
        return ("querying" if name == SQL_TOOL else "executing"), self._redactor.clean(label)

    async def run(self, call: ToolCall) -> ToolResult:
        """Run one call; whatever goes wrong becomes a result that the model can read."""
        name = ALIASES.get(call.name, call.name)
        tool = self._tools.get(name)
        refusal = self._intent.refuses(name, self._tools)
        if refusal:
            self._count_refusal(name, refused=True)
            return await self._failed(call, refusal)
        if call.name in self._clients:  # and not for the client, so its arguments are wrong
            schema = msgspec.json.encode(self._clients[call.name].parameters).decode()
            return await self._failed(call, f"The arguments of {call.name} do not fit its schema: {schema}")
        if tool is None:
            text = f"There is no tool {call.name!r}. Available: {self._available()}."
            return await self._failed(call, text)
        output = await self._output(tool, call)
        if isinstance(output, str):
            return await self._failed(call, self._redactor.clean(output))
        if tool.name not in DATA_TOOLS or output.query is None:  # else the data's own entry tells it all
            await self._audit(tool.name, success=output.ok, facts=output.audit)
        self._count_refusal(name, refused=bool(output.query and output.query.against_rules))
        if output.thought:
            self._on_thought(output.thought)
        return ToolResult(
            call_id=call.id,
            name=call.name,
            ok=output.ok,
            content=self._redactor.clean(output.content),
            query=output.query and redacted(output.query, self._redactor),
        )

    def one_too_many(self, call: ToolCall) -> ToolResult:
        """The result of a call that is not made because there were so many before it."""
        return _failure(call, "Too many calls in one answer; make this one again if it is still needed.")

    async def decide(self, call: ToolCall, proposal: Proposal, *, approve: bool) -> ToolResult:
        """Carry out what the user said to a proposed change."""
        outcome = redacted(await self._data.decide(proposal, approve=approve), self._redactor)
        ok = outcome.error is None
        return ToolResult(
            call_id=call.id, name=call.name, ok=ok, content=outcome_text(outcome), query=outcome
        )

    async def _output(self, tool: Tool, call: ToolCall) -> ToolOutput | str:
        """What the tool gives, or why it gives nothing."""
        output, failure = None, ""
        try:
            arguments = _arguments(call)
            _check(arguments, self._spec(tool).parameters)
            with trio.fail_after(tool.timeout_s):
                output = await tool.run(self._context, arguments)
        except ToolError as error:
            failure = str(error)
        except trio.TooSlowError:
            failure = f"{call.name} took longer than {tool.timeout_s:g} s and was stopped."
        except Exception:
            # A fault in one tool is not a reason to leave the user without an answer.
            # The traceback may quote what was sent, such as a header with a secret.
            logger.error("tool %s failed: %s", call.name, self._redactor.clean(traceback.format_exc()))
            failure = f"{call.name} failed here; the reason is in the server's log."
        return output or failure

    async def _failed(self, call: ToolCall, text: str) -> ToolResult:
        """The result of a call that gave nothing, after writing down that it was tried."""
        sql = {"sql": _sql_text(call)} if ALIASES.get(call.name, call.name) == SQL_TOOL else {}
        await self._audit(call.name, success=False, facts={"error": text} | sql)
        return _failure(call, text)

    async def _audit(self, name: str, *, success: bool, facts: Mapping[str, Any]) -> None:
        """Which tool was called; a full disk must not keep people from the answer."""
        caller = self._context.caller
        if name == THINK or self._bot.disable_execution_logs:
            return
        about = {"tool": name, "success": success} | self._data.told_of_call()
        try:
            await self._services.store.write(
                audit.record,
                at=self._services.clock(),
                tenant=caller.tenant,
                actor=caller.principal,
                action="tool.call",
                target=f"bot:{self._bot.namespace}/{self._bot.name}",
                details=about | self._redactor.clean_all(facts),
            )
        except StoreError as error:
            logger.warning("a tool call could not be audited: %s", error.text)

    def results_are_told(self) -> None:
        """The model reads the results so far before it makes its next calls: only now it can insist."""
        self._told = self._refused

    def _count_refusal(self, name: str, *, refused: bool) -> None:
        self.insists = self.insists or (refused and self._told == name)
        self._refused = name if refused else ""
        if self._refused != self._told:
            self._told = ""

    def _available(self) -> str:
        return ", ".join(spec.name for spec in self.specs()) or "none"

    def _spec(self, tool: Tool) -> ToolSpec:
        override = self._bot.tool_overrides.get(tool.name)
        return ToolSpec(
            name=tool.name,
            description=(override and override.description) or tool.description,
            parameters=(override and override.parameters) or tool.parameters,
        )


def is_offered(bot: Bot, name: str) -> bool:
    """Without `mcp-tools` a bot has the SQL tool; with it, exactly the listed ones (fluxbase.md 5.1).

    The HTTP tool is there wherever hosts are allowed, `think` wherever a way of reasoning is asked for, and
    the one that asks for a person wherever there are people.
    """
    listed = {ALIASES.get(tool, tool) for tool in bot.mcp_tools} or {SQL_TOOL}
    if name == HTTP_TOOL:
        return bool(bot.http_allowed_domains)
    if name == PERSON_TOOL:
        return bot.handoff
    if name == THINK and bot.reasoning_mode != "none":
        return True
    if name in WRITING and WRITING[name] not in bot.allowed_operations:
        return False
    return name in listed


def is_opted_in(bot: Bot, name: str) -> bool:
    """A function of the bot's own: all are offered, unless `mcp-tools` lists what is."""
    return not bot.mcp_tools or f"custom:{name}" in bot.mcp_tools


def _failure(call: ToolCall, text: str) -> ToolResult:
    content = msgspec.json.encode({"error": text}).decode()
    query = None
    if call.name == SQL_TOOL:
        query = QueryOutcome(sql=_sql_text(call), summary=f"Query rejected: {text}", error=text)
    return ToolResult(call_id=call.id, name=call.name, ok=False, content=content, query=query)


def _sql_text(call: ToolCall) -> str:
    try:
        return str(_arguments(call).get("sql", ""))
    except ToolError:
        return ""


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ToolError(f"The arguments of {call.name} are not a JSON object: {error}") from error


def _check(arguments: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Required arguments are there and the given ones have the right type; the rest is the tool's."""
    missing = [name for name in parameters.get("required", []) if name not in arguments]
    if missing:
        raise ToolError(f"Missing arguments: {', '.join(missing)}.")
    for name, schema in parameters.get("properties", {}).items():
        expected = _json_types(schema)
        value = arguments.get(name)
        if value is None and name not in parameters.get("required", []):
            continue  # models write null for what they leave out
        if name in arguments and (not isinstance(value, expected) or (expected == (int,) and value is True)):
            raise ToolError(f"Argument {name!r} must be of type {schema['type']}.")


def _json_types(schema: Any) -> tuple[type, ...]:
    """Python's types of one simple JSON type; of anything more intricate, all: the tool checks that."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return _JSON_TYPES.get(kind, (object,)) if isinstance(kind, str) else (object,)
