"""Bot, schema, history and a token budget -> the messages that a model gets. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

import msgspec

from appliance.bot import Bot, Example, IntentRule
from appliance.citations import without_markers
from appliance.errors import PromptTooLong
from appliance.intent import ALIASES
from appliance.messages import (
    Message,
    PromptMessage,
    TextPart,
    ToolCall,
    ToolCallPart,
    ToolResult,
    ToolResultPart,
    estimate_tokens,
)
from appliance.schema import Schema
from appliance.schema_text import SCHEMA_HEADING, LeftOut, schema_section
from appliance.sqlguard import PUBLIC

__all__ = ["SCHEMA_HEADING", "PromptContext", "build", "called", "cost", "recent_tables", "schema_section"]

SQL_TOOL = "execute_sql"
WRITES = {"INSERT": "insert_record", "UPDATE": "update_record", "DELETE": "delete_record"}
"""Operations that change data, and the tool for each beside SQL."""
DIALECT_RULE = (
    "Dates are texts: write date('now', '-30 days') and strftime('%Y-%m', x), never add or subtract days "
    "with + or - and never CAST to DATE; join text with ||, booleans are 1 and 0, and LIMIT stands for TOP "
    "and FETCH; there is no ILIKE, ::, INTERVAL, EXTRACT or NOW()."
)
"""Against what SQLite runs without an error and answers wrongly, and what it refuses most often."""
RECENT_ANSWERS = 3

MESSAGE_TOKENS = 4
"""What a message costs beside its text: role and separators in the usual chat templates."""

OLD_RESULT_CHARS = 2_000
"""Rows of earlier answers are the bulkiest part of a history and the least needed later."""


class PromptContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn knows when its prompt is built; `now` is like `2026-04-29T10:11:12Z`.

    `prompt` is the bot's text with its template variables replaced. `schema` are the tables to show and
    `left_out` names the others (`relevance.choose_tables`), `examples` are those that fit the question
    (`relevance.choose_examples`), `tools` the names of the tools that are offered. `budget_tokens` is how
    much the model can read, less what it may write.

    `question` is None when an answer goes on: `outputs` are then what the client made of the tools that the
    last answer of the history asked for. `prior` stands in for the history where the client keeps it, and
    `instructions` are the client's own, behind the bot's.
    """

    bot: Bot
    prompt: str
    schema: Schema | None
    history: list[Message]
    question: str | None
    user_id: str
    now: str
    budget_tokens: int
    outputs: list[ToolResult] = []
    prior: list[PromptMessage] | None = None
    instructions: str = ""
    left_out: LeftOut = LeftOut()
    examples: list[Example] = []
    references: str = ""
    """The section of passages that were found (`references.section`)."""
    tools: list[str] = msgspec.field(default_factory=lambda: [SQL_TOOL])


def build(context: PromptContext) -> list[PromptMessage]:
    """System prompt, as many of the newest turns as fit, and the question.

    Raises `PromptTooLong` when not even the system prompt and the question fit.
    """
    system = PromptMessage(role="system", content=system_prompt(context))
    asked = [] if context.question is None else [PromptMessage(role="user", content=context.question)]
    left = context.budget_tokens - cost(system) - sum(map(cost, asked))
    if left < 0:
        needed = context.budget_tokens - left
        raise PromptTooLong(
            f"The message does not fit: about {needed} tokens with the bot's instructions, and the model "
            f"reads {context.budget_tokens}. Send a shorter message."
        )
    kept: list[list[PromptMessage]] = []
    for turn in reversed(_earlier(context)):
        left -= sum(cost(message) for message in turn)
        if left < 0:
            break
        kept.append(turn)
    return [system, *(message for turn in reversed(kept) for message in turn), *asked]


def _earlier(context: PromptContext) -> list[list[PromptMessage]]:
    """What was said before, in pieces that are kept or left out as a whole."""
    if context.prior is not None:
        turns = [[message] for message in context.prior]
    else:
        turns = _turns(context.history, context.outputs)
    if not context.references:
        return turns
    return [[_without_citations(message) for message in turn] for turn in turns]


def _without_citations(message: PromptMessage) -> PromptMessage:
    """Numbers of earlier answers mean other passages than those of this one."""
    if message.role != "assistant":
        return message
    return msgspec.structs.replace(message, content=without_markers(message.content))


def cost(message: PromptMessage) -> int:
    """Tokens of one message, estimated."""
    calls = sum(estimate_tokens(call.name + call.arguments) for call in message.tool_calls)
    return MESSAGE_TOKENS + estimate_tokens(message.content) + calls


def system_prompt(context: PromptContext) -> str:
    """The bot's own text, then what it needs to know of its data, its rules and the moment."""
    bot = context.bot
    sections = [context.prompt.strip()]
    if context.instructions.strip():
        sections.append(f"# Instructions of the application\n\n{context.instructions.strip()}")
    if context.schema is not None:
        sections += [schema_section(context.schema, context.left_out), query_rules(context)]
        if SQL_TOOL in context.tools:
            sections.append(examples_section(context.examples))
    sections.append(context.references)
    facts = [f"Current date and time (UTC): {context.now}"]
    if context.schema is not None:
        facts.insert(0, f"Allowed operations: {', '.join(bot.allowed_operations)}")
    facts.append(f"Current user id: {context.user_id or 'none, the user is not signed in'}")
    sections.append("# Context\n\n" + "\n".join(f"- {fact}" for fact in facts))
    sections.append(language_rule(bot.response_language))
    return "\n\n".join(section for section in sections if section)


def query_rules(context: PromptContext) -> str:
    """How to query: in the bot's own terms, and only what is offered and the guard will let through."""
    bot = context.bot
    rules = _tool_rules(context)
    rules += _data_rules(context)
    if SQL_TOOL in context.tools:
        rules.append("Say in the description, in a few words, what is being looked up.")
    rules.append("Answer from the rows that come back; never make up data.")
    rules += _write_rules(bot, context.tools)
    if bot.default_table:
        rules.append(f"Unless the question says otherwise, it is about the table {bot.default_table}.")
    rules += [
        f"When querying {table}, always select these columns: {', '.join(columns)}."
        for table, columns in bot.required_columns.items()
    ]
    rules += [hint for rule in bot.intent_rules for hint in _intent_hints(rule, context.tools)]
    return "# Query rules\n\n" + "\n".join(f"- {rule}" for rule in rules)


def _tool_rules(context: PromptContext) -> list[str]:
    """What holds for statements, where the model may write any."""
    if SQL_TOOL not in context.tools:
        return ["Use only tables and columns of the schema above, with the tools that you have."]
    rules = [
        f"Use only these operations: {', '.join(context.bot.allowed_operations)}. One statement per call.",
        "The database is SQLite. Use only tables and columns of the schema above.",
        DIALECT_RULE,
        "Always put a LIMIT of at most 100 on queries that return rows.",
    ]
    if context.left_out.tables or context.left_out.columns:
        rules.append(
            "Tables and columns that the schema only names can be queried as well: "
            "SELECT * FROM such a table LIMIT 3 shows what it holds."
        )
    return rules


def _data_rules(context: PromptContext) -> list[str]:
    """What the tables that are shown ask for."""
    tables = context.schema.tables if context.schema else []
    rules = ["When data belongs to users, return only rows of the current user id."]
    restricted = [table.sql_name for table in tables if table.restricted]
    if restricted:
        rules = [
            f"Of {', '.join(restricted)} you see only the rows that the current user may see; that is done "
            "for you, so add no condition for it. What these rows add up to is not the whole.",
            "When other data belongs to users, return only rows of the current user id.",
        ]
    attached = [table.sql_name for table in tables if table.schema != PUBLIC]
    if attached:
        rules.append(
            f"Tables of attached files are written with their schema, like {attached[0]}, and can only be "
            f"read; tables of {PUBLIC} may be written without it."
        )
    return rules


def _write_rules(bot: Bot, tools: Sequence[str]) -> list[str]:
    """What to know before data is changed."""
    allowed = {operation.upper() for operation in bot.allowed_operations}
    writes = [name for name, tool in WRITES.items() if name in allowed and {SQL_TOOL, tool} & {*tools}]
    if not writes:
        return ["The tables above can only be read."]
    rules = [f"Use {', '.join(writes)} only when the user asks for that change, and for exactly those rows."]
    if bot.changed_rows_max:
        rules.append(f"One statement may change at most {bot.changed_rows_max} rows.")
    if bot.confirm_writes:
        rules.append(
            "The user has to confirm each change. A result that is proposed is not done yet: say what waits "
            "for the user's decision, and do not try it again."
        )
    return rules


def examples_section(examples: Sequence[Example]) -> str:
    """Questions like this one and the SQL that answers them; '' for none."""
    if not examples:
        return ""
    return "\n\n".join(["# Examples", *(_example(example) for example in examples)])


def _example(example: Example) -> str:
    """The fence is longer than any in the SQL, and no line begins like a heading."""
    sql = re.sub(r"^#", " #", "\n".join(example.sql.strip().splitlines()), flags=re.MULTILINE)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", sql)), default=0))
    question = " ".join(example.question.split())
    return f"Question: {question}\n{fence}sql\n{sql}\n{fence}"


def recent_tables(history: Sequence[Message]) -> list[str]:
    """The tables that the last answers looked at, newest first, as `relevance.choose_tables` takes them."""
    answers = [message for message in history if message.role == "assistant"][-RECENT_ANSWERS:]
    tables = [
        table
        for answer in reversed(answers)
        for part in answer.parts
        if isinstance(part, ToolResultPart) and part.result.query
        for table in part.result.query.tables
    ]
    return list(dict.fromkeys(tables))


def _intent_hints(rule: IntentRule, offered: Sequence[str]) -> list[str]:
    """What one intent rule asks for, a sentence for each table and each offered tool that it names."""
    when = f"When the question mentions {', '.join(rule.keywords)}"
    asked = (
        (rule.required_table, "query the table {}"),
        (rule.forbidden_table, "do not query the table {}"),
        (_offered(rule.required_tool, offered), "use the tool {}"),
        (_offered(rule.forbidden_tool, offered), "do not use the tool {}"),
    )
    return [f"{when}, {what.format(name)}." for name, what in asked if name]


def _offered(tool: str | None, offered: Sequence[str]) -> str:
    """The name under which the tool is offered; '' when it is not."""
    name = ALIASES.get(tool, tool) if tool else ""
    return name if name in offered else ""


def language_rule(language: str) -> str:
    """One sentence on the language of the answer."""
    if language.lower() == "auto":
        return "Answer in the language of the user's message."
    return f"Always answer in this language: {language}."


def _turns(history: list[Message], outputs: Sequence[ToolResult] = ()) -> list[list[PromptMessage]]:
    """Finished turns as prompt messages, oldest first; failed and unanswered ones are left out.

    An answer that asked for tools which the client runs, and those that go on with their `outputs`, are one
    turn. Messages that nobody answered, such as pictures, stand before the next question.
    """
    asked, unread = _asked(history)
    answers = [message for message in history if message.role == "assistant"]
    turns: list[list[PromptMessage]] = []
    for answer, after in pairwise([*answers, None]):
        assert answer is not None, "only the last one is not there"
        results = [*outputs] if after is None else _brought(after)
        if answer.status == "failed" or not (answer.text or results):
            continue
        if answer.turn_id in asked:
            turns.append([*asked[answer.turn_id], *_answer(answer, results)])
        elif answer.continues and turns:
            turns[-1] += _answer(answer, results)
    return [*turns, unread] if unread else turns


def _asked(history: list[Message]) -> tuple[dict[str, list[PromptMessage]], list[PromptMessage]]:
    """What people said, by the turn that answered it, and what nobody has read yet."""
    answered = {message.turn_id for message in history if message.role == "assistant"}
    answered -= _taken_over(history)
    asked: dict[str, list[PromptMessage]] = {}
    waiting: list[PromptMessage] = []
    for message in history:
        if message.role == "user":
            waiting.append(PromptMessage(role="user", content=message.content))
        if message.is_by_operator or (message.role == "user" and message.turn_id in answered):
            asked[message.turn_id], waiting = waiting, []
    return asked, waiting


def _taken_over(history: list[Message]) -> set[str]:
    """Turns that were stopped before their first word, with a person's words behind them: those answer it."""
    taken: set[str] = set()
    stopped: set[str] = set()
    for message in history:
        if message.is_by_operator:
            taken |= stopped
        elif message.status == "cancelled" and not message.text:
            stopped.add(message.turn_id)
    return taken


def _brought(answer: Message) -> list[ToolResult]:
    """What an answer begins with: outputs of the client's tools that the one before it had asked for."""
    first = takewhile(lambda part: isinstance(part, ToolResultPart), answer.parts)
    return [part.result for part in first if isinstance(part, ToolResultPart)]


def _results(answer: Message) -> list[ToolResult]:
    return [part.result for part in answer.parts if isinstance(part, ToolResultPart)]


def _answer(answer: Message, later: Sequence[ToolResult]) -> list[PromptMessage]:
    """An answer as the model gave it.

    Text and calls, each call followed by its result, also one that came later.
    """
    messages: list[PromptMessage] = []
    results = {result.call_id: result for result in (*later, *_results(answer))}
    text: list[str] = []
    for part in answer.parts:
        match part:
            case TextPart():
                text.append(part.text)
            case ToolCallPart() if part.call.id in results:
                messages += called("".join(text), [part.call], [results[part.call.id]], OLD_RESULT_CHARS)
                text = []
    if text:
        name = answer.operator_name or "A person"
        by = f"({name} of the team wrote this:) " if answer.is_by_operator else ""
        messages.append(PromptMessage(role="assistant", content=by + "".join(text)))
    return messages


def called(
    text: str, calls: list[ToolCall], results: list[ToolResult], chars_max: int | None = None
) -> list[PromptMessage]:
    """An assistant message that made `calls`, and one tool message for each result."""
    return [
        PromptMessage(role="assistant", content=text, tool_calls=calls),
        *(
            PromptMessage(role="tool", content=result.content[:chars_max], tool_call_id=result.call_id)
            for result in results
        ),
    ]
