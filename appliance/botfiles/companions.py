"""Files beside a bot file that belong to the bot: `tools.py` and `schema-notes.yaml`.

`tools.py` and the modules beside it are only named here; they are never opened, let alone run.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from appliance.bot import Bot, BotFile, Finding
from appliance.botfiles.notes_file import read_notes
from appliance.botfiles.text_file import file_mark, read_text
from appliance.errors import InvalidInput

TOOLS = "tools.py"
NOTES = "schema-notes.yaml"
MISNAMED = {"schema-notes.yml": NOTES, "schema_notes.yaml": NOTES, "schema_notes.yml": NOTES}
NOTES_BYTES_MAX = 262_144
MODULES_MAX = 200
"""Modules beside `tools.py` whose changes are seen; each is looked at whenever the folder is."""


def companions(folder: Path) -> list[Path]:
    """The paths where such files may be, in a stable order."""
    return [folder / TOOLS, folder / NOTES, *(folder / name for name in MISNAMED), *_modules(folder)]


def with_companions(file: BotFile, paths: list[Path]) -> BotFile:
    """The same bot with what its companions add; what is wrong with them is added to the findings."""
    bot, findings = file.bot, list(file.findings)
    if bot is None:
        return file
    for path in paths:
        try:
            bot = _with(bot, path, findings)
        except InvalidInput as error:
            findings.append(_finding("error", f"{path.name} {error.text}"))
        except OSError as error:
            findings.append(_finding("error", f"{path.name} cannot be read: {error.strerror}"))
    if not bot.tools_file:
        findings += [
            _finding("warning", f"mcp-tools: {tool} is a function of {TOOLS}, which is not beside this file")
            for tool in bot.mcp_tools
            if tool.startswith("custom:")
        ]
    is_good = not any(finding.severity == "error" for finding in findings)
    return BotFile(bot=bot if is_good else None, findings=findings)


def _with(bot: Bot, path: Path, findings: list[Finding]) -> Bot:
    """The bot with what one companion adds, unless it is not there; raises `InvalidInput` or `OSError`."""
    if not path.exists() and not path.is_symlink():
        return bot
    if path.name in MISNAMED:
        findings.append(_finding("warning", f"{path.name} is not read; name it {MISNAMED[path.name]}"))
        return bot
    if path.name == NOTES:
        text = read_text(path, NOTES_BYTES_MAX)
        return msgspec.structs.replace(bot, schema_notes={**read_notes(text), **bot.schema_notes})
    if path.name != TOOLS:
        return bot
    if not path.is_file():
        raise InvalidInput("is not a file")
    return msgspec.structs.replace(bot, tools_file=str(path.absolute()), tools_mark=_mark(path))


def _modules(folder: Path) -> list[Path]:
    """The modules beside a `tools.py`, which it may import; not those in packages, and none without it."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    except OSError:
        return []
    return [folder / name for name in names if name != TOOLS][:MODULES_MAX] if TOOLS in names else []


def _mark(tools: Path) -> str:
    """Differs whenever the file or a module beside it was written, replaced, added, renamed or removed."""
    marks = [(path.name, file_mark(path)) for path in (tools, *_modules(tools.parent))]
    return hashlib.sha256(repr(marks).encode()).hexdigest()


def _finding(severity: str, message: str) -> Finding:
    return msgspec.convert({"severity": severity, "line": 1, "message": message}, Finding)
