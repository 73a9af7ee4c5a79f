"""Template variables of bot files: `{{user_id}}`, `{{namespace}}` and settings. Pure.

Replaced at each turn, for the caller of that turn, in the prompt and in `http-allowed-domains`; the stored
bot never changes. What a model may read gets plain values only (`render_prompt`, `render_entries`); headers
and environments of tools may hold secrets too (`render_secret`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from appliance.botsettings import SettingValues

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
    only. An unknown variable becomes an empty text; anything that is no variable stays as written. The
    settings are `SettingValues.plain_user` and `.plain_system`: the model reads what comes out.
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


def render_secret(text: str, *, user_id: str, namespace: str, values: SettingValues) -> str:
    """`render_prompt` with secret values too, for texts that no model and no client ever reads."""
    user = {key: setting.value or "" for key, setting in values.user.items()}
    system = {key: setting.value or "" for key, setting in values.system.items()}
    return render_prompt(
        text, user_id=user_id, namespace=namespace, user_settings=user, system_settings=system
    )


def variables(text: str) -> list[tuple[str, str]]:
    """(scope, key) of each variable in order; the scope is `user`, `system` or empty."""
    return [(found[1] or "", found[2]) for found in VARIABLE.finditer(text)]
