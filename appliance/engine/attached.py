"""How much may come along with the words of a message: it is stored, replayed and told to every reader."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.errors import MessageTooLarge

ATTACHED_BYTES_MAX = 1_048_576
"""As JSON, all of one message together. Botpress clients rely on so much, and nothing needs more."""


def check_attached(*parts: dict[str, Any] | None) -> None:
    """Payload and metadata of one message, or the payload of an event; raises `MessageTooLarge`."""
    size = sum(len(msgspec.json.encode(part)) for part in parts if part)
    if size > ATTACHED_BYTES_MAX:
        raise MessageTooLarge(
            f"The payload and metadata have {size} bytes; at most {ATTACHED_BYTES_MAX} are taken. "
            "Upload large files elsewhere and send their addresses."
        )
