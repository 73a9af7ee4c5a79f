"""Files that were surely meant to be bots, but whose names are not quite those that are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from appliance.botfiles.folder import BOT_FILES, KNOWLEDGE, SKIPPED

MEANT = {
    "bot.md": "bot.md",
    "bots.md": "bot.md",
    "bot.markdown": "bot.md",
    "bot.mdx": "bot.md",
    "bot.md.txt": "bot.md",
    "bot.txt": "bot.md",
    "index.ts": "index.ts",
    "index.tsx": "index.ts",
    "index.js": "index.ts",
    "index.ts.txt": "index.ts",
}
"""A name in lower case -> the name that would be read."""


def near_misses(root: Path) -> Iterator[tuple[Path, str]]:
    """Files below `root` that are not read, each with the name it should have, in a stable order."""
    for folder, folders, files in os.walk(root):
        is_bot = any(name in BOT_FILES for name in files)
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or name in SKIPPED or (is_bot and name == KNOWLEDGE))
        )
        for name in sorted(files):
            if name not in BOT_FILES and name.lower() in MEANT:
                yield Path(folder, name), MEANT[name.lower()]
