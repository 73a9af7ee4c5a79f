"""The tools of a bot as `appliance bots check` looks at them: functions, hosts, MCP servers, rules for tools.

The functions of a `tools.py` are imported for it, in a process of their own, as the server does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.bot import Bot, Finding
from appliance.botfiles.fields import hint
from appliance.botfiles.folder import LoadedFile
from appliance.cli.finding_lines import Told, placed
from appliance.urlguard import LOCAL_HOSTS, Entry, entry_problem, read_entries

CUSTOM = "custom:"


class ToolsTold(msgspec.Struct, frozen=True, kw_only=True):
    """Findings about a bot file and about the `tools.py` beside it."""

    of_bot: list[Finding] = []
    of_tools: list[Finding] = []


def tools_of(file: LoadedFile, folder: Path) -> ToolsTold:
    """What is wrong with the tools of one bot; only a `tools.py` below `folder` is imported. Never raises."""
    bot = file.file.bot
    if bot is None:
        return ToolsTold()
    names: list[str] | None = []
    problems: list[Finding] = []
    told = list(_hosts(bot))
    if bot.tools_file:
        names, problems = _functions(Path(bot.tools_file), folder)
    if bot.tools_file and names is None and not problems:
        text = "tools.py is not looked at: it leads out of the folder of bots"
        told.append(("warning", "mcp-tools", "", text))
    if bot.tools_file and names is not None:
        told += _custom(bot, names)
    told += _rules(bot, names)
    return ToolsTold(of_bot=[*placed(file.path, told), *_mcp(bot, file.path)], of_tools=problems)


def _functions(tools: Path, folder: Path) -> tuple[list[str] | None, list[Finding]]:
    """The functions that the file offers, None when that is not known; and what is wrong with it."""
    if not tools.resolve().is_relative_to(folder.resolve()):
        return None, []
    # Imported here: most bots have no functions, and the server's parts take their time.
    from appliance.server.main import TAKEN
    from appliance.tools.own import describe

    described = describe(tools, reserved=TAKEN)
    is_loaded = not any(problem.severity == "error" for problem in described.problems)
    return [tool.name for tool in described.tools] if is_loaded else None, described.problems


def _custom(bot: Bot, names: list[str]) -> Iterator[Told]:
    """Entries of `mcp-tools` against the functions that there are."""
    listed = [entry for entry in bot.mcp_tools if entry.startswith(CUSTOM)]
    offered = tuple(CUSTOM + name for name in names)
    for entry in listed:
        if entry not in offered:
            name = entry.removeprefix(CUSTOM)
            yield "warning", "mcp-tools", entry, f"tools.py offers no function {name}{hint(entry, offered)}"
    if names and bot.mcp_tools and not listed:
        text = f"no function of tools.py is offered, since none is listed, such as {offered[0]}"
        yield "warning", "mcp-tools", "", text
    chosen = [name for name in names if not bot.mcp_tools or CUSTOM + name in listed]
    for query in bot.queries:
        if query.name in chosen:
            text = (
                f"{query.name} is also a function of tools.py, which is offered instead; rename one of them"
            )
            yield "warning", "queries", query.name, text


def _rules(bot: Bot, functions: list[str] | None) -> Iterator[Told]:
    """Tools of `intent-rules` that are not there; without known functions only built-in names are judged."""
    if not any(rule.required_tool or rule.forbidden_tool for rule in bot.intent_rules):
        return
    from appliance.engine.toolbox import is_offered, is_opted_in
    from appliance.server.main import BUILT_IN

    own = [name for name in functions or [] if is_opted_in(bot, name)]
    offered = [name for name in BUILT_IN if is_offered(bot, name)]
    offered += [query.name for query in bot.queries] + own
    servers = tuple(f"{server.name}_" for server in bot.mcp_servers)
    for rule in bot.intent_rules:
        for name in dict.fromkeys((rule.required_tool, rule.forbidden_tool)):
            if not name or name in offered or name.startswith(servers):
                continue
            if name in BUILT_IN or name in (functions or []):
                if name == rule.required_tool:
                    text = f"this bot does not offer {name}, so requiring it has no effect"
                    yield "warning", "intent-rules", name, text
            elif functions is not None:
                text = f"there is no tool {name}{hint(name, tuple(offered))}"
                yield "warning", "intent-rules", name, text


def _hosts(bot: Bot) -> Iterator[Told]:
    """Entries that allow nothing, and headers that are never sent."""
    for entry in bot.http_allowed_domains:
        problem = None if "{{" in entry else entry_problem(entry)
        if problem:
            text = _without_scheme(entry) or problem.rstrip(".")
            yield "warning", "http-allowed-domains", entry, f"{entry}: {text}"
    if any("{{" in entry for entry in bot.http_allowed_domains):
        return  # what it allows depends on who asks
    allowed = read_entries(bot.http_allowed_domains)
    for host in bot.http_headers:
        if not any(_covers(one, header) for header in read_entries([host]) for one in allowed):
            text = f"no entry of http-allowed-domains covers {host}, so its headers are never sent"
            yield "warning", "http-headers", host, text


def _without_scheme(entry: str) -> str:
    """What to write for an entry that is a URL; '' for any other."""
    scheme, mark, rest = entry.partition("://")
    host = rest.partition("/")[0]
    if not mark or scheme.lower() not in ("http", "https") or entry_problem(host):
        return ""
    return f"leave the scheme {'and the path ' if host != rest else ''}out: {host}"


def _covers(allowed: Entry, header: Entry) -> bool:
    """Whether there is a request that both speak of."""
    usual = {"https": 443, "http": 80} if header.host in LOCAL_HOSTS else {"https": 443}
    return any(allowed.matches(scheme, header.host, header.port or port) for scheme, port in usual.items())


def _mcp(bot: Bot, path: Path) -> list[Finding]:
    """Whether the part that talks to MCP servers is there, for a bot that has some."""
    if not bot.mcp_servers:
        return []
    from appliance.tools.mcp import mcp_findings

    told: list[Told] = [
        (finding.severity, "mcp-servers", "", finding.message.removeprefix("mcp-servers: "))
        for finding in mcp_findings(bot)
    ]
    return placed(path, told)
