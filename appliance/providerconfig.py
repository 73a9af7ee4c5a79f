"""What an administrator tells of a model provider: which values are secret, how they are merged and shown.

Keys and values are texts, as Fluxbase's SDK sends them. A `ProviderConfig` keeps what may be shown apart from
what may not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import msgspec

from appliance.errors import InvalidInput

ProviderType: TypeAlias = Literal["openai", "azure", "ollama"]
TYPES: tuple[ProviderType, ...] = get_args(ProviderType)

FROM_CONFIG = "FROM_CONFIG"
"""The id of the provider that the environment configures."""
CONFIG_NAME = "config"
"""And its name."""

MASK = "***masked***"
"""Stands for a secret in whatever is shown; sent back, it means: keep the one that is there."""

NAME_CHARACTERS_MAX = 100
VALUE_CHARACTERS_MAX = 4096
KEYS_MAX = 32

Value: TypeAlias = str | int | float | bool | None

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_SECRET = re.compile(r"key|secret|token(?!s)|passw|passphrase|credential|auth|bearer|signature|cookie", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USERINFO = re.compile(r"//[^/@\s]*@")
_NOTHING = ("undefined", "null")
"""What JavaScript makes of values that are not there."""


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`shown` has every key, with `MASK` for each secret; `secrets` has the values behind the masks."""

    shown: dict[str, str] = {}
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without secrets: tracebacks show representations."""
        return f"ProviderConfig(shown={self.shown!r})"


def is_secret(key: str) -> bool:
    """True for keys whose name sounds like a secret: these are encrypted and never shown."""
    return _SECRET.search(key) is not None


def merge(config: ProviderConfig, given: Mapping[str, Value]) -> ProviderConfig:
    """`config` with what was `given`, key by key; raises `InvalidInput` that quotes no value.

    A secret stays for `MASK` and for an empty text; null removes any key, and an empty text one that is not
    secret. "undefined" and "null" are what JavaScript makes of nothing: they change nothing.
    """
    shown, secrets = dict(config.shown), dict(config.secrets)
    for key, value in given.items():
        _check_key(key)
        text = _text(key, value)
        if value is None or (not text and not is_secret(key)):
            shown.pop(key, None)
            secrets.pop(key, None)
        elif text in (*_NOTHING, MASK, ""):
            continue
        elif is_secret(key):
            shown[key], secrets[key] = MASK, text
        else:
            shown[key] = text
    if len(shown) > KEYS_MAX:
        raise InvalidInput(f"config has {len(shown)} keys; at most {KEYS_MAX} are stored.")
    return ProviderConfig(shown=shown, secrets=secrets)


def changes_secrets(given: Mapping[str, Value]) -> bool:
    """True when `merge` would set or remove a secret, so that the others have to be decrypted, too."""
    kept = (*_NOTHING, MASK, "")
    return any(
        is_secret(key) and (value is None or _text(key, value) not in kept) for key, value in given.items()
    )


def masked(config: Mapping[str, str]) -> dict[str, str]:
    """`config` for showing: no secret, no password inside an address, no empty value."""
    return {
        key: MASK if is_secret(key) else _USERINFO.sub(f"//{MASK}@", value)
        for key, value in config.items()
        if value
    }


def check_name(name: str, type: str) -> str:
    """`name` without blanks around it; raises `InvalidInput` for one that cannot be a provider's name.

    A family's name is left to that family: a bot that asks for `ollama` must not get another vendor.
    """
    text = name.strip()
    if not text or len(text) > NAME_CHARACTERS_MAX or _CONTROL.search(text):
        raise InvalidInput(f"name must be a text of 1 to {NAME_CHARACTERS_MAX} characters in one line.")
    if text in (FROM_CONFIG, CONFIG_NAME):
        raise InvalidInput(
            f"The name {text!r} is taken by the provider of the environment; choose another one."
        )
    if text in (*TYPES, "offline") and text != type:
        raise InvalidInput(
            f"A provider of the type {type!r} cannot be called {text!r}: bots that ask for {text} would "
            "get it."
        )
    return text


def check_type(type: str) -> ProviderType:
    """`type` if it is one; raises `InvalidInput`."""
    for known in TYPES:
        if type == known:
            return known
    raise InvalidInput(f"provider_type {type[:40]!r} must be one of {', '.join(TYPES)}.")


def check_line(text: str, field: str) -> str:
    """`text` without blanks around it; raises `InvalidInput` for several lines or too many characters."""
    stripped = text.strip()
    if len(stripped) > VALUE_CHARACTERS_MAX or _CONTROL.search(stripped):
        raise InvalidInput(f"{field} must be one line of at most {VALUE_CHARACTERS_MAX} characters.")
    return stripped


def check_no_userinfo(address: str, field: str) -> None:
    """Raises `InvalidInput` for an address with a user or password in it: addresses are shown."""
    if "@" in address.partition("?")[0].split("//")[-1].partition("/")[0]:
        raise InvalidInput(f"{field} must not hold a user or a password; addresses are shown to every admin.")


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            f"{key[:80]!r} cannot be a key of config: use a letter, then up to 63 letters, digits, _, - "
            "and dots."
        )


def _text(key: str, value: Value) -> str:
    """As JavaScript's `String(value)` writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return check_line(str(value), f"config.{key[:80]}")
