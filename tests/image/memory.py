"""Runs in the container, on its standard input: prints the resident memory of the server and its workers."""

from __future__ import annotations

import os
from pathlib import Path


def status(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
    if process.name == str(os.getpid()):
        continue
    command = (process / "cmdline").read_bytes().decode().replace("\0", " ").strip()
    print(f"{int(status(process)['VmRSS'].split()[0]) / 1024:6.1f} MiB RSS  {process.name:>3}  {command}")
