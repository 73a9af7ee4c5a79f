"""Encryption of what must not be readable in the database file: AES-256-GCM, each value bound to its place.

Every value has its own random nonce. Its place (what it is, whose, under which name) is authenticated with
it, so that a row which was copied over another one is refused instead of used. No error here holds a value.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import InvalidInput, StoreError

PURPOSE = b"chat-appliance/vault/1"
"""The salt of the derivation: the same text used as a key elsewhere gives another key there."""

FORM = b"\x01"
"""First byte of a sealed value, so that another form can be told from this one."""

NONCE_BYTES = 12
KEY_BYTES = 32
SCRYPT_COST = 2**14
"""With blocks of 8: 16 MiB and some 50 ms, once at a start; guessing a weak configured text costs as much."""


class Vault:
    """Seals and opens texts with one key; safe to use from several threads.

    `key` is any text of enough characters, see `store/secret.load_encryption_key`.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(_derived(key))

    def seal(self, text: str, place: Sequence[str]) -> bytes:
        """Encrypt `text` so that it opens only with this key at this place.

        The length of the text can be told from the length of the result. Raises `InvalidInput` for what
        cannot be encoded as UTF-8.
        """
        try:
            plain = text.encode()
        except UnicodeEncodeError:
            # Outside the handler, since that error carries the text.
            plain = None
        if plain is None:
            raise InvalidInput("The value holds characters that cannot be stored (lone surrogates).")
        nonce = os.urandom(NONCE_BYTES)
        return FORM + nonce + self._cipher.encrypt(nonce, plain, _bound(place))

    def open(self, blob: bytes, place: Sequence[str]) -> str:
        """The text that was sealed at `place`; raises `StoreError` that names the place for anything else."""
        nonce, sealed = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
        try:
            if blob[:1] != FORM or len(nonce) < NONCE_BYTES:
                raise InvalidTag
            return self._cipher.decrypt(nonce, sealed, _bound(place)).decode()
        except InvalidTag:
            raise StoreError(
                f"The stored value of {' '.join(filter(None, place))} cannot be decrypted: it was stored "
                "with another encryption key, or its row was changed. Put the old key back "
                "(APPLIANCE_ENCRYPTION_KEY, or secrets.key in the data folder), or set the value again."
            ) from None

    def opens(self, blob: bytes, place: Sequence[str]) -> bool:
        """Was this sealed at `place` with this key?"""
        try:
            self.open(blob, place)
        except StoreError:
            return False
        return True


@lru_cache(2)
def _derived(key: str) -> bytes:
    return hashlib.scrypt(key.encode(), salt=PURPOSE, n=SCRYPT_COST, r=8, p=1, dklen=KEY_BYTES)


def _bound(place: Sequence[str]) -> bytes:
    """The place as bytes that no other place has."""
    return msgspec.json.encode(list(place))
