from __future__ import annotations

import os
import signal
import sys
from functools import partial

import pytest
from argon2 import PasswordHasher
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings

from appliance.engine import console_passwords

# Tests start thousands of processes: each would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Shells let what they start in the background ignore Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says something about the machine, which may be busy, and nothing about the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# httpx gives a server 5 s to answer, and on a busy machine a good one may take longer.
for phase in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, phase, 30.0)

# A password takes 64 MiB and a tenth of a second on purpose: a minute for the logins of all tests.
console_passwords.PasswordHasher = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def dear_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords cost what they cost in a real server, so that what happens at once overlaps."""
    monkeypatch.setattr(console_passwords, "PasswordHasher", PasswordHasher)
