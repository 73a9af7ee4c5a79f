"""Whom outgoing calls trust: one TLS context for the process, its certificates read at the first handshake.

Reading them takes 50 ms and 3 MiB, and a server whose model is beside it never needs them.
"""

from __future__ import annotations

import os
import ssl
from functools import cached_property, lru_cache
from typing import Any

import httpx


def context(*, trust_env: bool = True) -> ssl.SSLContext:
    """What `httpx` would make; with `trust_env` as `SSL_CERT_FILE` and `SSL_CERT_DIR` are now."""
    named = [os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
    return _context(trust_env, *(named if trust_env else ("", "")))


@lru_cache(8)
def _context(trust_env: bool, file: str, folder: str) -> ssl.SSLContext:
    return _WhenNeeded(trust_env)


class _WhenNeeded(ssl.SSLContext):
    """Stands for a context that is made when somebody speaks TLS."""

    def __new__(cls, trust_env: bool) -> _WhenNeeded:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, trust_env: bool) -> None:
        self._trust_env = trust_env

    @cached_property
    def _made(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=self._trust_env)

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Before each connection."""
        self._made.set_alpn_protocols(alpn_protocols)

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """For a connection of trio."""
        return self._made.wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """For a connection of a thread."""
        return self._made.wrap_socket(*args, **kwargs)
