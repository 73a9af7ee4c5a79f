from __future__ import annotations

from hypothesis import settings

# How long one example takes says something about the machine, which may be busy, and nothing about the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
