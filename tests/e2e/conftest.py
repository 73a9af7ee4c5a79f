from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.browser import driver_running


@pytest.fixture(scope="session", autouse=True)
def browser() -> Iterator[None]:
    """One browser for all tests of this folder that run in this process."""
    with driver_running():
        yield
