"""Template variables of bot files: `{{user_id}}`, `{{namespace}}` and settings. Pure.

Replaced at each turn, for the caller of that turn, in the prompt and in `http-allowed-domains`; the stored
bot never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

VARIABLE = re.compile(r"\{\{[ \t]*(?:(user|system):)?([A-Za-z][A-Za-z0-9_.]*)[ \t]*\}\}")


def render_prompt(
    text: str,
    *,
    user_id: str,
    namespace: str,
    user_settings: Mapping[str, str],
    system_settings: Mapping[str, str],
) -> str:
    """Replace every variable of `text` once; what a value contains is never replaced again.

    `{{key}}` is the user's setting, else the system's; `{{user:key}}` and `{{system:key}}` look in one place
    only. An unknown variable becomes an empty text; anything that is no variable stays as written.
    """
    scopes = {
        None: {
            **system_settings,
            **user_settings,
            "user_id": user_id,
            "namespace": namespace,
        },
        "user": user_settings,
        "system": system_settings,
    }
    return VARIABLE.sub(lambda found: str(scopes[found[1]].get(found[2], "")), text)


def render_entries(
    entries: Iterable[str],
    *,
    user_id: str,
    namespace: str,
    user_settings: Mapping[str, str],
    system_settings: Mapping[str, str],
) -> list[str]:
    """`render_prompt` for each entry of a list such as the allowed domains; empty results are dropped."""
    rendered = (
        render_prompt(
            entry,
            user_id=user_id,
            namespace=namespace,
            user_settings=user_settings,
            system_settings=system_settings,
        ).strip()
        for entry in entries
    )
    return [entry for entry in rendered if entry]
