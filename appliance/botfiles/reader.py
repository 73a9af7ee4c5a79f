"""`read_bot`: the text of a bot file of either form -> a bot, or findings with lines. Pure."""

from __future__ import annotations

import re

from appliance.bot import BotFile, Finding
from appliance.botfiles import markdown, typescript

BYTES_MAX = 1_048_576
"""Far more than any prompt; a larger file is a mistake."""

FORMATS = {".md": markdown.read, ".ts": typescript.read}

FENCE = re.compile(r"---[ \t]*\n")
TYPESCRIPT = re.compile(
    r"@fluxbase|^[ \t]*export[ \t]+(default|const)\b|\A\s*(/\*|//)", re.IGNORECASE | re.MULTILINE
)
"""What a text has that is a program and no prompt."""


def read_code(text: str, *, name: str, namespace: str) -> BotFile:
    """Read the text of a bot that has no path; what is in it tells its form. Never raises, as `read_bot`.

    Front matter makes it Markdown; else an export, an annotation or a comment at the start makes it
    TypeScript; any other text is a prompt.
    """
    clean = _clean(text)
    is_markdown = FENCE.match(clean) or not TYPESCRIPT.search(clean)
    return read_bot("bot.md" if is_markdown else "index.ts", text, name=name, namespace=namespace)


def read_bot(path: str, text: str, *, name: str, namespace: str) -> BotFile:
    """Read `text` as the form that the ending of `path` names (`.md` or `.ts`); opens no file.

    Never raises for what the text contains: mistakes are findings, and an error among them means no bot.
    """
    suffix = path[path.rfind(".") :].lower() if "." in path else ""
    if suffix not in FORMATS:
        return _refused("a bot file is named bot.md or index.ts")
    if len(text.encode(errors="surrogatepass")) > BYTES_MAX:
        return _refused(f"is larger than {BYTES_MAX} bytes")
    clean = _clean(text)
    if not clean.strip():
        return _refused("is empty")
    if any("\ud800" <= character <= "\udfff" for character in clean) or "\0" in clean:
        return _refused("is not text: it has characters that no text has")
    return FORMATS[suffix](clean, name=name, namespace=namespace)


def _clean(text: str) -> str:
    """Without byte-order mark and with plain line ends, so that line numbers are an editor's."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _refused(message: str) -> BotFile:
    return BotFile(bot=None, findings=[Finding(severity="error", line=1, message=message)])
