"""A conversation as a file that people keep, with its sources and results: Markdown, text, JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec

from appliance.conversation import Conversation
from appliance.messages import Message, QueryOutcome, ToolResultPart

Form: TypeAlias = Literal["md", "json", "txt"]
MEDIA: dict[Form, str] = {
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
}
ROWS_MAX = 1_000
"""Of one result; the widget can fetch all of them as CSV."""
CELL_CHARS_MAX = 500

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~!])")


def written(conversation: Conversation, messages: Sequence[Message], form: Form, you: str) -> str:
    """The whole of it; `you` is what the person is called who asks."""
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(_data(conversation, messages)), indent=2).decode()
    writer = _Markdown() if form == "md" else _Plain()
    title = conversation.title or "Conversation"
    blocks = [writer.title(title), f"{conversation.bot}, {_time(conversation.created_at)}"]
    for message in messages:
        who = you if message.role == "user" else message.operator_name or conversation.bot
        blocks.append(writer.heading(who, _time(message.created_at)))
        blocks.append(message.text.strip() if message.role == "assistant" else writer.said(message.content))
        blocks += [writer.table(outcome) for outcome in results(message)]
        if message.sources:
            blocks.append(writer.sources([_source(message, number) for number in _numbers(message)]))
    return "\n\n".join(block for block in blocks if block) + "\n"


def file_name(conversation: Conversation, form: Form) -> str:
    """What it is saved as."""
    words = re.findall(r"\w+", conversation.title or "conversation")
    return f"{'-'.join(words)[:60] or 'conversation'}.{form}"


def results(message: Message) -> list[QueryOutcome]:
    """The tables that an answer showed."""
    outcomes = [part.result.query for part in message.parts if isinstance(part, ToolResultPart)]
    return [one for one in outcomes if one is not None and one.error is None and one.columns]


class _Markdown:
    def title(self, text: str) -> str:
        return f"# {_plain_line(text)}"

    def heading(self, who: str, at: str) -> str:
        return f"## {_plain_line(who)} ({at})"

    def said(self, text: str) -> str:
        return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())

    def table(self, outcome: QueryOutcome) -> str:
        rows = [outcome.columns, ["---"] * len(outcome.columns)]
        lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows[:1]]
        lines.append(f"|{'|'.join(rows[1])}|")
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in outcome.rows[:ROWS_MAX]]
        return "\n".join(lines) + _rest(outcome)

    def sources(self, lines: Sequence[tuple[int, str, str, str]]) -> str:
        told = [
            f"- \\[{number}\\] {_plain_line(name)}{f' <{url}>' if _is_web(url) else ''}: "
            f"{_plain_line(content)[:CELL_CHARS_MAX]}"
            for number, name, url, content in lines
        ]
        return "\n".join(["Sources:", "", *told])


class _Plain:
    def title(self, text: str) -> str:
        line = _line(text)
        return f"{line}\n{'=' * min(80, len(line))}"

    def heading(self, who: str, at: str) -> str:
        return f"--- {_line(who)}, {at}"

    def said(self, text: str) -> str:
        return text.strip()

    def table(self, outcome: QueryOutcome) -> str:
        rows = [[_text(value) for value in row] for row in [outcome.columns, *outcome.rows[:ROWS_MAX]]]
        widths = [max(len(row[at]) for row in rows) for at in range(len(outcome.columns))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines) + _rest(outcome)

    def sources(self, lines: Sequence[tuple[int, str, str, str]]) -> str:
        told = [
            f"[{number}] {_line(name)}{f' {url}' if _is_web(url) else ''}: {_line(content)[:CELL_CHARS_MAX]}"
            for number, name, url, content in lines
        ]
        return "\n".join(["Sources:", *told])


def _data(conversation: Conversation, messages: Sequence[Message]) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "bot": conversation.bot,
        "namespace": conversation.namespace,
        "title": conversation.title or "",
        "created_at": conversation.created_at,
        "messages": [
            {
                "id": message.id,
                "role": "operator" if message.is_by_operator else message.role,
                "name": message.operator_name,
                "at": message.created_at,
                "text": message.text,
                "results": [
                    {"columns": one.columns, "rows": one.rows, "truncated": one.truncated}
                    for one in results(message)
                ],
                "sources": [
                    {"number": number, "title": name, "url": url, "content": content}
                    for number, name, url, content in (_source(message, one) for one in _numbers(message))
                ],
            }
            for message in messages
        ],
    }


def _numbers(message: Message) -> list[int]:
    return [source.number for source in message.sources]


def _source(message: Message, number: int) -> tuple[int, str, str, str]:
    source = next(one for one in message.sources if one.number == number)
    page = "" if source.page is None else f", page {source.page}"
    return number, f"{source.title}{page}", source.url, source.content


def _rest(outcome: QueryOutcome) -> str:
    cut = outcome.truncated or len(outcome.rows) > ROWS_MAX
    return f"\n\n({min(len(outcome.rows), ROWS_MAX)} rows; there are more.)" if cut else ""


def _cell(value: Any) -> str:
    return _MARKUP.sub(r"\\\1", _text(value)) or " "


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _line(str(value))[:CELL_CHARS_MAX]


def _plain_line(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _line(text))


def _line(text: str) -> str:
    return _BREAKS.sub(" ", text).strip()


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://")) and not re.search(r"[\s<>]", url)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
