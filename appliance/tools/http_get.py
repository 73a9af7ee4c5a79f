"""The tool `http_get`: the model asks an allowed host of the web, and reads JSON or text."""

from __future__ import annotations

import time
from typing import Any

import trio

from appliance.redact import Redactor
from appliance.template import VARIABLE, render_entries
from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.http_answer import bad_answer, encode, good_answer
from appliance.tools.http_fetch import DEADLINE_S, Fetched, Fetcher, FetchFailed
from appliance.tools.http_headers import all_values, header_secrets, headers_for
from appliance.urlguard import LOCAL_HOSTS, UrlRefused, check_url, host_of, read_entries

_AUDIT_URL_CHARS_MAX = 500
_HEADERS = {
    "accept": "application/json, text/*;q=0.8",
    "accept-encoding": "identity",
    "user-agent": "chat-appliance",
    "connection": "close",
}

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {
            "type": "string",
            "description": "The whole address, such as https://api.example.com/v1/items?q=a",
        },
        "method": {"type": "string", "enum": ["GET"], "description": "Only GET is possible."},
    },
    "required": ["url"],
}


class HttpGet:
    """Asks by GET what the bot's `http-allowed-domains` allow. One instance serves all callers."""

    name = "http_get"
    description = (
        "Get JSON or text from a web address. Only the bot's allowed domains can be asked, over https. "
        "Redirects are not followed. If it fails, the result says why and which domains are allowed."
    )
    parameters = PARAMETERS
    timeout_s = DEADLINE_S + 5  # the request has its own deadline; the rest is for reading what came

    def __init__(self, fetcher: Fetcher | None = None) -> None:
        self._fetcher = fetcher or Fetcher()

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people; of the URL they tell the host alone."""
        url = arguments.get("url")
        return f"Asking {(host_of(url) if isinstance(url, str) else None) or 'a web address'}..."

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Ask; what is refused or goes wrong is an output that is not ok, with the reason for the model."""
        url = arguments.get("url")
        if not isinstance(url, str):  # a bot file may have told the model other parameters
            raise ToolError("Missing arguments: url.")
        started = time.monotonic()
        domains = allowed_domains(context)
        status, size = None, 0
        try:
            _check_method(arguments.get("method"))
            fetched, redactor = await self._fetch(context, url, domains)
            status, size = fetched.status, len(fetched.body)
            shape = good_answer if fetched.is_good else bad_answer
            # A megabyte of small values takes long enough to be felt by everybody else.
            answer = await trio.to_thread.run_sync(shape, fetched, redactor)
        except (UrlRefused, FetchFailed) as error:
            status = getattr(error, "status", status)
            answer = _failure(str(error), status, domains)
        audit = {
            "url": Redactor(all_values(context)).clean(ascii(url[:5000])[1:-1])[:_AUDIT_URL_CHARS_MAX],
            "status": status,
            "bytes": size,
            "ms": round((time.monotonic() - started) * 1000),
        }
        return ToolOutput(content=encode(answer), ok=answer["success"], audit=audit)

    async def _fetch(self, context: ToolContext, url: str, domains: list[str]) -> tuple[Fetched, Redactor]:
        if not domains:
            raise UrlRefused("This bot has no allowed domains, so nothing can be asked.")
        target = check_url(url, domains)
        own = headers_for(context, target)
        redactor = Redactor(header_secrets(context, target, own))
        return await self._fetcher.fetch(target, _HEADERS | own), redactor


def allowed_domains(context: ToolContext) -> list[str]:
    """The hosts that this caller may ask through this bot, as entries that are understood.

    The own machine has to be written out in the bot file: a value of somebody's setting does not open it.
    """
    domains: list[str] = []
    for written in context.bot.http_allowed_domains:
        for entry in _rendered(context, written):
            hosts = [understood.host for understood in read_entries([entry])]
            if hosts and not (hosts[0] in LOCAL_HOSTS and VARIABLE.search(written)):
                domains.append(entry)
    return domains


def _rendered(context: ToolContext, entry: str) -> list[str]:
    """The entry for this caller, without secrets: the model reads which domains are allowed."""
    return render_entries(
        [entry],
        user_id=context.caller.user_id,
        namespace=context.bot.namespace,
        user_settings=context.values.plain_user,
        system_settings=context.values.plain_system,
    )


def _check_method(method: object) -> None:
    if method is not None and str(method).upper() != "GET":
        raise UrlRefused("Only the method GET is possible.")


def _failure(text: str, status: int | None, domains: list[str]) -> dict[str, Any]:
    known = {} if status is None else {"status": status}
    return {"success": False, **known, "error": text, "allowed_domains": domains}
