"""How messages between the server and its worker processes are told apart: by their length before them."""

from __future__ import annotations

import struct

HEADER = struct.Struct(">I")
"""Bytes of the message that follows."""


def framed(body: bytes) -> bytes:
    """A message with its header."""
    return HEADER.pack(len(body)) + body
