"""Bot, schema, history and a token budget -> the messages that a model gets. Pure."""

from __future__ import annotations

import json

import msgspec

from appliance.bot import Bot, IntentRule
from appliance.errors import PromptTooLong
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
from appliance.schema import ForeignKey, Schema, Table

SCHEMA_HEADING = "# Database schema"
SAMPLES_MAX = 8
SAMPLES_CHARS_MAX = 72
"""Samples of one column in the prompt: enough for a list of states, not for a column of long texts."""

MESSAGE_TOKENS = 4
"""What a message costs beside its text: role and separators in the usual chat templates."""

OLD_RESULT_CHARS = 2_000
"""Rows of earlier answers are the bulkiest part of a history and the least needed later."""


class PromptContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn knows when its prompt is built; `now` is like `2026-04-29T10:11:12Z`.

    `prompt` is the bot's text with its template variables replaced. `budget_tokens` is how much the model
    can read, less what it may write.
    """

    bot: Bot
    prompt: str
    schema: Schema | None
    history: list[Message]
    question: str
    user_id: str
    now: str
    budget_tokens: int


def build(context: PromptContext) -> list[PromptMessage]:
    """System prompt, as many of the newest turns as fit, and the question.

    Raises `PromptTooLong` when not even the system prompt and the question fit.
    """
    system = PromptMessage(role="system", content=system_prompt(context))
    question = PromptMessage(role="user", content=context.question)
    left = context.budget_tokens - cost(system) - cost(question)
    if left < 0:
        needed = context.budget_tokens - left
        raise PromptTooLong(
            f"The message does not fit: about {needed} tokens with the bot's instructions, and the model "
            f"reads {context.budget_tokens}. Send a shorter message."
        )
    kept: list[list[PromptMessage]] = []
    for turn in reversed(_turns(context.history)):
        left -= sum(cost(message) for message in turn)
        if left < 0:
            break
        kept.append(turn)
    return [system, *(message for turn in reversed(kept) for message in turn), question]


def cost(message: PromptMessage) -> int:
    """Tokens of one message, estimated."""
    calls = sum(estimate_tokens(call.name + call.arguments) for call in message.tool_calls)
    return MESSAGE_TOKENS + estimate_tokens(message.content) + calls


def system_prompt(context: PromptContext) -> str:
    """The bot's own text, then what it needs to know of its data, its rules and the moment."""
    bot = context.bot
    sections = [context.prompt.strip()]
    if context.schema is not None:
        sections += [schema_section(context.schema), query_rules(bot)]
    facts = [f"Current date and time (UTC): {context.now}"]
    if context.schema is not None:
        facts.insert(0, f"Allowed operations: {', '.join(bot.allowed_operations)}")
    facts.append(f"Current user id: {context.user_id or 'none, the user is not signed in'}")
    sections.append("# Context\n\n" + "\n".join(f"- {fact}" for fact in facts))
    sections.append(language_rule(bot.response_language))
    return "\n\n".join(section for section in sections if section)


def query_rules(bot: Bot) -> str:
    """How to query: in the bot's own terms, and only what the guard will let through."""
    rules = [
        f"Use only these operations: {', '.join(bot.allowed_operations)}. One statement per call.",
        "The database is SQLite. Use only tables and columns of the schema above.",
        "Always put a LIMIT of at most 100 on queries that return rows.",
        "When data belongs to users, return only rows of the current user id.",
        "Say in the description, in a few words, what is being looked up.",
        "Answer from the rows that come back; never make up data.",
    ]
    if bot.default_table:
        rules.append(f"Unless the question says otherwise, it is about the table {bot.default_table}.")
    rules += [
        f"When querying {table}, always select these columns: {', '.join(columns)}."
        for table, columns in bot.required_columns.items()
    ]
    rules += [hint for rule in bot.intent_rules for hint in _intent_hints(rule)]
    return "# Query rules\n\n" + "\n".join(f"- {rule}" for rule in rules)


def _intent_hints(rule: IntentRule) -> list[str]:
    """What one intent rule asks for, a sentence for each table and tool that it names."""
    when = f"When the question mentions {', '.join(rule.keywords)}"
    asked = (
        (rule.required_table, "query the table {}"),
        (rule.forbidden_table, "do not query the table {}"),
        (rule.required_tool, "use the tool {}"),
        (rule.forbidden_tool, "do not use the tool {}"),
    )
    return [f"{when}, {what.format(name)}." for name, what in asked if name]


def language_rule(language: str) -> str:
    """One sentence on the language of the answer."""
    if language.lower() == "auto":
        return "Answer in the language of the user's message."
    return f"Always answer in this language: {language}."


def _turns(history: list[Message]) -> list[list[PromptMessage]]:
    """Finished turns as prompt messages, oldest first; failed and unanswered ones are left out."""
    questions = {message.turn_id: message for message in history if message.role == "user"}
    turns = []
    for answer in history:
        question = questions.get(answer.turn_id)
        if answer.role == "assistant" and question and answer.status != "failed" and answer.text:
            turns.append([PromptMessage(role="user", content=question.content), *_answer(answer)])
    return turns


def _answer(answer: Message) -> list[PromptMessage]:
    """An answer as the model gave it: text and calls, each call followed by its result."""
    messages: list[PromptMessage] = []
    results = {part.result.call_id: part.result for part in answer.parts if isinstance(part, ToolResultPart)}
    text: list[str] = []
    for part in answer.parts:
        match part:
            case TextPart():
                text.append(part.text)
            case ToolCallPart() if part.call.id in results:
                messages += called("".join(text), [part.call], [results[part.call.id]], OLD_RESULT_CHARS)
                text = []
    if text:
        messages.append(PromptMessage(role="assistant", content="".join(text)))
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


def schema_section(schema: Schema) -> str:
    """The schema part of the system prompt; `providers/offline/schema_text.py` reads it back.

    Each table is `## Table schema.name`, optional lines `N rows.` and comment, then a Markdown table with
    the columns column, type, null, notes. Notes are joined by `; ` in this order: `primary key`,
    `references schema.table.column` (with ` (inferred)` where nobody declared it), `e.g. a, b, c`, the
    column's comment. A sample that contains a comma
    or a quote is written as a JSON string; one that would break the table is left out, never altered.
    """
    if not schema.tables:
        return f"{SCHEMA_HEADING}\n\nNo tables are available to you."
    return "\n\n".join([SCHEMA_HEADING, *(_table(table) for table in schema.tables)])


def _table(table: Table) -> str:
    lines = [f"## Table {table.schema}.{table.name}"]
    if table.row_count is not None:
        lines.append(f"{table.row_count} rows.")
    if table.comment:
        lines.append(_cell(table.comment))
    lines += ["", "| column | type | null | notes |", "|---|---|---|---|"]
    targets = {key.column: _reference(table, key) for key in table.foreign_keys}
    for column in table.columns:
        notes = []
        if column.primary_key:
            notes.append("primary key")
        if column.name in targets:
            notes.append(targets[column.name])
        if samples := _samples(column.samples):
            notes.append(f"e.g. {samples}")
        if column.comment:
            notes.append(_cell(column.comment))
        null = "yes" if column.nullable else "no"
        lines.append(f"| {_cell(column.name)} | {column.type or 'ANY'} | {null} | {'; '.join(notes)} |")
    return "\n".join(lines)


def _reference(table: Table, key: ForeignKey) -> str:
    doubt = "" if key.declared else " (inferred)"
    return f"references {table.schema}.{key.target_table}.{key.target_column}{doubt}"


def _samples(values: list[str]) -> str:
    """As many of the values as fit, each exactly as it is in the data."""
    written: list[str] = []
    left = SAMPLES_CHARS_MAX
    for value in values:
        if not value or _cell(value) != value:
            continue
        text = json.dumps(value, ensure_ascii=False) if "," in value or '"' in value else value
        left -= len(text) + 2
        if left < 0 or len(written) == SAMPLES_MAX:
            break
        written.append(text)
    return ", ".join(written)


def _cell(text: str) -> str:
    """One line, without the characters that would break the table or the notes."""
    return " ".join(text.replace("|", "/").replace(";", ",").split())
