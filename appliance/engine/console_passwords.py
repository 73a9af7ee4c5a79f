"""Passwords of the console: what one may be, and argon2id, which takes its time and memory on purpose."""

from __future__ import annotations

import trio
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from appliance.errors import InvalidInput

CHARS_MIN = 10
CHARS_MAX = 1000
AT_ONCE = 2
"""Each takes 64 MiB for a moment; further ones wait."""
OF_KNOWN_AT_ONCE = 1
"""Beside those: whoever is known does not queue with strangers, who may make the queue long on purpose."""


class Passwords:
    """Hashes and checks passwords in threads, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()  # RFC 9106, second choice: 64 MiB, three passes
        self._slots = trio.CapacityLimiter(AT_ONCE)
        self._known_slots = trio.CapacityLimiter(OF_KNOWN_AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is stored in place of the password: parameters, salt and hash."""
        return await trio.to_thread.run_sync(self._hasher.hash, password, limiter=self._known_slots)

    async def fits(self, stored: str, password: str, *, known: bool) -> bool:
        """Is it the password of that hash? Takes as long when there is none, which is never right.

        `known` are those who have shown before that they may come in: they wait for no stranger.
        """
        if len(password) > CHARS_MAX:
            return False
        slots = self._known_slots if known else self._slots
        return await trio.to_thread.run_sync(self._fits, stored, password, limiter=slots)

    def is_old(self, stored: str) -> bool:
        """Was it hashed with other parameters than we use now?"""
        return self._hasher.check_needs_rehash(stored)

    def _fits(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobodys(), _bytes(password)) and bool(stored)
        except (Argon2Error, InvalidHashError):
            return False

    def _nobodys(self) -> str:
        """A hash that nothing has, of the same cost."""
        own = self._hasher
        cost = f"m={own.memory_cost},t={own.time_cost},p={own.parallelism}"
        return f"$argon2id$v=19${cost}${'A' * 22}${'A' * 43}"


def check_password(password: str, name: str) -> None:
    """Raises `InvalidInput` for what should be nobody's password, and says what is wrong with it."""
    if len(password) < CHARS_MIN:
        raise InvalidInput(f"The password is too short: use at least {CHARS_MIN} characters.")
    if len(password) > CHARS_MAX:
        raise InvalidInput(f"The password is too long: use at most {CHARS_MAX} characters.")
    if len(set(password)) < 4:
        raise InvalidInput(
            "The password repeats too few characters: use a sentence, or let a program make one."
        )
    if password.strip().lower() in {name.lower(), name.lower().partition("@")[0]}:
        raise InvalidInput("The password must not be the account's name.")
    _bytes(password)


def _bytes(password: str) -> bytes:
    try:
        return password.encode()
    except UnicodeEncodeError:
        raise InvalidInput("The password has characters that are none (lone surrogates).") from None
