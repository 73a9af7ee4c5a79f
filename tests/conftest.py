from __future__ import annotations

import signal

from hypothesis import settings

# Shells let what they start in the background ignore Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says something about the machine, which may be busy, and nothing about the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
