"""The scripts for browsers agree with the types that their comments tell (`// @ts-check`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"
CHECK = [
    "node",
    str(ROOT / "tests" / "clients" / "node_modules" / "typescript" / "bin" / "tsc"),
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "esnext"),
    *("--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable"),
]


@pytest.mark.node
@pytest.mark.parametrize("folder", ["admin", "widget", "chat", "docs"])
def test_the_scripts_are_of_the_types_that_they_tell(folder: str):
    files = [str(path) for path in sorted((STATIC / folder).rglob("*.js"))]
    checked = subprocess.run(
        [*CHECK, str(STATIC / "client.js"), *files], capture_output=True, text=True, check=False
    )
    assert files
    assert checked.returncode == 0, checked.stdout
