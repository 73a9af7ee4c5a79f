"""The secret that tokens are signed with: configured, or generated once beside the database."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from appliance.errors import StoreError

FILE_NAME = "jwt.secret"
CHARACTERS_MIN = 32
RANDOM_BYTES = 32


def load_secret(data: Path, configured: str = "") -> str:
    """`configured` if it is set, else the content of `<data>/jwt.secret`, generated when missing.

    Processes that race for it agree on one. Raises `StoreError` when the file cannot be read or made, or
    holds less than a secret.
    """
    if configured:
        return configured
    path = data / FILE_NAME
    try:
        if not path.exists():
            _generate(path)
        secret = path.read_text("ascii").strip()
    except UnicodeDecodeError:
        secret = ""
    except OSError as error:
        raise StoreError(
            f"The token secret {path} cannot be used ({error.strerror}). Check the permissions of the data "
            "folder, or set APPLIANCE_JWT_SECRET."
        ) from error
    if len(secret) < CHARACTERS_MIN:
        raise StoreError(
            f"The token secret {path} is damaged. Put the old file back, or delete it: a new one is made at "
            "the next start, and tokens signed before are refused from then on."
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
