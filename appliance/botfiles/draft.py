"""A bot while its file is read: collects settings and findings, then becomes a `BotFile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from appliance.bot import Bot, BotFile, Finding, ToolOverride
from appliance.botfiles.fields import (
    BUILT_IN_TOOLS,
    BY_KEY,
    PLATFORM_TOOLS,
    PROVIDERS,
    Field,
    hint,
    is_meant_strictly,
)

FINDINGS_MAX = 100
"""Settings after so many mistakes are not read: nobody reads on, and logs stay short."""

WRITING_TOOLS = {"insert_record": "INSERT", "update_record": "UPDATE", "delete_record": "DELETE"}
"""Tool -> the operation that it does."""

GENERIC_PROMPT = (
    "You are a helpful assistant. You answer questions, and where it helps you look things up "
    "in the database that you can query."
)
"""What a file without a prompt gets."""


class Draft:
    """What is known so far of one bot; `severity` is what a wrong setting is in this form of file.

    Fluxbase files have always kept the default where a value could not be read, so there it is a
    warning; our own form refuses the file, since a setting that silently does nothing is worse.
    """

    def __init__(self, *, name: str, namespace: str, severity: Literal["error", "warning"]) -> None:
        self.name = name
        self.namespace = namespace
        self.severity = severity
        self.findings: list[Finding] = []
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}

    def error(self, line: int, message: str) -> None:
        """Note something that keeps the bot from loading."""
        self.findings.append(Finding(severity="error", line=line, message=message))

    def warn(self, line: int, message: str) -> None:
        """Note something that the bot can live with, unless there are too many notes already."""
        if len(self.findings) > FINDINGS_MAX:
            return
        self.findings.append(Finding(severity="warning", line=line, message=message))

    def blame(self, line: int, message: str) -> None:
        """Note a wrong setting, as serious as this form of file takes it."""
        self.findings.append(Finding(severity=self.severity, line=line, message=message))

    def put(self, key: str, line: int, read: Callable[[Field], Any]) -> None:
        """Take the setting `key` of `line`; `read` makes the field's value or raises `ValueError`."""
        if len(self.findings) == FINDINGS_MAX:
            self.blame(line, "so many mistakes; what follows is not read")
        if self.is_full:
            return
        is_strict = is_meant_strictly(key)
        # What protects is read to the end.
        if len(self.findings) > FINDINGS_MAX and not is_strict:
            return
        blame = self.error if is_strict else self.blame
        field = BY_KEY.get(key.lower())
        if field is None:
            blame(line, f"unknown setting {key}{hint(key, BY_KEY)}")
            return
        try:
            self._keep(field, line, read(field))
        except ValueError as error:
            blame(getattr(error, "line", None) or line, f"{key} {error}")

    def _keep(self, field: Field, line: int, value: Any) -> None:
        first = self.lines.setdefault(field.attribute, line)
        if field.attribute not in self.values:
            self.values[field.attribute] = value
        elif field.kind.merge:
            self.values[field.attribute] = field.kind.merge(self.values[field.attribute], value)
        elif field.kind.is_strict and self.values[field.attribute] != value:
            raise ValueError(f"is given again with another value; the first is on line {first}")
        else:
            self.blame(line, f"{field.key} is given again; the one on line {first} counts")

    def finish(
        self, prompt: str, line: int, tool_overrides: dict[str, ToolOverride] | None = None
    ) -> BotFile:
        """The outcome; `line` is where the prompt is, or should be."""
        self._check_tools()
        self._check_client_tools()
        self._check_writes()
        self._check_provider()
        if self._is_refused:
            return BotFile(bot=None, findings=self._sorted())
        if not prompt:
            self.warn(line, "no prompt found; a generic sentence takes its place")
        if not self.values.get("description"):
            self.warn(1, "no description; lists of bots have nothing to show for it")
        bot = Bot(
            name=self.name,
            namespace=self.namespace,
            prompt=prompt or GENERIC_PROMPT,
            tool_overrides=tool_overrides or {},
            **self.values,
        )
        return BotFile(bot=bot, findings=self._sorted())

    @property
    def is_full(self) -> bool:
        """Whether the bot is refused with more mistakes than anybody reads."""
        return len(self.findings) > FINDINGS_MAX and self._is_refused

    @property
    def _is_refused(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    def _sorted(self) -> list[Finding]:
        return sorted(self.findings, key=lambda finding: finding.line)

    def _check_tools(self) -> None:
        for tool in self.values.get("mcp_tools", []):
            line = self.lines["mcp_tools"]
            if tool in PLATFORM_TOOLS:
                self.warn(line, f"mcp-tools: {tool} is not available here and is not offered")
            elif tool in WRITING_TOOLS and WRITING_TOOLS[tool] not in self._operations:
                operation = WRITING_TOOLS[tool]
                self.warn(line, f"mcp-tools: {tool} needs {operation} among the allowed-operations")
            elif tool not in BUILT_IN_TOOLS and not self._brings(tool):
                self.warn(line, f"mcp-tools: unknown tool {tool}{hint(tool, BUILT_IN_TOOLS)}")

    def _check_client_tools(self) -> None:
        queries = {query.name for query in self.values.get("queries", [])}
        for tool in self.values.get("client_tools", []):
            if tool.name in queries:
                self.error(
                    self.lines["client_tools"],
                    f"client-tools: {tool.name} is one of the queries, too; take another name",
                )

    def _brings(self, tool: str) -> bool:
        """Whether the name may be that of a tool that comes with the bot."""
        own = {query.name for query in self.values.get("queries", [])}
        servers = tuple(server.name for server in self.values.get("mcp_servers", []))
        return tool.startswith(("custom:", *servers)) or tool in own

    @property
    def _operations(self) -> list[str]:
        operations: list[str] = self.values.get("allowed_operations", ["SELECT"])
        return operations

    def _check_writes(self) -> None:
        if set(self._operations) & set(WRITING_TOOLS.values()):
            return
        for attribute, key in (
            ("confirm_writes", "confirm-writes"),
            ("changed_rows_max", "max-changed-rows"),
        ):
            if self.values.get(attribute):
                self.warn(
                    self.lines[attribute], f"{key} has no effect: no writing is among the allowed-operations"
                )

    def _check_provider(self) -> None:
        """An error in both forms: a question must not go to another provider than the one asked for."""
        provider = self.values.get("provider")
        if provider is not None and provider not in PROVIDERS:
            known = f"; known: {', '.join(PROVIDERS)}"
            self.error(
                self.lines["provider"], f"unknown provider {provider}{hint(provider, PROVIDERS) or known}"
            )
