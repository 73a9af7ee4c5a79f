"""What a docstring tells a model: its first paragraph, and a text for each parameter under `Args:`. Pure."""

from __future__ import annotations

import re

_SECTION = re.compile(r"(Args|Arguments|Parameters):")
_PARAMETER = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)")


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph on one line ("" when there is none), and the texts of the parameters by name.

    `text` is without its common indent, as `inspect.getdoc` gives it.
    """
    lines = text.strip().splitlines()
    heads = [index for index, line in enumerate(lines) if _SECTION.fullmatch(line.rstrip())]
    before = "\n".join(lines[: heads[0]] if heads else lines)
    paragraph = re.split(r"\n\s*\n", before.strip(), maxsplit=1)[0]
    return " ".join(paragraph.split()), _texts(lines[heads[0] + 1 :]) if heads else {}


def _texts(lines: list[str]) -> dict[str, str]:
    """`name: text` or `name (type): text`; a line that is indented deeper goes on with the text."""
    texts: dict[str, str] = {}
    base, current = 0, ""
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and not depth:
            break  # the next section
        base = base or depth
        found = _PARAMETER.fullmatch(line.strip()) if depth == base else None
        if found:
            current = found[1]
            texts[current] = found[2]
        elif current and line.strip():
            texts[current] = f"{texts[current]} {line.strip()}".strip()
    return texts
