"""`appliance chat`: talk to a bot in the terminal, over the same WebSocket as every other client."""

from __future__ import annotations

import re
import signal
import sys
from urllib.parse import quote, urlsplit, urlunsplit

import click
import httpx
import trio
from rich.console import Console
from rich.text import Text

from appliance.cli.chat_tables import change_rows, change_title, clean, local_minute, result
from appliance.client import AIChat, Answer, Change, ChatError, ChatEvent, ConnectError, Source
from appliance.errors import ApplianceError

URL = "http://127.0.0.1:8080"
PIPE_COLUMNS = 120
"""Width of tables when nobody looks: wide enough to keep them whole, narrow enough for a mail."""

LIST_TIMEOUT_S = 5.0

PIPE_CLOSED = 128 + signal.SIGPIPE
"""Exit code when the reader of the output went away, as of any command in a pipe."""


class ChatFailed(ApplianceError):
    """A sentence for the terminal; the command ends with exit code 1."""

    code = "chat_failed"


class Interrupted(Exception):
    """Ctrl-C a second time, or without an answer to stop."""


@click.command("chat")
@click.argument("bot")
@click.argument("message", required=False)
@click.option("--url", default=URL, show_default=True, help="The server: http://… or ws://….")
@click.option("--token", help="A user's token or an API key; without it you are an anonymous visitor.")
def command(bot: str, message: str | None, url: str, token: str | None) -> None:
    """Chat with BOT: one MESSAGE, or a dialogue when there is none.

    Ctrl-C stops the running answer; a second one leaves.
    """
    terminal = Terminal(bot, url, token)
    try:
        if message is not None:
            if not terminal.ask(message):
                sys.exit(130)
        elif sys.stdin.isatty():
            terminal.dialogue()
        else:
            raise ChatFailed('There is no terminal to ask on: give the message, appliance chat BOT "…"')
    except Interrupted:
        sys.exit(130)


class Terminal:
    """One conversation with one bot; answers go to stdout, what happens meanwhile to stderr."""

    def __init__(self, bot: str, url: str, token: str | None) -> None:
        self._bot = bot
        self._url = url
        self._ws_url = ws_url(url)
        self._token = token
        self._conversation_id: str | None = None
        self._undecided: list[Change] = []
        piped = None if sys.stdout.isatty() else PIPE_COLUMNS
        self._out = Console(width=piped, highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def dialogue(self) -> None:
        """Ask for questions until the input ends; a failed answer does not end it."""
        self._err.print(f"Chat with {self._bot}. Ctrl-C stops an answer, Ctrl-D leaves.", style="dim")
        while (question := self._prompt()) is not None:
            if not question.strip():
                continue
            try:
                self.ask(question)
            except ChatFailed as failure:
                self._err.print(Text(clean(failure.text), style="red"))

    def ask(self, question: str) -> bool:
        """Ask and print the answer as it comes; False when it was stopped by Ctrl-C.

        What the answer proposes to change is put to the user. Raises `ChatFailed`, and `Interrupted` when the
        user wants to leave.
        """
        if not question.strip():
            raise ChatFailed("The message is empty: there is nothing to ask.")
        finished = self._run(question, None)
        are_several = False
        while self._undecided:
            are_several = are_several or len(self._undecided) > 1
            change = self._undecided.pop(0)
            approve = self._approves(change, with_rows=are_several)
            if approve is not None:
                finished = self._run("", (change.id, approve))
        return finished

    def _run(self, question: str, decision: tuple[str, bool] | None) -> bool:
        try:
            return trio.run(self._converse, question, decision)
        except ConnectError as error:
            raise ChatFailed(self._connection_hint(error)) from error
        except ChatError as error:
            raise ChatFailed(self._refusal_hint(error)) from error
        except BaseExceptionGroup as group:
            # rich makes a SystemExit of a broken pipe, and nurseries wrap it.
            _, others = group.split((BrokenPipeError, SystemExit))
            if others is not None:
                raise
            sys.exit(PIPE_CLOSED)

    def _prompt(self) -> str | None:
        try:
            return input("\n> ")
        except (EOFError, KeyboardInterrupt):
            self._err.print()
            return None

    def _approves(self, change: Change, *, with_rows: bool) -> bool | None:
        """The user's word on a proposed change; None when there is nobody to ask, or no answer.

        `with_rows` shows its rows again: those of another change may have come after them.
        """
        if sys.stdin.isatty() and sys.stderr.isatty():
            self._err.print(Text(f"{change_title(change)}:", style="bold"))
            if with_rows and change.rows:
                self._err.print(change_rows(change, self._err.width), soft_wrap=False)
            self._err.print("Apply this change? [y/N] ", end="", markup=False)
            try:
                return input().strip().lower() in {"y", "yes"}
            except (EOFError, KeyboardInterrupt):
                self._err.print()
        self._err.print(Text(f"Nothing is changed yet. {self._how_to_decide(change)}"))
        return None

    def _how_to_decide(self, change: Change) -> str:
        if self._token is None:
            return "To be asked, run this on a terminal; to decide later, run it with --token."
        path = f"/api/v1/ai/conversations/{self._conversation_id}/changes/{change.id}"
        return (
            f"Until {local_minute(change.expires_at)} you can decide: POST {rest_url(self._url, path)} with "
            '{"approve": true} or {"approve": false}, and the same token as Authorization: Bearer.'
        )

    # -- one answer ----------------------------------------------------------------------------------

    async def _converse(self, question: str, decision: tuple[str, bool] | None) -> bool:
        async with AIChat(self._ws_url, self._token) as chat:
            answer = chat.ask(self._bot, question, conversation_id=self._conversation_id)
            if decision is not None:
                answer = answer.confirm(*decision)
            interrupted = False
            # A nursery would wrap the errors of the answer in a group: they are passed out by hand.
            failure: ChatError | None = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_ctrl_c, chat, answer, nursery.cancel_scope)
                try:
                    await self._print(answer)
                except ChatError as error:
                    failure = error
                interrupted = nursery.cancel_scope.cancel_called
                nursery.cancel_scope.cancel()
            self._conversation_id = answer.conversation_id
            if failure is not None:
                raise failure
            if interrupted or not answer.is_over:
                raise Interrupted
            return not answer.is_cancelled

    async def _watch_ctrl_c(self, chat: AIChat, answer: Answer, leave: trio.CancelScope) -> None:
        with trio.open_signal_receiver(signal.SIGINT) as signals:
            async for _ in signals:
                if answer.conversation_id is None or answer.is_cancelled or not chat.is_connected():
                    leave.cancel()
                else:
                    answer.cancel()
                    self._err.print("Stopping… (Ctrl-C again leaves)", style="dim")

    async def _print(self, answer: Answer) -> None:
        printer = Printer(self._out, self._err)
        try:
            async for event in answer:
                printer.show(event)
                if event.change is not None and event.change.status == "proposed":
                    self._undecided.append(event.change)
        finally:
            printer.end_line()

    # -- what went wrong -----------------------------------------------------------------------------

    def _connection_hint(self, error: ConnectError) -> str:
        if error.status in {401, 403}:
            return f"{error.text} Make a new token with: appliance token create --user ID"
        if error.status is not None:
            return error.text
        start = "appliance serve, or to try it out: appliance demo"
        return f"{error.text}. Is the server running? Start one with: {start}"

    def _refusal_hint(self, error: ChatError) -> str:
        match error.code:
            case "CHATBOT_NOT_FOUND":
                names = public_bots(self._url, self._token)
                known = f" Public bots here: {', '.join(names)}." if names else ""
                return f"{error.text}{known}"
            case "AUTH_REQUIRED":
                return f"{error.text} Use --token with one from: appliance token create --user ID"
            case _:
                return error.text


CITATION = re.compile(r"\[(\d{1,2})\]")


class Printer:
    """Writes the events of one answer; keeps track of whether a line is open."""

    def __init__(self, out: Console, err: Console) -> None:
        self._out = out
        self._err = err
        self._open_line = False
        self._emphasis = Emphasis()
        self._sources: dict[int, Source] = {}
        self._text: list[str] = []

    def show(self, event: ChatEvent) -> None:
        """Print one event, if there is anything in it for people."""
        match event.type:
            case "content":
                text = clean(event.delta)
                self._text.append(text)
                self._out.print(self._emphasis.write(text) if self._out.is_terminal else Text(text), end="")
                self._open_line = not event.delta.endswith("\n")
            case "progress":
                self.end_line()
                self._err.print(Text(f"· {clean(event.message)}", style="dim"))
            case "query_result" | "tool_result":
                self.end_line()
                self._query(event)
            case "sources":
                self._sources |= {source.number: source for source in event.sources}
            case "done":
                self.end_line()
                self._cited()
                if event.usage:
                    self._err.print(Text(f"{event.usage.total_tokens} tokens", style="dim"))
            case "cancelled":
                self.end_line()
                self._err.print("Stopped.", style="dim")

    def _cited(self) -> None:
        """Name what the answer cites."""
        numbers = dict.fromkeys(int(number) for number in CITATION.findall("".join(self._text)))
        for source in (self._sources[number] for number in numbers if number in self._sources):
            page = "" if source.page is None else f", page {source.page}"
            where = f" ({source.url})" if source.url else ""
            self._err.print(Text(clean(f"[{source.number}] {source.title}{page}{where}"), style="dim"))
        self._sources.clear()
        self._text.clear()

    def end_line(self) -> None:
        """Close the line that text was written to."""
        if self._open_line:
            self._out.print(self._emphasis.end())
        self._open_line = False

    def _query(self, event: ChatEvent) -> None:
        if event.query:
            self._err.print(Text(clean(event.query), style="cyan"))
        if event.error:
            self._err.print(Text(clean(event.summary or event.error), style="red"))
        if event.change is not None:
            self._change(event, event.change)
        elif event.columns or event.type == "query_result":
            self._rows(event)
        if event.truncated:
            self._err.print(f"The first {event.row_count} rows; there are more.", style="dim")

    def _rows(self, event: ChatEvent) -> None:
        if event.data:
            self._out.print(result(event, self._out.width), soft_wrap=False)
        elif not event.error:
            self._err.print("No rows.", style="dim")

    def _change(self, event: ChatEvent, change: Change) -> None:
        """What would be done to which rows, or what was done; a refused one was told as an error."""
        if change.rows and change.status in {"proposed", "applied"}:
            self._out.print(change_rows(change, self._out.width), soft_wrap=False)
        if not event.error:
            self._err.print(Text(clean(event.summary), style="bold"))


class Emphasis:
    """Shows `**strong**` of Markdown that streams in as bold; code stays as it is."""

    _MARKS = re.compile(r"(\*\*|`|\n)")

    def __init__(self) -> None:
        self._held = ""
        self._before = ""
        self._in_code = False
        self._is_bold = False

    def write(self, text: str) -> Text:
        """What can be shown by now; asterisks wait for the character behind them."""
        text = self._held + text
        ready = text.rstrip("*")
        self._held = text[len(ready) :]
        shown = Text()
        position = 0
        for piece in self._MARKS.split(ready):
            position += len(piece)
            self._add(shown, piece, ready[position : position + 1])
        return shown

    def end(self) -> Text:
        """What was still held; closes all emphasis."""
        held = "" if self._is_bold and self._held == "**" else self._held
        self._held = self._before = ""
        self._in_code = self._is_bold = False
        return Text(held)

    def _add(self, shown: Text, piece: str, following: str) -> None:
        if piece == "**" and not self._in_code:
            opens = not self._before.isalnum() and not following.isspace()
            if self._is_bold or opens:
                self._is_bold = not self._is_bold
                return
        self._in_code ^= piece == "`"
        self._is_bold &= piece != "\n"
        shown.append(piece, style="bold" if self._is_bold else None)
        self._before = piece[-1:] or self._before


def ws_url(url: str) -> str:
    """The chat socket of a server given as http(s):// or ws(s)://, with or without its path."""
    parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ChatFailed(f"--url {url!r} is not an address like http://127.0.0.1:8080")
    path = parts.path.rstrip("/")
    if not path.endswith("/ai/ws"):
        path += "/ai/ws"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def rest_url(url: str, path: str) -> str:
    """The address of a REST endpoint of a server given as for `ws_url`."""
    parts = urlsplit(ws_url(url))
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, parts.path.removesuffix("/ai/ws") + path, "", ""))


def public_bots(url: str, token: str | None) -> list[str]:
    """Names of the bots that the server lists; [] when it does not answer."""
    headers = {"Authorization": f"Bearer {quote(token, safe='')}"} if token else {}
    try:
        address = rest_url(url, "/api/v1/ai/chatbots")
        reply = httpx.get(address, headers=headers, timeout=LIST_TIMEOUT_S)
        return [str(bot["name"]) for bot in reply.raise_for_status().json()["chatbots"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []
