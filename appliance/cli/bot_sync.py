"""Sends bot files to a running server, or lets it read its own again: the work of `appliance bots sync`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from appliance.botfiles.companions import NOTES, TOOLS
from appliance.botfiles.folder import BOT_FILES, FoundFile, find_bots, printable
from appliance.botfiles.reader import BYTES_MAX, FENCE
from appliance.botfiles.text_file import read_text
from appliance.cli.chat_tables import clean
from appliance.errors import ApplianceError, InvalidInput, NotFound

PATH = "/api/v1/admin/ai/chatbots/sync"
TIMEOUT_S = 60.0
EMPTY_FRONT_MATTER = "---\n---\n"


class SyncFailed(ApplianceError):
    """The server did not take it; the text says why."""

    code = "sync_failed"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send bots, with whose token, and how they are meant."""

    url: str
    token: str
    delete_missing: bool
    dry_run: bool

    def sync(self, namespace: str, chatbots: list[dict[str, str]] | None) -> dict[str, Any]:
        """The server's answer; without `chatbots` it reads its own files. Raises `SyncFailed`."""
        if not (self.token.isascii() and self.token.isprintable()):  # the library's error would show it
            raise SyncFailed("the token has characters that no token has; check --token")
        options = {"delete_missing": self.delete_missing, "dry_run": self.dry_run}
        body: dict[str, Any] = {"namespace": namespace, "options": options}
        if chatbots is not None:
            body["chatbots"] = chatbots
        try:
            answer = httpx.post(
                self.url.rstrip("/") + PATH,
                json=body,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=TIMEOUT_S,
            )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise SyncFailed(
                f"the server at {self.url} cannot be asked: {str(error) or type(error).__name__}; check --url"
            ) from error
        return _body(answer)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SyncFailed(f"the server answered {answer.status_code} and no JSON; check --url") from error
    if answer.status_code != httpx.codes.OK:
        reason = clean(str(body.get("error", "")))
        hint = "; check --token" if answer.status_code in (401, 403) else ""
        raise SyncFailed(f"the server refused with {answer.status_code}: {reason.rstrip('.')}{hint}")
    return body


def payloads(folder: Path, namespace: str | None) -> tuple[dict[str, list[dict[str, str]]], list[str]]:
    """Bots to send by namespace, and lines about files that cannot be sent or not completely.

    Raises `InvalidInput` when `folder` is none, `NotFound` when there is nothing to send in it: an empty list
    would mean something else to the server.
    """
    found = [file for file in find_bots(folder) if namespace in (None, file.namespace)]
    if not found:
        where = f"namespace {namespace!r} of {folder}" if namespace else str(folder)
        raise NotFound(f"there are no bot files in {where}")
    bots: dict[str, list[dict[str, str]]] = {}
    lines: list[str] = []
    for file in found:
        path = printable(str(file.path))
        try:
            bot = {"name": file.name, "code": _code(file)}
            bots.setdefault(file.namespace, []).append(bot)
        except InvalidInput as error:
            lines.append(f"{path}:1: error: {error.text}")
        except OSError as error:
            lines.append(f"{path}:1: error: cannot be read: {error.strerror}")
        lines += [f"{path}:1: warning: {name} beside it is not sent" for name in _left_behind(file)]
    return bots, lines


def _code(file: FoundFile) -> str:
    """The text of the file, such that its form is plain without its name."""
    if file.problem:
        raise InvalidInput(file.problem)
    text = read_text(file.path, BYTES_MAX)
    is_bare = file.path.suffix == ".md" and not FENCE.match(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    return EMPTY_FRONT_MATTER + text if is_bare else text


def _left_behind(file: FoundFile) -> Iterator[str]:
    if file.path.name in BOT_FILES:
        yield from (name for name in (TOOLS, NOTES) if (file.path.parent / name).exists())


def told(result: dict[str, Any]) -> Iterator[str]:
    """The answer of a server as lines for people."""
    namespace = result.get("namespace", "")
    for kind, names in result.get("details", {}).items():
        if kind != "unchanged":
            yield from (clean(f"{kind} {namespace}/{name}") for name in names)
    for kind, key, text in (("error", "errors", "error"), ("warning", "warnings", "message")):
        for one in result.get(key, []):
            place = f"{one.get('namespace', namespace)}/{one.get('name', '')}"
            yield clean(f"{kind}: {place}: {one.get(text, '')}")
