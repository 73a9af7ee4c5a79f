"""Where in a file a finding belongs: settings keep no lines, so the text is searched for what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from appliance.bot import Finding

Severity = Literal["error", "warning"]
Told = tuple[Severity, str, str, str]
"""Severity, key of the setting, the entry in it ('' for the key's own line), what is wrong."""


def placed(path: Path, told: Iterable[Told]) -> list[Finding]:
    """Findings with their lines, in the order of lines."""
    found = [
        Finding(severity=severity, line=line_of(path, key, entry), message=f"{key}: {text}")
        for severity, key, entry, text in told
    ]
    return sorted(found, key=lambda finding: finding.line)


def line_of(path: Path, key: str, entry: str) -> int:
    """The first line from the key on that has the entry, else the key's, else 1."""
    lines = path.read_text("utf-8", errors="replace").lower().splitlines()
    start = next((number for number, line in enumerate(lines) if key in line), 0)
    found = (number for number, line in enumerate(lines[start:], start) if entry.lower() in line)
    return next(found, start) + 1
