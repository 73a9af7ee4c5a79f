"""`bot.md` -> `BotFile`: YAML front matter is the settings, the Markdown below it is the prompt.

Strict: an unknown key or a value that cannot be read refuses the file, with line and reason.
"""

from __future__ import annotations

from appliance.bot import BotFile
from appliance.botfiles.draft import Draft
from appliance.botfiles.yaml_lines import YamlError, settings

FENCE = "---"
FRONT_MATTER = "the front matter"


def read(text: str, *, name: str, namespace: str) -> BotFile:
    """Read a bot.md file; never raises for what the file contains."""
    draft = Draft(name=name, namespace=namespace, severity="error")
    try:
        front, body, body_line = _split(text)
        # The first line is the fence.
        for setting in settings(front, what=FRONT_MATTER, first_line=2):
            draft.put(setting.key, setting.line, setting.read)
    except YamlError as error:
        draft.error(error.line, str(error))
        return draft.finish(text, 1)
    return draft.finish(body, body_line)


def _split(text: str) -> tuple[str, str, int]:
    """Front matter, body, and the line that the body starts on; no front matter is fine."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return "", text.strip(), 1
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            front = "\n".join(lines[1:index])
            return front, "\n".join(lines[index + 1 :]).strip(), index + 2
    raise YamlError(1, "the front matter is not closed; end it with a line ---")
