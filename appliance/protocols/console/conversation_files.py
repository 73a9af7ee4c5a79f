"""A conversation as a file, for people or for programs."""

from __future__ import annotations

from datetime import UTC, datetime

from appliance.protocols.console.conversation_shapes import Detail, Line

_NOTES = {
    "waiting": "A person was asked for.",
    "joined": "{name} joined.",
    "left": "{name} left.",
    "ended": "Nobody is waited for any more.",
}


def markdown(told: Detail) -> str:
    """Who said what and when, as a page to read. Times are UTC."""
    about = told.conversation
    head = [
        f"# {_line(about.title or 'Conversation')}",
        f"Bot {about.namespace}/{about.bot}, {_line(about.person)}, by {about.source}, "
        f"begun {_time(about.created_at)} (UTC)",
    ]
    return "\n\n".join([*head, *map(_said, told.messages)]) + "\n"


def _said(message: Line) -> str:
    if message.role == "note":
        text = _NOTES.get(message.note or "", "").format(name=_line(message.name) or "Somebody")
        return f"*{_time(message.created_at)}: {text}*"
    who = {"user": message.name, "assistant": "Bot", "operator": message.name}[message.role]
    said = message.text or (message.error["text"] if message.error else "(no text)")
    quoted = "\n".join(f"> {line}" for line in said.splitlines())
    sent = "".join(f"\n\nFile: {_line(file.name) or '(deleted)'}" for file in message.files)
    return f"**{_line(who)}**, {_time(message.created_at)}\n\n{quoted}{sent}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
