"""Secrets of the server, for tokens and for encryption: configured, or generated once beside the database."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from appliance.errors import StoreError

FILE_NAME = "jwt.secret"
ENCRYPTION_FILE_NAME = "secrets.key"
CHARACTERS_MIN = 32
RANDOM_BYTES = 32


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How one secret is called, and what its loss means."""

    name: str
    file_name: str
    variable: str
    loss: str


_TOKENS = _Kind(
    name="token secret",
    file_name=FILE_NAME,
    variable="APPLIANCE_JWT_SECRET",
    loss="tokens signed before are refused from then on",
)
_ENCRYPTION = _Kind(
    name="encryption key",
    file_name=ENCRYPTION_FILE_NAME,
    variable="APPLIANCE_ENCRYPTION_KEY",
    loss="settings stored before cannot be read from then on",
)


def load_secret(data: Path, configured: str = "") -> str:
    """`configured` if it is set, else the content of `<data>/jwt.secret`, generated when missing.

    Processes that race for it agree on one. Raises `StoreError` when the file cannot be read or made, or
    holds less than a secret.
    """
    return _load(_TOKENS, data, configured)


def load_encryption_key(data: Path, configured: str = "") -> str:
    """As `load_secret`, for the key of `store/vault.Vault` in `<data>/secrets.key`."""
    return _load(_ENCRYPTION, data, configured)


def _load(kind: _Kind, data: Path, configured: str) -> str:
    if configured:
        return configured
    path = data / kind.file_name
    try:
        if not path.exists():
            _generate(path)
        secret = path.read_text("ascii").strip()
    except UnicodeDecodeError:
        secret = ""
    except OSError as error:
        raise StoreError(
            f"The {kind.name} {path} cannot be used ({error.strerror}). Check the permissions of the data "
            f"folder, or set {kind.variable}."
        ) from error
    if len(secret) < CHARACTERS_MIN:
        raise StoreError(
            f"The {kind.name} {path} is damaged. Put the old file back, or delete it: a new one is made at "
            f"the next start, and {kind.loss}."
        )
    return secret


def _generate(path: Path) -> None:
    """Write a whole file under another name, then give it its name unless somebody was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    try:
        os.write(descriptor, secrets.token_urlsafe(RANDOM_BYTES).encode())
        os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(descriptor)
        os.unlink(draft)
